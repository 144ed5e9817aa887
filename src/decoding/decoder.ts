// decoder.ts: decodes captures in worker threads, each with a ceiling of memory and a deadline.

import { gunzipSync, constants } from 'node:zlib'
import { Worker } from 'node:worker_threads'
import { Failure, messageOf } from '../base/failure.ts'
import type { DecodeListener, Decoder } from '../bridge/ports.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import { readHeader } from '../capture/header.ts'
import type { FromWorker, ToWorker, WorkerTask } from './messages.ts'
import { type PackedBatch, TaskUnpacker } from './task-packer.ts'

/** Limits of one decoding. */
export interface DecoderOptions {
  readonly maxUnpackedBytes: number
  /** Memory of one worker: its heap, and again its typed arrays. */
  readonly workerMemoryBytes: number
  /** For a capture to be decoded once it is whole; while its file grows, for the worker to catch up with it. */
  readonly deadlineMs: number
  /** Clock of captures of Go 1.21 and older that were cut before they state it, ticks per second; null: one is assumed. */
  readonly ticksPerSecond?: number | null
  /** A capture by which a worker learns while it waits for the first one; it may be missing. */
  readonly samplePath?: string
  /** Where the worker's compiled file lies; beside this one unless told otherwise. */
  readonly workerUrl?: URL
}

/** A head of this many bytes packs more than a thousand times better than any capture. */
const MAX_HEAD_BYTES = 1 << 27

/** A worker that holds more than this after a capture is not used for another. */
const KEEP_BYTES = 64 << 20
/** Nor is one that has decoded so many. */
const MAX_CAPTURES = 100

/** A service that ends at once need not learn. */
const LEARN_AFTER_MS = 2_000

/** A worker that waits for its next capture. */
interface Spare {
  readonly worker: Worker
  /** That it has decoded. */
  readonly captures: number
  /** Listens for its end. */
  readonly gone: () => void
}

/**
 * Decodes each capture in a thread of its own. One thread is kept for the next capture: it has its program loaded and compiled, which takes as
 * long as decoding a small capture does.
 */
export class WorkerDecoder implements Decoder {
  private readonly running = new Set<Worker>()
  private spare: Spare | null = null
  private stopped = false

  constructor(private readonly options: DecoderOptions) {}

  checkHead(head: Uint8Array): void {
    const unpacked = unpackedHead(head)
    if (unpacked.length === 0 && head.length > 0) return
    readHeader(unpacked)
  }

