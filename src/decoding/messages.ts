// messages.ts: what the main thread and a decoding worker say to each other.

import type { FailureCode } from '../base/failure.ts'
import type { DecodedBatch } from '../bridge/ports.ts'
import type { CaptureInfo } from '../capture/capture.ts'

/** What a worker is started with. */
export interface WorkerTask {
  /** The capture file. */
  readonly path: string
  /** What messages call it. */
  readonly name: string
  readonly maxUnpackedBytes: number
  /** Memory in typed arrays, which V8's own limits do not count. */
  readonly maxMemoryBytes: number
}

/** From the worker. */
export type FromWorker =
  | { readonly type: 'batch'; readonly batch: DecodedBatch }
  | { readonly type: 'done'; readonly info: CaptureInfo }
  | { readonly type: 'failed'; readonly code: FailureCode; readonly message: string }

/** To the worker: a batch was taken. */
export interface ToWorker {
  readonly type: 'taken'
}
