// decode-worker.ts: the worker thread that reads one capture file and posts its tasks, in batches, as they are decoded.

import { createReadStream } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Failure, messageOf } from '../base/failure.ts'
import { CaptureAnalysis } from '../breakdown/analysis.ts'
import type { TaskRecord } from '../breakdown/breakdown.ts'
import type { DecodedBatch } from '../bridge/ports.ts'
import { FileGrowth, growingFile } from './growing-file.ts'
import { columnBytesOf, TaskPacker } from './task-packer.ts'
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
const { path, name, maxUnpackedBytes, maxMemoryBytes, ticksPerSecond, growing } = workerData as WorkerTask
const growth = new FileGrowth((bytes) => send({ type: 'waiting', bytes }))

let tasks: TaskRecord[] = []
let bytes = 0
let decodedUntilNs = 0
let postedUntilNs = 0
let reasonsPosted = 0
let rangeNamesPosted = 0
let stacksPosted = 0
let untaken = 0
let taken: (() => void) | null = null

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'taken':
      untaken--
      taken?.()
      taken = null
      return
    case 'grown':
      growth.reach(message.bytes)
      return
    case 'whole':
      growth.end()
      return
  }
})

const analysis = new CaptureAnalysis(
  { timelines: true, stacks: true, ticksPerSecond: ticksPerSecond ?? undefined },
  {
    task: (task) => {
      tasks.push(task)
      bytes += columnBytesOf(task)
      if (tasks.length >= BATCH_TASKS || bytes >= BATCH_BYTES) post()
    },
    decodedUntil: (traceNs) => {
      decodedUntilNs = Math.max(decodedUntilNs, traceNs)
    },
  },
)

try {
  let unpacked = 0
  const file = growing
    ? growingFile(path, growth, CHUNK_BYTES)
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
      await handOn()
    }
  } catch (thrown) {
    // What was unpacked before the break is worth as much as a capture that was cut there.
    if (!(thrown instanceof Failure) || thrown.code !== 'CAPTURE_COMPRESSION' || unpacked === 0) throw thrown
    compression = thrown
  }
  while (analysis.step()) await handOn()
  const info = analysis.end()
  decodedUntilNs = info.durationNs
  post()
  const problems =
    compression === null
      ? info.problems
      : [
          ...info.problems,
          { code: 'CAPTURE_TRUNCATED' as const, message: compression.message, byteOffset: unpacked, count: 1 },
        ]
  send({ type: 'done', info: { ...info, problems } })
} catch (thrown) {
  if (thrown instanceof Failure) send({ type: 'failed', code: thrown.code, message: thrown.message })
  else send({ type: 'failed', code: 'CAPTURE_WORKER', message: `decoding ${name} met a defect: ${describe(thrown)}` })
}
port.close()

/** Posts what there is, and waits while nobody takes it. */
async function handOn(): Promise<void> {
  if (tasks.length > 0 || decodedUntilNs > postedUntilNs) post()
  checkMemory()
  while (untaken >= MAX_UNTAKEN) await new Promise<void>((resolve) => (taken = resolve))
}

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

/** Typed arrays are outside the heap that the worker's limits watch. */
function checkMemory(): void {
  const { arrayBuffers } = process.memoryUsage()
  if (arrayBuffers <= maxMemoryBytes) return
  throw new Failure(
    'CAPTURE_WORKER',
    `decoding ${name} takes ${arrayBuffers.toLocaleString('en-US')} bytes of memory, ${maxMemoryBytes.toLocaleString('en-US')} are allowed: record for a shorter time, or raise decode.memoryBytes.`,
  )
}

/** Posts what has gathered; the columns of all its tasks go over in one buffer, without a copy. */
function post(): void {
  const { reasons, rangeNames, stacks, gcPhases } = analysis.tables
  const packer = new TaskPacker(bytes)
  const batch: DecodedBatch = {
    tasks: tasks.map((task) => packer.pack(task)),
    newReasons: reasons.slice(reasonsPosted),
    newRangeNames: rangeNames.slice(rangeNamesPosted),
    newStacks: stacks.slice(stacksPosted),
    decodedUntilNs,
    gcPhases,
    clockSnapshots: analysis.clockSnapshots,
    originNs: analysis.originNs,
    lost: analysis.lost,
  }
  reasonsPosted = reasons.length
  rangeNamesPosted = rangeNames.length
  stacksPosted = stacks.length
  postedUntilNs = decodedUntilNs
  tasks = []
  bytes = 0
  untaken++
  send({ type: 'batch', batch }, [packer.buffer])
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)
}
