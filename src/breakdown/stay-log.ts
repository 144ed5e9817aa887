// stay-log.ts: the recent past of every goroutine: its stays in one state, in a ring that forgets the oldest.
//
// The path of a task is found by walking back from its end (`path.ts`), so the past is kept as far back as open tasks reach, and no
// further: memory follows the number of open tasks and the load, not the length of the capture.

import { type Columns, NO_DOUBLES } from '../base/columns.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  ANSWERS,
  LATEST_ENDS,
  LATEST_ENDS_KNOWN,
  RANGE_END,
  RANGE_MASK,
  RANGE_NAME,
  RANGE_PREVIOUS,
  RANGE_START,
  RANGE_TAIL,
  RANGE_TOP,
  STAY_BLOCK_BITS,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_RANGE,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STAY_WHOLE_FROM,
  STAYS_TOLD,
  STOP_COUNT,
  STOP_END,
  STOP_GOROUTINE,
  STOP_NAME,
  STOP_START,
} from './states-layout.ts'

/** Index "none" in the link columns. */
export const NONE = -1

/** Where stays moved when others left the log. */
export class Moves {
  /**
   * @param tail oldest stay before, and `top` the one after the latest, before and now
   * @param places by place of the ring: the index now; of one that went the complement of that of the next one kept
   */
  constructor(
    private readonly tail: number,
    private readonly top: number,
    private readonly places: Int32Array,
  ) {}

  /** Whether a stay is still in the log. */
  isKept(stay: number): boolean {
    return stay >= this.tail && stay < this.top && this.places[stay & (this.places.length - 1)] >= 0
  }

  /** Index now of what was at an index; of one that went that of the next one kept. */
  indexOf(stay: number): number {
    if (stay < this.tail || stay >= this.top) return stay
    const place = this.places[stay & (this.places.length - 1)]
    return place < 0 ? ~place : place
  }
}

/**
 * Rows are stays: one goroutine in one state from `startNs` until the `startNs` of its `next` row (open when `next` is none and the
 * goroutine lives). Indices only grow; row i lies at slot `i & mask`; rows below `tail` are forgotten. Links may point below `tail`.
 */
export class StayLog {
  /** Index of the next row. */
  top = 0
  /** Oldest row still kept. */
  tail = 0
  mask: number
  startNs: Float64Array
  /** Start of the next stay, or end of the goroutine; Infinity while the stay lasts. */
  endNs: Float64Array
  state: Uint8Array
  /** Row of the block reason. */
  reason: Uint16Array
  /** Row of the reason under which people see the wait; 0 none. */
  via: Uint16Array
  /** Earlier and later stay of the same goroutine. */
  previous: Int32Array
  next: Int32Array
  /** For a wait or the runnable stay after it: the stay of the goroutine that ended the wait, at that moment. For a first stay: the creator's. */
  waker: Int32Array
  /** Serial of the task that the waker (or creator) worked for at that moment; 0 none. */
  wakerTask: Int32Array
  /** Serial of the task that the goroutine worked for during the stay; 0 none. */
  task: Int32Array
  // The last three only where stays are told of one by one.
  /** Latest special range of the goroutine begun before the stay ended; index in `RangeLog`. */
  range: Int32Array
  /** Row in `TaskTables.stacks` where it waited. */
  stack: Int32Array
  /** Goroutine id. */
  goroutine: Float64Array
  /** For the kernel only: when the latest of those that run in blocks of stays ends (`kernel/latest-ends.ts`). */
  private latestEnds = NO_DOUBLES

  /**
   * @param columns where its columns come from
   * @param words registers of the kernel that adds stays as well; see `states-layout.ts`
   * @param told whether stays are told of one by one
   */
  constructor(
    private readonly columns: Columns,
    private readonly words: Int32Array,
    told: boolean,
    capacity = 1 << 13,
  ) {
    words[STAYS_TOLD >> 2] = told ? 1 : 0
    const toldCapacity = told ? capacity : 0
    this.mask = capacity - 1
    this.startNs = columns.float64(capacity)
    this.endNs = columns.float64(capacity)
    this.state = columns.uint8(capacity)
    this.reason = columns.uint16(capacity)
    this.via = columns.uint16(capacity)
    this.previous = columns.int32(capacity)
    this.next = columns.int32(capacity)
    this.waker = columns.int32(capacity)
    this.wakerTask = columns.int32(capacity)
    this.task = columns.int32(capacity)
    this.range = columns.int32(toldCapacity)
    this.stack = columns.int32(toldCapacity)
    this.goroutine = columns.float64(toldCapacity)
    // Grown, and the tail moved, once at once: the engine takes a field that never changed for a constant, and throws away all code compiled so
    // when it does.
    this.grow()
    this.tail = 1
    this.tail = 0
  }

