// outgoing-reader.ts: what goes out, read from the journal for one destination.
//
// Every destination has a reader with memory of its own that is used again for each batch: what waits to be delivered lies in the
// system's cache of the files, not in ours, and nothing of it is garbage afterwards.

import { Failure, messageOf } from '../base/failure.ts'
import { EntryKind, type JournalEntry } from '../bridge/ports.ts'
import type { DiskFile } from './disk.ts'
import { entryOf, HEADER_BYTES, wholeFrame } from './frame.ts'
import type { Segment } from './segment.ts'

/** What goes out next. */
export interface OutgoingBatch {
  /**
   * OTLP protobuf trace requests, in the order of the journal; none when nothing of what was read goes out. They are the reader's until
   * it reads again.
   */
  readonly requests: readonly Uint8Array[]
  /** Sequence number through which everything is in `requests` or does not go out. */
  readonly through: number
  /** When the oldest of them was written, Unix milliseconds; null without any. */
  readonly oldestMs: number | null
}

/** Whether an entry goes to a destination, by its meta. */
export type AcceptEntry = (entry: Pick<JournalEntry, 'meta' | 'writtenMs'>) => boolean

/** What a reader asks of the journal. */
export interface SegmentSource {
  readonly lastSequence: number
  /** The first segment with this or a later entry. */
  segmentFrom(sequence: number): Segment | null
  /** Null when the segment was deleted meanwhile. @throws Failure STORE when it cannot be opened now */
  openForReading(segment: Segment): Promise<DiskFile | null>
  body(sequence: number): Promise<Uint8Array | null>
  /** An entry cannot be read. */
  damaged(segment: Segment, sequence: number, reason: string): void
  appended(after: number, signal: AbortSignal): Promise<void>
  bytesAfter(sequence: number): number
}

const NO_BYTES = new Uint8Array(0)
const FIRST_ROOM_BYTES = 256 << 10
/** More than this is not kept for the next batch. */
const MOST_KEPT_BYTES = 8 << 20
/** Read beyond the bodies that are asked for, for the headers and metas around them. */
const SLACK_BYTES = 64 << 10
/** Entries with no more than this between them are read in one go. */
const GAP_BYTES = 64 << 10
const OPEN_FILES = 3

/** Reads for one destination; made by the journal's `reader`. */
export class OutgoingReader {
  private room: Uint8Array = NO_BYTES
  private filled = 0
  private readonly files = new Map<Segment, DiskFile>()

  constructor(
    private readonly source: SegmentSource,
    private readonly closed: () => void,
  ) {}

  /** Resolves as soon as there is an entry after this sequence number, or when the signal is aborted. */
  appended(after: number, signal: AbortSignal): Promise<void> {
    return this.source.appended(after, signal)
  }

  /** Bytes of the journal after this sequence number. */
  bytesAfter(sequence: number): number {
    return this.source.bytesAfter(sequence)
  }

