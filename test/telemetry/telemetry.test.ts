import { afterEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import type { DecodeListener, Decoder } from '../../src/bridge/ports.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { openTelemetry, type Telemetry } from '../../src/telemetry/telemetry.ts'
import { spansOfJson } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'

const opened: Telemetry[] = []
const sinks: Sink[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((telemetry) => telemetry.close()))
  await Promise.all(sinks.splice(0).map((sink) => sink.close()))
})

function telemetryTo(tracesEndpoint: string): Telemetry {
  const telemetry = openTelemetry(
    { log: { level: 'silent', format: 'json' }, telemetry: { tracesEndpoint, serviceName: 'subspan' } },
    '1.2.3',
  )
  opened.push(telemetry)
  return telemetry
}

async function sink(): Promise<Sink> {
  const opened = await Sink.open()
  sinks.push(opened)
  return opened
}

const info: CaptureInfo = {
  header: 'go 1.26 trace',
  bytes: 1_000,
  events: 50,
  originNs: 0n,
  ticksPerSecond: 15_625_000,
  durationNs: 1,
  wallOffsetNs: null,
  clockSnapshots: [],
  problems: [{ code: 'LIMIT', message: '', byteOffset: null, count: 3 }],
}
const listener: DecodeListener = { tasks: () => undefined }

function decoderThat(decode: () => Promise<CaptureInfo>): Decoder {
  return { checkHead: () => undefined, decode }
}

describe('captures', () => {
  test('are counted, with their problems', async () => {
    const telemetry = telemetryTo('')
    const decoder = telemetry.watchDecoder(decoderThat(() => Promise.resolve(info)))
    expect(await decoder.decode('path', 'id', listener)).toBe(info)
    const lines = (await telemetry.metrics()).text.split('\n')
    expect(lines).toContain('subspan_capture_bytes_total 1000')
    expect(lines).toContain('subspan_capture_events_total 50')
    expect(lines).toContain('subspan_capture_problems_total{code="LIMIT"} 3')
    expect(lines).toContain('subspan_decode_seconds_count{result="done"} 1')
    expect(lines).toContain('subspan_info{version="1.2.3"} 1')
  })

  test('that fail are timed by their failure, which goes on', async () => {
    const telemetry = telemetryTo('')
    const failure = new Failure('CAPTURE_WORKER', 'it died')
    await expect(
      telemetry.watchDecoder(decoderThat(() => Promise.reject(failure))).decode('path', 'id', listener),
    ).rejects.toBe(failure)
    expect((await telemetry.metrics()).text).toContain('subspan_decode_seconds_count{result="CAPTURE_WORKER"} 1')
  })
})

test('what is watched shows when metrics are read', async () => {
  const telemetry = telemetryTo('')
  const gauges = {
    heldRequests: 1,
    heldSpans: 2,
    heldBytes: 3,
    recentBytes: 4,
    taskBytes: 5,
    capturesWaiting: 6,
    captureFilesBytes: 7,
    backlogs: [{ destination: 'tempo', bytes: 8, oldestAgeMs: 9_500, failingForMs: 500 }],
  }
  telemetry.watch(() => gauges)
  gauges.heldSpans = 20
  const lines = (await telemetry.metrics()).text.split('\n')
  expect(lines).toContain('subspan_held_spans 20')
  expect(lines).toContain('subspan_capture_files_bytes 7')
  expect(lines).toContain('subspan_queue_bytes{destination="tempo"} 8')
  expect(lines).toContain('subspan_queue_oldest_seconds{destination="tempo"} 9.5')
  expect(lines).toContain('subspan_destination_failing_seconds{destination="tempo"} 0.5')
})

describe('own spans', () => {
  test('are sent where they are asked for, with what failed in them', async () => {
    const backend = await sink()
    const telemetry = telemetryTo(backend.endpoint)
    await telemetry.watchExport('tempo', 77, () => Promise.resolve())
    await telemetry
      .watchDecoder(decoderThat(() => Promise.reject(new Failure('CAPTURE_WORKER', 'it died'))))
      .decode('path', 'c0ffee', listener)
      .catch(() => undefined)
    await telemetry.close()
    expect(backend.requests.map(({ path }) => path)).toEqual(['/v1/traces'])
    const spans = spansOfJson(Buffer.from(backend.bodies[0]).toString('utf8'))
    expect(spans.map(({ name }) => name)).toEqual(['export spans', 'decode capture'])
    expect(spans[0].attributes).toContainEqual({ key: 'subspan.destination', value: { string: 'tempo' } })
    expect(spans[1].attributes).toContainEqual({ key: 'subspan.capture', value: { string: 'c0ffee' } })
    expect(JSON.stringify(spans[1])).toContain('it died')
    expect(spans[0].resource.attributes).toContainEqual({ key: 'service.name', value: { string: 'subspan' } })
    expect(spans[0].resource.attributes).toContainEqual({ key: 'service.version', value: { string: '1.2.3' } })
  })

  test('are not made where nobody asks, and a backend that is away disturbs nothing', async () => {
    const backend = await sink()
    const silent = telemetryTo('')
    expect(await silent.watchExport('tempo', 1, () => Promise.resolve('sent'))).toBe('sent')
    await silent.close()
    expect(backend.requests).toEqual([])

    const { endpoint } = backend
    await backend.close()
    sinks.splice(0)
    const telemetry = telemetryTo(endpoint)
    expect(await telemetry.watchExport('tempo', 1, () => Promise.resolve('sent'))).toBe('sent')
    await telemetry.close()
  })
})
