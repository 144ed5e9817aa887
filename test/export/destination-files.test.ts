// destination-files.test.ts: the files of a destination are read and checked before anything is sent; what is in them is not told.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Destination } from '../../src/export/destination.ts'
import { readDestinationFiles } from '../../src/export/destination-files.ts'
import { openOtlpGrpc } from '../../src/export/otlp-grpc.ts'
import { openOtlpHttp } from '../../src/export/otlp-http.ts'
import { certificate } from '../support/certificates.ts'
import { PLAIN_DESTINATION } from '../support/destination.ts'
import { GrpcSink } from '../support/grpc-sink.ts'
import { Sink } from '../support/sink.ts'
import { temporaryFolder } from '../support/subspan-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeAll(() => void (folder = temporaryFolder()))
afterAll(() => folder.remove())

const destination: Destination = { ...PLAIN_DESTINATION, url: 'https://backend.test/v1/traces', timeoutMs: 5_000 }

function written(text: string): string {
  const path = join(folder.path, 'written')
  writeFileSync(path, text)
  return path
}

describe('are refused with their name', () => {
  const wrong: readonly [option: 'caFile' | 'headersFile', path: () => string, message: RegExp][] = [
    ['caFile', () => '/nowhere/ca.pem', /"backend": \/nowhere\/ca\.pem cannot be read/],
    ['caFile', () => written('hunter2'), /caFile is \S+written, which holds no certificate .*: give a PEM file/],
    ['headersFile', () => '/nowhere/headers', /\/nowhere\/headers cannot be read/],
    ['headersFile', () => written('\n# nothing\n'), /headersFile is \S+written, which holds no header/],
    [
      'headersFile',
      () => written('a: b\nhunter2\n'),
      /line 2 of headersFile \S+written is no header: write one a line/,
    ],
    ['headersFile', () => written('x y: hunter2\n'), /line 1 of headersFile/],
    ['headersFile', () => written('authorization:\n'), /line 1 of headersFile/],
    ['headersFile', () => written('authorization: hunter2\x07\n'), /line 1 of headersFile/],
  ]
  test.each(wrong)('%s, %#', async (option, path, message) => {
    const read = readDestinationFiles({ ...destination, [option]: path() })
    await expect(read).rejects.toMatchObject({ code: 'DESTINATION', message: expect.stringMatching(message) as string })
    await expect(read).rejects.not.toThrow(/hunter2/)
  })

  test('a certificate with the key of another', async () => {
    const files = { certFile: certificate('client.pem'), keyFile: certificate('server.key') }
    await expect(readDestinationFiles({ ...destination, ...files })).rejects.toThrow(/cannot be used together/)
  })
})

test('headers of the file go out with every request, over those of the configuration', async () => {
  const sink = await Sink.open()
  const grpc = await GrpcSink.open()
  const headersFile = written('# rotated every hour\r\nAuthorization: Bearer of the file\r\nx-tenant: a: b\r\n')
  const headers = { authorization: 'Bearer of the configuration', 'x-other': 'stays' }
  const overHttp = { ...destination, url: `${sink.endpoint}/v1/traces`, headers, headersFile }
  const overGrpc = { ...overHttp, url: `http://127.0.0.1:${grpc.port}/`, protocol: 'grpc' } as const
  const senders = [
    openOtlpHttp(overHttp, await readDestinationFiles(overHttp), '1.2.3'),
    openOtlpGrpc(overGrpc, await readDestinationFiles(overGrpc), '1.2.3'),
  ]
  for (const sender of senders) {
    expect(await sender.send([Uint8Array.of(0x0a, 0)], new AbortController().signal)).toMatchObject({
      kind: 'delivered',
    })
    sender.close()
  }
  const expected = { authorization: 'Bearer of the file', 'x-tenant': 'a: b', 'x-other': 'stays' }
  expect(sink.requests[0].headers).toMatchObject(expected)
  expect(grpc.calls[0].metadata.getMap()).toMatchObject(expected)
  await sink.close()
  grpc.close()
})