  /**
   * What goes out after this sequence number.
   *
   * @param maxBytes requests are read up to it; a single larger one comes alone
   * @param accept leaves entries out
   * @returns null when nothing was written after it
   * @throws Failure STORE when a file cannot be opened now; trying again later may help
   */
  async readOutgoing(after: number, maxBytes: number, accept: AcceptEntry = () => true): Promise<OutgoingBatch | null> {
    const until = this.source.lastSequence
    if (after >= until) return null
    await this.begin()
    /** Bodies, or the sequence numbers of the held entries that have them. */
    const found: (Uint8Array | number)[] = []
    let bytes = 0
    let oldestMs: number | null = null
    let sequence = after + 1
    while (sequence <= until) {
      const segment = this.source.segmentFrom(sequence)
      if (segment === null) break
      if (segment.first > sequence) {
        sequence = segment.first
        continue
      }
      // Between what goes out lies what waits, which is most of a journal in which every span does.
      sequence = segment.outgoingFrom(sequence)
      if (sequence > Math.min(until, segment.last)) continue
      // What will not fit is not read only to be read again for the next batch.
      if (found.length > 0 && this.sizeOf(sequence) > maxBytes - bytes) {
        return { requests: await this.bodiesOf(found), through: sequence - 1, oldestMs }
      }
      const stretch = await this.read(segment, sequence, Math.min(until, segment.last), maxBytes - bytes)
      for (; sequence <= stretch.last; sequence++) {
        if (segment.outgoingFrom(sequence) !== sequence) continue
        const entry = this.entryIn(stretch, segment, sequence)
        if (entry === null) continue
        const behind = entry.body.length === 0 ? this.bodyBehind(entry) : 0
        const size = entry.body.length + (behind === 0 ? 0 : this.sizeOf(behind))
        if (size === 0 || !accept(entry)) continue
        if (found.length > 0 && bytes + size > maxBytes) {
          return { requests: await this.bodiesOf(found), through: sequence - 1, oldestMs }
        }
        found.push(behind === 0 ? entry.body : behind)
        bytes += size
        oldestMs ??= entry.writtenMs
      }
    }
    return { requests: await this.bodiesOf(found), through: until, oldestMs }
  }

  /** Closes its files; it is not read any more. */
  async close(): Promise<void> {
    this.closed()
    const files = [...this.files.values()]
    this.files.clear()
    await Promise.all(files.map((file) => file.close()))
  }

  private async begin(): Promise<void> {
    this.filled = 0
    if (this.room.length > MOST_KEPT_BYTES) this.room = NO_BYTES
    // A deleted file takes up room on the disk until the last who has it open lets go of it.
    for (const segment of this.files.keys()) if (segment.state === 'deleted') await this.letGo(segment)
  }

  /** Reads the entries from `sequence` on: as many as fit and go out with little between them, at least one. */
  private async read(segment: Segment, sequence: number, last: number, room: number): Promise<Stretch> {
    const from = segment.offsetFrom(sequence)
    const most = Math.max(room, 0) + SLACK_BYTES
    let to = sequence
    for (;;) {
      const next = segment.outgoingFrom(to + 1)
      if (next > last || segment.offsetFrom(next + 1) - from > most) break
      if (segment.offsetFrom(next) - segment.offsetFrom(to + 1) > GAP_BYTES) break
      to = next
    }
    for (;;) {
      try {
        const bytes = await this.stretchOf(segment, from, segment.offsetFrom(to + 1))
        return bytes === null ? { bytes: NO_BYTES, from, last, gone: true } : { bytes, from, last: to, gone: false }
      } catch (thrown) {
        if (thrown instanceof Failure) throw thrown
        // A bad place on the disk costs the one entry that lies there.
        if (to === sequence) {
          this.source.damaged(segment, sequence, messageOf(thrown))
          return { bytes: NO_BYTES, from, last: sequence, gone: true }
        }
        to = sequence
      }
    }
  }

  /** Bytes of a file, in the room of this reader; null when the file is gone. */
  private async stretchOf(segment: Segment, from: number, to: number): Promise<Uint8Array | null> {
    const file = await this.fileOf(segment)
    if (file === null) return null
    const into = this.take(to - from)
    return into.subarray(0, await file.read(into, from))
  }

  private take(bytes: number): Uint8Array {
    if (this.filled + bytes > this.room.length) {
      // What was given out of the old room stays there.
      this.room = Buffer.allocUnsafeSlow(Math.max(bytes, this.room.length * 2, FIRST_ROOM_BYTES))
      this.filled = 0
    }
    const taken = this.room.subarray(this.filled, this.filled + bytes)
    this.filled += bytes
    return taken
  }

  private entryIn({ bytes, from, gone }: Stretch, segment: Segment, sequence: number): JournalEntry | null {
    const at = segment.offsetOf(sequence)
    if (at < 0 || gone) return null
    const frame = wholeFrame(bytes, at - from, segment.salt)
    if (frame !== null && frame.header.sequence === sequence) return entryOf(frame)
    this.source.damaged(segment, sequence, 'its checksum does not hold any more')
    return null
  }

