// id-evidence.ts: what every kind of evidence that names a span by its ids gives.

import type { Evidence, JoinTask } from './match.ts'

/** The span that a task names. */
export interface TaskIds {
  /** 32 hex digits; 16 where only the low 64 bits are told (Datadog, B3); null when the task names the span alone. */
  readonly traceId: string | null
  /** 16 hex digits. */
  readonly spanId: string
  readonly evidence: Evidence
  /** Category of the log they stand in; empty for ids in a name. */
  readonly category: string
}

/** Categories of logs by what their message is. */
export interface LogKeys {
  /** A trace id. */
  readonly trace?: readonly string[]
  /** A span id. */
  readonly span?: readonly string[]
  /** A text with both. */
  readonly ids?: readonly string[]
}

/** How ids in tasks are read. */
export interface IdOptions {
  /** Patterns for ids in task names, with the groups `span` and `trace` (`compilePattern`); tried before the known forms. */
  readonly namePatterns?: readonly RegExp[]
  /** Categories of logs (`trace.Log`) that hold ids; looked at before the known ones, whatever their case. */
  readonly logKeys?: LogKeys
}

/** One kind of evidence by ids. */
export interface IdEvidence {
  readonly evidence: Evidence
  /** The span that the task names by this evidence; null when it names none. */
  idsOf(task: JoinTask, options: IdOptions): TaskIds | null
}