  decode(path: string, name: string, listener: DecodeListener, growth?: AsyncIterable<number>): Promise<CaptureInfo> {
    const { workerMemoryBytes, deadlineMs } = this.options
    const growing = growth !== undefined
    const task = this.taskOf(path, name, growing)
    const { worker, captures } = this.take()
    this.running.add(worker)
    return new Promise<CaptureInfo>((resolve, reject) => {
      const fail = (sentence: string): void => reject(new Failure('CAPTURE_WORKER', sentence))
      let underWay = true
      const isUnderWay = (): boolean => underWay
      let deadline: NodeJS.Timeout | undefined = undefined
      let grownTo = growing ? 0 : Infinity
      const begin = (): void => {
        deadline ??= setTimeout(() => {
          const seconds = deadlineMs / 1000
          fail(
            grownTo < Infinity
              ? `decoding ${name} was behind its recording for ${seconds} s and was stopped: record for a shorter time, or raise decode.deadline.`
              : `decoding ${name} did not end within ${seconds} s and was stopped: record for a shorter time, or raise decode.deadline.`,
          )
          leave()
        }, deadlineMs)
      }
      const rest = (): void => {
        clearTimeout(deadline)
        deadline = undefined
      }
      const grow = (bytes: number): void => {
        if (!isUnderWay()) return
        if (bytes === Infinity) rest()
        grownTo = bytes
        begin()
      }
      if (growth === undefined) begin()
      else void this.follow(growth, worker, isUnderWay, grow).catch(reject)
      const leave = (keep = false): void => {
        if (!underWay) return
        underWay = false
        rest()
        this.running.delete(worker)
        // One by one: among all listeners there are those of the thread's own.
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        if (keep) this.keep(worker, captures + 1)
        else end(worker)
      }
      const unpacker = new TaskUnpacker()
      let handled: Promise<void> = Promise.resolve()
      const handle = async (batch: PackedBatch): Promise<void> => {
        if (!isUnderWay()) return
        try {
          await listener.tasks(unpacker.unpack(batch))
          worker.postMessage({ type: 'taken' } satisfies ToWorker)
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(messageOf(thrown)))
          leave()
        }
      }
      const onMessage = (message: FromWorker): void => {
        switch (message.type) {
          case 'batch':
            handled = handled.then(() => handle(message.batch))
            return
          case 'waiting':
            if (message.bytes >= grownTo) rest()
            return
          case 'done':
            void handled.then(() => {
              resolve(message.info)
              leave(message.keptBytes < Math.min(KEEP_BYTES, workerMemoryBytes / 2))
            })
            return
          case 'failed':
            // What was decoded before is handed over first, as when nothing fails.
            void handled.then(() => {
              reject(new Failure(message.code, message.message))
              leave()
            })
            return
        }
      }
      const onError = (error: NodeJS.ErrnoException): void => {
        fail(
          error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? `decoding ${name} took more than ${workerMemoryBytes.toLocaleString('en-US')} bytes of memory and was stopped: record for a shorter time, or raise decode.memoryBytes.`
            : `the worker that decoded ${name} died: ${messageOf(error)}`,
        )
        leave()
      }
      const onExit = (code: number): void => {
        fail(`the worker that decoded ${name} ended before it was done (exit code ${code}).`)
        leave()
      }
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      worker.postMessage({ type: 'decode', task } satisfies ToWorker)
    })
  }

  /**
   * Starts a worker, if there is none that waits, so that the next capture need not wait for that. When nothing has come for a moment, it
   * decodes the sample: code that has not run yet takes four times as long, and all at once when somebody waits.
   */
  warm(): void {
    if (this.spare !== null) return
    const worker = this.start()
    this.keep(worker, 0)
    const { samplePath } = this.options
    if (samplePath === undefined) return
    const learn = (): void => {
      if (this.spare?.worker !== worker || this.stopped) return
      const task = this.taskOf(samplePath, 'the sample', false)
      worker.postMessage({ type: 'warm', task } satisfies ToWorker)
    }
    setTimeout(learn, LEARN_AFTER_MS).unref()
  }

  private taskOf(path: string, name: string, growing: boolean): WorkerTask {
    const { maxUnpackedBytes, workerMemoryBytes: maxMemoryBytes, ticksPerSecond = null } = this.options
    return { path, name, maxUnpackedBytes, maxMemoryBytes, ticksPerSecond, growing }
  }

  private take(): { readonly worker: Worker; readonly captures: number } {
    const { spare } = this
    if (spare === null) return { worker: this.start(), captures: 0 }
    this.spare = null
    spare.worker.off('error', spare.gone).off('exit', spare.gone).ref()
    return spare
  }

  private start(): Worker {
    const { workerUrl, workerMemoryBytes } = this.options
    return new Worker(workerUrl ?? new URL('./decode-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: Math.max(64, Math.floor(workerMemoryBytes / (1 << 20))) },
      stdout: false,
      stderr: false,
    })
  }

  /** Keeps a worker for the next capture, unless another one waits already. */
  private keep(worker: Worker, captures: number): void {
    if (this.stopped || this.spare !== null || captures >= MAX_CAPTURES) {
      end(worker)
      return
    }
    const gone = (): void => {
      if (this.spare?.worker === worker) this.spare = null
    }
    this.spare = { worker, captures, gone }
    // It alone does not keep the program alive.
    worker.on('error', gone).on('exit', gone).unref()
  }

  /**
   * Tells a worker how its file grows, to its end.
   *
   * @param grow called with each length, and with Infinity at the end
   */
  private async follow(
    growth: AsyncIterable<number>,
    worker: Worker,
    isUnderWay: () => boolean,
    grow: (bytes: number) => void,
  ): Promise<void> {
    const tell = (message: ToWorker): void => worker.postMessage(message)
    for await (const bytes of growth) {
      if (!isUnderWay()) return
      tell({ type: 'grown', bytes })
      grow(bytes)
    }
    if (!isUnderWay()) return
    tell({ type: 'whole' })
    grow(Infinity)
  }

  /** Stops every decoding; each fails with CAPTURE_WORKER. */
  async stop(): Promise<void> {
    this.stopped = true
    const { spare } = this
    const workers = spare === null ? [...this.running] : [...this.running, spare.worker]
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Ends a worker, whatever it still says. */
function end(worker: Worker): void {
  worker.on('error', () => undefined)
  void worker.terminate()
}

/**
 * The beginning of a capture without its wrapper, as far as these bytes go; empty when that cannot be told here (zstd: the
 * worker will tell).
 */
function unpackedHead(head: Uint8Array): Uint8Array {
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return new Uint8Array(0)
  if (head[0] !== 0x1f || head[1] !== 0x8b) return head
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_HEAD_BYTES })
  } catch (thrown) {
    throw new Failure(
      'CAPTURE_COMPRESSION',
      `the capture is gzip, but its beginning cannot be unpacked: ${messageOf(thrown)}. Send it again, or unpacked.`,
    )
  }
}
