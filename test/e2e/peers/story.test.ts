// story.test.ts: a slow request of a real service, explained in a real Jaeger, however its spans and its capture come.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SubspanProcess, temporaryFolder, until } from '../../support/subspan-process.ts'
import {
  Collector,
  freePort,
  Jaeger,
  type JaegerSpan,
  type JaegerTrace,
  Messages,
  parentOf,
  peersFolder,
  tag,
} from './peers.ts'

const PARTS = ['exec', 'sched_wait', 'network', 'lock', 'chan', 'syscall', 'gc_wait', 'sleep', 'other', 'unknown']
/** Jaeger's API cuts times to microseconds, each on its own. */
const CUT_US = 2

let folder: ReturnType<typeof temporaryFolder>
/** What was started, in order. */
let started: { stop(): Promise<void> }[]

beforeEach(() => {
  folder = temporaryFolder()
  started = []
})
afterEach(async () => {
  for (const one of started.reverse()) await one.stop()
  folder.remove()
})

function stopped<T extends { stop(): Promise<void> }>(one: T): T {
  started.push(one)
  return one
}

async function startSubspan(
  destination: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<SubspanProcess> {
  const subspan = await SubspanProcess.start(folder.path, destination, settings)
  started.push({
    async stop() {
      subspan.kill('SIGTERM')
      const { code, stderr } = await subspan.ended
      expect(code, stderr).toBe(0)
    },
  })
  return subspan
}

/** Waits until spans of the service have arrived: from then on everything is warm. */
async function underLoad(jaeger: Jaeger): Promise<void> {
  await until(async () => (await jaeger.find({ operation: 'auth.AccessToken' })).length > 50)
}

/** The spans that tell why an `auth.AccessToken` was slow: it itself, or the summary below it. */
function explained(traces: readonly JaegerTrace[]): JaegerSpan[] {
  const spans = traces.flatMap((trace) => trace.spans)
  const slow = spans.filter(({ operationName, duration }) => operationName === 'auth.AccessToken' && duration > 5_000)
  const ids = new Set(slow.map(({ traceID, spanID }) => `${traceID} ${spanID}`))
  return spans.filter(
    (span) =>
      /^[\d.]+ ms: \d+ % waiting for a mutex held by auth\.Refresh/.test(String(tag(span, 'subspan.verdict'))) &&
      ids.has(`${span.traceID} ${tag(span, 'subspan.kind') === 'summary' ? parentOf(span) : span.spanID}`),
  )
}

/**
 * Go reads the wall clock and the monotonic clock one after the other, so that on a busy machine a span of the service may end some
 * microseconds after its parent, which it was ended before. Jaeger takes that for two clocks. It is so without Subspan as well.
 */
function outlivesByItself(span: JaegerSpan, parent: JaegerSpan | undefined): boolean {
  if (parent === undefined || tag(span, 'subspan.kind') !== undefined) return false
  return span.startTime + span.duration + CUT_US > parent.startTime + parent.duration
}

/** What holds for everything that Jaeger has: nobody who looks at it is misled. */
function expectSound(traces: readonly JaegerTrace[], evidence: string): void {
  for (const { traceID, spans, warnings } of traces) {
    expect(warnings ?? [], traceID).toEqual([])
    const byId = new Map(spans.map((span) => [span.spanID, span]))
    expect(byId.size, `ids in ${traceID}`).toBe(spans.length)
    for (const span of spans) {
      const above = byId.get(parentOf(span) ?? '')
      if (!outlivesByItself(span, above)) expect(span.warnings ?? [], `${span.operationName} in ${traceID}`).toEqual([])
      if (tag(span, 'subspan.capture') !== undefined) {
        expect(tag(span, 'subspan.evidence')).toBe(evidence)
        const sum = PARTS.reduce((all, part) => all + Number(tag(span, `subspan.${part}_us`)), 0)
        expect(Math.abs(sum - span.duration), `parts of ${span.operationName} in ${traceID}`).toBeLessThan(CUT_US)
      }
      const kind = tag(span, 'subspan.kind')
      if (kind === undefined) continue
      const parent = byId.get(parentOf(span) ?? '')
      expect(parent, `what ${span.operationName} is below, in ${traceID}`).toBeDefined()
      if (parent === undefined) continue
      expect(span.startTime).toBeGreaterThanOrEqual(parent.startTime)
      expect(span.startTime + span.duration).toBeLessThanOrEqual(parent.startTime + parent.duration + CUT_US)
    }
  }
}

/** Below one that waited: its region, in it the wait, with the stack and a link to the span that held the mutex, which a sampler may have dropped. */
function expectReadable(traces: readonly JaegerTrace[], sampled = false): void {
  const spans = traces.flatMap((trace) => trace.spans)
  const refreshes = new Set(
    spans.filter(({ operationName }) => operationName === 'auth.Refresh').map(({ spanID }) => spanID),
  )
  const named = (name: string, below: JaegerSpan): JaegerSpan | undefined =>
    spans.find((span) => span.operationName === name && parentOf(span) === below.spanID)
  const whole = explained(traces).filter((span) => {
    const region = named('region token.lock', span)
    const wait = region === undefined ? undefined : named('mutex wait', region)
    const link = wait?.references.find(({ refType }) => refType === 'FOLLOWS_FROM')
    return (
      /sync\.\(\*Mutex\)\.Lock/.test(String(wait === undefined ? '' : tag(wait, 'code.stacktrace'))) &&
      (sampled ? link !== undefined : refreshes.has(link?.spanID ?? ''))
    )
  })
  expect(whole.length).toBeGreaterThan(0)
}

/** Waits until Jaeger explains a slow request, and tells how long that took after the capture had ended. */
async function explainedIn(jaeger: Jaeger, capturedAt: number, what: string): Promise<void> {
  await until(
    async () => explained(await jaeger.find({ operation: 'auth.AccessToken', minDuration: '5ms' })).length > 0,
  )
  const seconds = (performance.now() - capturedAt) / 1000
  process.stderr.write(
    `${what}: the slow auth.AccessToken is explained ${seconds.toFixed(2)} s after the capture's end\n`,
  )
}

/** All traces, once nothing more comes. */
async function settled(jaeger: Jaeger, messages: Messages, tracing: string): Promise<JaegerTrace[]> {
  await messages.stop()
  const count = (traces: readonly JaegerTrace[]): number => traces.reduce((all, { spans }) => all + spans.length, 0)
  let traces: JaegerTrace[] = []
  for (let before = -1; count(traces) !== before;) {
    before = count(traces)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    traces = await jaeger.find()
  }
  return tracing === 'opencensus' ? withoutLost(traces) : traces
}

/**
 * OpenCensus' exporter closes its connection without waiting for what it has just sent, which may be lost: of the last second of the program
 * only traces that are whole are looked at.
 */
function withoutLost(traces: readonly JaegerTrace[]): JaegerTrace[] {
  const startOf = ({ spans }: JaegerTrace): number => Math.min(...spans.map(({ startTime }) => startTime))
  const lastUs = Math.max(...traces.map(startOf)) - 1_000_000
  return traces.filter((trace) => {
    const ids = new Set(trace.spans.map(({ spanID }) => spanID))
    return startOf(trace) < lastUs || trace.spans.every((span) => ids.has(parentOf(span) ?? span.spanID))
  })
}

const SDKS = [
  { tracing: 'otel-ids', evidence: 'preceding-log', service: 'messages', instance: 'messages-0' },
  { tracing: 'otel', evidence: 'name-time', service: 'messages', instance: 'messages-0' },
  // It names itself by host and process id, which are known only when it runs.
  { tracing: 'opencensus', evidence: 'name-time', service: 'messages', instance: '' },
] as const
/** No Collector takes OpenCensus any more. */
const ofCollectors = SDKS.filter(({ tracing }) => tracing !== 'opencensus')

describe.skipIf(peersFolder === null).each(SDKS)('$tracing', ({ tracing, evidence, service, instance }) => {
  test('announced, captured, uploaded: the spans wait and leave once, with their breakdown', async () => {
    const jaeger = stopped(await Jaeger.start())
    const subspan = await startSubspan(jaeger.otlpUrl)
    const messages = stopped(await Messages.start(tracing, subspan))
    await underLoad(jaeger)
    await subspan.announce(service, instance, 3)
    const capture = await messages.capture(2)
    const capturedAt = performance.now()
    await subspan.sendCapture(capture, service, instance)
    await explainedIn(jaeger, capturedAt, `${tracing}, held`)

    const traces = await settled(jaeger, messages, tracing)
    expectSound(traces, evidence)
    expectReadable(traces)
    const summaries = traces.flatMap(({ spans }) => spans).filter((span) => tag(span, 'subspan.kind') === 'summary')
    expect(summaries.map(({ operationName }) => operationName)).toEqual([])
  })

  test('pulled while it runs: the spans wait for the part of the recording that covers them, and leave once', async () => {
    const jaeger = stopped(await Jaeger.start())
    const port = await freePort()
    const target = { name: 'messages', url: `http://127.0.0.1:${port}`, service, instance }
    const subspan = await startSubspan(jaeger.otlpUrl, { 'pull.targets': JSON.stringify([target]) })
    const messages = stopped(await Messages.start(tracing, subspan, port))
    await underLoad(jaeger)
    const id = await subspan.pull('messages', 3)
    const endsAt = performance.now() + 3_000
    await explainedIn(jaeger, endsAt, `${tracing}, pulled`)
    expect(await subspan.captureEnded(id)).toMatchObject({ state: 'done' })

    const traces = await settled(jaeger, messages, tracing)
    expectSound(traces, evidence)
    expectReadable(traces)
  })

  test('uploaded after the fact: what has left stays as it is, and the breakdown follows below it', async () => {
    const jaeger = stopped(await Jaeger.start())
    const subspan = await startSubspan(jaeger.otlpUrl)
    const messages = stopped(await Messages.start(tracing, subspan))
    await underLoad(jaeger)
    const capture = await messages.capture(2)
    const seen = (await jaeger.find({ operation: 'auth.AccessToken' })).length
    await until(async () => (await jaeger.find({ operation: 'auth.AccessToken' })).length > seen + 50)
    const capturedAt = performance.now()
    await subspan.sendCapture(capture, service, instance)
    await explainedIn(jaeger, capturedAt, `${tracing}, late`)

    const traces = await settled(jaeger, messages, tracing)
    expectSound(traces, evidence)
    expectReadable(traces)
    for (const span of explained(traces)) expect(span.operationName).toBe('runtime: mostly lock wait')
  })
})

describe.skipIf(peersFolder === null).each(ofCollectors)('$tracing', ({ tracing, evidence, service, instance }) => {
  test('through one Collector before Subspan and another behind it', async () => {
    const jaeger = stopped(await Jaeger.start())
    const behind = stopped(await Collector.start('behind', jaeger.otlpUrl))
    const subspan = await startSubspan(behind.otlpUrl)
    const before = stopped(await Collector.start('before', subspan.otlpUrl))
    const messages = stopped(await Messages.start(tracing, before))
    await underLoad(jaeger)
    await subspan.announce(service, instance, 3)
    const capture = await messages.capture(2)
    const capturedAt = performance.now()
    await subspan.sendCapture(capture, service, instance)
    await explainedIn(jaeger, capturedAt, `${tracing}, between two Collectors`)

    const traces = await settled(jaeger, messages, tracing)
    expectSound(traces, evidence)
    expectReadable(traces)
    // The one behind counts the calls of the service, and no regions or waits.
    const counted = await (await fetch(behind.metricsUrl)).text()
    expect(counted).toMatch(/calls_total\{[^}]*span_name="auth\.AccessToken"/)
    expect(counted).not.toContain('mutex wait')
    expect(counted).not.toContain('region token.lock')
  })

  test('before a Collector that samples by what Subspan found', async () => {
    const jaeger = stopped(await Jaeger.start())
    const sampler = stopped(await Collector.start('tail-sampling', jaeger.otlpUrl))
    const subspan = await startSubspan(sampler.otlpUrl, { 'late.enabled': 'false' })
    const messages = stopped(await Messages.start(tracing, subspan))
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await subspan.announce(service, instance, 3)
    await subspan.sendCapture(await messages.capture(2), service, instance)
    await until(async () => explained(await jaeger.find()).length > 0)

    const traces = await settled(jaeger, messages, tracing)
    expectSound(traces, evidence)
    expectReadable(traces, true)
    for (const { traceID, spans } of traces) {
      expect(spans.filter((span) => Number(tag(span, 'subspan.lock_us')) > 5_000).length, traceID).toBeGreaterThan(0)
    }
  })
})
