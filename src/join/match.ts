// match.ts: what joining spans with the tasks of a capture says.

import type { ClockSnapshot } from '../capture/capture.ts'
import type { LogRecord } from '../breakdown/breakdown.ts'

/** What told that a span and a task are one, strongest first. */
export type Evidence = 'task-name' | 'task-log' | 'preceding-log' | 'name-time'

/** Why a span has no task. */
export type UnmatchedReason =
  | 'not-in-capture' // the span lies outside the capture's time
  | 'no-task' // inside it, but no task bears its ids
  | 'ambiguous' // several tasks fit equally
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
  /** Key of the process that made it (`span/process.ts`). */
  readonly processKey: string
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
  /** How far the clock offset may be off, nanoseconds; null when no offset is known. */
  readonly clockErrorNs: number | null
}

/** How the capture's time and the wall clock relate: Unix ns = trace ns from the origin + offset. */
export interface ClockOffset {
  readonly method: 'snapshot' | 'id-pairs' | 'name-time' | 'none'
  /** Unix nanoseconds of the capture's origin; null with method none. */
  readonly offsetNs: bigint | null
  readonly errorNs: number | null
}

export interface JoinResult {
  readonly matches: readonly TaskMatch[]
  readonly unmatched: readonly { readonly span: number; readonly reason: UnmatchedReason }[]
  readonly clock: ClockOffset
}
