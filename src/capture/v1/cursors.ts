// cursors.ts: where the events of each processor go on, and which processors wait for events of others.

import { NONE_U64 } from '../../base/id-table.ts'
import type { ProblemList } from '../problems.ts'
import { CursorHeap } from '../cursor-heap.ts'
import type { BatchV1, ContentsV1 } from './contents.ts'
import { EvV1 } from './event-types.ts'
import { TimeQueue } from './time-queue.ts'

/** A batch that begins so far from most others, or an event so far after them, is damage: a flipped bit of a time. */
const MOST_SECONDS = 86_400
/** A processor's next batch may begin so much before the last event of the one before: processors move between cores with clocks of their own. */
const MOST_STEP_BACK_SECONDS = 10

/** Waiting cursors that are tried again, over a whole capture: a fixed number and so many for each event that anything waits for. */
const LEAST_WAKENED = 1 << 17
const WAKENED_PER_EVENT = 8

/** Heads of all processors, as columns by cursor; the earliest is the top of the heap, times are ticks. */
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
  /** Position after the head, and end of its batch, in the capture. */
  readonly at: Float64Array
  readonly end: Float64Array
  /** Times beyond cannot be in the batch. */
  readonly maxTicks: Float64Array
  /** The head: kind and four arguments each. Its time is the heap's key. */
  readonly kind: Uint8Array
  readonly args: Float64Array
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
    contents: ContentsV1,
    private readonly frequency: number,
    problems: ProblemList,
  ) {
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
    this.processor = Int32Array.from(processors, ({ id }, cursor) => (id === NONE_U64 ? -1 : cursor))
    processors.forEach(({ id }, cursor) => this.ofProcessor.set(id, cursor))
    this.goroutine = new Int32Array(this.count).fill(-1)
    this.thread = new Int32Array(this.count).fill(-1)
    this.told = new Uint8Array(this.count)
    this.at = new Float64Array(this.count)
    this.end = new Float64Array(this.count)
    this.maxTicks = new Float64Array(this.count)
    this.kind = new Uint8Array(this.count)
    this.args = new Float64Array(this.count * 4)
    this.heap = new CursorHeap(this.count)
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

  /** Moves to the processor's next batch that holds anything; false when there is none. */
  nextBatch(cursor: number): boolean {
    const list = this.batches[cursor]
    while (++this.batch[cursor] < list.length) {
      const index = this.batch[cursor]
      const batch = list[index]
      if (batch.from === batch.to && !batch.damaged) continue
      this.at[cursor] = batch.from
      this.end[cursor] = batch.to
      this.heap.time[cursor] = batch.ticks
      const next = index + 1
      this.maxTicks[cursor] =
        next < list.length
          ? Math.max(batch.ticks, list[next].ticks) + MOST_STEP_BACK_SECONDS * this.frequency
          : this.latestTicks
      return true
    }
    return false
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

  store(cursor: number, at: number, end: number, kind: number, a0: number, a1: number, a2: number, a3: number): void {
    this.at[cursor] = at
    this.end[cursor] = end
    this.kind[cursor] = kind
    const base = cursor * 4
    this.args[base] = a0
    this.args[base + 1] = a1
    this.args[base + 2] = a2
    this.args[base + 3] = a3
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
