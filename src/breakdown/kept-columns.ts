// kept-columns.ts: timelines and ranges as tasks keep them: all columns of a table in one block of bytes.
//
// Each column as a typed array of its own, fourteen a task, took a fifth of the time that an analysis with timelines takes, to make them and to
// collect them again, and more where they go to another thread. So they are made when somebody asks for one.

import { wholeWords } from '../base/columns.ts'
import type { RangeTable, TaskRecord, Timeline } from './breakdown.ts'
import { LAST_END_BYTES, RANGE_ROW_BYTES, TIMELINE_ROW_BYTES } from './states-layout.ts'

/** A task with its tables as they are kept. */
export interface KeptTask extends TaskRecord {
  readonly timeline: KeptTimeline | null
  readonly ranges: KeptRanges | null
}

/** The columns of a table, without its length. */
type ColumnsOf<Table> = Omit<Table, 'length'>

/** A table whose columns lie one after another in a block, which begins at a multiple of 8 of its buffer. */
abstract class KeptTable<Columns> {
  #columns: Columns | null = null

  /** @param block as many bytes as so many rows are kept in */
  constructor(
    readonly length: number,
    readonly block: Uint8Array<ArrayBuffer>,
  ) {}

  /** Its columns, made when they are asked for first. */
  protected columns(): Columns {
    const { buffer, byteOffset } = this.block
    return (this.#columns ??= this.columnsIn(buffer, byteOffset))
  }

  /** The columns in a buffer, from a place on. */
  protected abstract columnsIn(buffer: ArrayBuffer, from: number): Columns
}

/** A timeline in `timelineBytes(length)` bytes. */
export class KeptTimeline extends KeptTable<ColumnsOf<Timeline>> implements Timeline {
  static readonly none = new KeptTimeline(0, new Uint8Array(LAST_END_BYTES))

  get startNs(): Float64Array {
    return this.columns().startNs
  }

  get endNs(): Float64Array {
    return this.columns().endNs
  }

  get goroutine(): Float64Array {
    return this.columns().goroutine
  }

  get wakerGoroutine(): Float64Array {
    return this.columns().wakerGoroutine
  }

  get wakerTask(): Float64Array {
    return this.columns().wakerTask
  }

  get stack(): Int32Array {
    return this.columns().stack
  }

  get reason(): Uint16Array {
    return this.columns().reason
  }

  get via(): Uint16Array {
    return this.columns().via
  }

  get state(): Uint8Array {
    return this.columns().state
  }

  protected columnsIn(buffer: ArrayBuffer, from: number): ColumnsOf<Timeline> {
    const { length: rows } = this
    const at = timelinePlaces(from, rows)
    return {
      startNs: new Float64Array(buffer, at.bounds, rows),
      // A row ends where the next begins.
      endNs: new Float64Array(buffer, at.bounds + 8, rows),
      goroutine: new Float64Array(buffer, at.goroutine, rows),
      wakerGoroutine: new Float64Array(buffer, at.wakerGoroutine, rows),
      wakerTask: new Float64Array(buffer, at.wakerTask, rows),
      stack: new Int32Array(buffer, at.stack, rows),
      reason: new Uint16Array(buffer, at.reason, rows),
      via: new Uint16Array(buffer, at.via, rows),
      state: new Uint8Array(buffer, at.state, rows),
    }
  }
}

/** Ranges in `rangeBytes(length)` bytes. */
export class KeptRanges extends KeptTable<ColumnsOf<RangeTable>> implements RangeTable {
  static readonly none = new KeptRanges(0, new Uint8Array(0))

  get startNs(): Float64Array {
    return this.columns().startNs
  }

  get endNs(): Float64Array {
    return this.columns().endNs
  }

  get goroutine(): Float64Array {
    return this.columns().goroutine
  }

  get name(): Uint16Array {
    return this.columns().name
  }

  protected columnsIn(buffer: ArrayBuffer, from: number): ColumnsOf<RangeTable> {
    const { length: rows } = this
    const at = rangePlaces(from, rows)
    return {
      startNs: new Float64Array(buffer, at.startNs, rows),
      endNs: new Float64Array(buffer, at.endNs, rows),
      goroutine: new Float64Array(buffer, at.goroutine, rows),
      name: new Uint16Array(buffer, at.name, rows),
    }
  }
}

/** Bytes that a timeline of so many rows is kept in. */
export function timelineBytes(rows: number): number {
  return rows * TIMELINE_ROW_BYTES + LAST_END_BYTES
}

/** Bytes that so many ranges are kept in. */
export function rangeBytes(rows: number): number {
  return rows * RANGE_ROW_BYTES
}

/** Where the columns of a timeline lie in a buffer, the widest first. Its rows touch: `bounds` has their starts and the end of the last. */
function timelinePlaces(from: number, rows: number) {
  const goroutine = from + (rows + 1) * 8
  const wakerGoroutine = goroutine + rows * 8
  const wakerTask = wakerGoroutine + rows * 8
  const stack = wakerTask + rows * 8
  const reason = stack + rows * 4
  const via = reason + rows * 2
  return { bounds: from, goroutine, wakerGoroutine, wakerTask, stack, reason, via, state: via + rows * 2 }
}

function rangePlaces(from: number, rows: number) {
  const endNs = from + rows * 8
  const goroutine = endNs + rows * 8
  return { startNs: from, endNs, goroutine, name: goroutine + rows * 8 }
}

/** Room of one buffer. */
const BUFFER_BYTES = 1 << 16
/** Buffers that wait to be filled again: as many as four megabytes. */
const MOST_FREE = 64

/** A buffer of blocks, each of which begins at a multiple of eight. */
export class KeptChunk {
  readonly i32: Int32Array<ArrayBuffer>
  readonly u16: Uint16Array<ArrayBuffer>
  readonly u8: Uint8Array<ArrayBuffer>
  /** Blocks in it that somebody may look at, and whether more of them come. */
  private blocks = 0
  private filling = true

