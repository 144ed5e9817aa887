// generated-process.ts: spans and tasks of a process that never ran, for loads, clocks and mixtures that no small recording has.
//
// Lags are drawn as they were measured: a floor and a heavy tail, starts and ends apart. Which span is which task is known.

import type { JoinSpan, JoinTask } from '../../src/join/match.ts'

/** What is generated. */
export interface GeneratedOptions {
  readonly seed: number
  readonly tasks: number
  /** Tasks begun per second. */
  readonly perSecond: number
  /** OpenTelemetry ends its task after the span, OpenCensus before. */
  readonly sdk?: 'opentelemetry' | 'opencensus'
  /** Unix nanoseconds of the capture's origin at a time of the capture, for clocks that drift or are set. */
  readonly originUnixNs?: (atNs: number) => bigint
  readonly names?: number
  /** Share of the tasks whose spans exist. */
  readonly sampled?: number
  readonly processKey?: string
  readonly processShared?: boolean
}

export interface GeneratedProcess {
  readonly spans: JoinSpan[]
  readonly tasks: JoinTask[]
  /** By span id the task's id. */
  readonly truth: ReadonlyMap<string, number>
  readonly durationNs: number
}

export const GENERATED_ORIGIN = 1_795_392_525_123_456_789n

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Requests of a root task with children below it, each a span, in the order in which they begin. */
export function generateProcess(options: GeneratedOptions): GeneratedProcess {
  const { seed, tasks: count, perSecond, sdk = 'opentelemetry', names = 12, sampled = 1 } = options
  const origin = options.originUnixNs ?? (() => GENERATED_ORIGIN)
  const next = random(seed)
  // Above a floor mostly short, and once in a hundred times a preemption of any length.
  const lag = (floorNs: number, scaleNs: number): number => {
    const preempted = next() < 0.01 ? Math.min(10 * scaleNs * (1 / (1 - next()) - 1), 2_000_000) : 0
    return Math.round(floorNs - scaleNs * Math.log(1 - next()) + preempted)
  }
  const spans: JoinSpan[] = []
  const tasks: JoinTask[] = []
  const truth = new Map<string, number>()
  const hex = (n: number, length: number): string => n.toString(16).padStart(length, '0')
  let nowNs = 50_000
  let id = 0
  while (id < count) {
    const children = 2 + Math.floor(next() * 4)
    nowNs += Math.round(-Math.log(1 - next()) * ((children + 1) / perSecond) * 1e9)
    const traceId = hex(seed, 8) + hex(id + 1, 24)
    const kept = next() < sampled
    const rootId = id + 1
    let childAtNs = nowNs + 20_000
    const made: { span: JoinSpan; task: JoinTask }[] = []
    const make = (name: string, fromNs: number, toNs: number, parent: JoinSpan | null): JoinSpan => {
      id++
      const offset = origin(fromNs)
      const startNs = fromNs + lag(400, 1_500)
      const endNs = Math.max(startNs + 100, sdk === 'opentelemetry' ? toNs + lag(120, 500) : toNs - lag(200, 1_500))
      // A task that begins late pushes the span's end on where that comes after the task's.
      const spanEndNs = sdk === 'opentelemetry' ? toNs : Math.max(toNs, endNs + 150)
      const span: JoinSpan = {
        traceId,
        spanId: hex(seed, 6) + hex(id, 10),
        parentSpanId: parent?.spanId ?? '',
        name,
        startUnixNs: offset + BigInt(fromNs),
        endUnixNs: offset + BigInt(spanEndNs),
        kind: parent === null ? 2 : 1,
        processKey: options.processKey ?? 'generated/1',
        processShared: options.processShared ?? false,
      }
      const parentId = parent === null ? null : rootId
      made.push({ span, task: { id, parentId, name, startNs, endNs, logs: [], precedingLog: null } })
      return span
    }
    const durations = Array.from({ length: children }, () => Math.round(5_000 + 400_000 * next() ** 4))
    const total = durations.reduce((sum, ns) => sum + ns + 15_000, 40_000)
    const root = make('GET /', nowNs, nowNs + total, null)
    for (const ns of durations) {
      make(`work.${Math.floor(next() * names)}`, childAtNs, childAtNs + ns, root)
      childAtNs += ns + 15_000
    }
    for (const { span, task } of made) {
      tasks.push(task)
      if (!kept) continue
      spans.push(span)
      truth.set(span.spanId, task.id)
    }
  }
  return { spans, tasks, truth, durationNs: nowNs + 10_000_000 }
}

