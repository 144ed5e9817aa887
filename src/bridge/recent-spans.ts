// recent-spans.ts: which spans have left lately and where their bytes lie, for captures that come after them.
//
// 45 bytes a span in typed arrays; everything else is read again from the journal when a capture asks for it. Bounded by age and
// by bytes: the oldest go first, and a capture that comes for them finds nothing to add to.

import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import { hexOf } from '../base/hex.ts'

/** The spans of one entry of the journal that have left. */
export interface SentSpans {
  /** Entry whose body holds them as its first rows, in this order. */
  readonly sequence: number
  readonly leftMs: number
  readonly length: number
  /** Trace id (16) and span id (8) of each row; all zero where the span has none. */
  readonly ids: Uint8Array
  readonly startLow: Uint32Array
  readonly startHigh: Uint32Array
  readonly endLow: Uint32Array
  readonly endHigh: Uint32Array
  /** Row in `processes`. */
  readonly resource: Int32Array
  readonly processes: readonly ProcessIdentity[]
  /** 1: nothing will be added any more, for the span carries its breakdown, or children of it were sent. */
  readonly settled: Uint8Array
}

const ID_BYTES = 24
/** A block with its arrays costs this much besides the rows. */
const BLOCK_BYTES = 700
const ROW_BYTES = ID_BYTES + 4 * 4 + 4 + 1

/** Makes the columns of a request whose spans leave. */
export function sentSpansOf(table: SpanTable, sequence: number, leftMs: number, length = table.length): SentSpans {
  const ids = new Uint8Array(length * ID_BYTES)
  for (let row = 0; row < length; row++) {
    const trace = table.traceIdAt[row]
    const span = table.spanIdAt[row]
    if (trace < 0 || span < 0) continue
    for (let i = 0; i < 16; i++) ids[row * ID_BYTES + i] = table.bytes[trace + i]
    for (let i = 0; i < 8; i++) ids[row * ID_BYTES + 16 + i] = table.bytes[span + i]
  }
  return {
    sequence,
    leftMs,
    length,
    ids,
    startLow: table.startLow,
    startHigh: table.startHigh,
    endLow: table.endLow,
    endHigh: table.endHigh,
    resource: table.resource,
    processes: table.resources.map(({ process }) => process),
    settled: table.enriched.slice(0, length),
  }
}

/** Trace id of a row, 32 hex digits; all zero when it has none. */
export function sentTraceId({ ids }: SentSpans, row: number): string {
  return hexOf(ids, row * ID_BYTES, row * ID_BYTES + 16)
}

/** Span id of a row, 16 hex digits; all zero when it has none. */
export function sentSpanId({ ids }: SentSpans, row: number): string {
  return hexOf(ids, row * ID_BYTES + 16, row * ID_BYTES + ID_BYTES)
}

/** All that left lately, oldest first. */
export class RecentSpans {
  private blocks: SentSpans[] = []
  /** Blocks before this one were let go of. */
  private first = 0
  private held = 0
  /** Spans let go of because of the bytes, before their age was up. */
  crowdedOut = 0

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

  add(block: SentSpans, nowMs: number): void {
    if (block.length === 0) return
    this.blocks.push(block)
    this.held += bytesOf(block)
    this.forget(nowMs)
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

function bytesOf(block: SentSpans): number {
  return BLOCK_BYTES + block.length * ROW_BYTES
}
