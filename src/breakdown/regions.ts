// regions.ts: user regions, open and ended, as columns with rows that are used again.
//
// A busy program begins and ends tens of thousands of regions a second. As objects they were most of the garbage of an analysis; as rows
// of a pool a region costs no allocation until somebody asks for it as a record.

/** No region. */
export const NO_REGION = -1

/** Regions of goroutines and tasks. A row is in use from its begin until its task is handed over. */
export class RegionTable {
  /** Rows in use. */
  size = 0
  readonly name: string[] = []
  /** Nanoseconds from the origin; NaN when it began before the capture. */
  startNs: Float64Array = new Float64Array(256)
  /** NaN while open, and when the capture ended first. */
  endNs: Float64Array = new Float64Array(256)
  /** Goroutine id. */
  goroutine: Float64Array = new Float64Array(256)
  /** Serial of its task. */
  task: Int32Array = new Int32Array(256)
  stack: Int32Array = new Int32Array(256)
  /** Region that was the innermost of the goroutine when this one began. */
  outer: Int32Array = new Int32Array(256)
  /** Next region of the same task, in the order of their begins. */
  nextOfTask: Int32Array = new Int32Array(256)
  totalNs: Float64Array = new Float64Array(256)
  gcOverlapNs: Float64Array = new Float64Array(256)
  /** `stride` sums per row: those of the goroutine at the begin while open, the difference after. */
  sums: Float64Array
  private readonly free: number[] = []
  private rows = 0

  constructor(public stride: number) {
    this.sums = new Float64Array(256 * stride)
    // Grown once at once, as `StayLog` is.
    this.grow()
  }

  /** A row for a new region; its sums are not cleared. */
  take(name: string, task: number, goroutine: number, startNs: number, stack: number, outer: number): number {
    const row = this.free.pop() ?? this.rows++
    if (row === this.task.length) this.grow()
    this.size++
    this.name[row] = name
    this.startNs[row] = startNs
    this.endNs[row] = NaN
    this.goroutine[row] = goroutine
    this.task[row] = task
    this.stack[row] = stack
    this.outer[row] = outer
    this.nextOfTask[row] = NO_REGION
    return row
  }

  /** Gives a row back. */
  release(row: number): void {
    this.size--
    this.name[row] = ''
    this.free.push(row)
  }

  /** Makes room for more sums per row. */
  widen(stride: number): void {
    if (stride <= this.stride) return
    const wide = new Float64Array((this.sums.length / this.stride) * stride)
    for (let row = 0; row < this.rows; row++) {
      wide.set(this.sums.subarray(row * this.stride, (row + 1) * this.stride), row * stride)
    }
    this.sums = wide
    this.stride = stride
  }

  private grow(): void {
    const f64 = (old: Float64Array) => {
      const grown = new Float64Array(old.length * 2)
      grown.set(old)
      return grown
    }
    const i32 = (old: Int32Array) => {
      const grown = new Int32Array(old.length * 2)
      grown.set(old)
      return grown
    }
    this.startNs = f64(this.startNs)
    this.endNs = f64(this.endNs)
    this.goroutine = f64(this.goroutine)
    this.task = i32(this.task)
    this.stack = i32(this.stack)
    this.outer = i32(this.outer)
    this.nextOfTask = i32(this.nextOfTask)
    this.totalNs = f64(this.totalNs)
    this.gcOverlapNs = f64(this.gcOverlapNs)
    this.sums = f64(this.sums)
  }
}
