// heads.ts: where each thread's events of one generation go on, in the memory of the kernel that takes them.

import { NONE_U64 } from '../../base/id-table.ts'
import { aligned, WORD_BYTES } from '../../base/kernel-memory.ts'
import { CursorHeap } from '../cursor-heap.ts'
import type { Generation, TimedBatch } from './generation.ts'
import {
  BATCH_SLACK,
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
import type { SchedulerModel } from './scheduler-model.ts'

/** How far beyond the newest batch of its generation an event may lie; more is damage (a bit flipped in a time). */
export const MAX_BATCH_SPAN_NS = 600e9

/** Room for a thread's batch is counted in these. */
const LINE_BYTES = 64

/**
 * The heads of a generation, one cursor for each thread. A thread has room in the kernel's memory for one batch of its own at a time, as
 * long as its longest: all rooms together are never larger than the generation, and mostly a small part of it.
 */
export class Heads {
  readonly count: number
  /** Row of the thread; -1 for events written on behalf of nobody. */
  readonly thread: Int32Array
  /** Heads by time: that of the event in hand, or of the last one before damage. */
  readonly heap: CursorHeap
  private readonly heads: Int32Array
  private readonly rooms: Uint8Array
  /** Where each cursor's room begins in `rooms`, the batch in it, and that in the generation's bytes. */
  private readonly roomFrom: Int32Array
  private readonly batchAt: Int32Array
  private readonly batchFrom: Int32Array
  /** Batches of each cursor, and which of them is in its room. */
  private readonly batches: TimedBatch[][]
  private readonly batch: Int32Array

  constructor(
    private readonly kernel: OrderKernel,
    readonly generation: Generation,
    goTimes: boolean,
    model: SchedulerModel,
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
    this.thread = Int32Array.from(batchesOf.keys(), (id) => (id === NONE_U64 ? -1 : model.threadRow(id)))
    this.batch = new Int32Array(this.count).fill(-1)
    this.batchFrom = new Int32Array(this.count)
    this.batchAt = new Int32Array(this.count)
    this.roomFrom = new Int32Array(this.count)
    let roomBytes = 0
    for (const [cursor, list] of this.batches.entries()) {
      this.roomFrom[cursor] = roomBytes
      const longest = list.reduce((most, { from, to }) => Math.max(most, to - from), 0)
      roomBytes += Math.ceil((longest + BATCH_SLACK + WORD_BYTES) / LINE_BYTES) * LINE_BYTES
    }
    this.rooms = memory.uint8(roomBytes)
    this.heads = memory.int32((this.count * HEAD_BYTES) >> 2)
    this.heap = new CursorHeap(this.count, memory)
    for (let cursor = 0; cursor < this.count; cursor++) {
      this.heads[wordOf(cursor, HEAD_THREAD)] = this.thread[cursor]
      this.fill(cursor, 0, 0)
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
    doubles[MAX_TIME_NS >> 3] = toNs(generation.maxTimeUnits) + MAX_BATCH_SPAN_NS
  }

  /** Gives the memory back: the generation is over. */
  release(): void {
    const { memory } = this.kernel
    memory.release(this.rooms)
    memory.release(this.heads)
    this.heap.release(memory)
  }

  /** Kind of the event in hand. */
  kind(cursor: number): number {
    return this.heads[wordOf(cursor, HEAD_KIND)]
  }

  /** Position after the event in hand in the generation's bytes; that of its batch's end when it has none. */
  at(cursor: number): number {
    const at = this.heads[wordOf(cursor, HEAD_AT)] - this.batchAt[cursor] + this.batchFrom[cursor]
    const end = this.end(cursor)
    return at < this.batchFrom[cursor] || at > end ? end : at
  }

  /** Position of its batch's end in the generation's bytes. */
  end(cursor: number): number {
    return this.heads[wordOf(cursor, HEAD_END)] - this.batchAt[cursor] + this.batchFrom[cursor]
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
      this.fill(cursor, from, to)
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

  /** Brings a part of the generation's bytes into the cursor's room. */
  private fill(cursor: number, from: number, to: number): void {
    const batch = this.generation.bytes.subarray(from, to)
    const at = aligned(this.roomFrom[cursor], batch, this.rooms)
    this.rooms.set(batch, at)
    this.batchFrom[cursor] = from
    this.batchAt[cursor] = this.rooms.byteOffset + at
    this.heads[wordOf(cursor, HEAD_AT)] = this.batchAt[cursor]
    this.heads[wordOf(cursor, HEAD_END)] = this.batchAt[cursor] + to - from
  }
}

/** Index of a part of a cursor's head among the words of all heads. */
function wordOf(cursor: number, part: number): number {
  return (cursor * HEAD_BYTES + part) >> 2
}
