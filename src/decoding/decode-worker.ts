// decode-worker.ts: the worker thread that reads capture files, one after another, and posts their tasks, in batches, as they are decoded.

import { createReadStream } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { parentPort } from 'node:worker_threads'
import { Failure, messageOf } from '../base/failure.ts'
import { CaptureAnalysis } from '../breakdown/analysis.ts'
import { letGo } from '../breakdown/compact-task.ts'
import type { KeptTask } from '../breakdown/kept-columns.ts'
import type { KernelMemory } from '../base/kernel-memory.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import { CaptureDecoder } from '../capture/decode.ts'
import { newCaptureMemory } from '../capture/event-source.ts'
import { FileGrowth, growingFile } from './growing-file.ts'
import { type PackedBatch, tableBytesOf, TaskPacker } from './task-packer.ts'
import type { FromWorker, ToWorker, WorkerTask } from './messages.ts'
import { unpack } from './unpack.ts'

const CHUNK_BYTES = 1 << 20
/** A batch is posted when it has this many tasks or bytes, or when a generation ended. */
const BATCH_TASKS = 512
const BATCH_BYTES = 4 << 20
/** Batches posted and not yet taken; then the worker waits. */
const MAX_UNTAKEN = 4

if (parentPort === null) throw new Error('decode-worker.ts runs as a worker thread only')
const port = parentPort

/** Decodings of a sample after which one costs about a quarter of the first. */
const WARM_UPS = 2

let run: Run | null = null
/** Whether a capture was asked for yet. */
let asked = false

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'warm':
      void warmUp(message.task)
      return
    case 'decode':
      asked = true
      run = new Run(message.task, send)
      void run.decode().then((last) => {
        // Before the next capture may be a long time: what this one took is let go of, but for the memory that kernels see.
        run = null
        send(last)
      })
      return
    case 'taken':
      run?.taken()
      return
    case 'grown':
      run?.growth.reach(message.bytes)
      return
    case 'whole':
      run?.growth.end()
      return
  }
})

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

/** Decodes a sample for nobody, so that V8 has compiled what a capture needs before the first one comes; one that comes ends it. */
async function warmUp(task: WorkerTask): Promise<void> {
  for (let time = 0; time < WARM_UPS && !asked; time++) {
    const sample = new Run(task, ({ type }) => {
      if (type === 'batch') sample.taken()
    })
    await sample.decode()
  }
}

type Post = typeof send

/** The memory of the capture before, for the next. What a capture tells is copied out of it. */
let spareMemory: KernelMemory | null = null

/** A memory that is as if it was new. What was left in it is wiped only now: a worker that took much is not used again. */
function takeMemory(): KernelMemory {
  const memory = spareMemory ?? newCaptureMemory()
  spareMemory = null
  memory.clear()
  return memory
}

/** The decoding of one capture. */
class Run {
  readonly growth = new FileGrowth((bytes) => this.say({ type: 'waiting', bytes }))
  private readonly memory = takeMemory()
  private readonly analysis: CaptureAnalysis
  private tasks: KeptTask[] = []
  private bytes = 0
  private decodedUntilNs = 0
  private postedUntilNs = 0
  private reasonsPosted = 0
  private rangeNamesPosted = 0
  private stacksPosted = 0
  private regionNamesPosted = 0
  private untaken = 0
  private wake: (() => void) | null = null

  /** @param say takes what there is to say of it */
  constructor(
    private readonly task: WorkerTask,
    private readonly say: Post,
  ) {
    this.analysis = new CaptureAnalysis(
      { timelines: true, stacks: true, ticksPerSecond: task.ticksPerSecond ?? undefined },
      {
        task: (found) => {
          this.tasks.push(found)
          this.bytes += tableBytesOf(found)
          if (this.tasks.length >= BATCH_TASKS || this.bytes >= BATCH_BYTES) this.post()
        },
        decodedUntil: (traceNs) => {
          this.decodedUntilNs = Math.max(this.decodedUntilNs, traceNs)
        },
      },
      (decode, events) => new CaptureDecoder(decode, events, this.memory),
    )
  }

  /** A batch was taken. */
  taken(): void {
    this.untaken--
    this.wake?.()
    this.wake = null
  }