/**
 * Requests with spans of a microsecond one after another on one goroutine: the span is begun, then its task, and both are ended (in the SDK's order)
 * before the next begins.
 */
export function generateBursts({ seed, seconds, sdk }: BurstOptions): GeneratedProcess {
  const next = random(seed)
  const about = (leastNs: number, moreNs: number): number => Math.round(leastNs - moreNs * Math.log(1 - next()))
  const { spans, tasks, truth } = generateProcess({ seed, tasks: seconds * 100, perSecond: 100, sdk })
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === '')
  const taskOf = new Map(tasks.map((task) => [task.id, task]))
  const kept = { spans: [...roots], tasks: roots.map((root) => taskOf.get(truth.get(root.spanId) ?? 0) as JoinTask) }
  const all = new Map(roots.map(({ spanId }) => [spanId, truth.get(spanId) ?? 0]))
  let id = tasks.length + 1
  for (const root of roots) {
    const parentId = truth.get(root.spanId) ?? 0
    let atNs = Number(root.startUnixNs - GENERATED_ORIGIN) + 30_000
    for (let i = 0; i < 12; i++, id++) {
      const startNs = atNs + about(250, 250)
      const workedNs = startNs + about(60, 300)
      const [spanEndNs, endNs] =
        sdk === 'opentelemetry' ? [workedNs, workedNs + about(60, 90)] : [workedNs + about(150, 250), workedNs]
      const spanId = id.toString(16).padStart(16, 'b')
      const times = {
        startUnixNs: GENERATED_ORIGIN + BigInt(atNs),
        endUnixNs: GENERATED_ORIGIN + BigInt(spanEndNs),
      }
      kept.spans.push({ ...root, spanId, parentSpanId: root.spanId, name: 'short', kind: 1, ...times })
      kept.tasks.push({ id, parentId, name: 'short', startNs, endNs, logs: [], precedingLog: null })
      all.set(spanId, id)
      atNs = Math.max(spanEndNs, endNs) + about(250, 250)
    }
  }
  return { ...kept, truth: all, durationNs: (seconds + 1) * 1e9 }
}

/** What `generateBursts` makes: a hundred tasks of requests a second, a quarter of which have twelve short ones. */
export interface BurstOptions {
  readonly seed: number
  readonly seconds: number
  readonly sdk: 'opentelemetry' | 'opencensus'
}

/** What `generateNested` makes: some 2,000 requests a second, each of spans within one another. */
export interface NestedOptions {
  readonly seed: number
  readonly requests: number
  /** Spans of each request. */
  readonly depth: number
  readonly sdk: 'opentelemetry' | 'opencensus'
}

