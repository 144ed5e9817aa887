// heads.ts: where each thread's events of one generation go on, in the memory of the kernel that takes them.

import { NONE_U64 } from '../../base/id-table.ts'
import { CursorHeap } from '../cursor-heap.ts'
import type { Generation, TimedBatch } from './generation.ts'
import {
  GO_TIMES,
  HEAD_ARGUMENTS,
  HEAD_AT,
  HEAD_BYTES,
  HEAD_END,
  HEAD_KIND,
  HEAD_THREAD,
  HEADS,
  HEAP_CURSORS,
  HEAP_TIMES,
  MAX_TIME_NS,
  MODEL_ARGUMENTS,
  NS_PER_UNIT,
  TRUNCATING,
  WHOLE_UNITS,
} from './order-layout.ts'
import type { OrderKernel } from './order-kernel.ts'
import type { Threads } from './scheduler-state.ts'

/** How far beyond the newest batch of its generation an event may lie; more is damage (a bit flipped in a time). */
export const MAX_BATCH_SPAN_NS = 600e9
/**
 * Nothing is told later than this, nanoseconds from the origin: numbers are exact up to 2^53, and Go's times are moved on by one an event from here.
 * A generation that begins so late (after 103 days) is damaged, or states a clock that is not its own.
 */
export const LATEST_NS = 2 ** 53 - 2 ** 46

/** The heads of a generation, one cursor for each thread. */
export class Heads {
  readonly count: number
  /** Row of the thread; -1 for events written on behalf of nobody. */
  readonly thread: Int32Array
  /** Heads by time: that of the event in hand, or of the last one before damage. */
  readonly heap: CursorHeap
  private readonly heads: Int32Array
  /** Where the generation's bytes lie in the kernel's memory. */
  private readonly base: number
  /** Batches of each cursor, which of them is read, and where that begins in the generation's bytes. */
  private readonly batches: TimedBatch[][]
  private readonly batch: Int32Array
  private readonly batchFrom: Int32Array

  constructor(
    private readonly kernel: OrderKernel,
    readonly generation: Generation,
    goTimes: boolean,
    threads: Threads,
    private readonly toNs: (units: number) => number,
  ) {
    const { memory, words, doubles } = kernel
    const batchesOf = new Map<number, TimedBatch[]>()
    for (const batch of generation.timed) {
      const list = batchesOf.get(batch.thread)
      if (list === undefined) batchesOf.set(batch.thread, [batch])
      else list.push(batch)
    }
    this.count = batchesOf.size
    this.batches = [...batchesOf.values()]
    this.thread = Int32Array.from(batchesOf.keys(), (id) => (id === NONE_U64 ? -1 : threads.rowOf(id)))
    this.batch = new Int32Array(this.count).fill(-1)
    this.batchFrom = new Int32Array(this.count)
    this.base = generation.bytes.byteOffset
    this.heads = memory.int32((this.count * HEAD_BYTES) >> 2)
    this.heap = new CursorHeap(this.count, memory)
    for (let cursor = 0; cursor < this.count; cursor++) {
      this.heads[wordOf(cursor, HEAD_THREAD)] = this.thread[cursor]
      this.turnTo(cursor, 0, 0)
    }
    const nsPerUnit = 1 / (generation.frequency / 1e9)
    const wholeUnits = Number.isInteger(nsPerUnit)
    words[HEADS >> 2] = this.heads.byteOffset
    words[HEAP_TIMES >> 2] = this.heap.time.byteOffset
    words[HEAP_CURSORS >> 2] = this.heap.cursors.byteOffset
    words[GO_TIMES >> 2] = goTimes ? 1 : 0
    words[WHOLE_UNITS >> 2] = wholeUnits ? 1 : 0
    // Go's reader cuts times to whole nanoseconds event by event.
    words[TRUNCATING >> 2] = goTimes && !wholeUnits ? 1 : 0
    doubles[NS_PER_UNIT >> 3] = nsPerUnit
    doubles[MAX_TIME_NS >> 3] = Math.min(toNs(generation.maxTimeUnits) + MAX_BATCH_SPAN_NS, LATEST_NS)
  }

  /** Gives the memory back: the generation is over. */
  release(): void {
    const { memory } = this.kernel
    memory.release(this.heads)
    this.heap.release(memory)
  }

  /** Kind of the event in hand. */
  kind(cursor: number): number {
    return this.heads[wordOf(cursor, HEAD_KIND)]
  }

  /** Position after the event in hand in the generation's bytes; that of its batch's end when it has none. */
  at(cursor: number): number {
    const at = this.heads[wordOf(cursor, HEAD_AT)] - this.base
    const end = this.end(cursor)
    return at < this.batchFrom[cursor] || at > end ? end : at
  }

  /** Position of its batch's end in the generation's bytes. */
  end(cursor: number): number {
    return this.heads[wordOf(cursor, HEAD_END)] - this.base
  }

  /** Lays the arguments of the event in hand out for the model, as the kernel does. */
  layOutArguments(cursor: number): void {
    const { doubles, memory } = this.kernel
    const from = this.heads.byteOffset + cursor * HEAD_BYTES + HEAD_ARGUMENTS
    for (const [i, argument] of new BigUint64Array(memory.buffer, from, 4).entries()) {
      doubles[(MODEL_ARGUMENTS >> 3) + i] = Number(argument)
    }
  }

  /** Moves to the thread's next batch that holds anything; false when there is none: then the cursor leaves its place in the heap. */
  nextBatch(cursor: number, index: number): boolean {
    const list = this.batches[cursor]
    while (++this.batch[cursor] < list.length) {
      const { from, to, timeUnits } = list[this.batch[cursor]]
      if (from === to) continue
      this.turnTo(cursor, from, to)
      this.heap.time[cursor] = this.toNs(timeUnits)
      return true
    }
    if (index >= 0) this.heap.remove(index)
    return false
  }

  /** The rest of a batch is not read. */
  dropBatch(cursor: number): void {
    this.heads[wordOf(cursor, HEAD_AT)] = this.heads[wordOf(cursor, HEAD_END)]
  }

  /** Another part of the generation's bytes is read. */
  private turnTo(cursor: number, from: number, to: number): void {
    this.batchFrom[cursor] = from
    this.heads[wordOf(cursor, HEAD_AT)] = this.base + from
    this.heads[wordOf(cursor, HEAD_END)] = this.base + to
  }
}

/** Index of a part of a cursor's head among the words of all heads. */
function wordOf(cursor: number, part: number): number {
  return (cursor * HEAD_BYTES + part) >> 2
}
