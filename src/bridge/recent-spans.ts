// recent-spans.ts: which spans have left lately and where their bytes lie, for captures that come after them.
//
// Twelve bytes and a bit a span: enough to tell which spans a capture may have tasks for; whatever else is to be known of these is read
// again from the journal. Bounded by age and by bytes: the oldest go first, and a capture that comes for them finds nothing to add to.
//
// Rows of all requests lie one after another in pages that are used again and again: fresh memory at the rate of the traffic would be
// as much again, for the engine collects what is old only when much of it has come together.

import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import { spanIdHash } from './span-id-set.ts'

/** The spans of one entry of the journal that have left. */
export interface SentSpans {
  /** Entry whose body holds them as its first rows, in this order. */
  readonly sequence: number
  readonly leftMs: number
  readonly length: number
  readonly processes: readonly ProcessIdentity[]
  /** First row of each process; those of one lie together. */
  readonly processFrom: readonly number[]
  /** Pages with its rows, and the row of the first of them in the first. */
  readonly pages: readonly Page[]
  readonly first: number
  /** Times are stored as so many of these units after the base, Unix nanoseconds. */
  readonly baseNs: number
  readonly unitNs: number
}

/** Rows of several entries, one after another. */
interface Page {
  /** Hash of the span id (0: no ids), start and end of each row. */
  readonly rows: Uint32Array
  /** A bit a row: nothing will be added any more, for the span carries its breakdown, or children of it were sent. */
  readonly settled: Uint8Array
  /** Itself, as the pages of an entry that lies in this one alone. */
  readonly alone: readonly Page[]
  /** Entries that have rows in it and are known. */
  entries: number
}

const COLUMNS = 3
const PAGE_ROWS = 4_096
const PAGE_BYTES = PAGE_ROWS * COLUMNS * 4 + PAGE_ROWS / 8
/** An entry costs this much besides its rows, and as much again for each process where there are several. */
const BLOCK_BYTES = 200
const PROCESS_BYTES = 16
/** Empty pages kept for the next entries. */
const MOST_SPARE_PAGES = 64
const MOST_UNITS = 0xffffffff

/** Hash of the row's span id; 0 when the span has no ids. */
export function sentSpanHash({ pages, first }: SentSpans, row: number): number {
  const at = first + row
  return pages[Math.floor(at / PAGE_ROWS)].rows[(at % PAGE_ROWS) * COLUMNS]
}

/** Start of a row, Unix nanoseconds: up to 256 or a unit early. */
export function sentStartNs({ pages, first, baseNs, unitNs }: SentSpans, row: number): number {
  const at = first + row
  return baseNs + pages[Math.floor(at / PAGE_ROWS)].rows[(at % PAGE_ROWS) * COLUMNS + 1] * unitNs
}

/** End of a row, Unix nanoseconds: up to 256 or a unit late. */
export function sentEndNs({ pages, first, baseNs, unitNs }: SentSpans, row: number): number {
  const at = first + row
  return baseNs + pages[Math.floor(at / PAGE_ROWS)].rows[(at % PAGE_ROWS) * COLUMNS + 2] * unitNs
}

/** Whether nothing will be added to the span any more. */
export function isSettled({ pages, first }: SentSpans, row: number): boolean {
  const at = first + row
  const inPage = at % PAGE_ROWS
  return (pages[Math.floor(at / PAGE_ROWS)].settled[inPage >>> 3] & (1 << (inPage & 7))) !== 0
}

