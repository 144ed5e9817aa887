// held-pages.ts: memory for requests that wait. Their bytes and columns lie in pages that are used again and again.
//
// With memory of its own for each, living for a second at the rate of the traffic, the engine looks through its whole heap several
// times a second, which costs as much as a third of all else that holding does. Views are made anew when they are asked for.

import { wholeWords } from '../base/columns.ts'
import { copySpanColumns, SPAN_ROW_BYTES, spanColumns } from '../span/columns.ts'
import type { ProcessIdentity, ResourceRow, SpanTable } from '../span/span.ts'

/** Pages are this large, or a sixteenth of what may wait. */
const MOST_PAGE_BYTES = 1 << 20
const PAGES = 16
/** A request larger than this part of a page has memory of its own. */
const LARGE_PART = 1 / 4
/** Empty pages kept for the next requests. */
const MOST_SPARE_PAGES = 16

/** Memory in which requests lie one after another. */
interface Page {
  readonly memory: ArrayBuffer
  /** Requests in it that are still needed. */
  kept: number
}

/** A request of one process, kept: a class, for closures would hold on to the table that was copied. */
export class KeptRequest {
  readonly process: ProcessIdentity
  /** Its spans. */
  readonly length: number
  /** Bytes that it takes. */
  readonly bytes: number
  private readonly bodyFrom: number
  private readonly bodyBytes: number
  private readonly resources: readonly PlacedResource[]

  /**
   * Copies a table to a page.
   *
   * @param from where in the page, a multiple of eight
   */
  constructor(
    table: SpanTable,
    readonly page: Page,
    private readonly from: number,
  ) {
    this.process = table.resources[0].process
    this.length = table.length
    this.bytes = bytesOf(table)
    this.bodyFrom = from + columnBytesOf(table)
    this.bodyBytes = table.bytes.length
    this.resources = table.resources.map((row) => placed(row, table.bytes))
    copySpanColumns(table, page.memory, from)
    new Uint8Array(page.memory, this.bodyFrom, this.bodyBytes).set(table.bytes)
  }

  /** Its spans; not to be used once it is let go of. */
  table(): SpanTable {
    const { memory } = this.page
    const bytes = new Uint8Array(memory, this.bodyFrom, this.bodyBytes)
    const resources = this.resources.map(({ from, to, process, resource, resourceFrom, resourceTo }) => ({
      from,
      to,
      process,
      resource: resource ?? bytes.subarray(resourceFrom, resourceTo),
    }))
    return { bytes, length: this.length, ...spanColumns(memory, this.from, this.length), resources }
  }
}

/** Where requests that wait are kept. */
export class HeldPages {
  /** Bytes of all pages in use, those that are partly filled included, and of requests with memory of their own. */
  bytes = 0
  private readonly pageBytes: number
  /** The page that is being filled, and how far. */
  private page: Page | null = null
  private filled = 0
  private readonly spare: ArrayBuffer[] = []

  /** @param mostBytes what may wait at a time */
  constructor(mostBytes: number) {
    this.pageBytes = wholeWords(Math.min(MOST_PAGE_BYTES, mostBytes / PAGES))
  }

  /** Keeps a copy of a request of one process. */
  keep(table: SpanTable): KeptRequest {
    const bytes = bytesOf(table)
    if (bytes > this.pageBytes * LARGE_PART) {
      this.bytes += bytes
      return new KeptRequest(table, { memory: new ArrayBuffer(bytes), kept: 1 }, 0)
    }
    if (this.page === null || this.filled + bytes > this.pageBytes) {
      this.page = { memory: this.spare.pop() ?? new ArrayBuffer(this.pageBytes), kept: 0 }
      this.filled = 0
      this.bytes += this.pageBytes
    }
    const from = this.filled
    this.filled += bytes
    this.page.kept++
    return new KeptRequest(table, this.page, from)
  }

  /** The request is not needed any more; to be called once for each. */
  letGo({ page }: KeptRequest): void {
    if (--page.kept > 0) return
    if (page === this.page) {
      this.filled = 0
      return
    }
    this.bytes -= page.memory.byteLength
    if (page.memory.byteLength === this.pageBytes && this.spare.length < MOST_SPARE_PAGES) this.spare.push(page.memory)
  }
}

/** A resource of a request; its bytes lie in the request's, unless it was merged: then it has bytes of its own. */
interface PlacedResource extends Omit<ResourceRow, 'resource'> {
  readonly resource: Uint8Array | null
  readonly resourceFrom: number
  readonly resourceTo: number
}

function placed({ from, to, process, resource }: ResourceRow, request: Uint8Array): PlacedResource {
  const own = resource.buffer === request.buffer ? null : resource
  const resourceFrom = resource.byteOffset - request.byteOffset
  return { from, to, process, resource: own, resourceFrom, resourceTo: resourceFrom + resource.length }
}

function columnBytesOf({ length }: SpanTable): number {
  return wholeWords(SPAN_ROW_BYTES * length)
}

function bytesOf(table: SpanTable): number {
  return columnBytesOf(table) + wholeWords(table.bytes.length)
}
