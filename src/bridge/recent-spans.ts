// recent-spans.ts: which spans have left lately and where their bytes lie, for captures that come after them.
//
// 45 bytes a span in typed arrays; everything else is read again from the journal when a capture asks for it. Bounded by age and
// by bytes: the oldest go first, and a capture that comes for them finds nothing to add to.
//
// Requests share pages of columns: arrays of their own for each would be so many objects that collecting garbage costs more than
// all the rest.

import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import { hexOf } from '../base/hex.ts'

/** The spans of one entry of the journal that have left. */
export interface SentSpans {
  /** Entry whose body holds them as its first rows, in this order. */
  readonly sequence: number
  readonly leftMs: number
  readonly length: number
  readonly page: Page
  /** Row of the first of them in the page. */
  readonly first: number
  readonly processes: readonly ProcessIdentity[]
}

/** Rows of several entries, one after another. */
interface Page {
  readonly rows: number
  /** Trace id (16) and span id (8) of each row; all zero where the span has none. */
  readonly ids: Uint8Array
  /** Start and end of each row, Unix nanoseconds: low and high half of each. */
  readonly times: Uint32Array
  /** Row in `processes`. */
  readonly process: Uint32Array
  /** 1: nothing will be added any more, for the span carries its breakdown, or children of it were sent. */
  readonly settled: Uint8Array
}

const ID_BYTES = 24
/** A block costs this much besides its rows. */
const BLOCK_BYTES = 100
const ROW_BYTES = ID_BYTES + 4 * 4 + 4 + 1
/** Rows of a page; a larger request has one of its own. */
const PAGE_ROWS = 16_384

/** Trace id of a row, 32 hex digits; all zero when it has none. */
export function sentTraceId({ page, first }: SentSpans, row: number): string {
  const at = (first + row) * ID_BYTES
  return hexOf(page.ids, at, at + 16)
}

/** Span id of a row, 16 hex digits; all zero when it has none. */
export function sentSpanId({ page, first }: SentSpans, row: number): string {
  const at = (first + row) * ID_BYTES
  return hexOf(page.ids, at + 16, at + ID_BYTES)
}

/** Start of a row, Unix nanoseconds, to within 256. */
export function sentStartNs({ page, first }: SentSpans, row: number): number {
  const at = (first + row) * 4
  return page.times[at + 1] * 4294967296 + page.times[at]
}

/** End of a row, Unix nanoseconds, to within 256. */
export function sentEndNs({ page, first }: SentSpans, row: number): number {
  const at = (first + row) * 4 + 2
  return page.times[at + 1] * 4294967296 + page.times[at]
}

/** Place of the row's process in `processes`. */
export function sentProcess({ page, first }: SentSpans, row: number): number {
  return page.process[first + row]
}

/** Whether nothing will be added to the span any more. */
export function isSettled({ page, first }: SentSpans, row: number): boolean {
  return page.settled[first + row] === 1
}

/** Says whether something may still be added to the span. */
export function settle({ page, first }: SentSpans, row: number, settled = true): void {
  page.settled[first + row] = settled ? 1 : 0
}

/** All that left lately, oldest first. */
export class RecentSpans {
  private blocks: SentSpans[] = []
  /** Blocks before this one were let go of. */
  private first = 0
  private held = 0
  /** Spans let go of because of the bytes, before their age was up. */
  crowdedOut = 0
  /** The page that is being filled, and its rows that are. */
  private page: Page = pageOf(0)
  private filled = 0

  constructor(
    private readonly maxBytes: number,
    private readonly maxAgeMs: number,
  ) {}

  /** Bytes that the columns take. */
  get bytes(): number {
    return this.held
  }

  /** Spans known. */
  get length(): number {
    let length = 0
    for (let i = this.first; i < this.blocks.length; i++) length += this.blocks[i].length
    return length
  }

  /**
   * Adds the spans of an entry, or the first of them.
   *
   * @returns the block, for settling rows of it
   */
  add(table: SpanTable, sequence: number, leftMs: number, nowMs: number, length = table.length): SentSpans {
    const block = this.write(table, sequence, leftMs, length)
    if (length === 0) return block
    this.blocks.push(block)
    this.held += bytesOf(block)
    this.forget(nowMs)
    return block
  }

  private write(table: SpanTable, sequence: number, leftMs: number, length: number): SentSpans {
    if (this.filled + length > this.page.rows) {
      this.page = pageOf(Math.max(length, PAGE_ROWS))
      this.filled = 0
    }
    const { page, filled: first } = this
    this.filled += length
    const { ids, times, process, settled } = page
    const { bytes, traceIdAt, spanIdAt } = table
    for (let row = 0; row < length; row++) {
      const to = first + row
      times[to * 4] = table.startLow[row]
      times[to * 4 + 1] = table.startHigh[row]
      times[to * 4 + 2] = table.endLow[row]
      times[to * 4 + 3] = table.endHigh[row]
      process[to] = table.resource[row]
      settled[to] = table.enriched[row]
      const trace = traceIdAt[row]
      const span = spanIdAt[row]
      if (trace < 0 || span < 0) continue
      const at = to * ID_BYTES
      for (let i = 0; i < 16; i++) ids[at + i] = bytes[trace + i]
      for (let i = 0; i < 8; i++) ids[at + 16 + i] = bytes[span + i]
    }
    return { sequence, leftMs, length, page, first, processes: table.resources.map(({ process }) => process) }
  }

  /** Lets go of what is too old or too much. */
  forget(nowMs: number): void {
    const { blocks } = this
    while (this.first < blocks.length) {
      const block = blocks[this.first]
      const old = nowMs - block.leftMs > this.maxAgeMs
      if (!old && this.held <= this.maxBytes) break
      if (!old) this.crowdedOut += block.length
      this.held -= bytesOf(block)
      this.first++
    }
    if (this.first > 1024 && this.first * 2 > blocks.length) {
      this.blocks = blocks.slice(this.first)
      this.first = 0
    }
  }

  /** What is known now, oldest first; blocks added later are not among them. */
  all(): readonly SentSpans[] {
    return this.blocks.slice(this.first)
  }
}

function pageOf(rows: number): Page {
  return {
    rows,
    ids: new Uint8Array(rows * ID_BYTES),
    times: new Uint32Array(rows * 4),
    process: new Uint32Array(rows),
    settled: new Uint8Array(rows),
  }
}

function bytesOf(block: SentSpans): number {
  return BLOCK_BYTES + block.length * ROW_BYTES
}