  /** Sequence number of the entry that has the body of this one; 0: none has. */
  private bodyBehind({ kind, sequence, settles = 0 }: JournalEntry): number {
    return kind === EntryKind.released && settles < sequence ? settles : 0
  }

  /** Bytes of an entry, its meta counted with it; 0 when it is not there. */
  private sizeOf(sequence: number): number {
    const segment = this.source.segmentFrom(sequence)
    const at = segment?.offsetOf(sequence) ?? -1
    return segment === null || at < 0 ? 0 : Math.max(1, segment.offsetFrom(sequence + 1) - at - HEADER_BYTES)
  }

  private async bodiesOf(found: readonly (Uint8Array | number)[]): Promise<Uint8Array[]> {
    const bodies: Uint8Array[] = []
    let run: Run | null = null
    for (const [i, one] of found.entries()) {
      if (typeof one !== 'number') {
        bodies.push(one)
        continue
      }
      if (run === null || !run.has(one)) run = await this.readRun(found, i, one)
      const body = run?.bodyOf(one) ?? (await this.source.body(one))
      if (body !== null && body.length > 0) bodies.push(body)
    }
    return bodies
  }

  /** Reads a held entry with those behind it that are wanted next. Null when that cannot be done in one go. */
  private async readRun(found: readonly (Uint8Array | number)[], at: number, sequence: number): Promise<Run | null> {
    const segment = this.source.segmentFrom(sequence)
    if (segment === null || segment.offsetOf(sequence) < 0) return null
    const from = segment.offsetOf(sequence)
    let last = sequence
    for (let i = at + 1; i < found.length; i++) {
      const next = found[i]
      if (typeof next !== 'number') continue
      const nextAt = segment.offsetOf(next)
      if (next <= last || nextAt < 0 || nextAt - segment.offsetFrom(last + 1) > GAP_BYTES) break
      last = next
    }
    try {
      const bytes = await this.stretchOf(segment, from, segment.offsetFrom(last + 1))
      return bytes === null ? null : new Run(segment, bytes, from, sequence, last)
    } catch (thrown) {
      if (thrown instanceof Failure) throw thrown
      return null
    }
  }

  private async fileOf(segment: Segment): Promise<DiskFile | null> {
    const open = this.files.get(segment)
    if (open !== undefined) return open
    const file = await this.source.openForReading(segment)
    if (file === null) return null
    for (const other of this.files.keys()) {
      if (this.files.size < OPEN_FILES) break
      await this.letGo(other)
    }
    this.files.set(segment, file)
    return file
  }

  private async letGo(segment: Segment): Promise<void> {
    const file = this.files.get(segment)
    this.files.delete(segment)
    await file?.close()
  }
}

/** Entries of a segment that were read. */
interface Stretch {
  readonly bytes: Uint8Array
  /** Offset of the bytes in the file. */
  readonly from: number
  /** Sequence number of the last of them. */
  readonly last: number
  /** They cannot be had any more. */
  readonly gone: boolean
}

/** Held entries that were read in one go. */
class Run {
  constructor(
    private readonly segment: Segment,
    private readonly bytes: Uint8Array,
    private readonly from: number,
    private readonly first: number,
    private readonly last: number,
  ) {}

  has(sequence: number): boolean {
    return sequence >= this.first && sequence <= this.last
  }

  /** Null when the entry is damaged, or has its body elsewhere. */
  bodyOf(sequence: number): Uint8Array | null {
    const at = this.segment.offsetOf(sequence)
    const frame = at < 0 ? null : wholeFrame(this.bytes, at - this.from, this.segment.salt)
    if (frame === null || frame.header.sequence !== sequence || frame.header.bodyBytes === 0) return null
    return frame.payload.subarray(frame.header.metaBytes)
  }
}
