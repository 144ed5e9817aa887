// held-requests.ts: the requests that wait for a capture of their process, in the order in which they must leave.

import type { ProcessIdentity, SpanTable } from '../span/span.ts'
import { HeldPages, type KeptRequest } from './held-pages.ts'

/** What a request takes beside its bytes and columns. */
const REQUEST_BYTES = 500

/** A request of one process that waits. */
export interface HeldRequest {
  /** Its entry in the journal. */
  readonly sequence: number
  /** Its process, its spans and their number. */
  readonly kept: KeptRequest
  readonly deadlineMs: number
  /** Latest end of its spans, Unix nanoseconds. */
  readonly endUnixNs: bigint
  /** Waits to its deadline unless a capture covers it, whether one is announced or not. */
  readonly always: boolean
}

/** Requests that wait, by age and by process. */
export class HeldRequests {
  private readonly requests = new Map<number, HeldRequest>()
  /** Those that are not leaving, oldest first, apart from those that could not leave when they should. */
  private readonly waitingOnes = new Map<number, HeldRequest>()
  /** The same, by process. */
  private readonly processes = new Map<string, Map<number, HeldRequest>>()
  private readonly pages: HeldPages
  /** Bytes of all of them, those included that are leaving. */
  bytes = 0
  /** Bytes of those that are not leaving. */
  waitingBytes = 0
  /** Their spans. */
  spans = 0

  /** @param maxBytes what may wait at a time */
  constructor(maxBytes: number) {
    this.pages = new HeldPages(maxBytes)
  }

  /** Bytes of memory in which nothing lies any more, or not yet, but which requests next to it keep. */
  get unusedBytes(): number {
    return this.pages.bytes - this.bytes + this.size * REQUEST_BYTES
  }

  /**
   * A request of one process waits from now on; its bytes are copied.
   *
   * @param always it waits to its deadline unless a capture covers it
   */
  add(table: SpanTable, sequence: number, deadlineMs: number, always: boolean): HeldRequest {
    const kept = this.pages.keep(table)
    const request = { sequence, kept, deadlineMs, endUnixNs: latestEnd(table), always }
    this.requests.set(sequence, request)
    this.bytes += bytesOf(request)
    this.spans += kept.length
    this.wait(request)
    return request
  }

  /** The request's release is being written: it waits no longer, but is still in memory. */
  leave(request: HeldRequest): void {
    this.waitingBytes -= bytesOf(request)
    this.waitingOnes.delete(request.sequence)
    const { key } = request.kept.process
    const siblings = this.processes.get(key)
    siblings?.delete(request.sequence)
    if (siblings?.size === 0) this.processes.delete(key)
  }

  /** The release could not be written. */
  stay(request: HeldRequest): void {
    this.wait(request)
  }

  /** The release is on disk. */
  remove(request: HeldRequest): void {
    if (!this.requests.delete(request.sequence)) return
    this.bytes -= bytesOf(request)
    this.spans -= request.kept.length
    this.pages.letGo(request.kept)
  }

  get size(): number {
    return this.requests.size
  }

  /** Those that wait, oldest first. */
  waiting(): HeldRequest[] {
    return [...this.waitingOnes.values()]
  }

  /** Those that wait, process by process. */
  byProcess(only: (process: ProcessIdentity) => boolean = () => true): HeldRequest[][] {
    const found: HeldRequest[][] = []
    for (const siblings of this.processes.values()) {
      const requests = [...siblings.values()]
      if (only(requests[0].kept.process)) found.push(requests)
    }
    return found
  }

  /** Those at the front whose time is up. */
  due(nowMs: number): HeldRequest[] {
    const due: HeldRequest[] = []
    for (const request of this.waitingOnes.values()) {
      if (request.deadlineMs > nowMs) break
      due.push(request)
    }
    return due
  }

  /** The oldest that waits; null when none does. */
  oldest(): HeldRequest | null {
    for (const request of this.waitingOnes.values()) return request
    return null
  }

  private wait(request: HeldRequest): void {
    this.waitingBytes += bytesOf(request)
    this.waitingOnes.set(request.sequence, request)
    const { key } = request.kept.process
    const siblings = this.processes.get(key)
    if (siblings === undefined) this.processes.set(key, new Map([[request.sequence, request]]))
    else siblings.set(request.sequence, request)
  }
}

function bytesOf({ kept }: HeldRequest): number {
  return kept.bytes + REQUEST_BYTES
}

/** Latest end of a request's spans; where an end lies before its start, the start counts. */
export function latestEnd(table: SpanTable): bigint {
  let high = 0
  let low = 0
  const take = (rowLow: number, rowHigh: number): void => {
    if (rowHigh > high || (rowHigh === high && rowLow > low)) {
      high = rowHigh
      low = rowLow
    }
  }
  for (let row = 0; row < table.length; row++) {
    take(table.endLow[row], table.endHigh[row])
    take(table.startLow[row], table.startHigh[row])
  }
  return (BigInt(high) << 32n) | BigInt(low)
}
