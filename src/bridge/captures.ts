// captures.ts: the captures that came, what became of them, which are being decoded, and which were announced.

import { Failure, messageOf } from '../base/failure.ts'
import type { ProcessIdentity } from '../span/span.ts'
import { Announcements } from './announcements.ts'
import { type CaptureView, viewOf } from './capture-view.ts'
import { Growth } from './growth.ts'
import { type GivenTask, KnownCapture, mayBeOf } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'
import {
  type CaptureFiles,
  type CaptureName,
  type CaptureOrigin,
  type Clock,
  type Counters,
  type DecodedBatch,
  type Decoder,
  EntryKind,
  type GrowingCapture,
  type Journal,
  type LiveCapture,
  type Log,
} from './ports.ts'

/** Answer to an upload. */
export interface AcceptedCapture {
  readonly id: string
  readonly bytes: number
  /** The same bytes came before: nothing new will happen. */
  readonly known: boolean
}

/** What the flow does when a capture gets on. */
export interface CaptureEvents {
  /** More of it is decoded. Resolves when what spans have found in it is on its way. */
  progress(capture: KnownCapture): Promise<void>
  /** It is decoded, or set aside. */
  ended(capture: KnownCapture): void
  /** What waited for a capture need not wait any longer. */
  announcementOver(): void
}

/** What is known of a capture that was done with, from the journal. */
export interface SettledCapture {
  readonly view: CaptureView
  readonly content: unknown
}

/** What captures need of the outside. */
export interface CapturePorts {
  readonly journal: Journal
  readonly files: CaptureFiles
  readonly decoder: Decoder
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

/** Captures shown; older ones are dropped from the list. */
const MAX_SHOWN = 1_000
/** Problems that are kept with a capture after a restart. */
const MAX_PROBLEMS_KEPT = 20
const SETTLE_RETRY_MS = 5_000
/**
 * Decodings of a capture that the program did not survive, until it is set aside. A program dies of other things too, so one more
 * than what a worker's failures are counted by.
 */
const MOST_DEATHS = 3
/** Bytes looked at before anything is stored. */
const HEAD_BYTES = 512

/** The captures. */
export class Captures {
  /** By id, in order of arrival: what is shown. */
  private readonly shown = new Map<string, KnownCapture | CaptureView>()
  /** Those that spans can be joined with, or will be. */
  private active: KnownCapture[] = []
  private readonly queue: KnownCapture[] = []
  private readonly accepting = new Map<string, Promise<AcceptedCapture>>()
  /** Ids of captures recorded on demand, by what the same bytes would be called if they were uploaded. */
  private readonly byContent = new Map<string, string>()
  /** Recordings under way. */
  private readonly receiving = new Set<Promise<void>>()
  readonly announcements: Announcements
  private decoding = 0
  private stopping = false

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
    private readonly events: CaptureEvents,
    /** Processes whose spans have left lately; null when that is not kept. */
    private readonly seen: () => readonly ProcessIdentity[] | null,
  ) {
    const { clock, log } = ports
    this.announcements = new Announcements(clock, log, options.holdMaxMs, () => events.announcementOver())
  }

  /**
   * Stores a capture and has it decoded; resolves when it is on disk.
   *
   * @throws Failure CAPTURE_EMPTY, CAPTURE_NOT_GO, CAPTURE_VERSION, CAPTURE_COMPRESSION, CAPTURE_TOO_LARGE, STORE, OVERLOADED
   */
  async accept(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): Promise<AcceptedCapture> {
    const { id, bytes } = await this.ports.files.write(this.checked(chunks))
    const recorded = this.byContent.get(id)
    if (recorded !== undefined) {
      this.ports.files.settled(id)
      await this.forget(id)
      return { id: recorded, bytes, known: true }
    }
    const before = this.accepting.get(id)
    if (before !== undefined || this.shown.has(id)) {
      this.ports.files.settled(id)
      await before
      return { id, bytes, known: true }
    }
    const accepted = this.register(id, bytes, name, origin)
    this.accepting.set(id, accepted)
    try {
      return await accepted
    } catch (thrown) {
      this.ports.files.settled(id)
      throw thrown
    } finally {
      this.accepting.delete(id)
    }
  }

  /** Takes a capture while it is being recorded; see `Recorder`. */
  record(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): LiveCapture {
    const { files, clock } = this.ports
    const file = files.begin()
    const capture = new KnownCapture(file.id, name, origin, clock.nowMs(), this.options.ids)
    capture.receiving = true
    this.show(capture.id, capture)
    this.active.push(capture)
    let received: Promise<void> = Promise.resolve()
    const began = new Promise<void>((resolve, reject) => {
      received = this.receive(capture, file, chunks, resolve, reject).finally(() => this.receiving.delete(received))
    })
    // Not everybody waits for it; that it failed is told with the capture.
    began.catch(() => undefined)
    this.receiving.add(received)
    return { id: capture.id, began, received }
  }

