// cursors.ts: where the events of each processor go on, and which processors wait for events of others.

import { NONE_U64 } from '../../base/id-table.ts'
import { aligned, WORD_BYTES } from '../../base/kernel-memory.ts'
import type { ProblemList } from '../problems.ts'
import { CursorHeap } from '../cursor-heap.ts'
import type { BatchV1, ContentsV1 } from './contents.ts'
import { EvV1 } from './event-types.ts'
import type { OrderKernelV1 } from './order-kernel.ts'
import {
  BATCH_SLACK,
  HEAD_ARGUMENTS,
  HEAD_AT,
  HEAD_END,
  HEAD_GOROUTINE,
  HEAD_KIND,
  HEAD_MAX_TICKS,
  HEAD_MESSAGES,
  HEAD_PROCESSOR,
  HEAD_THREAD,
  HEAD_TICKS,
  HEAD_TOLD,
  HEAP_CURSORS,
  HEAP_TIMES,
} from './order-layout.ts'
import { StringTableV1 } from './string-table.ts'
import { TimeQueue } from './time-queue.ts'

/** Kind of the head of a processor that has none. */
const NO_EVENT = 0
/** A batch that begins so far from most others, or an event so far after them, is damage: a flipped bit of a time. */
const MOST_SECONDS = 86_400
/** A processor's next batch may begin so much before the last event of the one before: processors move between cores with clocks of their own. */
const MOST_STEP_BACK_SECONDS = 10

/** Waiting cursors that are tried again, over a whole capture: a fixed number and so many for each event that anything waits for. */
const LEAST_WAKENED = 1 << 17
const WAKENED_PER_EVENT = 8

/**
 * Heads of all processors, as columns by cursor, which the kernel uses; the earliest is the top of the heap, times are ticks. Each processor has
 * room in the kernel's memory for one of its batches at a time, as long as its longest.
 */
export class CursorsV1 {
  readonly count: number
  /** Row of the processor; -1 for events written without one. */
  readonly processor: Int32Array
  /** Row of the goroutine that runs on it; -1 none. */
  readonly goroutine: Int32Array
  /** Row of the thread that runs it; -1 none. */
  readonly thread: Int32Array
  /** Whether it was told of. */
  readonly told: Uint8Array
  /** Positions after the head, and after its batch, in the kernel's memory. */
  private readonly headAt: Int32Array
  private readonly headEnd: Int32Array
  /** Time of the head; of the last one before while none is in hand. The heap's is that of the head when its run began. */
  readonly ticks: Float64Array
  /** Times beyond cannot be in the batch. */
  readonly maxTicks: Float64Array
  /** The head: kind and four arguments each. */
  readonly kind: Uint8Array
  readonly args: Float64Array
  /** What makes positions of messages in the kernel's memory their ids. */
  private readonly messages: Float64Array
  private readonly rooms: Uint8Array
  private readonly roomFrom: Int32Array
  readonly heap: CursorHeap
  /** Cursors whose head waits for an event of another processor: they are not in the heap. */
  parked = 0
  /** Cursors that were parked and are not yet back in the heap. */
  readonly woken: number[] = []
  /** Goroutine id that a parked cursor waits for; -1 for the collector. */
  readonly parkedFor: Float64Array
  /** Parked cursors in lists by a hash of the goroutine they wait for, the latest first; -1 ends one. */
  private readonly lists: Int32Array
  private readonly next: Int32Array
  private readonly previous: Int32Array
  /** Parked cursors by time, from when the earliest is first asked for: in whole captures nobody does. */
  private byTime: TimeQueue | null = null
  /** Cursors woken so far, and events that woke any that there were. */
  private wakened = 0
  private wakers = 0
  private runningCount = -1
  /** Cursor by processor id. */
  readonly ofProcessor = new Map<number, number>()
  private readonly batches: BatchV1[][]
  private readonly batch: Int32Array
  private readonly latestTicks: number