/** Says whether something may still be added to the span. */
export function settle({ pages, first }: SentSpans, row: number, settled = true): void {
  const at = first + row
  const inPage = at % PAGE_ROWS
  const bits = pages[Math.floor(at / PAGE_ROWS)].settled
  if (settled) bits[inPage >>> 3] |= 1 << (inPage & 7)
  else bits[inPage >>> 3] &= ~(1 << (inPage & 7))
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
  private page: Page | null = null
  private filled = 0
  private readonly spare: Page[] = []
  /** Those who look at blocks that may be let go of meanwhile. */
  private readers = 0
  /** The processes of the last block, which are mostly those of the next. */
  private lastProcesses: readonly ProcessIdentity[] = []

  constructor(
    private readonly maxBytes: number,
    private readonly maxAgeMs: number,
  ) {}

  /** Bytes of all pages in use, and of what is known of each entry. */
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
   * @returns the block, for settling rows of it at once; later only between `pin` and its end
   */
  add(table: SpanTable, sequence: number, leftMs: number, nowMs: number, length = table.length): SentSpans {
    const pages: Page[] = []
    const first = this.filled % PAGE_ROWS
    const { baseNs, unitNs } = scaleOf(table, length)
    for (let row = 0; row < length;) {
      const page = this.pageToFill()
      const rows = Math.min(length - row, PAGE_ROWS - this.filled)
      write(table, row, rows, page, this.filled, baseNs, unitNs)
      page.entries++
      pages.push(page)
      row += rows
      this.filled += rows
    }
    const block: SentSpans = {
      sequence,
      leftMs,
      length,
      processes: this.processesOf(table),
      processFrom: processFrom(table),
      pages: pages.length === 1 ? pages[0].alone : pages,
      first,
      baseNs,
      unitNs,
    }
    if (length === 0) return block
    this.blocks.push(block)
    this.held += bytesOf(block)
    this.forget(nowMs)
    return block
  }

  /** Lets go of what is too old or too much. */
  forget(nowMs: number): void {
    const { blocks } = this
    while (this.first < blocks.length) {
      const block = blocks[this.first]
      const old = nowMs - block.leftMs > this.maxAgeMs
      if (!old && this.held <= this.maxBytes) break
      if (!old) this.crowdedOut += block.length
      this.letGo(block)
      this.first++
    }
    if (this.first > 1024 && this.first * 2 > blocks.length) {
      this.blocks = blocks.slice(this.first)
      this.first = 0
    }
  }

  /** What is known now, oldest first; blocks added later are not among them. To be used between `pin` and its end. */
  all(): readonly SentSpans[] {
    return this.blocks.slice(this.first)
  }

  /** The processes that these spans are of. */
  processes(): readonly ProcessIdentity[] {
    const byKey = new Map<string, ProcessIdentity>()
    let before: readonly ProcessIdentity[] | null = null
    for (let i = this.first; i < this.blocks.length; i++) {
      const { processes } = this.blocks[i]
      if (processes !== before) for (const process of processes) byKey.set(process.key, process)
      before = processes
    }
    return [...byKey.values()]
  }

  /**
   * From now on no page is used for other spans, so that blocks stay what they are, even those that are let go of.
   *
   * @returns ends it; to be called once
   */
  pin(): () => void {
    this.readers++
    return () => void this.readers--
  }

  private pageToFill(): Page {
    if (this.page !== null && this.filled < PAGE_ROWS) return this.page
    const page = this.spare.pop() ?? newPage()
    this.held += PAGE_BYTES
    this.page = page
    this.filled = 0
    return page
  }

  private letGo(block: SentSpans): void {
    this.held -= bytesOf(block)
    for (const page of block.pages) {
      if (--page.entries > 0) continue
      this.held -= PAGE_BYTES
      if (page === this.page) {
        this.page = null
        this.filled = 0
      }
      if (this.readers === 0 && this.spare.length < MOST_SPARE_PAGES) this.spare.push(page)
    }
  }

  private processesOf({ resources }: SpanTable): readonly ProcessIdentity[] {
    const { lastProcesses: last } = this
    const same = last.length === resources.length && resources.every(({ process }, i) => process === last[i])
    if (!same) this.lastProcesses = resources.map(({ process }) => process)
    return this.lastProcesses
  }
}

const FROM_ZERO: readonly number[] = [0]

function processFrom({ resources, resource, length }: SpanTable): readonly number[] {
  if (resources.length === 1) return FROM_ZERO
  const from: number[] = []
  for (let row = 0; row < length; row++) if (resource[row] === from.length) from.push(row)
  return from
}

/** From the earliest to the latest time of the rows in as many steps as a column has values. */
function scaleOf(
  { startHigh, startLow, endHigh, endLow }: SpanTable,
  length: number,
): { readonly baseNs: number; readonly unitNs: number } {
  let earliest = Infinity
  let latest = -Infinity
  for (let row = 0; row < length; row++) {
    const start = startHigh[row] * 4294967296 + startLow[row]
    const end = endHigh[row] * 4294967296 + endLow[row]
    if (start < earliest) earliest = start
    if (end < earliest) earliest = end
    if (start > latest) latest = start
    if (end > latest) latest = end
  }
  return { baseNs: earliest, unitNs: Math.max(1, Math.ceil((latest - earliest) / MOST_UNITS)) }
}

/** Writes rows of a table to a page. */
function write(
  table: SpanTable,
  from: number,
  count: number,
  { rows, settled }: Page,
  to: number,
  baseNs: number,
  unitNs: number,
): void {
  const { bytes, traceIdAt, spanIdAt, enriched, startHigh, startLow, endHigh, endLow } = table
  for (let i = 0; i < count; i++) {
    const row = from + i
    const inPage = to + i
    const at = inPage * COLUMNS
    const span = spanIdAt[row]
    rows[at] = traceIdAt[row] < 0 || span < 0 ? 0 : spanIdHash(bytes, span)
    rows[at + 1] = Math.floor((startHigh[row] * 4294967296 + startLow[row] - baseNs) / unitNs)
    rows[at + 2] = Math.ceil((endHigh[row] * 4294967296 + endLow[row] - baseNs) / unitNs)
    const bit = 1 << (inPage & 7)
    if (enriched[row] === 1) settled[inPage >>> 3] |= bit
    else settled[inPage >>> 3] &= ~bit
  }
}

function newPage(): Page {
  const alone: Page[] = []
  const page: Page = {
    rows: new Uint32Array(PAGE_ROWS * COLUMNS),
    settled: new Uint8Array(PAGE_ROWS / 8),
    alone,
    entries: 0,
  }
  alone.push(page)
  return page
}

function bytesOf({ processes }: SentSpans): number {
  return BLOCK_BYTES + (processes.length > 1 ? processes.length * PROCESS_BYTES : 0)
}
