// block-writer.ts: puts events into blocks one by one, where no kernel does, and hands full blocks to who takes them.
//
// Both orders (`v1/order.ts`, `v2/order.ts`) tell what is rare or odd through this, so that events of old and new captures come out in the same
// columns, their times by the same rule.

import { BLOCK_ROWS, EventBlock, type EventSink } from './event-block.ts'
import type { StackTable } from './stack-table.ts'
import type { StringTable } from './string-table.ts'

/** One event as it goes into a block, but for its time; what is in each column, `EventBlock` says. */
export interface EventRow {
  kind: number
  goroutine: number
  processor: number
  thread: number
  a: number
  b: number
  c: number
  stack: number
}

/** A row that says nothing: of no goroutine, processor or thread. To be spread into one that does. */
export const NOTHING: Readonly<EventRow> = {
  kind: 0,
  goroutine: -1,
  processor: -1,
  thread: -1,
  a: 0,
  b: 0,
  c: 0,
  stack: 0,
}

/** Writes one block after another. */
export class BlockWriter {
  /** The block that is filled now; a kernel fills it too. */
  block: EventBlock
  /**
   * Latest time told, nanoseconds from the origin; below 0 before the first. A fraction, so that the engine takes the field for a double from its
   * first value on: one that becomes a double later changes the shape of the object, and what was compiled for the old shape is thrown away.
   */
  lastNs = -0.5
  /** Rows handed to the sink. */
  private handedOn = 0
  private strings: StringTable | null = null
  private stacks: StackTable | null = null

  /**
   * @param sink takes the blocks; a block is filled again after that, unless the sink reads later
   * @param goTimes move times apart the way Go's reader does
   * @param memory of the kernel that fills blocks too
   */
  constructor(
    private readonly sink: EventSink,
    private readonly goTimes: boolean,
    memory: ArrayBufferLike,
  ) {
    this.block = sink.later?.nextBlock() ?? new EventBlock(memory)
  }

  /** Rows written, by this or by the kernel. */
  get rows(): number {
    return this.handedOn + this.block.length
  }

  /** Tables in which the strings and stacks of the rows from here on are; what was written before is handed on with its own. */
  useTables(strings: StringTable, stacks: StackTable): void {
    this.handOn()
    this.strings = strings
    this.stacks = stacks
    this.beginBlock()
  }

  /**
   * Writes an event.
   *
   * @param timeNs nanoseconds from the origin
   * @returns the time it has in the block
   */
  write(timeNs: number, event: Readonly<EventRow>): number {
    if (this.block.length === BLOCK_ROWS) this.handOn()
    const { block } = this
    const time = this.move(timeNs)
    const row = block.length++
    block.kind[row] = event.kind
    block.timeNs[row] = time
    block.goroutine[row] = event.goroutine
    block.processor[row] = event.processor
    block.thread[row] = event.thread
    block.a[row] = event.a
    block.b[row] = event.b
    block.c[row] = event.c
    block.stack[row] = event.stack
    return time
  }

  /**
   * The time at which an event is told, which it takes up though it may not be written: its own, or with `goTimes` one nanosecond after the event
   * before where it is not later than that.
   */
  move(timeNs: number): number {
    if (timeNs > this.lastNs) this.lastNs = timeNs
    else if (this.goTimes) return ++this.lastNs
    return timeNs
  }

  /** Hands the rows of the block to the sink, if there are any, and begins another block. */
  handOn(): void {
    const { block, sink } = this
    if (block.length === 0) return
    this.handedOn += block.length
    sink.events(block)
    this.block = sink.later?.nextBlock() ?? block
    this.beginBlock()
  }

  private beginBlock(): void {
    const { block, strings, stacks } = this
    block.length = 0
    if (strings === null || stacks === null) return
    block.strings = strings
    block.stacks = stacks
  }
}