  /** Takes what comes of a recording to its end, and has it decoded meanwhile. */
  private async receive(
    capture: KnownCapture,
    file: GrowingCapture,
    chunks: AsyncIterable<Uint8Array>,
    began: () => void,
    failed: (why: unknown) => void,
  ): Promise<void> {
    const growth = new Growth()
    let decoding: Promise<void> | null = null
    let cut: unknown = null
    try {
      for await (const chunk of this.checked(chunks)) {
        await file.add(chunk)
        if (decoding === null) {
          // From now on a start after a crash decodes what has come.
          await this.write(capture)
          began()
          decoding = this.decode(capture, growth)
        }
        capture.fileBytes += chunk.length
        growth.reach(capture.fileBytes)
      }
    } catch (thrown) {
      cut = thrown
    }
    try {
      const { contentId } = await file.end()
      capture.contentId = contentId
      if (decoding !== null) this.byContent.set(contentId, capture.id)
    } catch (thrown) {
      cut ??= thrown
    }
    capture.receiving = false
    if (cut !== null && decoding !== null) capture.cut = messageOf(cut)
    growth.end()
    if (this.stopping) {
      failed(cut)
      return
    }
    if (decoding === null) {
      failed(cut)
      this.setAside(capture, cut)
      await this.forget(capture.id)
      return
    }
    if (cut !== null) {
      this.ports.log.warn({ id: capture.id, ...capture.name, reason: capture.cut }, 'a recording ended before its time')
    }
    await decoding
    if (capture.state === 'pending') this.again(capture)
  }

  /** Captures of the process that are not decoded to their end; those without a name only once their process is known by ids. */
  unfinished(process: ProcessIdentity): readonly KnownCapture[] {
    if (this.active.length === 0) return NONE
    return this.active.filter(
      (capture) =>
        (capture.state === 'pending' || capture.state === 'decoding') &&
        (capture.isNamed ? mayBeOf(capture.name, process) : capture.isOf(process.key)),
    )
  }

  /** Captures in which spans of the process may find their tasks, in order of arrival. */
  joinable(process: ProcessIdentity): readonly KnownCapture[] {
    if (this.active.length === 0) return NONE
    return this.active.filter((capture) => capture.joinable && mayBeOf(capture.name, process))
  }

  /** Newest first. */
  views(): readonly CaptureView[] {
    let known: readonly ProcessIdentity[] | null | undefined
    const seen = (): readonly ProcessIdentity[] | null => (known === undefined ? (known = this.seen()) : known)
    return [...this.shown.values()].reverse().map((capture) => asView(capture, seen))
  }

  view(id: string): CaptureView | null {
    const found = this.shown.get(id)
    return found === undefined ? null : asView(found, this.seen)
  }

