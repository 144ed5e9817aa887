// ports.ts: what the flow asks of the doors: a durable journal, capture files, decoding, counting, time.

import type { CaptureInfo, ClockSnapshot } from '../capture/capture.ts'
import type { GcPhases, StackFrame, TaskRecord } from '../breakdown/breakdown.ts'

/** What an entry of the journal is about. The numbers are on disk: never change one. */
export const EntryKind = {
  /** An OTLP protobuf trace request that goes to the destinations. */
  outgoing: 1,
  /** An accepted OTLP protobuf trace request that waits for a capture. */
  held: 2,
  /** A held request leaves: with its body, or, where the body is empty, with the held entry's bytes. */
  released: 3,
  /** A capture was accepted; its bytes are a file beside the journal. */
  capture: 4,
  /** A capture was decoded (or given up), and all that it adds to spans that had left is in the journal. */
  captureSettled: 5,
  /** Decoding a capture began, or ended in any way: what began and never ended took the program with it. */
  captureAttempt: 6,
} as const
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind]

/** One entry to be written. */
export interface NewEntry {
  readonly kind: EntryKind
  /** Small plain data that goes with it, written as JSON. */
  readonly meta: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  /** Sequence number of the held entry that this one settles (`released`), or of the capture (`captureSettled`). */
  readonly settles?: number
}

/** One entry as read back. */
export interface JournalEntry extends NewEntry {
  /** Counts up from 1 over the life of the data folder; never used twice. */
  readonly sequence: number
  /** When it was written, Unix milliseconds. */
  readonly writtenMs: number
}

/** The durable, append-only log. */
export interface Journal {
  /**
   * Writes entries together: after a crash either all or none of them are there. Resolves with their sequence numbers when they are on disk
   * (one fsync serves all that wait at that moment).
   *
   * @throws Failure STORE when the disk refuses, OVERLOADED (with `retryAfterSeconds`) when the bytes allowed are used up; then nothing was written.
   */
  append(entries: readonly NewEntry[]): Promise<readonly number[]>
  /** All entries still kept, in order, for the restart. Damaged stretches are skipped and counted. */
  replay(): AsyncIterable<JournalEntry>
  /** The body of a kept entry; null when it is kept no longer. */
  body(sequence: number): Promise<Uint8Array | null>
}

/** Which process a capture was taken of, as the sender says; empty where it does not. */
export interface CaptureName {
  /** `service.name` */
  readonly service: string
  /** Instance id, pod uid or name, host, or host:pid. */
  readonly instance: string
}

/** How a capture came. */
export interface CaptureOrigin {
  readonly by: 'upload' | 'pull' | 'watch'
  /** Address of the sender, address that was asked, or path of the file; empty where it is not known. */
  readonly from: string
  /** Length of the recording that was asked for; null where nobody asked. */
  readonly seconds: number | null
}

/** A capture that is being recorded. */
export interface LiveCapture {
  readonly id: string
  /** Resolves when its first bytes are there and are a capture's; fails with the reason why there are none. */
  readonly began: Promise<void>
  /** Resolves when no more of it comes. */
  readonly received: Promise<void>
}

/** Takes captures while they are being recorded. */
export interface Recorder {
  /**
   * Spans of the process wait from now on, and leave as the capture is decoded.
   *
   * @param chunks the capture as it comes; where they fail, what came before is used
   */
  record(name: CaptureName, origin: CaptureOrigin, chunks: AsyncIterable<Uint8Array>): LiveCapture
}

/** Capture files. */
export interface CaptureFiles {
  /**
   * Stores the bytes of a capture durably while they stream in.
   *
   * @returns id: the first 32 hex digits of the SHA-256 of the bytes, so that the same bytes have the same id
   * @throws Failure CAPTURE_EMPTY, CAPTURE_TOO_LARGE (with both numbers), STORE, OVERLOADED
   */
  write(chunks: AsyncIterable<Uint8Array>): Promise<StoredCapture>
  /** Begins a capture that is read while it is being recorded. Nothing is on disk before its first bytes. */
  begin(): GrowingCapture
  path(id: string): string
  /** The capture is (again, after a restart) to be decoded: its file stays. @returns its bytes; 0 when there is none */
  needed(id: string): number
  /** The capture was decoded or given up: its file may leave when others need the room. To be called once for every `write`, `needed` and first `add`. */
  settled(id: string): void
  remove(id: string): Promise<void>
}

/** A capture file that grows. */
export interface GrowingCapture {
  /** 32 hex digits of its own, for nobody knows the hash of bytes that are still to come. */
  readonly id: string
  /**
   * Adds to the file; resolves when its readers can see it.
   *
   * @throws Failure CAPTURE_TOO_LARGE (with both numbers), STORE, OVERLOADED; then nothing was added
   */
  add(chunk: Uint8Array): Promise<void>
  /**
   * Nothing comes any more; resolves when all of it is on disk. To be called in any case.
   *
   * @returns what `write` would call the same bytes
   * @throws Failure STORE
   */
  end(): Promise<{ readonly contentId: string; readonly bytes: number }>
}

export interface StoredCapture {
  readonly id: string
  readonly bytes: number
  /** Whether the same bytes were stored before. */
  readonly known: boolean
}

/** What decoding tells while it goes on. */
export interface DecodeListener {
  /** Tasks that are complete, with the new rows of the tables that they point into. Where it is a promise, the next batch waits for it. */
  tasks(batch: DecodedBatch): Promise<void> | undefined
}

/** Rows are appended to what earlier batches brought. */
export interface DecodedBatch {
  readonly tasks: readonly TaskRecord[]
  readonly newReasons: readonly string[]
  readonly newRangeNames: readonly string[]
  readonly newStacks: readonly (readonly StackFrame[])[]
  /** Everything before this time, nanoseconds from the origin, has been decoded. */
  readonly decodedUntilNs: number
  /** As far as known by now; complete with the last batch. */
  readonly gcPhases: GcPhases
  /** Pairings of the two clocks known by now. */
  readonly clockSnapshots: readonly ClockSnapshot[]
  /** The capture's origin on the trace clock, nanoseconds. */
  readonly originNs: bigint
  /** Stretches whose events are lost, as far as known. */
  readonly lost: readonly { readonly startNs: number; readonly endNs: number }[]
}

/** Decodes captures away from the main thread, with a ceiling of memory and a deadline. */
export interface Decoder {
  /**
   * Looks at the first bytes of a capture, packed or not, before it is stored.
   *
   * @throws Failure CAPTURE_NOT_GO, CAPTURE_VERSION, CAPTURE_COMPRESSION when it can be told from them that nothing can be read
   */
  checkHead(head: Uint8Array): void
  /**
   * @param name what messages call the capture
   * @param growth of a file that is still being written: its length each time it has grown; the deadline counts from its end on,
   *   and before that for as long as the decoding is behind it
   * @throws Failure when nothing could be read, CAPTURE_WORKER when the worker died or was stopped.
   */
  decode(path: string, name: string, listener: DecodeListener, growth?: AsyncIterable<number>): Promise<CaptureInfo>
}

/** Counts what happened; names and labels are those of `telemetry/metrics.ts`. */
export interface Counters {
  add(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  set(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

/** Tells turns of events once; frequent things are counted instead. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Wall clock and timers, so that tests can hold time still. */
export interface Clock {
  nowMs(): number
  /** @returns a function that cancels */
  after(ms: number, run: () => void): () => void
}
