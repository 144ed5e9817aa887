// disk.test.ts: a disk that is full, read-only, broken or slow: senders are asked to come again, and nothing that was acknowledged is lost.
//
// SUBSPAN_DISK_MIB says how large the full one is, SUBSPAN_DISK_SPANS how many spans a request has.

import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Running, startSubspan } from '../../src/cli/serve.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Disk } from '../../src/store/disk.ts'
import { faultyDisk } from '../store/setup.ts'
import { Sink } from '../support/sink.ts'
import { requestsOf, Sender, spansIn } from '../support/span-load.ts'
import { SubspanProcess, temporaryFolder } from '../support/subspan-process.ts'

const DISK_MIB = Number(process.env.SUBSPAN_DISK_MIB ?? 6)
const SPANS = Number(process.env.SUBSPAN_DISK_SPANS ?? 100)
const make = requestsOf('disk', SPANS)
let sink: Sink
let folder: ReturnType<typeof temporaryFolder>
beforeEach(async () => {
  sink = await Sink.open()
  folder = temporaryFolder()
})
afterEach(async () => {
  await sink.close()
  folder.remove()
})

/** Ids that were acknowledged and that the sink has not. */
function missing(acknowledged: readonly Uint8Array[]): string[] {
  const there = new Set(sink.bodies.flatMap((body) => spansIn(body).map(({ id }) => id)))
  return acknowledged.flatMap((request) => spansIn(request).map(({ id }) => id)).filter((id) => !there.has(id))
}

async function untilAllThere(acknowledged: readonly Uint8Array[]): Promise<void> {
  while (missing(acknowledged).length > 0) await pause(50)
}

/** A file system of so many bytes below the folder; null with the reason where there can be none. */
function smallDisk(path: string, megabytes: number): { readonly unmount: () => void } | string {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', path], { stdio: 'pipe' })
  } catch (thrown) {
    return `a small file system needs the right to mount one: ${String(thrown).split('\n')[0]}`
  }
  return { unmount: () => execFileSync('umount', ['-l', path], { stdio: 'pipe' }) }
}

test('a full disk: 503 with Retry-After; when the backend takes spans again there is room, and all is delivered', async (context) => {
  const disk = smallDisk(folder.path, DISK_MIB)
  if (typeof disk === 'string') return context.skip(disk)
  try {
    sink.refuseBy(() => ({ status: 503 }))
    const subspan = await SubspanProcess.start(folder.path, sink.endpoint, { 'store.segmentBytes': '1MiB' })
    const sender = new Sender(subspan.otlpUrl)
    const acknowledged: Uint8Array[] = []
    let request = make()
    let status = await sender.post(request)
    for (; status === 200; status = await sender.post(request)) {
      acknowledged.push(request)
      request = make()
    }
    expect(status).toBe(503)
    // Half of a disk is room for so many, at least.
    expect(acknowledged.length * SPANS).toBeGreaterThan(1_700 * DISK_MIB)
    const response = await fetch(`${subspan.otlpUrl}/v1/traces`, {
      method: 'POST',
      body: request,
      headers: { 'content-type': 'application/x-protobuf' },
    })
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1')).toContain('the disk is full')

    sink.refuseBy(null)
    const never = new AbortController().signal
    for (let more = 0; more < 20; more++) {
      await sender.deliver(request, never)
      acknowledged.push(request)
      request = make()
    }
    await untilAllThere(acknowledged)
    sender.close()
    subspan.kill('SIGTERM')
    const { code, stderr } = await subspan.ended
    expect(code, stderr).toBe(0)
  } finally {
    disk.unmount()
  }
})

describe('a disk that', () => {
  /** What the disk does to the journal now. */
  let fault: { readonly operation: string; readonly code: string } | null = null
  let gate: Promise<void> | null = null
  let subspan: Running
  let sender: Sender

  beforeEach(async () => {
    fault = null
    gate = null
    const failing = faultyDisk((operation, path) =>
      fault !== null && operation === fault.operation && path.includes('/journal/') ? fault.code : null,
    )
    const disk: Disk = {
      ...failing,
      async create(path, durable) {
        const file = await failing.create(path, durable)
        return {
          async write(parts, at) {
            await file.write(parts, at)
            await gate
          },
          read: (into, at) => file.read(into, at),
          sync: () => file.sync(),
          truncate: (bytes) => file.truncate(bytes),
          close: () => file.close(),
        }
      },
    }
    const { config } = loadConfig({
      file: null,
      environment: {},
      flags: {
        'data.dir': folder.path,
        'api.port': '0',
        'receivers.otlpHttp.port': '0',
        'receivers.otlpGrpc.enabled': 'false',
        'receivers.opencensus.enabled': 'false',
        'receivers.jaegerHttp.enabled': 'false',
        'receivers.jaegerGrpc.enabled': 'false',
        'receivers.zipkin.enabled': 'false',
        'receivers.maxBytes': '256KiB',
        'log.level': 'silent',
      },
    })
    subspan = await startSubspan(config, { environment: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint }, disk })
    sender = new Sender(subspan.otlpUrl ?? '')
  })
  afterEach(async () => {
    sender.close()
    await subspan.stop(5_000)
  })

  test.each([
    ['is read-only', 'write', 'EROFS'],
    ['is read-only when a segment begins', 'create', 'EROFS'],
    ['fails to write', 'write', 'EIO'],
    ['fails to sync', 'sync', 'EIO'],
  ])('%s: 503 until it takes again', async (_what, operation, code) => {
    const before = make()
    expect(await sender.post(before)).toBe(200)
    fault = { operation, code: operation === 'create' ? '' : code }
    if (operation === 'create') {
      // The segment that is open ends with a failed sync.
      fault = { operation: 'sync', code: 'EIO' }
      expect(await sender.post(make())).toBe(503)
      fault = { operation, code }
    }
    const refused = make()
    expect(await sender.post(refused)).toBe(503)
    expect(await sender.post(refused)).toBe(503)
    fault = null
    await sender.deliver(refused, new AbortController().signal)
    await untilAllThere([before, refused])
  })

  test('is slow: what waits is bounded, the rest is asked to come again, and all is taken in the end', async () => {
    let open = (): void => undefined
    gate = new Promise((resolve) => (open = resolve))
    const requests = Array.from({ length: 40 }, make)
    const answers: number[] = []
    const first = requests.map(async (request) => {
      const status = await sender.post(request)
      answers.push(status)
      return status
    })
    while (answers.length === 0) await pause(10)
    // Those that found no room were answered; the others wait for the disk.
    expect(answers.every((status) => status === 429)).toBe(true)
    open()
    gate = null
    const statuses = await Promise.all(first)
    expect(statuses).toContain(200)
    const never = new AbortController().signal
    await Promise.all(requests.filter((_, at) => statuses[at] !== 200).map((request) => sender.deliver(request, never)))
    await untilAllThere(requests)
  })
})