  /** Bytes of the tasks that can be joined. */
  get bytes(): number {
    return this.active.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Captures accepted and not decoded to their end. */
  get waiting(): number {
    return this.active.filter(({ state }) => state === 'pending' || state === 'decoding').length
  }

  /** After a restart: a capture that is in the journal. */
  restore(
    id: string,
    sequence: number,
    acceptedMs: number,
    meta: Readonly<Record<string, unknown>>,
    settled: SettledCapture | null,
    deaths: number,
    given: readonly GivenTask[],
  ): void {
    const settledView = settled?.view ?? null
    const contentId = textOf(settled?.content) || id
    if (contentId !== id) this.byContent.set(contentId, id)
    if (settledView !== null && !isDecodedAgain(settledView, acceptedMs, this.ports.clock.nowMs(), this.options)) {
      this.show(id, settledView)
      return
    }
    const name = { service: textOf(meta.service), instance: textOf(meta.instance) }
    const capture = new KnownCapture(id, name, originOf(meta.origin), acceptedMs, this.options.ids, given)
    capture.sequence = sequence
    capture.contentId = contentId
    capture.settled = settledView !== null
    capture.fileBytes = this.ports.files.needed(id)
    if (deaths < MOST_DEATHS) {
      this.enqueue(capture)
      return
    }
    this.show(id, capture)
    this.setAside(
      capture,
      new Failure(
        'CAPTURE_WORKER',
        `decoding capture ${id} ended the whole program ${deaths} times: it is not tried again. Its file is kept; give the program more memory than decode.memoryBytes, or lower that, and send the capture again.`,
      ),
    )
  }

  /** Writes down that a capture is done with; where the disk refuses, it is decoded again after the next start. */
  async settle(capture: KnownCapture): Promise<void> {
    if (capture.settled) return
    // Of a recording of which nothing came, nothing needs to be known after a restart.
    if (capture.sequence === 0) {
      capture.settled = true
      return
    }
    const view = viewOf(capture, this.seen, true)
    const meta = {
      id: capture.id,
      content: capture.contentId,
      view: { ...view, problems: view.problems.slice(0, MAX_PROBLEMS_KEPT) },
    }
    const entry = { kind: EntryKind.captureSettled, meta, body: NO_BYTES, settles: capture.sequence }
    try {
      await this.ports.journal.append([entry])
      capture.settled = true
      if (view.advice !== null) {
        this.ports.log.warn(
          { id: capture.id, ...capture.name, advice: view.advice },
          'a capture explains no span so far',
        )
      }
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      this.ports.log.warn(
        { id: capture.id, error: thrown.message },
        'that a capture is done with could not be written yet',
      )
      this.ports.clock.after(SETTLE_RETRY_MS, () => void this.settle(capture))
    }
  }

  /** Begins no decoding any more; what is interrupted by the end of the process is decoded after the next start. What is
   * being recorded must have been broken off. */
  async stop(): Promise<void> {
    this.stopping = true
    this.announcements.stop()
    await Promise.all([
      ...this.active.filter(({ state }) => state === 'decoding').map((capture) => this.note(capture, false)),
      ...this.receiving,
    ])
  }

  /** Writes down that a decoding begins or ended; a disk that refuses does not keep it from going on. */
  private async note({ id }: KnownCapture, begun: boolean): Promise<void> {
    try {
      await this.ports.journal.append([{ kind: EntryKind.captureAttempt, meta: { id, begun }, body: NO_BYTES }])
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      this.ports.log.warn({ id, error: thrown.message }, 'that a capture is being decoded could not be written down')
    }
  }

  private async *checked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let head: Uint8Array = NO_BYTES
    let passed = false
    for await (const chunk of chunks) {
      if (passed) {
        yield chunk
        continue
      }
      head = head.length === 0 ? chunk : joined(head, chunk)
      if (head.length < HEAD_BYTES) continue
      this.ports.decoder.checkHead(head)
      passed = true
      yield head
    }
    if (passed) return
    this.ports.decoder.checkHead(head)
    yield head
  }

  private async register(
    id: string,
    bytes: number,
    name: CaptureName,
    origin: CaptureOrigin,
  ): Promise<AcceptedCapture> {
    const capture = new KnownCapture(id, name, origin, this.ports.clock.nowMs(), this.options.ids)
    capture.fileBytes = bytes
    await this.write(capture)
    this.enqueue(capture)
    this.announcements.meet(name)
    return { id, bytes, known: false }
  }

  /** Writes down that the capture is there. */
  private async write(capture: KnownCapture): Promise<void> {
    const { id, name, origin } = capture
    const [sequence] = await this.ports.journal.append([
      { kind: EntryKind.capture, meta: { id, ...name, origin }, body: NO_BYTES },
    ])
    capture.sequence = sequence
  }

  private enqueue(capture: KnownCapture): void {
    this.show(capture.id, capture)
    this.active.push(capture)
    this.queue.push(capture)
    this.pump()
  }

  private show(id: string, capture: KnownCapture | CaptureView): void {
    this.shown.set(id, capture)
    for (const [oldest, shown] of this.shown) {
      if (this.shown.size <= MAX_SHOWN) break
      if (shown instanceof KnownCapture && this.active.includes(shown)) continue
      this.shown.delete(oldest)
      if (shown instanceof KnownCapture) this.byContent.delete(shown.contentId)
    }
  }

  private pump(): void {
    while (!this.stopping && this.decoding < this.options.decodeWorkers) {
      const capture = this.queue.shift()
      if (capture === undefined) return
      this.decoding++
      void this.decode(capture).finally(() => {
        this.decoding--
        this.pump()
      })
    }
  }