/** Requests of spans of one name within one another, which begin and end a few microseconds apart. */
export function generateNested({ seed, requests, depth, sdk }: NestedOptions): GeneratedProcess {
  const next = random(seed)
  const about = (leastNs: number, moreNs: number): number =>
    Math.round(leastNs - moreNs * Math.log(1 - next()) + (next() < 0.01 ? 50_000 * next() : 0))
  const spans: JoinSpan[] = []
  const tasks: JoinTask[] = []
  const truth = new Map<string, number>()
  const hex = (n: number, length: number): string => n.toString(16).padStart(length, '0')
  let atNs = 50_000
  for (let request = 1; request <= requests; request++) {
    atNs += about(1_000, 500_000)
    const traceId = hex(seed, 8) + hex(request, 24)
    const inside = Array.from({ length: depth }, () => {
      const spanStartNs = atNs
      const startNs = atNs + about(400, 1_200)
      atNs = startNs + about(100, 1_500)
      return { spanStartNs, startNs }
    })
    atNs += Math.round(3_000 + 300_000 * next() ** 4)
    const ends = inside.map(() => {
      const firstNs = atNs
      const lastNs = sdk === 'opentelemetry' ? atNs + about(120, 400) : atNs + about(200, 800)
      atNs = lastNs + about(100, 1_500)
      return sdk === 'opentelemetry' ? { spanEndNs: firstNs, endNs: lastNs } : { spanEndNs: lastNs, endNs: firstNs }
    })
    inside.forEach(({ spanStartNs, startNs }, level) => {
      const { spanEndNs, endNs } = ends[depth - 1 - level]
      const id = tasks.length + 1
      const isTop = level === 0
      const spanId = hex(seed, 6) + hex(id, 10)
      spans.push({
        traceId,
        spanId,
        parentSpanId: isTop ? '' : hex(seed, 6) + hex(id - 1, 10),
        name: 'walk',
        startUnixNs: GENERATED_ORIGIN + BigInt(spanStartNs),
        endUnixNs: GENERATED_ORIGIN + BigInt(spanEndNs),
        kind: isTop ? 2 : 1,
        processKey: 'generated/1',
        processShared: false,
      })
      tasks.push({ id, parentId: isTop ? null : id - 1, name: 'walk', startNs, endNs, logs: [], precedingLog: null })
      truth.set(spanId, id)
    })
  }
  return { spans, tasks, truth, durationNs: atNs + 10_000_000 }
}

/** What `generateFans` makes: every fifteen milliseconds or so a request with a hundred spans of one name that begin within a few hundred microseconds. */
export interface FanOptions {
  readonly seed: number
  readonly requests: number
  readonly sdk: 'opentelemetry' | 'opencensus'
}

/** Requests that begin a hundred goroutines at once, each of which has a span of a millisecond. */
export function generateFans({ seed, requests, sdk }: FanOptions): GeneratedProcess {
  const next = random(seed)
  const about = (leastNs: number, moreNs: number): number => Math.round(leastNs - moreNs * Math.log(1 - next()))
  const spans: JoinSpan[] = []
  const tasks: JoinTask[] = []
  const truth = new Map<string, number>()
  const hex = (n: number, length: number): string => n.toString(16).padStart(length, '0')
  let requestNs = 5_000_000
  for (let request = 1; request <= requests; request++) {
    let atNs = requestNs
    for (let i = 0; i < 100; i++) {
      const id = tasks.length + 1
      const startNs = atNs + about(400, 300)
      const workedNs = startNs + 1_000_000 + about(10_000, 40_000)
      const [spanEndNs, endNs] =
        sdk === 'opentelemetry' ? [workedNs, workedNs + about(120, 300)] : [workedNs + about(200, 500), workedNs]
      const spanId = hex(seed, 6) + hex(id, 10)
      spans.push({
        traceId: hex(seed, 8) + hex(request, 24),
        spanId,
        parentSpanId: hex(request, 16),
        name: 'leaf',
        startUnixNs: GENERATED_ORIGIN + BigInt(atNs),
        endUnixNs: GENERATED_ORIGIN + BigInt(spanEndNs),
        kind: 1,
        processKey: 'generated/1',
        processShared: false,
      })
      tasks.push({ id, parentId: 1_000_000 + request, name: 'leaf', startNs, endNs, logs: [], precedingLog: null })
      truth.set(spanId, id)
      atNs = startNs + about(600, 900)
    }
    requestNs += about(10_000_000, 5_000_000)
  }
  return { spans, tasks, truth, durationNs: requestNs + 10_000_000 }
}
