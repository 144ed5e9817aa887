// messages.ts: what the main thread and a decoding worker say to each other.

import type { FailureCode } from '../base/failure.ts'
import type { PackedBatch } from './task-packer.ts'
import type { CaptureInfo } from '../capture/capture.ts'

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
