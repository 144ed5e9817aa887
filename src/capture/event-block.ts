// event-block.ts: ordered events as columns, a few thousand at a time.

import type { StringTable } from './string-table.ts'
import type { StackTable } from './stack-table.ts'

/** Rows of a block: small enough to stay in the second-level cache between the writer and its reader. */
export const BLOCK_ROWS = 4096

/**
 * Ordered events of one generation. Row i is one event of Go's model (a coroutine switch is three rows); kinds are the wire
 * numbers of `Ev`, with `Ev.Sync` for the start of a generation and `Ev.CPUSample` for a sample.
 *
 * | kind | a | b | c |
 * |---|---|---|---|
 * | ProcsChange | processors | | |
 * | ProcStart, ProcSteal | processor row | steal: old `ProcStatus` | |
 * | ProcStatus | processor row | `ProcStatus` | old `ProcStatus`, 0 when first seen |
 * | GoCreate, GoCreateBlocked, GoCreateSyscall | goroutine row | new goroutine's stack | goroutine id |
 * | GoStart, GoUnblock, GCMarkAssistActive | goroutine row | | |
 * | GoStop, GoBlock | reason string | | |
 * | GoStatus (also for GoStatusStack) | goroutine row | `GoStatus` | goroutine id; -1-id when it was known already |
 * | STWBegin, STWEnd | kind string | | |
 * | GCActive, GCBegin, GCEnd | cycle number | | |
 * | GCSweepActive | processor row | | |
 * | GCSweepEnd | swept bytes | reclaimed bytes | |
 * | HeapAlloc, HeapGoal | bytes | | |
 * | GoLabel | label string | | |
 * | UserTaskBegin | task | parent task, 0 for none | name string |
 * | UserTaskEnd | task | | |
 * | UserRegionBegin, UserRegionEnd | task | name string | |
 * | UserLog | task | category string | message string |
 * | CPUSample | goroutine row or -1 | | |
 *
 * Goroutine and processor rows are small numbers that stay with the goroutine or processor while it lives and are reused after.
 * Strings and stacks are ids in `strings` and `stacks`, which hold for the rows of this block only.
 */
export class EventBlock {
  length = 0
  readonly kind = new Uint8Array(BLOCK_ROWS)
  /** Nanoseconds from the capture's origin. */
  readonly timeNs = new Float64Array(BLOCK_ROWS)
  /** Row of the goroutine that the event happened on, before the event; -1 none. */
  readonly goroutine = new Int32Array(BLOCK_ROWS)
  /** Row of the processor that the event happened on, before the event; -1 none. */
  readonly processor = new Int32Array(BLOCK_ROWS)
  /** Row of the thread that the event happened on; -1 none. */
  readonly thread = new Int32Array(BLOCK_ROWS)
  readonly a = new Float64Array(BLOCK_ROWS)
  readonly b = new Float64Array(BLOCK_ROWS)
  readonly c = new Float64Array(BLOCK_ROWS)
  /** Stack id; 0 none. */
  readonly stack = new Float64Array(BLOCK_ROWS)
  strings!: StringTable
  stacks!: StackTable
}

/** Takes ordered events as they are decoded. The block is the decoder's own and is filled again after the call. */
export interface EventSink {
  events(block: EventBlock): void
}
