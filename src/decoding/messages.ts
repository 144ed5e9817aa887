// messages.ts: what the main thread and a decoding worker say to each other.

import type { MessagePort } from 'node:worker_threads'
import type { FailureCode } from '../base/failure.ts'
import type { SharedMemory } from '../base/kernel-memory.ts'
import type { CaptureInfo, CaptureProblemCode } from '../capture/capture.ts'
import type { Decoded } from '../capture/event-source.ts'
import type { HeaderVersion } from '../capture/header.ts'
import type { LostNews } from '../capture/lost-time.ts'
import type { PlaceParts } from '../capture/places.ts'
import type { PackedBatch } from './task-packer.ts'

/** A capture to decode. */
export interface WorkerTask {
  /** The capture file. */
  readonly path: string
  /** What messages call it. */
  readonly name: string
  readonly maxUnpackedBytes: number
  /** Memory in typed arrays, which V8's own limits do not count. */
  readonly maxMemoryBytes: number
  /** Clock of a capture that does not state it; null: one is assumed. */
  readonly ticksPerSecond: number | null
  /** The file is being written while it is read: its length comes in messages. */
  readonly growing: boolean
}

/** From the worker. */
export type FromWorker =
  | { readonly type: 'batch'; readonly batch: PackedBatch }
  /** All that the file had when it was last told, so many bytes, is decoded. */
  | { readonly type: 'waiting'; readonly bytes: number }
  /** The capture is decoded; so many bytes of memory does the worker hold now. */
  | { readonly type: 'done'; readonly info: CaptureInfo; readonly keptBytes: number }
  | { readonly type: 'failed'; readonly code: FailureCode; readonly message: string }

/** To the worker. */
export type ToWorker =
  /** A capture that nobody needs decoded, to decode while there is none that somebody does. */
  | { readonly type: 'warm'; readonly task: WorkerTask }
  /** The next capture; the one before has ended. */
  | { readonly type: 'decode'; readonly task: WorkerTask }
  /** A batch was taken. */
  | { readonly type: 'taken' }
  /** The file has grown to so many bytes. */
  | { readonly type: 'grown'; readonly bytes: number }
  /** It will not grow any more. */
  | { readonly type: 'whole' }

// ---- Between an analysis and the thread that decodes ahead of it. ----

/** What the thread is to do. */
export interface AheadTask {
  /** What messages call the file. */
  readonly name: string
  /** An open file, read from its begin; its first bytes are the header's. */
  readonly file: number
  readonly version: HeaderVersion
  readonly goTimes: boolean
  readonly memory: SharedMemory
  /** Of the ring (`event-ring.ts`). */
  readonly control: SharedArrayBuffer
  readonly port: MessagePort
}

/** A problem that the thread noted; or, without a message, how many of a code that are only counted. */
export interface AheadProblem {
  readonly code: CaptureProblemCode
  readonly byteOffset: number | null
  readonly message: string | null
  readonly count: number
}

/** What the thread says, in order. */
export type FromAhead =
  /** The tables of the events that follow: the generation's bytes, and where in them its strings and stacks lie, all in the shared memory. */
  | { readonly type: 'tables'; readonly bytes: Uint8Array; readonly strings: PlaceParts; readonly stacks: PlaceParts }
  | { readonly type: 'problems'; readonly problems: readonly AheadProblem[] }
  | { readonly type: 'lost'; readonly news: LostNews }
  /** A generation ends, or all of the capture. */
  | { readonly type: 'decoded'; readonly decoded: Decoded; readonly last: boolean }
  | { readonly type: 'failed'; readonly code: FailureCode | null; readonly message: string }
