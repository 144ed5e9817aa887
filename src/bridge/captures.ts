// captures.ts: the captures that came, what became of them, which are being decoded, and which were announced.

import { Failure, messageOf } from '../base/failure.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import type { ProcessIdentity } from '../span/span.ts'
import { type CaptureName, type CaptureState, KnownCapture, mayBeOf, type Way } from './known-capture.ts'
import type { BridgeOptions } from './options.ts'
import {
  type CaptureFiles,
  type Clock,
  type Counters,
  type Decoder,
  EntryKind,
  type Journal,
  type Log,
} from './ports.ts'

export type { CaptureName } from './known-capture.ts'

/** Answer to an upload. */
export interface AcceptedCapture {
  readonly id: string
  readonly bytes: number
  /** The same bytes came before: nothing new will happen. */
  readonly known: boolean
}

/** Answer to an announcement. */
export interface Announcement extends CaptureName {
  readonly seconds: number
  /** Until then spans of the process wait for the capture, each at most `hold.max`; Unix nanoseconds. */
  readonly untilUnixNs: string
}

/** A capture as the API shows it. Times in nanoseconds, 64-bit ones as decimal strings. */
export interface CaptureView {
  readonly id: string
  readonly state: CaptureState
  readonly service: string
  readonly instance: string
  readonly receivedUnixNs: string
  readonly fileBytes: number
  /** Null until decoded. */
  readonly capture: {
    readonly header: string
    readonly bytes: number
    readonly events: number
    readonly durationNs: number
    readonly wallOffsetNs: string | null
  } | null
  readonly problems: CaptureInfo['problems']
  /** Why it was set aside. */
  readonly failure: { readonly code: string; readonly message: string } | null
  readonly clock: { readonly method: string; readonly offsetNs: string | null; readonly errorNs: number | null }
  readonly tasks: { readonly total: number; readonly joined: number; readonly dropped: number }
  readonly spans: {
    readonly joined: Readonly<Record<string, number>>
    readonly unmatched: Readonly<Record<string, number>>
    readonly left: Readonly<Record<Way, number>>
    /** Joined spans of those that lay in the capture; null when there were none. */
    readonly joinRate: number | null
  }
  /** Keys of the processes whose spans were joined. */
  readonly processes: readonly string[]
}

/** What the flow does when a capture gets on. */
export interface CaptureEvents {
  /** More of it is decoded. */
  progress(capture: KnownCapture): void
  /** It is decoded, or set aside. */
  ended(capture: KnownCapture): void
  /** What waited for a capture need not wait any longer. */
  announcementOver(): void
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

interface Awaited {
  readonly name: CaptureName
  readonly cancel: () => void
}

/** The captures. */
export class Captures {
  /** By id, in order of arrival: what is shown. */
  private readonly shown = new Map<string, KnownCapture | CaptureView>()
  /** Those that spans can be joined with, or will be. */
  private active: KnownCapture[] = []
  private readonly queue: KnownCapture[] = []
  private readonly accepting = new Map<string, Promise<AcceptedCapture>>()
  private announced: Awaited[] = []
  private decoding = 0
  private stopping = false

  constructor(
    private readonly ports: CapturePorts,
    private readonly options: BridgeOptions,
    private readonly events: CaptureEvents,
  ) {}