  constructor(
    kernel: OrderKernelV1,
    private readonly contents: ContentsV1,
    private readonly frequency: number,
    problems: ProblemList,
  ) {
    const { memory } = kernel
    const { processors } = contents
    this.count = processors.length
    const middle = middleOf(processors.flatMap(({ batches }) => batches.map(({ ticks }) => ticks)))
    this.latestTicks = middle + MOST_SECONDS * frequency
    this.batches = processors.map(({ id, batches }) =>
      batches.filter((batch) => {
        // CPU samples are read already, and tell nothing of the processor in the batch's header.
        if (batch.samples) return false
        const sound = Math.abs(batch.ticks - middle) <= MOST_SECONDS * frequency
        if (!sound) {
          problems.add(
            'BATCH_DAMAGED',
            batch.from,
            () =>
              `the batch of processor ${id} at byte ${batch.from.toLocaleString('en-US')} begins ${(Math.abs(batch.ticks - middle) / frequency).toFixed(0)} s from the others: it is left out.`,
          )
        }
        return sound
      }),
    )
    this.processor = memory.int32(this.count)
    for (const [cursor, { id }] of processors.entries()) {
      this.processor[cursor] = id === NONE_U64 ? -1 : cursor
      this.ofProcessor.set(id, cursor)
    }
    this.goroutine = memory.int32(this.count).fill(-1)
    this.thread = memory.int32(this.count).fill(-1)
    this.told = memory.uint8(this.count)
    this.headAt = memory.int32(this.count)
    this.headEnd = memory.int32(this.count)
    this.ticks = memory.float64(this.count)
    this.maxTicks = memory.float64(this.count)
    this.kind = memory.uint8(this.count)
    this.args = memory.float64(this.count * 4)
    this.messages = memory.float64(this.count)
    this.heap = new CursorHeap(this.count, memory)
    this.roomFrom = new Int32Array(this.count)
    let roomBytes = 0
    for (const [cursor, list] of this.batches.entries()) {
      this.roomFrom[cursor] = roomBytes
      roomBytes += list.reduce((most, { from, to }) => Math.max(most, to - from), 0) + BATCH_SLACK + WORD_BYTES
    }
    this.rooms = memory.uint8(roomBytes)
    this.tellKernel(kernel)
    this.parkedFor = new Float64Array(this.count)
    let lists = 8
    while (lists < this.count) lists *= 2
    this.lists = new Int32Array(lists).fill(-1)
    this.next = new Int32Array(this.count)
    this.previous = new Int32Array(this.count)
    this.batch = new Int32Array(this.count).fill(-1)
  }

  /** Earliest begin of a batch, ticks; Infinity when there is none. */
  get firstTicks(): number {
    let first = Infinity
    for (const batches of this.batches) for (const { ticks } of batches) if (ticks < first) first = ticks
    return first
  }

  /** Processors with events. */
  get running(): number {
    if (this.runningCount < 0) {
      this.runningCount = this.batches.filter(
        (batches, cursor) => batches.length > 0 && this.processor[cursor] >= 0,
      ).length
    }
    return this.runningCount
  }

  /** The last batch of each processor. */
  lastBatches(): BatchV1[] {
    return this.batches.flatMap((batches) => batches.slice(-1))
  }

  /**
   * Whether the capture's first events are there: the list of goroutines, all of it by the processor that started the tracer while no other
   * ran. To be asked while each cursor is at the first event of its processor.
   */
  get seesBegin(): boolean {
    return this.batches.some((list, cursor) => list.length > 0 && this.kind[cursor] === EvV1.GoCreate)
  }

  /** Whether a processor's first batch is broken from its first event on. */
  get isBrokenAtBegin(): boolean {
    return this.batches.some(([first]) => first?.damaged && first.from === first.to)
  }

  /**
   * Moves to the processor's next batch that holds anything; false when there is none. Its time is `heap.time`; that of the head is the
   * caller's to set.
   */
  nextBatch(cursor: number): boolean {
    const list = this.batches[cursor]
    while (++this.batch[cursor] < list.length) {
      const index = this.batch[cursor]
      const batch = list[index]
      if (batch.from === batch.to && !batch.damaged) continue
      const { bytes } = this.contents
      // What lies behind a batch is read where damage makes one end inside an event.
      const read = bytes.subarray(batch.from, batch.to + BATCH_SLACK)
      const room = aligned(this.roomFrom[cursor], read, this.rooms)
      this.rooms.set(read, room)
      this.rooms.fill(0, room + read.length, room + batch.to - batch.from + BATCH_SLACK)
      this.headAt[cursor] = this.rooms.byteOffset + room
      this.headEnd[cursor] = this.headAt[cursor] + batch.to - batch.from
      this.messages[cursor] = StringTableV1.idOfMessage(batch.from - this.headAt[cursor])
      this.heap.time[cursor] = batch.ticks
      const next = index + 1
      this.maxTicks[cursor] =
        next < list.length
          ? Math.max(batch.ticks, list[next].ticks) + MOST_STEP_BACK_SECONDS * this.frequency
          : this.latestTicks
      return true
    }
    // It has no head any more, neither what was read last nor what damage was taken for.
    this.kind[cursor] = NO_EVENT
    return false
  }

