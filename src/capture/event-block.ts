// event-block.ts: ordered events as columns, a few thousand at a time.

import {
  BLOCK_A,
  BLOCK_B,
  BLOCK_C,
  BLOCK_END,
  BLOCK_GOROUTINE,
  BLOCK_KIND,
  BLOCK_PROCESSOR,
  BLOCK_ROWS,
  BLOCK_STACK,
  BLOCK_THREAD,
  BLOCK_TIME,
} from './block-layout.ts'
import { Ev } from './event-types.ts'
import type { StringTable } from './string-table.ts'
import type { StackTable } from './stack-table.ts'

export { BLOCK_ROWS }

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
 * | CPUSample | goroutine row, -1 where there was none or it has ended | | goroutine id or -1 |
 *
 * Where a kind has nothing in a column, anything may lie there: the writing of it would be for nobody.
 *
 * Goroutine and processor rows are small numbers that stay with the goroutine or processor while it lives and are reused after.
 * Strings and stacks are ids in `strings` and `stacks`, which hold for the rows of this block only.
 */
export class EventBlock {
  length = 0
  readonly kind: Uint8Array
  /** Nanoseconds from the capture's origin. */
  readonly timeNs: Float64Array
  /** Row of the goroutine that the event happened on, before the event; -1 none. */
  readonly goroutine: Int32Array
  /** Row of the processor that the event happened on, before the event; -1 none. */
  readonly processor: Int32Array
  /** Row of the thread that the event happened on; -1 none. */
  readonly thread: Int32Array
  readonly a: Float64Array
  readonly b: Float64Array
  readonly c: Float64Array
  /** Stack id; 0 none. */
  readonly stack: Float64Array
  strings!: StringTable
  stacks!: StackTable

  /**
   * @param buffer what its columns are parts of: a kernel's memory when it is to fill them or to read them
   * @param first the row of these columns that is its first: kernels count from their begin
   */
  constructor(
    buffer: ArrayBufferLike = new ArrayBuffer(BLOCK_END),
    readonly first = 0,
  ) {
    this.kind = new Uint8Array(buffer, BLOCK_KIND + first, BLOCK_ROWS)
    this.timeNs = new Float64Array(buffer, BLOCK_TIME + first * 8, BLOCK_ROWS)
    this.goroutine = new Int32Array(buffer, BLOCK_GOROUTINE + first * 4, BLOCK_ROWS)
    this.processor = new Int32Array(buffer, BLOCK_PROCESSOR + first * 4, BLOCK_ROWS)
    this.thread = new Int32Array(buffer, BLOCK_THREAD + first * 4, BLOCK_ROWS)
    this.a = new Float64Array(buffer, BLOCK_A + first * 8, BLOCK_ROWS)
    this.b = new Float64Array(buffer, BLOCK_B + first * 8, BLOCK_ROWS)
    this.c = new Float64Array(buffer, BLOCK_C + first * 8, BLOCK_ROWS)
    this.stack = new Float64Array(buffer, BLOCK_STACK + first * 8, BLOCK_ROWS)
  }
}

/** What a decoder asks where its events are read by another thread, some blocks behind. */
export interface LaterReading {
  /** The block to fill next, when it may be filled. */
  nextBlock(): EventBlock
  /** A generation was told: returns when the reader has no more to do with those before it, in whose place the next one's bytes and tables go. */
  waitForEarlier(): void
  /** Returns when the reader has no more to do with anything that was told. */
  waitForAll(): void
}

/** Takes ordered events as they are decoded. The block is the decoder's own and is filled again after the call, unless it is read later. */
export interface EventSink {
  events(block: EventBlock): void
  /** Where blocks are read after they were told, by another thread; else the same block is filled again and again. */
  readonly later?: LaterReading
}

/**
 * Whether a row, a `GoBlock`, is that of a switch to a coroutine: the one that is switched to was made ready by the same goroutine, at the same
 * time, in the row before. Such a block has neither a reason nor a stack.
 */
export function isCoroutineSwitch({ kind, timeNs, goroutine }: EventBlock, row: number): boolean {
  const before = row - 1
  return (
    row > 0 && kind[before] === Ev.GoUnblock && goroutine[before] === goroutine[row] && timeNs[before] === timeNs[row]
  )
}
