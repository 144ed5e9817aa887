// journal.ts: the durable, append-only log: segments on disk, group commit, recovery, retention, reading for destinations.
//
// Entries that are appended at one time share one write and one fsync. An entry exists for readers when that is done. A file whose
// write or fsync failed is never written again: what it had is kept, a new segment begins.

import { randomInt } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Failure, messageOf } from '../base/failure.ts'
import { utf8Of } from '../base/bytes.ts'
import type { Clock, Counters, Journal, JournalEntry, Log, NewEntry } from '../bridge/ports.ts'
import { EntryKind } from '../bridge/ports.ts'
import { type Disk, diskFailure, type DiskFile, errorCode, isFull } from './disk.ts'
import { entryOf, frameBytes, HEADER_BYTES, KIND_NAMES, readFrame, Window } from './frame.ts'
import { encodeGroups, type Group, wholeGroups } from './group.ts'
import type { JournalOptions } from './options.ts'
import { OutgoingReader } from './outgoing-reader.ts'
import { parseSegmentName, Segment, segmentName } from './segment.ts'

/** What the journal needs. */
export interface JournalSetup {
  /** A folder of its own; it is there. */
  readonly folder: string
  readonly options: JournalOptions
  readonly disk: Disk
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
  /** Sequence number through which every destination has taken everything; Infinity when there is no destination. */
  readonly deliveredThrough: () => number
  /** False once another process has the folder: nothing is written or deleted any more. */
  readonly ours: () => boolean
  /** Sequence numbers up to it were used before, whatever the folder still holds. */
  readonly usedThrough: number
}

/** Entries to be written together, and who waits for them. */
interface WaitingGroup extends Group {
  readonly bytes: number
  readonly resolve: (sequences: readonly number[]) => void
  readonly reject: (failure: Failure) => void
}

/** Written with one fsync, unless one group alone is larger. */
const MAX_BATCH_BYTES = 16 << 20
const MAX_GROUP_BYTES = 1 << 30
/** Beyond `maxBytes`, for entries that settle others: without them nothing would ever become free again. */
const RESERVE = 1 / 8
/** A full journal has room again by segments: of an eighth each, a slow destination would leave senders refused for many seconds at a time. */
const LEAST_SEGMENTS = 32
const RETRY_AFTER_SECONDS = 5
/** So many turns of the event loop a write waits for more, at most; and so many in which nothing came, which is some microseconds. */
const MOST_TURNS = 16
const QUIET_TURNS = 2
/** After a refusal of the disk nothing is tried for so long. */
const REST_MS = 500
const RETENTION_EVERY_MS = 5_000
const TELL_FULL_EVERY_MS = 60_000
const MIN_SEGMENT_AGE_MS = 60_000
const READ_CHUNK_BYTES = 1 << 20
const BODY_CHUNK_BYTES = 64 << 10

/**
 * Opens the journal of a folder: finds all entries, skips what is damaged.
 *
 * @throws Failure STORE when the disk refuses; damage never stops it
 */
export async function openJournal(setup: JournalSetup): Promise<SegmentedJournal> {
  const journal = new SegmentedJournal(setup)
  try {
    await journal.recover()
  } catch (thrown) {
    throw diskFailure(thrown, `the journal in ${setup.folder} could not be read`)
  }
  return journal
}

/** The journal; made by `openJournal`. */
export class SegmentedJournal implements Journal {
  /** By their first sequence number. */
  private segments: Segment[] = []
  /** The last of them, while it is open for writing. */
  private active: { readonly segment: Segment; readonly file: DiskFile } | null = null
  private nextSequence: number
  /** Last sequence number that is on disk for readers. */
  private durable = 0
  private recoveredThrough = 0
  private totalBytes = 0
  /** Held entries and captures that nothing has settled. */
  private readonly unsettled = new Map<number, Segment>()
  private readonly readers = new Set<OutgoingReader>()
  private waiting: WaitingGroup[] = []
  private writing: Promise<void> | null = null
  /** The disk's last refusal; null after an append that went well. */
  private refusal: { readonly failure: Failure; readonly untilMs: number } | null = null
  private toldFullMs = -Infinity
  private closed = false
  private readonly listeners = new Set<() => void>()
  private cancelRetention: () => void = () => undefined
  private retaining: Promise<void> = Promise.resolve()
  private readonly segmentBytes: number