  /** Position after the head in the capture; that of its batch's end when it has none. */
  at(cursor: number): number {
    const back = this.headEnd[cursor] - this.headAt[cursor]
    const { from, to } = this.batches[cursor][this.batch[cursor]]
    return back < 0 || back > to - from ? to : to - back
  }

  /** Position after the head's batch in the capture. */
  end(cursor: number): number {
    return this.batches[cursor][this.batch[cursor]].to
  }

  /** Whether events of the batch in hand are missing after its end. */
  isDamaged(cursor: number): boolean {
    const index = this.batch[cursor]
    return index >= 0 && index < this.batches[cursor].length && this.batches[cursor][index].damaged
  }

  /** When the batch after the one in hand begins, ticks; Infinity when it is the last. */
  nextTicks(cursor: number): number {
    const next = this.batch[cursor] + 1
    return next < this.batches[cursor].length ? this.batches[cursor][next].ticks : Infinity
  }

  /** The batch after the one in hand (`ahead` 0), or one after that; null where events may be missing before it. */
  batchAhead(cursor: number, ahead: number): BatchV1 | null {
    const list = this.batches[cursor]
    const index = this.batch[cursor] + 1 + ahead
    return index < list.length && !list[index - 1].damaged ? list[index] : null
  }

  /** Takes the top out of the heap until something happens to a goroutine (-1: to the collector). */
  park(goroutine: number): void {
    const cursor = this.heap.top
    this.heap.remove(0)
    this.parked++
    this.parkedFor[cursor] = goroutine
    const list = this.listOf(goroutine)
    const first = this.lists[list]
    this.next[cursor] = first
    this.previous[cursor] = -1
    if (first >= 0) this.previous[first] = cursor
    this.lists[list] = cursor
    this.byTime?.add(cursor)
  }

  /**
   * Something happened to a goroutine: what waited for it goes to `woken`. Where thousands of processors wait for one goroutine all the time, which
   * no program makes, only the latest does.
   */
  wake(goroutine: number): void {
    this.wakers++
    for (let cursor = this.lists[this.listOf(goroutine)]; cursor >= 0;) {
      const next = this.next[cursor]
      if (this.parkedFor[cursor] === goroutine) {
        this.unlink(cursor)
        this.woken.push(cursor)
        if (++this.wakened > LEAST_WAKENED + WAKENED_PER_EVENT * this.wakers) return
      }
      cursor = next
    }
  }

  /** Puts what was woken back among the others; only when the heap's order holds. */
  pushWoken(): void {
    while (this.woken.length > 0) this.heap.push(this.woken.pop() ?? 0)
  }

  /** Puts a parked cursor back among the others. */
  unpark(cursor: number): void {
    this.unlink(cursor)
    this.heap.push(cursor)
  }

  /** The parked cursor with the earliest head; -1 when none is parked. */
  earliestParked(): number {
    if (this.byTime === null) {
      this.byTime = new TimeQueue(this.count, this.heap.time)
      for (const first of this.lists) {
        for (let cursor = first; cursor >= 0; cursor = this.next[cursor]) this.byTime.add(cursor)
      }
    }
    return this.byTime.first
  }

  private tellKernel({ words }: OrderKernelV1): void {
    words[HEAD_AT >> 2] = this.headAt.byteOffset
    words[HEAD_END >> 2] = this.headEnd.byteOffset
    words[HEAD_PROCESSOR >> 2] = this.processor.byteOffset
    words[HEAD_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[HEAD_THREAD >> 2] = this.thread.byteOffset
    words[HEAD_KIND >> 2] = this.kind.byteOffset
    words[HEAD_TOLD >> 2] = this.told.byteOffset
    words[HEAD_TICKS >> 2] = this.ticks.byteOffset
    words[HEAD_MAX_TICKS >> 2] = this.maxTicks.byteOffset
    words[HEAD_ARGUMENTS >> 2] = this.args.byteOffset
    words[HEAD_MESSAGES >> 2] = this.messages.byteOffset
    words[HEAP_TIMES >> 2] = this.heap.time.byteOffset
    words[HEAP_CURSORS >> 2] = this.heap.cursors.byteOffset
  }

  private listOf(goroutine: number): number {
    return Math.imul(goroutine | 0, 0x9e3779b1) & (this.lists.length - 1)
  }

  private unlink(cursor: number): void {
    const next = this.next[cursor]
    const previous = this.previous[cursor]
    if (previous >= 0) this.next[previous] = next
    else this.lists[this.listOf(this.parkedFor[cursor])] = next
    if (next >= 0) this.previous[next] = previous
    this.byTime?.remove(cursor)
    this.parked--
  }
}

function middleOf(values: number[]): number {
  return values.length === 0 ? 0 : Float64Array.from(values).sort()[values.length >> 1]
}