  /**
   * Stores a capture and has it decoded; resolves when it is on disk.
   *
   * @throws Failure CAPTURE_EMPTY, CAPTURE_NOT_GO, CAPTURE_VERSION, CAPTURE_COMPRESSION, CAPTURE_TOO_LARGE, STORE, OVERLOADED
   */
  async accept(name: CaptureName, chunks: AsyncIterable<Uint8Array>): Promise<AcceptedCapture> {
    const { id, bytes } = await this.ports.files.write(this.checked(chunks))
    const before = this.accepting.get(id)
    if (before !== undefined || this.shown.has(id)) {
      this.ports.files.settled(id)
      await before
      return { id, bytes, known: true }
    }
    const accepted = this.register(id, bytes, name)
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

  /** Spans of the process wait for a capture that is being recorded by hand. */
  announce(name: CaptureName, seconds: number): Announcement {
    // The upload takes its time too.
    const lastsMs = seconds * 1_000 + this.options.holdMaxMs
    const untilMs = this.ports.clock.nowMs() + lastsMs
    const awaited: Awaited = {
      name,
      cancel: this.ports.clock.after(lastsMs, () => {
        this.announced = this.announced.filter((other) => other !== awaited)
        this.ports.log.warn({ ...name, seconds }, 'an announced capture did not come')
        this.events.announcementOver()
      }),
    }
    this.announced.push(awaited)
    return { ...name, seconds, untilUnixNs: unixNs(untilMs) }
  }

  /** Whether a capture of the process is announced. */
  isAnnounced(process: ProcessIdentity): boolean {
    return this.announced.some(({ name }) => mayBeOf(name, process))
  }

  /** Captures of the process that are not decoded to their end; those without a name only once their process is known by ids. */
  unfinished(process: ProcessIdentity): readonly KnownCapture[] {
    if (this.active.length === 0) return NONE
    return this.active.filter(
      (capture) =>
        (capture.state === 'pending' || capture.state === 'decoding') &&
        (capture.isNamed ? mayBeOf(capture.name, process) : capture.processes.has(process.key)),
    )
  }

  /** Captures in which spans of the process may find their tasks, in order of arrival. */
  joinable(process: ProcessIdentity): readonly KnownCapture[] {
    if (this.active.length === 0) return NONE
    return this.active.filter((capture) => capture.joinable && mayBeOf(capture.name, process))
  }

  /** Newest first. */
  views(): readonly CaptureView[] {
    return [...this.shown.values()].reverse().map(asView)
  }

  view(id: string): CaptureView | null {
    const found = this.shown.get(id)
    return found === undefined ? null : asView(found)
  }

  /** Bytes of the tasks that can be joined. */
  get bytes(): number {
    return this.active.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Captures accepted and not decoded to their end. */
  get waiting(): number {
    return this.queue.length + this.decoding
  }

  /** After a restart: a capture that is in the journal. `settledView` is what was known when it was done with; null when it never was. */
  restore(
    id: string,
    sequence: number,
    acceptedMs: number,
    meta: Readonly<Record<string, unknown>>,
    settledView: CaptureView | null,
    deaths: number,
  ): void {
    const old = this.ports.clock.nowMs() - acceptedMs > this.options.joinKeepMs
    // Spans that come now may still be joined with a capture that was done with a moment ago.
    if (settledView !== null && (old || settledView.state !== 'done')) {
      this.show(id, settledView)
      return
    }
    const name = { service: textOf(meta.service), instance: textOf(meta.instance) }
    const capture = new KnownCapture(id, name, Number(meta.bytes ?? 0), acceptedMs, sequence, this.options.ids)
    capture.settled = settledView !== null
    this.ports.files.needed(id)
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
    const view = viewOf(capture, true)
    const meta = { id: capture.id, view: { ...view, problems: view.problems.slice(0, MAX_PROBLEMS_KEPT) } }
    const entry = { kind: EntryKind.captureSettled, meta, body: NO_BYTES, settles: capture.sequence }
    try {
      await this.ports.journal.append([entry])
      capture.settled = true
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      this.ports.log.warn(
        { id: capture.id, error: thrown.message },
        'that a capture is done with could not be written yet',
      )
      this.ports.clock.after(SETTLE_RETRY_MS, () => void this.settle(capture))
    }
  }

  /** Begins no decoding any more; what is interrupted by the end of the process is decoded after the next start. */
  async stop(): Promise<void> {
    this.stopping = true
    for (const { cancel } of this.announced.splice(0)) cancel()
    await Promise.all(
      this.active.filter(({ state }) => state === 'decoding').map((capture) => this.note(capture, false)),
    )
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

  private async register(id: string, bytes: number, name: CaptureName): Promise<AcceptedCapture> {
    const acceptedMs = this.ports.clock.nowMs()
    const meta = { id, ...name, bytes }
    const [sequence] = await this.ports.journal.append([{ kind: EntryKind.capture, meta, body: NO_BYTES }])
    this.enqueue(new KnownCapture(id, name, bytes, acceptedMs, sequence, this.options.ids))
    // The first announcement that it may be the answer to is met.
    const met = this.announced.findIndex((awaited) => sameName(awaited.name, name))
    if (met >= 0) for (const { cancel } of this.announced.splice(met, 1)) cancel()
    return { id, bytes, known: false }
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

  private async decode(capture: KnownCapture): Promise<void> {
    const { decoder, files, log } = this.ports
    capture.begin()
    const name = `capture ${capture.id}`
    await this.note(capture, true)
    if (this.stopping) return
    try {
      const info = await decoder.decode(files.path(capture.id), name, {
        tasks: (batch) => {
          if (this.stopping) return
          this.makeRoom(capture)
          capture.take(batch, this.options.joinMaxBytes)
          this.events.progress(capture)
        },
      })
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
        this.queue.push(capture)
        return
      }
      await this.note(capture, false)
      this.setAside(capture, thrown)
      return
    }
    await this.note(capture, false)
    this.finish(capture)
  }

  private setAside(capture: KnownCapture, thrown: unknown): void {
    capture.state = 'failed'
    capture.failure = { code: thrown instanceof Failure ? thrown.code : 'CAPTURE_WORKER', message: messageOf(thrown) }
    this.ports.log.error({ id: capture.id, ...capture.name, ...capture.failure }, 'capture set aside')
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

function asView(capture: KnownCapture | CaptureView): CaptureView {
  return capture instanceof KnownCapture ? viewOf(capture) : capture
}

/**
 * A capture as the API shows it: it counts as being decoded until everything that it adds is written down.
 *
 * @param settled whether it is
 */
export function viewOf(capture: KnownCapture, settled = capture.settled): CaptureView {
  const { info, name, clock } = capture
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
  const joined = sum(capture.joined)
  // Spans beyond the capture's time or of other processes say nothing about how well joining went.
  const { 'not-in-capture': outside = 0, 'other-process': foreign = 0 } = capture.unmatched
  const inside = joined + sum(capture.unmatched) - outside - foreign
  return {
    id: capture.id,
    state: capture.state === 'done' && !settled ? 'decoding' : capture.state,
    service: name.service,
    instance: name.instance,
    receivedUnixNs: unixNs(capture.acceptedMs),
    fileBytes: capture.fileBytes,
    capture:
      info === null
        ? null
        : {
            header: info.header,
            bytes: info.bytes,
            events: info.events,
            durationNs: info.durationNs,
            wallOffsetNs: info.wallOffsetNs === null ? null : String(info.wallOffsetNs),
          },
    problems: info === null ? [] : info.problems,
    failure: capture.failure,
    clock: {
      method: clock.method,
      offsetNs: clock.offsetNs === null ? null : String(clock.offsetNs),
      errorNs: clock.errorNs,
    },
    tasks: { total: capture.taskCount, joined: capture.tasksJoined, dropped: capture.tasksDropped },
    spans: {
      joined: { ...capture.joined },
      unmatched: { ...capture.unmatched },
      left: { ...capture.left },
      joinRate: inside === 0 ? null : joined / inside,
    },
    processes: [...capture.processes.keys()],
  }
}

function sameName(first: CaptureName, second: CaptureName): boolean {
  if (first.service !== second.service) return false
  return first.instance === '' || second.instance === '' || first.instance === second.instance
}

function unixNs(unixMs: number): string {
  return `${Math.round(unixMs)}000000`
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