  /** @param growth of a file that is still being written; it takes none of the places of `decode.workers` */
  private async decode(capture: KnownCapture, growth?: Growth): Promise<void> {
    const { decoder, files, log } = this.ports
    capture.begin()
    const name = `capture ${capture.id}`
    await this.note(capture, true)
    if (this.stopping) return
    try {
      const tasks = async (batch: DecodedBatch): Promise<void> => {
        if (this.stopping) return
        this.makeRoom(capture)
        const { decodedUntilNs } = capture
        capture.take(batch, this.options.joinMaxBytes)
        // Tasks of a time that is not decoded to its end decide nothing yet.
        if (capture.decodedUntilNs > decodedUntilNs) await this.events.progress(capture)
      }
      const info = await decoder.decode(files.path(capture.id), name, { tasks }, growth)
      if (this.stopping) return
      capture.end(info)
      log.info(
        {
          id: capture.id,
          ...capture.name,
          tasks: capture.taskCount,
          durationNs: info.durationNs,
          problems: info.problems.length,
        },
        'capture decoded',
      )
    } catch (thrown) {
      if (this.stopping) return
      capture.dropTasks()
      // What kills its worker, or is no capture, would do or be so again; for anything else there is a second try.
      const final = thrown instanceof Failure && thrown.code.startsWith('CAPTURE_')
      if (!final && capture.attempts < 2) {
        log.warn({ id: capture.id, error: messageOf(thrown) }, 'decoding a capture failed; once more')
        capture.state = 'pending'
        await this.note(capture, false)
        if (!capture.receiving) this.again(capture)
        return
      }
      await this.note(capture, false)
      this.setAside(capture, thrown)
      return
    }
    await this.note(capture, false)
    this.finish(capture)
  }

  /** Removes a file that nobody needs; one that cannot be removed now leaves when others need the room. */
  private async forget(id: string): Promise<void> {
    await this.ports.files.remove(id).catch(() => undefined)
  }

  /** Decodes a capture once more. */
  private again(capture: KnownCapture): void {
    this.queue.push(capture)
    this.pump()
  }

  private setAside(capture: KnownCapture, thrown: unknown): void {
    capture.state = 'failed'
    const code = thrown instanceof Failure ? thrown.code : 'CAPTURE_WORKER'
    const reason = messageOf(thrown)
    capture.failure = { code, message: reason }
    this.ports.log.error({ id: capture.id, ...capture.name, code, reason }, 'capture set aside')
    this.finish(capture)
  }

  private finish(capture: KnownCapture): void {
    if (capture.tasksDropped > 0) {
      this.ports.log.warn(
        {
          id: capture.id,
          dropped: capture.tasksDropped,
          tasks: capture.taskCount,
          maxBytes: this.options.joinMaxBytes,
        },
        'tasks of a capture were not kept: memory for tasks is used up; record for a shorter time, or raise join.keepBytes',
      )
    }
    this.ports.files.settled(capture.id)
    this.ports.counters.add('subspan_captures_total', 1, { state: capture.state })
    if (capture.state === 'done') this.ports.clock.after(this.options.joinKeepMs, () => this.retire(capture))
    else this.retire(capture)
    this.events.ended(capture)
  }

  /** The capture's tasks can be joined no longer. */
  private retire(capture: KnownCapture): void {
    this.active = this.active.filter((other) => other !== capture)
    capture.dropTasks()
  }

  /** Captures decoded longest ago give way. */
  private makeRoom(newest: KnownCapture): void {
    while (this.bytes > this.options.joinMaxBytes) {
      const oldest = this.active.find((capture) => capture !== newest && capture.state === 'done')
      if (oldest === undefined) return
      this.ports.counters.add('subspan_captures_crowded_out_total', 1)
      this.ports.log.warn(
        { id: oldest.id, bytes: this.bytes, maxBytes: this.options.joinMaxBytes },
        'tasks of a capture were dropped before join.keep was over: memory for tasks is used up',
      )
      this.retire(oldest)
    }
  }
}

const NONE: readonly KnownCapture[] = []
const NO_BYTES = new Uint8Array(0)

/** Whether a capture that was done with is decoded again after a restart: spans that come now may still be joined with it. */
export function isDecodedAgain(
  { state }: CaptureView,
  acceptedMs: number,
  nowMs: number,
  { joinKeepMs }: Pick<BridgeOptions, 'joinKeepMs'>,
): boolean {
  return state === 'done' && nowMs - acceptedMs <= joinKeepMs
}

function asView(capture: KnownCapture | CaptureView, seen: () => readonly ProcessIdentity[] | null): CaptureView {
  return capture instanceof KnownCapture ? viewOf(capture, seen) : capture
}

/** The origin that stands in the journal. */
function originOf(value: unknown): CaptureOrigin {
  const { by, from, seconds } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return {
    by: by === 'pull' || by === 'watch' ? by : 'upload',
    from: textOf(from),
    seconds: typeof seconds === 'number' ? seconds : null,
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
