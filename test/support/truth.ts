// truth.ts: recorded captures whose true pairs of span and task are known, and what joining them comes to.
//
// `proto-fixtures/joins` was recorded with stock SDKs; the program that made the spans wrote down which task each had. Of
// `proto-fixtures/captures` the pairs are those by ids, each held against what the program knew; taking the ids away makes of them what a
// stock SDK with names of its own would leave.

import { readFileSync } from 'node:fs'
import { Failure } from '../../src/base/failure.ts'
import { joinTasks } from '../../src/join/join.ts'
import type { JoinCapture, JoinSpan, JoinTask } from '../../src/join/match.ts'
import { taskType } from '../../src/join/task-name.ts'
import { spansOf } from '../join/spans-of.ts'
import { analyse, type CaptureFixture, captureFixtures } from './fixtures.ts'
import { random } from './generated-process.ts'

/** A recorded capture with the truth. */
export interface TrueRecording {
  /** `go1.26-otel` */
  readonly name: string
  readonly goVersion: string
  /** What made the spans: `otel`, `opencensus`, `otel-renamed`; `own` for the tracer of `captures/`. */
  readonly sdk: string
  /** The program: `shop`, `library`; `messages` for `captures/`. */
  readonly app: string
  readonly saturated: boolean
  readonly spans: readonly JoinSpan[]
  readonly capture: JoinCapture
  /** By span id the id of its task. */
  readonly taskOf: ReadonlyMap<string, number>
  /** Spans whose task lies in the capture from begin to end. */
  readonly whole: ReadonlySet<string>
}

/** Right and wrong pairs, and spans that could have been found. */
export interface Judged {
  readonly right: number
  readonly wrong: number
  readonly findable: number
  readonly found: number
  /** How far the offset lies from the first snapshot, nanoseconds; null where one of the two is not there. */
  readonly offsetApartNs: number | null
}

/** Recordings of stock SDKs. Formats that cannot be read yet are left out. */
export function stockRecordings(): TrueRecording[] {
  return captureFixtures('joins').flatMap((fixture) => {
    const [, goVersion, sdk] = /^(go1\.\d+)-(.*?)(?:-library)?(?:-saturated|-long)?$/.exec(fixture.name) ?? []
    const pairs = readFileSync(fixture.beside('.pairs.jsonl') ?? '', 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { spanId: string; taskId: string; whole: boolean })
    const taskOf = new Map(pairs.map(({ spanId, taskId }) => [spanId, Number(taskId)]))
    const whole = new Set(pairs.filter((pair) => pair.whole).map(({ spanId }) => spanId))
    return recordingOf(fixture, goVersion, sdk, taskOf, whole)
  })
}

/** Recordings of a tracer that leaves ids, with these (`withIds`) or without them. */
export function ownRecordings(withIds: boolean): TrueRecording[] {
  return captureFixtures('captures')
    .filter(({ name, beside }) => /\/messages/.test(name) && beside('.spans.otlp.jsonl') !== null)
    .flatMap((fixture) => {
      const expected = JSON.parse(readFileSync(fixture.beside('.expected.json') ?? '', 'utf8')) as {
        tasks: { id: string; startNs: number | null; endNs: number | null }[]
        matches: { spanId: string; taskId: string }[]
      }
      const taskOf = new Map(expected.matches.map(({ spanId, taskId }) => [spanId, Number(taskId)]))
      const complete = new Set(
        expected.tasks.filter(({ startNs, endNs }) => startNs !== null && endNs !== null).map(({ id }) => id),
      )
      const whole = new Set(
        expected.matches.filter(({ taskId }) => withIds || complete.has(taskId)).map(({ spanId }) => spanId),
      )
      const goVersion = fixture.name.split('/')[0]
      return recordingOf(fixture, goVersion, 'own', taskOf, whole).map((one) =>
        withIds ? one : { ...one, capture: { ...one.capture, tasks: one.capture.tasks.map(withoutIds) } },
      )
    })
}

