// match.ts: what joining spans with the tasks of a capture says.

import type { ClockSnapshot } from '../capture/capture.ts'
import type { LogRecord } from '../breakdown/breakdown.ts'

/** What told that a span and a task are one, strongest first. */
export type Evidence = 'task-name' | 'task-log' | 'preceding-log' | 'name-time'

/** Why a span has no task. */
export type UnmatchedReason =
  | 'not-in-capture' // the span lies outside the capture's time
  | 'no-task' // inside it, but no task bears its ids
  | 'ambiguous' // several tasks fit equally, or one does that spans of other processes might fit as well
  | 'other-process' // its process is not the captured one
  | 'no-clock' // nothing tells how the capture's time and the span's relate
  | 'capture-damaged' // its time lies where the capture was lost

/** A span as joining sees it. */
export interface JoinSpan {
  /** Lower-case hex, 32 digits. */
  readonly traceId: string
  /** Lower-case hex, 16 digits. */
  readonly spanId: string
  /** Lower-case hex, 16 digits; empty for a root. */
  readonly parentSpanId: string
  readonly name: string
  readonly startUnixNs: bigint
  readonly endUnixNs: bigint
  /** OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 when not told. */
  readonly kind: number
  /** Key of the process that made it (`span/process.ts`). */
  readonly processKey: string
  /** Whether nothing tells the process from its replicas. */
  readonly processShared: boolean
}

/** A task as joining sees it; `TaskRecord` is one. */
export interface JoinTask {
  readonly id: number
  readonly parentId: number | null
  readonly name: string
  readonly startNs: number | null
  readonly endNs: number | null
  readonly logs: readonly LogRecord[]
  readonly precedingLog: LogRecord | null
}

/** A capture as joining sees it. */
export interface JoinCapture {
  readonly tasks: readonly JoinTask[]
  readonly clockSnapshots: readonly ClockSnapshot[]
  readonly durationNs: number
  /** Stretches of the capture that were lost, nanoseconds from its origin. */
  readonly lost?: readonly { readonly startNs: number; readonly endNs: number }[]
}

/** One span, one task. */
export interface TaskMatch {
  /** Row in the spans given. */
  readonly span: number
  /** Row in the capture's tasks. */
  readonly task: number
  readonly evidence: Evidence
  /** How the clocks relate at the time of the two. */
  readonly clock: ClockOffset
}

/** How the capture's time and the wall clock relate: Unix ns = trace ns from the origin + offset. */
export interface ClockOffset {
  readonly method: 'snapshot' | 'id-pairs' | 'name-time' | 'none'
  /** Unix nanoseconds of the capture's origin; null with method none. */
  readonly offsetNs: bigint | null
  readonly errorNs: number | null
}

/** What joining by name and time came to, for people. */
export interface NameTimeReport {
  /** Spans in the capture's time whose name some task has. */
  readonly eligible: number
  /** Those of them that have a task of their name at their time, give or take 80 us. */
  readonly explained: number
  readonly joined: number
  /** Spans that fit a task, but no better than spans of other processes might; they are told as ambiguous. */
  readonly disbelieved: number
  /** Why nothing was joined; null where something was, or there was nothing to join. */
  readonly refused: string | null
}

export interface JoinResult {
  readonly matches: readonly TaskMatch[]
  readonly unmatched: readonly { readonly span: number; readonly reason: UnmatchedReason }[]
  readonly clock: ClockOffset
  /** What joining by name and time came to; null where it was not tried. */
  readonly nameTime: NameTimeReport | null
}