  /** Adds a stay after `previous` (none for a goroutine's first) and links the two. */
  open(
    goroutine: number,
    previous: number,
    state: number,
    startNs: number,
    reason: number,
    task: number,
    range: number,
  ): number {
    const index = this.top
    if (index - this.tail > this.mask) this.grow()
    this.top++
    const at = index & this.mask
    this.startNs[at] = startNs
    this.endNs[at] = Infinity
    this.state[at] = state
    this.reason[at] = reason
    this.via[at] = 0
    this.previous[at] = previous
    this.next[at] = NONE
    this.waker[at] = NONE
    this.wakerTask[at] = 0
    this.task[at] = task
    this.range[at] = range
    this.stack[at] = NONE
    this.goroutine[at] = goroutine
    if (previous >= this.tail) {
      const before = previous & this.mask
      this.next[before] = index
      this.endNs[before] = startNs
    }
    return index
  }

  /** Rows that are kept. */
  get size(): number {
    return this.top - this.tail
  }

  /** Whether a link leads to a row that is still kept. */
  has(index: number): boolean {
    return index >= this.tail && index >= 0
  }

  /** Forgets all rows before `index`. */
  forgetBefore(index: number): void {
    if (index <= this.tail) return
    this.tail = Math.min(index, this.top)
    this.words[STAY_TAIL >> 2] = this.tail
  }

  /**
   * Has stays leave the log that nobody can ask for any more.
   *
   * @param whole those from this on stay all, where they are
   * @param thin drops and moves them (`kernel/past.ts`), told of a column that holds where to, and of room for itself
   * @param moved adjusts what else tells of stays by their indices
   */
  thinOut(whole: number, thin: (column: number, scratch: number) => void, moved: (moves: Moves) => void): void {
    const { words, tail, top } = this
    words[STAY_TOP >> 2] = top
    const places = this.columns.int32(this.mask + 1)
    const scratch = this.columns.int32(ANSWERS)
    thin(places.byteOffset, scratch.byteOffset)
    this.tail = words[STAY_TAIL >> 2]
    words[STAY_WHOLE_FROM >> 2] = Math.max(words[STAY_WHOLE_FROM >> 2], whole)
    moved(new Moves(tail, top, places))
    this.columns.release(places)
    this.columns.release(scratch)
  }

  private grow(): void {
    const { tail, top } = this
    const half = this.mask + 1
    const size = half * 2
    // Rows lie in at most two pieces, before and after the end of the ring, and each piece stays one.
    const turn = Math.min(top, tail - (tail % half) + half)
    const { columns } = this
    const move = <Column extends Float64Array | Uint8Array | Uint16Array | Int32Array>(
      old: Column,
      longer: (length: number) => Column,
    ): Column => {
      // One that is not kept.
      if (old.length === 0) return old
      const grown = longer(size)
      grown.set(old.subarray(tail % half, (tail % half) + turn - tail), tail % size)
      grown.set(old.subarray(0, top - turn), turn % size)
      columns.release(old)
      return grown
    }
    const f64 = (old: Float64Array) => move(old, (length) => columns.float64(length))
    const i32 = (old: Int32Array) => move(old, (length) => columns.int32(length))
    const u16 = (old: Uint16Array) => move(old, (length) => columns.uint16(length))
    // The widest first: what one gives back is as long as half as wide a one will be.
    this.startNs = f64(this.startNs)
    this.endNs = f64(this.endNs)
    this.goroutine = f64(this.goroutine)
    this.previous = i32(this.previous)
    this.next = i32(this.next)
    this.waker = i32(this.waker)
    this.wakerTask = i32(this.wakerTask)
    this.task = i32(this.task)
    this.range = i32(this.range)
    this.stack = i32(this.stack)
    this.reason = u16(this.reason)
    this.via = u16(this.via)
    this.state = move(this.state, (length) => columns.uint8(length))
    this.mask = size - 1
    const { words } = this
    if (this.goroutine.length > 0) {
      columns.release(this.latestEnds)
      this.latestEnds = columns.float64((size >> STAY_BLOCK_BITS) + 2 * (size >> (2 * STAY_BLOCK_BITS)))
      words[LATEST_ENDS >> 2] = this.latestEnds.byteOffset
      // Blocks have other places now.
      words[LATEST_ENDS_KNOWN >> 2] = 0
    }
    words[STAY_START >> 2] = this.startNs.byteOffset
    words[STAY_END >> 2] = this.endNs.byteOffset
    words[STAY_STATE >> 2] = this.state.byteOffset
    words[STAY_REASON >> 2] = this.reason.byteOffset
    words[STAY_VIA >> 2] = this.via.byteOffset
    words[STAY_PREVIOUS >> 2] = this.previous.byteOffset
    words[STAY_NEXT >> 2] = this.next.byteOffset
    words[STAY_WAKER >> 2] = this.waker.byteOffset
    words[STAY_WAKER_TASK >> 2] = this.wakerTask.byteOffset
    words[STAY_TASK >> 2] = this.task.byteOffset
    words[STAY_RANGE >> 2] = this.range.byteOffset
    words[STAY_STACK >> 2] = this.stack.byteOffset
    words[STAY_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[STAY_MASK >> 2] = this.mask
  }
}

/** Special ranges (mark assist, sweep, stop-the-world) of goroutines, linked from the stays; a ring as well. */
export class RangeLog {
  mask: number
  startNs: Float64Array
  /** Infinity while open. */
  endNs: Float64Array
  /** Row in `TaskTables.rangeNames`. */
  name: Uint16Array
  /** Earlier range of the same goroutine. */
  previous: Int32Array