function recordingOf(
  fixture: CaptureFixture,
  goVersion: string,
  sdk: string,
  taskOf: ReadonlyMap<string, number>,
  whole: ReadonlySet<string>,
): TrueRecording[] {
  const spans = spansOf(fixture.beside('.spans.otlp.jsonl') ?? '')
  const saturated = fixture.name.endsWith('-saturated')
  try {
    const { tasks, info } = analyse(fixture.bytes())
    const { clockSnapshots, durationNs } = info
    const capture = { tasks, clockSnapshots, durationNs }
    const app = sdk === 'own' ? 'messages' : fixture.name.includes('-library') ? 'library' : 'shop'
    return [{ name: fixture.name, goVersion, sdk, app, saturated, spans, capture, taskOf, whole }]
  } catch (error) {
    if (error instanceof Failure && error.code === 'CAPTURE_VERSION') return []
    throw error
  }
}

function withoutIds(task: JoinTask): JoinTask {
  return { ...task, name: taskType(task.name), logs: [], precedingLog: null }
}

/** The recording as it would be had the spans' host a clock so far off. */
export function shifted(recording: TrueRecording, ms: number): TrueRecording {
  const ns = BigInt(ms) * 1_000_000n
  const spans = recording.spans.map((span) => ({
    ...span,
    startUnixNs: span.startUnixNs + ns,
    endUnixNs: span.endUnixNs + ns,
  }))
  return { ...recording, spans }
}

/** The recording without its clock snapshots. */
export function withoutSnapshots(recording: TrueRecording): TrueRecording {
  return { ...recording, capture: { ...recording.capture, clockSnapshots: [] } }
}

/** When the first of its spans began, Unix nanoseconds. */
export function startOf({ spans }: TrueRecording): bigint {
  return spans.reduce((least, { startUnixNs }) => (startUnixNs < least ? startUnixNs : least), spans[0].startUnixNs)
}

/** The recording with only some of its traces sampled; the tasks of the others stay. */
export function sampled(recording: TrueRecording, share: number, seed: number): TrueRecording {
  const next = random(seed)
  const kept = new Map<string, boolean>()
  const spans = recording.spans.filter(({ traceId }) => {
    let keep = kept.get(traceId)
    if (keep === undefined) kept.set(traceId, (keep = next() < share))
    return keep
  })
  return { ...recording, spans }
}

/** The recording with times cut to a unit, start and duration each, as Zipkin and Jaeger do. */
export function coarse(recording: TrueRecording, unitNs: bigint): TrueRecording {
  const spans = recording.spans.map((span) => {
    const startUnixNs = span.startUnixNs - (span.startUnixNs % unitNs)
    const durationNs = span.endUnixNs - span.startUnixNs
    return { ...span, startUnixNs, endUnixNs: startUnixNs + durationNs - (durationNs % unitNs) }
  })
  return { ...recording, spans }
}

/** Joins a recording and holds the pairs against the truth. */
export function judge({ spans, capture, taskOf, whole }: TrueRecording): Judged {
  const { matches, clock } = joinTasks(spans, capture)
  let right = 0
  let found = 0
  for (const { span, task } of matches) {
    const { spanId } = spans[span]
    if (taskOf.get(spanId) === capture.tasks[task].id) right++
    if (whole.has(spanId)) found++
  }
  const findable = spans.filter(({ spanId }) => whole.has(spanId)).length
  const snapshot = capture.clockSnapshots.at(0)
  const offsetApartNs =
    snapshot === undefined || clock.offsetNs === null
      ? null
      : Math.abs(Number(clock.offsetNs - snapshot.unixNs) + snapshot.traceNs)
  return { right, wrong: matches.length - right, findable, found, offsetApartNs }
}

/** Several judgements as one. */
export function together(all: readonly Judged[]): Judged {
  const sum = (of: (one: Judged) => number): number => all.reduce((total, one) => total + of(one), 0)
  const apart = all.flatMap(({ offsetApartNs }) => (offsetApartNs === null ? [] : [offsetApartNs]))
  return {
    right: sum(({ right }) => right),
    wrong: sum(({ wrong }) => wrong),
    findable: sum(({ findable }) => findable),
    found: sum(({ found }) => found),
    offsetApartNs: apart.length === 0 ? null : Math.max(...apart),
  }
}