  constructor(private readonly setup: JournalSetup) {
    const { options, usedThrough } = setup
    this.nextSequence = usedThrough + 1
    this.segmentBytes = Math.min(options.segmentBytes, Math.ceil(options.maxBytes / LEAST_SEGMENTS), MAX_GROUP_BYTES)
  }

  /** Sequence number of the last entry that is on disk; 0 when there was none. */
  get lastSequence(): number {
    return this.durable
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.totalBytes
  }

  /** The bodies must not change until it resolves. */
  append(entries: readonly NewEntry[]): Promise<readonly number[]> {
    if (entries.length === 0) return Promise.resolve([])
    if (this.closed) {
      return Promise.reject(new Failure('STORE', 'the journal is closed, Subspan is stopping: send it again.', 1))
    }
    const metas = entries.map(({ meta }) => utf8Of(JSON.stringify(meta)))
    let bytes = 0
    for (let i = 0; i < entries.length; i++) bytes += HEADER_BYTES + metas[i].length + entries[i].body.length
    if (bytes > MAX_GROUP_BYTES) {
      const sizes = `${number(bytes)} bytes were to be written together, ${number(MAX_GROUP_BYTES)} is the most`
      return Promise.reject(new Failure('STORE', `${sizes}: send smaller requests.`))
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ entries, metas, bytes, resolve, reject })
      this.writing ??= this.writeAll()
    })
  }

  replay(): AsyncIterable<JournalEntry> {
    return this.entries(0, this.recoveredThrough)
  }

  /** Where the body of a `released` entry is empty, it is the body of the held entry. */
  async body(sequence: number): Promise<Uint8Array | null> {
    if (this.find(sequence) === null) return null
    for await (const entry of this.entries(sequence - 1, sequence, BODY_CHUNK_BYTES)) return this.bodyOf(entry)
    return null
  }

  /** A reader of what goes out, for one destination. It is closed with the journal, or before. */
  reader(): OutgoingReader {
    const reader: OutgoingReader = new OutgoingReader(this, () => this.readers.delete(reader))
    this.readers.add(reader)
    return reader
  }

  /** Resolves as soon as there is an entry after this sequence number, or when the signal is aborted. */
  appended(after: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.durable <= after && !signal.aborted) return
        this.listeners.delete(look)
        signal.removeEventListener('abort', look)
        resolve()
      }
      this.listeners.add(look)
      signal.addEventListener('abort', look)
      look()
    })
  }

  /** Bytes of the journal after this sequence number. */
  bytesAfter(sequence: number): number {
    let bytes = 0
    for (let i = this.segments.length - 1; i >= 0 && this.segments[i].last > sequence; i--) {
      bytes += this.segments[i].bytes - this.segments[i].offsetFrom(sequence + 1)
    }
    return bytes
  }

  /** Waits for what is being written, then closes all files. Entries appended after it are refused. */
  async close(): Promise<void> {
    this.closed = true
    this.cancelRetention()
    while (this.writing !== null) await this.writing
    await this.retaining
    await this.seal()
    await Promise.all([...this.readers].map((reader) => reader.close()))
  }

  // ---- Writing

  private async writeAll(): Promise<void> {
    for (;;) {
      await this.gather()
      if (this.waiting.length === 0) break
      const batch = await this.admit()
      if (batch.length > 0) await this.write(batch)
    }
    this.writing = null
  }

  /**
   * Waits until the event loop has turned twice without bringing more: a write to disk costs as much as taking a small request, and what
   * other connections bring meanwhile goes together with the first.
   */
  private async gather(): Promise<void> {
    for (let turns = 0, quiet = 0; turns < MOST_TURNS && quiet < QUIET_TURNS; turns++) {
      const before = this.waiting.length
      await nextTurn()
      quiet = this.waiting.length > before ? 0 : quiet + 1
    }
  }

  /** Takes waiting groups up to a batch; those for which there is no room are refused. */
  private async admit(): Promise<WaitingGroup[]> {
    const { options, clock, counters, log } = this.setup
    const batch: WaitingGroup[] = []
    let bytes = 0
    let taken = 0
    for (const group of this.waiting) {
      if (batch.length > 0 && bytes + group.bytes > MAX_BATCH_BYTES) break
      taken++
      if (this.refusal !== null && clock.nowMs() < this.refusal.untilMs) {
        group.reject(this.refusal.failure)
        continue
      }
      const settling = group.entries.some(({ settles }) => settles !== undefined)
      const limit = options.maxBytes * (settling ? 1 + RESERVE : 1)
      if (await this.makeRoom(bytes + group.bytes, limit)) {
        batch.push(group)
        bytes += group.bytes
        continue
      }
      counters.add('subspan_journal_refused_total', 1, { code: 'OVERLOADED' })
      // Around the limit it is full and has room by turns: that is told once a minute.
      if (clock.nowMs() - this.toldFullMs >= TELL_FULL_EVERY_MS) {
        this.toldFullMs = clock.nowMs()
        log.warn(
          { bytes: this.totalBytes, maxBytes: options.maxBytes },
          'the journal is full of what is not delivered yet: new requests are refused until a destination takes some',
        )
      }
      group.reject(this.overloaded(group.bytes))
    }
    this.waiting.splice(0, taken)
    return batch
  }

  private overloaded(bytes: number): Failure {
    return new Failure(
      'OVERLOADED',
      `the journal holds ${number(this.totalBytes)} bytes that are not delivered or settled yet, ${number(bytes)} more would exceed ` +
        `store.maxBytes ${number(this.setup.options.maxBytes)}: try again when the destinations have taken some, or raise it.`,
      RETRY_AFTER_SECONDS,
    )
  }

  private async write(groups: readonly WaitingGroup[]): Promise<void> {
    const { folder, clock, counters, log } = this.setup
    for (let tries = 1; ; tries++) {
      try {
        const sequences = await this.writeOnce(groups)
        if (this.refusal !== null) log.info({ bytes: this.totalBytes }, 'the journal takes entries again')
        this.refusal = null
        groups.forEach((group, at) => group.resolve(sequences[at]))
        for (const look of [...this.listeners]) look()
        return
      } catch (thrown) {
        const failure = diskFailure(thrown, `the journal in ${folder} could not be written`)
        // A full disk may have room once delivered segments are gone.
        if (isFull(thrown) && tries === 1 && (await this.deleteOldest('space'))) continue
        if (this.refusal === null) log.error({ error: messageOf(thrown) }, failure.message)
        this.refusal = { failure, untilMs: clock.nowMs() + REST_MS }
        counters.add('subspan_journal_refused_total', groups.length, { code: failure.code })
        for (const group of groups) group.reject(failure)
        return
      }
    }
  }

  /** @returns the sequence numbers of each group; only then are the entries there for readers */
  private async writeOnce(groups: readonly WaitingGroup[]): Promise<number[][]> {
    const { options, clock, counters, ours } = this.setup
    if (!ours()) throw new Error('another process has taken the data folder; restart this one with a folder of its own')
    const bytes = groups.reduce((sum, group) => sum + group.bytes, 0)
    const { segment, file } = await this.segmentFor(bytes)
    const writtenMs = Math.floor(clock.nowMs())
    const start = segment.bytes
    // Numbers are used up even when the write fails: part of it may be on disk.
    const first = this.nextSequence
    this.nextSequence += groups.reduce((sum, { entries }) => sum + entries.length, 0)
    try {
      await file.write(encodeGroups(groups, first, writtenMs, segment.salt), start)
      if (options.fsync) counters.add('subspan_journal_fsyncs_total', 1)
    } catch (thrown) {
      await this.abandon(segment, file)
      throw thrown
    }
    if (segment.length === 0) segment.firstWrittenMs = writtenMs
    segment.lastWrittenMs = writtenMs
    let sequence = first
    let offset = start
    const sequences = groups.map(({ entries, metas }) =>
      entries.map((entry, at) => {
        segment.add(sequence, offset, goesOut(entry.kind))
        this.account(segment, sequence, entry.kind, entry.settles ?? 0, entry.body.length)
        counters.add('subspan_journal_entries_total', 1, { kind: KIND_NAMES.get(entry.kind) ?? '' })
        offset += HEADER_BYTES + metas[at].length + entry.body.length
        return sequence++
      }),
    )
    segment.bytes += bytes
    this.totalBytes += bytes
    this.durable = sequence - 1
    counters.add('subspan_journal_written_bytes_total', bytes)
    counters.set('subspan_journal_bytes', this.totalBytes)
    if (segment.bytes >= this.segmentBytes) await this.seal()
    return sequences
  }

  /** The segment that so many more bytes go to. */
  private async segmentFor(bytes: number): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
    if (this.active !== null && this.active.segment.bytes + bytes > this.segmentBytes) await this.seal()
    return this.active ?? this.begin()
  }

  private async begin(): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
    const { disk, folder, options, clock } = this.setup
    const salt = randomInt(0, 2 ** 32)
    const path = `${folder}/${segmentName(this.nextSequence, salt)}`
    const file = await disk.create(path, options.fsync)
    try {
      if (options.fsync) await disk.syncFolder(folder)
    } catch (thrown) {
      await file.close().catch(() => undefined)
      await disk.remove(path).catch(() => undefined)
      throw thrown
    }
    const segment = new Segment(path, this.nextSequence, salt, clock.nowMs())
    // One that never got an entry served to remember the numbers; the new one does so now.
    const empty = this.segments.filter(({ bytes }) => bytes === 0)
    this.segments = [...this.segments.filter(({ bytes }) => bytes > 0), segment]
    for (const { path } of empty) await disk.remove(path).catch(() => undefined)
    this.active = { segment, file }
    return this.active
  }

  /** Ends the segment that is written to; the next entry begins another. */
  private async seal(): Promise<void> {
    const { active } = this
    this.active = null
    try {
      await active?.file.close()
    } catch (thrown) {
      this.setup.log.warn({ error: messageOf(thrown) }, 'a segment of the journal could not be closed')
    }
  }

  /** Gives a file up whose write or fsync failed: nobody knows what of the last batch is on disk, so that it is cut off. */
  private async abandon(segment: Segment, file: DiskFile): Promise<void> {
    this.active = null
    await file.truncate(segment.bytes).catch(() => undefined)
    await file.close().catch(() => undefined)
    if (segment.length > 0) return
    this.segments = this.segments.filter((other) => other !== segment)
    await this.setup.disk.remove(segment.path).catch(() => undefined)
  }

  /** Keeps the books on what an entry needs, and frees what it settles. */
  private account(segment: Segment, sequence: number, kind: number, settles: number, bodyBytes: number): void {
    if (kind === EntryKind.held || kind === EntryKind.capture) {
      this.unsettled.set(sequence, segment)
      segment.unsettled++
    }
    if (kind === EntryKind.outgoing || kind === EntryKind.released) segment.neededThrough = sequence
    if (settles === 0) return
    const holder = this.unsettled.get(settles)
    if (holder !== undefined) {
      holder.unsettled--
      this.unsettled.delete(settles)
    }
    const settled = holder ?? this.find(settles)
    if (settled === null) return
    if (settled !== segment) segment.settlesIn.add(settled)
    if (kind === EntryKind.released && bodyBytes === 0)
      settled.neededThrough = Math.max(settled.neededThrough, sequence)
  }

  // ---- Making room

  /** Deletes delivered segments, oldest first, until so many more bytes fit; false when they do not. */
  private async makeRoom(bytes: number, limit: number): Promise<boolean> {
    while (this.totalBytes + bytes > limit) if (!(await this.deleteOldest('space'))) return false
    return true
  }

  private async deleteOldest(reason: 'age' | 'space'): Promise<boolean> {
    const free = this.segments.find((segment) => segment.bytes > 0 && this.deletable(segment))
    if (free === undefined) return false
    if (free === this.segments.at(-1)) {
      // The last one remembers the numbers: it goes only when there is another.
      try {
        await this.seal()
        await this.begin()
      } catch {
        return false
      }
    }
    return this.delete(free, reason)
  }

  /** Whether nobody needs anything of it any more. */
  private deletable(segment: Segment): boolean {
    if (segment.state !== 'kept' || segment.unsettled > 0 || !this.setup.ours()) return false
    for (const settled of segment.settlesIn) {
      if (settled.state === 'deleted') segment.settlesIn.delete(settled)
    }
    return segment.settlesIn.size === 0 && segment.neededThrough <= this.setup.deliveredThrough()
  }

  private async delete(segment: Segment, reason: 'age' | 'space'): Promise<boolean> {
    const { disk, folder, counters, log } = this.setup
    segment.state = 'leaving'
    try {
      await disk.remove(segment.path)
      await disk.syncFolder(folder)
    } catch (thrown) {
      segment.state = 'kept'
      log.warn({ error: messageOf(thrown) }, 'a segment of the journal that nobody needs could not be deleted')
      return false
    }
    segment.state = 'deleted'
    this.segments = this.segments.filter((other) => other !== segment)
    this.totalBytes -= segment.bytes
    counters.add('subspan_journal_deleted_bytes_total', segment.bytes, { reason })
    counters.set('subspan_journal_bytes', this.totalBytes)
    return true
  }

  /** Deletes what is delivered and old. The journal does so from time to time by itself. */
  retain(): Promise<void> {
    this.retaining = this.retaining.then(() => this.deleteOld())
    return this.retaining
  }

  private async deleteOld(): Promise<void> {
    const { options, clock } = this.setup
    const nowMs = clock.nowMs()
    const { active } = this
    // Where little comes, a segment would take days to fill: it ends by age, so that it can be deleted.
    const fullAge = Math.max(options.retainMs / 4, MIN_SEGMENT_AGE_MS)
    if (this.writing === null && active !== null && nowMs - active.segment.firstWrittenMs > fullAge) await this.seal()
    for (const segment of [...this.segments]) {
      if (segment === this.segments.at(-1)) break
      if (nowMs - segment.lastWrittenMs <= options.retainMs) continue
      if (this.deletable(segment)) await this.delete(segment, 'age')
    }
  }

  private scheduleRetention(): void {
    this.cancelRetention = this.setup.clock.after(RETENTION_EVERY_MS, () => {
      void this.retain().then(() => {
        if (!this.closed) this.scheduleRetention()
      })
    })
  }

  // ---- Reading

  /** The segment that holds the entry; null when it is not kept. */
  private find(sequence: number): Segment | null {
    const segment = this.segmentFrom(sequence)
    return segment !== null && segment.offsetOf(sequence) >= 0 ? segment : null
  }

  /** The first segment with this or a later entry. */
  segmentFrom(sequence: number): Segment | null {
    let low = 0
    let high = this.segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.segments[middle].last >= sequence) high = middle
      else low = middle + 1
    }
    return this.segments[low] ?? null
  }

  /** Whole entries after one number, through another, in order; what is damaged or gone is left out. */
  private async *entries(
    after: number,
    until: number,
    chunkBytes = READ_CHUNK_BYTES,
  ): AsyncGenerator<JournalEntry, void, void> {
    let sequence = after + 1
    while (sequence <= until) {
      const segment = this.segmentFrom(sequence)
      if (segment === null) return
      if (segment.first > sequence) {
        sequence = segment.first
        continue
      }
      const last = Math.min(until, segment.last)
      const file = await this.openForReading(segment)
      if (file === null) {
        sequence = last + 1
        continue
      }
      try {
        const window = new Window(file, segment.bytes, chunkBytes)
        for (; sequence <= last; sequence++) {
          const entry = await this.readEntry(window, segment, sequence)
          if (entry !== null) yield entry
        }
      } finally {
        await file.close()
      }
    }
  }

  /** Null when the segment was deleted meanwhile. */
  async openForReading(segment: Segment): Promise<DiskFile | null> {
    try {
      return await this.setup.disk.openForReading(segment.path)
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return null
      throw new Failure('STORE', `${segment.path} could not be opened (${messageOf(thrown)}): it will be tried again.`)
    }
  }

  private async readEntry(window: Window, segment: Segment, sequence: number): Promise<JournalEntry | null> {
    const at = segment.offsetOf(sequence)
    if (at < 0) return null
    let reason = 'its checksum does not hold any more'
    try {
      const frame = await readFrame(window, at, segment.salt)
      if (frame !== null && frame.header.sequence === sequence) return entryOf(frame)
    } catch (thrown) {
      reason = messageOf(thrown)
    }
    this.damaged(segment, sequence, reason)
    return null
  }

  /** Tells and counts an entry that cannot be read. */
  damaged(segment: Segment, sequence: number, reason: string): void {
    this.setup.log.error(
      { segment: segment.path, offset: segment.offsetOf(sequence), sequence },
      `an entry of the journal cannot be read: ${reason}`,
    )
    this.setup.counters.add('subspan_journal_damaged_entries_total', 1)
  }

  private async bodyOf(entry: JournalEntry): Promise<Uint8Array | null> {
    if (entry.body.length > 0 || entry.kind !== EntryKind.released || entry.settles === undefined) return entry.body
    return entry.settles < entry.sequence ? this.body(entry.settles) : null
  }

  // ---- Recovery

  /** Finds what the folder holds. Files that cannot be read are told and left alone. */
  async recover(): Promise<void> {
    const { disk, folder, counters, log, clock } = this.setup
    const startedMs = clock.nowMs()
    const files = (await disk.list(folder))
      .flatMap((file) => {
        const name = parseSegmentName(file.name)
        return name === null ? [] : [{ ...file, ...name }]
      })
      .sort((a, b) => a.first - b.first)
    for (const [at, file] of files.entries()) {
      const segment = new Segment(`${folder}/${file.name}`, file.first, file.salt, file.changedMs)
      segment.bytes = file.bytes
      this.segments.push(segment)
      const { damagedBytes, wholeTo } = await this.scan(segment)
      if (damagedBytes > 0) {
        log.error(
          { segment: segment.path, damagedBytes },
          'a segment of the journal is damaged: what could be read was kept, the rest is skipped',
        )
        counters.add('subspan_journal_damaged_bytes_total', damagedBytes)
      }
      // In a damaged stretch so many entries may lie whose numbers are not known.
      const unknown = at === files.length - 1 ? Math.ceil(damagedBytes / HEADER_BYTES) : 0
      this.nextSequence = Math.max(this.nextSequence, segment.last + 1 + unknown)
      if (at === files.length - 1 && wholeTo < segment.bytes) await this.cutTail(segment, wholeTo)
      this.totalBytes += segment.bytes
    }
    this.durable = this.nextSequence - 1
    this.recoveredThrough = this.durable
    counters.set('subspan_journal_bytes', this.totalBytes)
    if (files.length > 0) {
      const fields = { segments: files.length, bytes: this.totalBytes, unsettled: this.unsettled.size }
      log.info({ ...fields, tookMs: clock.nowMs() - startedMs }, 'the journal was read')
    }
    this.scheduleRetention()
  }

  /** Finds the entries of a segment; those written together count only when all of them are whole. */
  private async scan(segment: Segment): Promise<{
    /** Bytes before `wholeTo` in which no whole group lies. */
    readonly damagedBytes: number
    /** End of the last whole group. */
    readonly wholeTo: number
  }> {
    let wholeBytes = 0
    let wholeTo = 0
    let file: DiskFile | null = null
    try {
      file = await this.setup.disk.openForReading(segment.path)
      const window = new Window(file, segment.bytes, READ_CHUNK_BYTES)
      for await (const group of wholeGroups(window, segment.first, segment.salt)) {
        for (const { at, header } of group) {
          if (segment.length === 0) segment.firstWrittenMs = header.writtenMs
          segment.lastWrittenMs = header.writtenMs
          segment.add(header.sequence, at, goesOut(header.kind))
          this.account(segment, header.sequence, header.kind, header.settles, header.bodyBytes)
          wholeBytes += frameBytes(header)
          wholeTo = at + frameBytes(header)
        }
      }
    } catch (thrown) {
      this.setup.log.error(
        { segment: segment.path, error: messageOf(thrown) },
        'a segment of the journal could not be read to its end',
      )
      wholeTo = segment.bytes
    } finally {
      await file?.close()
    }
    return { damagedBytes: wholeTo - wholeBytes, wholeTo }
  }

  /** Behind the last whole group lies what was being written when Subspan ended; nobody was told that it is stored. */
  private async cutTail(segment: Segment, wholeTo: number): Promise<void> {
    const { disk, log } = this.setup
    const bytes = segment.bytes - wholeTo
    // So many entries may have had a number.
    this.nextSequence += Math.ceil(bytes / HEADER_BYTES)
    try {
      await disk.cut(segment.path, wholeTo)
      segment.bytes = wholeTo
      log.info({ segment: segment.path, bytes }, 'what was being written when Subspan ended is cut off the journal')
    } catch (thrown) {
      log.warn({ segment: segment.path, bytes, error: messageOf(thrown) }, 'the unfinished end of the journal stays')
    }
  }
}

/** Whether destinations get such an entry. */
function goesOut(kind: number): boolean {
  return kind === EntryKind.outgoing || kind === EntryKind.released
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