  /** @param columns where its columns come from @param words registers of the kernel that adds ranges as well; see `states-layout.ts` */
  constructor(
    private readonly columns: Columns,
    private readonly words: Int32Array,
    capacity = 1 << 9,
  ) {
    this.mask = capacity - 1
    this.startNs = columns.float64(capacity)
    this.endNs = columns.float64(capacity)
    this.name = columns.uint16(capacity)
    this.previous = columns.int32(capacity)
    // As in `StayLog`.
    this.grow()
  }

  /** Index of the next row. */
  get top(): number {
    return this.words[RANGE_TOP >> 2]
  }

  /** Oldest row still kept. */
  get tail(): number {
    return this.words[RANGE_TAIL >> 2]
  }

  open(name: number, startNs: number, previous: number): number {
    const index = this.top
    if (index - this.tail > this.mask) this.grow()
    this.words[RANGE_TOP >> 2] = index + 1
    const at = index & this.mask
    this.startNs[at] = startNs
    this.endNs[at] = Infinity
    this.name[at] = name
    this.previous[at] = previous
    return index
  }

  close(index: number, endNs: number): void {
    if (index < this.tail || index < 0) return
    const at = index & this.mask
    this.endNs[at] = Math.max(endNs, this.startNs[at])
  }

  /** Forgets closed ranges that ended before `timeNs`, from the oldest on. */
  forgetBefore(timeNs: number): void {
    const { top } = this
    let { tail } = this
    while (tail < top && this.endNs[tail & this.mask] < timeNs) tail++
    this.words[RANGE_TAIL >> 2] = tail
  }

  private grow(): void {
    const { columns, words, tail, top } = this
    const size = (this.mask + 1) * 2
    const move = <Column extends Float64Array | Uint16Array | Int32Array>(old: Column, longer: Column) => {
      for (let index = tail; index < top; index++) longer[index & (size - 1)] = old[index & this.mask]
      columns.release(old)
      return longer
    }
    this.startNs = move(this.startNs, columns.float64(size))
    this.endNs = move(this.endNs, columns.float64(size))
    this.name = move(this.name, columns.uint16(size))
    this.previous = move(this.previous, columns.int32(size))
    this.mask = size - 1
    words[RANGE_START >> 2] = this.startNs.byteOffset
    words[RANGE_END >> 2] = this.endNs.byteOffset
    words[RANGE_NAME >> 2] = this.name.byteOffset
    words[RANGE_PREVIOUS >> 2] = this.previous.byteOffset
    words[RANGE_MASK >> 2] = this.mask
  }
}

/** Stops of the world that are over, in the order of their ends: they hold up goroutines that have no range of their own. */
export class StopLog {
  startNs = NO_DOUBLES
  endNs = NO_DOUBLES
  /** Row in `TaskTables.rangeNames`. */
  name: Uint16Array = new Uint16Array(0)
  /** Goroutine id of the one that stopped it. */
  goroutine = NO_DOUBLES

  /** @param kernel reads them too */
  constructor(private readonly kernel: StatesKernel) {
    this.makeRoom(64)
  }

  /** Stops that are kept. */
  get length(): number {
    return this.kernel.words[STOP_COUNT >> 2]
  }

  add(startNs: number, endNs: number, name: number, goroutine: number): void {
    const row = this.kernel.words[STOP_COUNT >> 2]++
    if (row === this.name.length) this.makeRoom(row * 2)
    this.startNs[row] = startNs
    this.endNs[row] = endNs
    this.name[row] = name
    this.goroutine[row] = goroutine
  }

  /** End of the latest stop; -1 when none is known. */
  get lastEndNs(): number {
    return this.length === 0 ? -1 : this.endNs[this.length - 1]
  }

  /** Calls `visit` with each stop that overlaps a stretch, the latest first, until it says to go no further. */
  within(fromNs: number, toNs: number, visit: (stop: number) => boolean): void {
    for (let stop = this.length - 1; stop >= 0 && this.endNs[stop] > fromNs; stop--) {
      if (this.startNs[stop] < toNs && !visit(stop)) return
    }
  }

  forgetBefore(timeNs: number): void {
    const { length } = this
    let count = 0
    while (count < length && this.endNs[count] < timeNs) count++
    if (count === 0) return
    for (const column of [this.startNs, this.endNs, this.name, this.goroutine]) column.copyWithin(0, count, length)
    this.kernel.words[STOP_COUNT >> 2] = length - count
  }

  private makeRoom(rows: number): void {
    const { kernel } = this
    const { memory } = kernel
    this.startNs = kernel.place(this.startNs, memory.float64(rows), STOP_START)
    this.endNs = kernel.place(this.endNs, memory.float64(rows), STOP_END)
    this.name = kernel.place(this.name, memory.uint16(rows), STOP_NAME)
    this.goroutine = kernel.place(this.goroutine, memory.float64(rows), STOP_GOROUTINE)
  }
}