  /** Decodes it to its end; never fails. @returns the last thing to say of it */
  async decode(): Promise<FromWorker> {
    const { name } = this.task
    try {
      const info = await this.read()
      const { total_heap_size: heap } = getHeapStatistics()
      const keptBytes = heap + this.outsideBytes()
      spareMemory ??= this.memory
      return { type: 'done', info, keptBytes }
    } catch (thrown) {
      if (thrown instanceof Failure) return { type: 'failed', code: thrown.code, message: thrown.message }
      return {
        type: 'failed',
        code: 'CAPTURE_WORKER',
        message: `decoding ${name} met a defect: ${describe(thrown)}`,
      }
    }
  }

  private async read(): Promise<CaptureInfo> {
    const { analysis } = this
    const { path, name, maxUnpackedBytes, growing } = this.task
    let unpacked = 0
    const file = growing
      ? growingFile(path, this.growth, CHUNK_BYTES)
      : (createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>)
    let compression: Failure | null = null
    try {
      for await (const chunk of unpack(file, name)) {
        unpacked += chunk.length
        if (unpacked > maxUnpackedBytes) {
          throw new Failure(
            'CAPTURE_TOO_LARGE',
            `${name} unpacks to more than ${maxUnpackedBytes.toLocaleString('en-US')} bytes: record for a shorter time, or raise captures.maxBytes.`,
          )
        }
        analysis.push(chunk)
        await this.handOn()
      }
    } catch (thrown) {
      // What was unpacked before the break is worth as much as a capture that was cut there.
      if (!(thrown instanceof Failure) || thrown.code !== 'CAPTURE_COMPRESSION' || unpacked === 0) throw thrown
      compression = thrown
    }
    while (analysis.step()) await this.handOn()
    const info = analysis.end()
    this.decodedUntilNs = info.durationNs
    this.post()
    if (compression === null) return info
    const cut = {
      code: 'CAPTURE_TRUNCATED' as const,
      message: compression.message,
      byteOffset: unpacked,
      count: 1,
    }
    return { ...info, problems: [...info.problems, cut] }
  }

  /** Posts what there is, and waits while nobody takes it. */
  private async handOn(): Promise<void> {
    if (this.tasks.length > 0 || this.decodedUntilNs > this.postedUntilNs) this.post()
    this.checkMemory()
    while (this.untaken >= MAX_UNTAKEN) await new Promise<void>((resolve) => (this.wake = resolve))
  }

  /** Typed arrays are outside the heap that the worker's limits watch. */
  private checkMemory(): void {
    const { name, maxMemoryBytes } = this.task
    const outsideBytes = this.outsideBytes()
    if (outsideBytes <= maxMemoryBytes) return
    throw new Failure(
      'CAPTURE_WORKER',
      `decoding ${name} takes ${outsideBytes.toLocaleString('en-US')} bytes of memory, ${maxMemoryBytes.toLocaleString('en-US')} are allowed: record for a shorter time, or raise decode.memoryBytes.`,
    )
  }

  private outsideBytes(): number {
    return process.memoryUsage().arrayBuffers + this.analysis.kernelBytes
  }

  /** Posts what has gathered; the blocks of all its tasks go over in one buffer, without a copy. */
  private post(): void {
    const { analysis, decodedUntilNs } = this
    const { reasons, rangeNames, stacks, gcPhases } = analysis.tables
    const packer = new TaskPacker(this.bytes)
    const batch: PackedBatch = {
      tasks: this.tasks.map((task) => packer.pack(task)),
      buffer: packer.buffer,
      newRegionNames: analysis.regionNames.slice(this.regionNamesPosted),
      newReasons: reasons.slice(this.reasonsPosted),
      newRangeNames: rangeNames.slice(this.rangeNamesPosted),
      newStacks: stacks.slice(this.stacksPosted),
      decodedUntilNs,
      gcPhases,
      clockSnapshots: analysis.clockSnapshots,
      originNs: analysis.originNs,
      lost: analysis.lost,
    }
    this.reasonsPosted = reasons.length
    this.rangeNamesPosted = rangeNames.length
    this.stacksPosted = stacks.length
    this.regionNamesPosted = analysis.regionNames.length
    this.postedUntilNs = decodedUntilNs
    for (const task of this.tasks) letGo(task)
    this.tasks = []
    this.bytes = 0
    this.untaken++
    this.say({ type: 'batch', batch }, [packer.buffer])
  }
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)
}
