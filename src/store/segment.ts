// segment.ts: what is remembered of one file of the journal: where its entries lie, and what keeps it from being deleted.

const NOWHERE = 0xffffffff

/** One file of the journal. Its entries have consecutive sequence numbers, apart from those lost by damage. */
export class Segment {
  state: 'kept' | 'leaving' | 'deleted' = 'kept'
  /** Bytes of the file, damaged ones included. */
  bytes = 0
  /** Sequence numbers from `first` on that it had, lost ones included. */
  length = 0
  /** Unix milliseconds. */
  firstWrittenMs: number
  lastWrittenMs: number
  /** Held entries and captures in it that are not settled. */
  unsettled = 0
  /** It is read for deliveries until every destination has taken this sequence number. */
  neededThrough = 0
  /**
   * Segments with entries that entries of this one settle. It stays as long as any of them does: without it, what is settled
   * would look unsettled at the next start.
   */
  readonly settlesIn = new Set<Segment>()
  private offsets = new Uint32Array(16)
  /** 1: the entry goes to destinations. */
  private outgoing = new Uint8Array(16)

  constructor(
    readonly path: string,
    /** Sequence number of its first entry. */
    readonly first: number,
    /** From its name; see `frame.ts`. */
    readonly salt: number,
    createdMs: number,
  ) {
    this.firstWrittenMs = createdMs
    this.lastWrittenMs = createdMs
  }

  /** Sequence number of its last entry; `first - 1` when it has none. */
  get last(): number {
    return this.first + this.length - 1
  }

  /** Remembers where an entry begins, and whether it goes to destinations. */
  add(sequence: number, offset: number, outgoing: boolean): void {
    const row = sequence - this.first
    if (row >= this.offsets.length) {
      const grown = new Uint32Array(Math.max(row + 1, this.offsets.length * 2))
      grown.set(this.offsets.subarray(0, this.length))
      this.offsets = grown
      const grownOutgoing = new Uint8Array(grown.length)
      grownOutgoing.set(this.outgoing.subarray(0, this.length))
      this.outgoing = grownOutgoing
    }
    this.offsets.fill(NOWHERE, this.length, row)
    this.offsets[row] = offset
    this.outgoing[row] = outgoing ? 1 : 0
    this.length = row + 1
  }

  /** Offset of an entry; -1 when it is not there. */
  offsetOf(sequence: number): number {
    const row = sequence - this.first
    if (row < 0 || row >= this.length) return -1
    const offset = this.offsets[row]
    return offset === NOWHERE ? -1 : offset
  }

  /** The first entry from this number on that goes to destinations; `last + 1` when there is none. */
  outgoingFrom(sequence: number): number {
    const row = this.outgoing.subarray(0, this.length).indexOf(1, Math.max(0, sequence - this.first))
    return row < 0 ? this.last + 1 : this.first + row
  }

  /** Offset of the first entry from this number on; the end of the file when there is none. */
  offsetFrom(sequence: number): number {
    for (let at = Math.max(sequence, this.first); at <= this.last; at++) {
      const offset = this.offsetOf(at)
      if (offset >= 0) return offset
    }
    return this.bytes
  }
}

const NAME = /^(\d{16})-([0-9a-f]{8})\.journal$/

/** Name of a segment's file: its first sequence number, so that names sort, and its salt. */
export function segmentName(first: number, salt: number): string {
  return `${String(first).padStart(16, '0')}-${salt.toString(16).padStart(8, '0')}.journal`
}

/** What a file's name says; null when it is no segment's. */
export function parseSegmentName(name: string): { readonly first: number; readonly salt: number } | null {
  const match = NAME.exec(name)
  return match === null ? null : { first: Number(match[1]), salt: parseInt(match[2], 16) }
}
