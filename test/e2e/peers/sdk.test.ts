// The stock OpenTelemetry SDK for Go sends its spans through Subspan, over gRPC and HTTP, packed and not.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { idOf } from '../../support/flow.ts'
import { spansOfProtobuf } from '../../support/otlp.ts'
import { Sink } from '../../support/sink.ts'
import { SubspanProcess, temporaryFolder } from '../../support/subspan-process.ts'
import { peersFolder } from './peers.ts'

const run = promisify(execFile)

describe.skipIf(peersFolder === null)('the SDK for Go', () => {
  test.each([
    ['grpc', 'none'],
    ['grpc', 'gzip'],
    ['http/protobuf', 'none'],
    ['http/protobuf', 'gzip'],
  ])('over %s, %s: every span arrives as it was sent', async (protocol, compression) => {
    const folder = temporaryFolder()
    const sink = await Sink.open()
    const subspan = await SubspanProcess.start(folder.path, sink.endpoint)
    const { stdout } = await run(join(peersFolder ?? '', 'sdkspans'), ['-spans', '3000'], {
      env: {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? subspan.otlpGrpcUrl : subspan.otlpUrl,
        OTEL_SERVICE_NAME: 'sdkspans',
      },
    })
    const ids = stdout.trim().split('\n')
    expect(ids).toHaveLength(3_000)
    await sink.until(({ bodies }) => bodies.length > 0)
    const arrived = sink.bodies.flatMap((body) => spansOfProtobuf(body))
    expect(arrived.map(idOf).sort()).toEqual(ids.sort())
    expect(arrived.map(({ attributes }) => attributes.find(({ key }) => key === 'large')?.value.int)).toContain(
      String(2n ** 62n + 2_999n),
    )
    subspan.kill('SIGTERM')
    expect((await subspan.ended).code).toBe(0)
    await sink.close()
    folder.remove()
  })
})