  /** @param free where it goes when it is full and nobody looks at it any more; null: nowhere */
  constructor(
    readonly f64: Float64Array<ArrayBuffer>,
    private readonly free: KeptChunk[] | null = null,
  ) {
    this.i32 = new Int32Array(f64.buffer)
    this.u16 = new Uint16Array(f64.buffer)
    this.u8 = new Uint8Array(f64.buffer)
  }

  /** More blocks are in it. */
  hold(blocks: number): void {
    this.blocks += blocks
  }

  /** Nobody looks at one of its blocks any more. */
  letGo(): void {
    this.blocks--
    this.freeIfUnused()
  }

  /** No more blocks come. */
  close(): void {
    this.filling = false
    this.freeIfUnused()
  }

  private freeIfUnused(): void {
    const { free } = this
    if (this.filling || this.blocks > 0 || free === null || free.length === MOST_FREE) return
    this.filling = true
    free.push(this)
  }
}

/**
 * Copies tables into blocks, one after another, in buffers that it makes as they fill up. A buffer lives as long as any block in it; one whose blocks
 * were all let go of (`letGo` in `compact-task.ts`) is filled again, since a new one has to be cleared, and is memory of which the collector only
 * sees that it grows.
 */
export class KeptRoom {
  private readonly free: KeptChunk[] = []
  /** The one that blocks are put in now. */
  chunk = this.newChunk()
  private at = 0

  /** A copy of the first rows of a timeline, whose columns may be longer. */
  timeline(timeline: Timeline): KeptTimeline {
    const { length: rows, startNs, endNs, state, reason, via, goroutine, wakerGoroutine, wakerTask, stack } = timeline
    if (rows === 0) return KeptTimeline.none
    const block = this.blockOf(timelineBytes(rows))
    const { f64, i32, u16, u8 } = this.chunk
    const at = timelinePlaces(block.byteOffset, rows)
    const [bounds, own, waker, task] = [at.bounds >> 3, at.goroutine >> 3, at.wakerGoroutine >> 3, at.wakerTask >> 3]
    const [stacks, reasons, vias] = [at.stack >> 2, at.reason >> 1, at.via >> 1]
    for (let row = 0; row < rows; row++) {
      f64[bounds + row] = startNs[row]
      f64[own + row] = goroutine[row]
      f64[waker + row] = wakerGoroutine[row]
      f64[task + row] = wakerTask[row]
      i32[stacks + row] = stack[row]
      u16[reasons + row] = reason[row]
      u16[vias + row] = via[row]
      u8[at.state + row] = state[row]
    }
    f64[bounds + rows] = endNs[rows - 1]
    return new KeptTimeline(rows, block)
  }

  /** As `timeline`. */
  ranges({ length: rows, startNs, endNs, name, goroutine }: RangeTable): KeptRanges {
    if (rows === 0) return KeptRanges.none
    const block = this.blockOf(rangeBytes(rows))
    const { f64, u16 } = this.chunk
    const at = rangePlaces(block.byteOffset, rows)
    for (let row = 0; row < rows; row++) {
      f64[(at.startNs >> 3) + row] = startNs[row]
      f64[(at.endNs >> 3) + row] = endNs[row]
      f64[(at.goroutine >> 3) + row] = goroutine[row]
      u16[(at.name >> 1) + row] = name[row]
    }
    return new KeptRanges(rows, block)
  }

  /** Bytes that go into the chunk before another is taken. */
  get left(): number {
    return this.chunk.u8.length - this.at
  }

  /** Copies some of what is given as words, from a byte on, as many as make doubles, into the chunk, which may be a new one. @returns where they are in it */
  copy(words: Int32Array, begin: number, bytes: number, blocks = 1): number {
    const from = this.take(bytes, blocks)
    // At once: a loop over the words takes six times as long.
    this.chunk.i32.set(words.subarray(begin >> 2, (begin + bytes) >> 2), from >> 2)
    return from
  }

  private blockOf(bytes: number): Uint8Array<ArrayBuffer> {
    const from = this.take(bytes)
    return new Uint8Array(this.chunk.u8.buffer, from, bytes)
  }

  /** Finds so many bytes in the chunk, which may be a new one. @returns where */
  private take(bytes: number, blocks = 1): number {
    if (this.at + bytes > this.chunk.u8.length) {
      this.chunk.close()
      this.chunk = bytes > BUFFER_BYTES ? largeChunk(bytes) : (this.free.pop() ?? this.newChunk())
      this.at = 0
    }
    const from = this.at
    this.at = wholeWords(from + bytes)
    this.chunk.hold(blocks)
    return from
  }

  private newChunk(): KeptChunk {
    return new KeptChunk(new Float64Array(BUFFER_BYTES >> 3), this.free)
  }
}

/** One for a single block. */
function largeChunk(bytes: number): KeptChunk {
  return new KeptChunk(new Float64Array(Math.ceil(bytes / 8)))
}
