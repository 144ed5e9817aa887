// cursor-heap.ts: the heads of all threads (before Go 1.22: of all processors), earliest on top.
//
// It moves exactly as the heap of Go's reader does (internal/trace/batchcursor.go, Go 1.26), because which of two equal times goes first
// decides the times that `--go-times` tells.

import { type Columns, ownColumns } from '../base/columns.ts'

/** Places that a cursor of a heap that is to be sorted is moved by, on average, at most. */
const MOST_MOVES = 16

/** A binary heap of cursors by the time of their heads. */
export class CursorHeap {
  /** Time of a cursor's head: nanoseconds from the origin, or ticks before Go 1.22. */
  readonly time: Float64Array
  readonly cursors: Int32Array
  length = 0

  /** @param columns where its columns come from: a kernel's memory when it is to move them as well */
  constructor(capacity: number, columns: Columns = ownColumns) {
    this.time = columns.float64(capacity)
    this.cursors = columns.int32(capacity)
  }

  /** Gives its columns back. */
  release(columns: Columns): void {
    columns.release(this.time)
    columns.release(this.cursors)
  }

  /** The cursor with the earliest head, -1 when there is none. */
  get top(): number {
    return this.length === 0 ? -1 : this.cursors[0]
  }

  cursorAt(index: number): number {
    return this.cursors[index]
  }

  /** Time of the earliest head below the top: while the top's is not later, it stays the top. */
  secondTime(): number {
    const { cursors, time, length } = this
    if (length < 2) return Infinity
    const left = time[cursors[1]]
    if (length === 2) return left
    const right = time[cursors[2]]
    return right < left ? right : left
  }

  push(cursor: number): void {
    this.cursors[this.length++] = cursor
    this.siftUp(this.length - 1)
  }

  /** The head at a place has a new time. */
  update(index: number): void {
    if (this.siftUp(index) === index) this.siftDown(index)
  }

  /** Takes the cursor at a place out. */
  remove(index: number): void {
    const { cursors } = this
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      this.swap(parent, at)
      at = parent
    }
    this.length--
    cursors[0] = cursors[this.length]
    this.siftDown(0)
  }

  /** Sorts by time: a sorted heap is a heap. Equal times keep their places, as in Go's sort of a dozen elements or fewer. */
  sort(): void {
    const { cursors, time, length } = this
    let moves = 0
    for (let i = 1; i < length; i++) {
      const cursor = cursors[i]
      let at = i
      while (at > 0 && time[cursors[at - 1]] > time[cursor]) {
        cursors[at] = cursors[at - 1]
        at--
      }
      cursors[at] = cursor
      moves += i - at
      if (moves <= MOST_MOVES * length) continue
      // Far from sorted: what is nearly so, as it is mostly, takes less time above.
      cursors.subarray(0, length).set([...cursors.subarray(0, length)].sort((one, other) => time[one] - time[other]))
      return
    }
  }

  private siftUp(from: number): number {
    const { cursors, time } = this
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!(time[cursors[parent]] > time[cursors[at]])) break
      this.swap(parent, at)
      at = parent
    }
    return at
  }

  private siftDown(from: number): void {
    const { cursors, time, length } = this
    let at = from
    for (;;) {
      let least = at
      let leastTime = time[cursors[at]]
      const left = 2 * at + 1
      if (left < length && time[cursors[left]] < leastTime) {
        least = left
        leastTime = time[cursors[left]]
      }
      const right = left + 1
      if (right < length && time[cursors[right]] < leastTime) least = right
      if (least === at) return
      this.swap(at, least)
      at = least
    }
  }

  private swap(one: number, other: number): void {
    const { cursors } = this
    const held = cursors[one]
    cursors[one] = cursors[other]
    cursors[other] = held
  }
}
