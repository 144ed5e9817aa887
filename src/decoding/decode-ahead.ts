// decode-ahead.ts: decodes a large capture file in a thread of its own, a little ahead of who takes its events.
//
// Putting events in order is two fifths of an analysis and needs nothing that the rest of it knows, so that on two cores the rest is all that is
// waited for. What is told is the same, in the same order, as from a `CaptureDecoder`: problems and lost stretches travel with the blocks after
// which they were known. Both threads work in one memory: blocks of events, the generation's bytes and its tables are read where they were made.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Failure } from '../base/failure.ts'
import type { CaptureInfo, ClockSnapshot } from '../capture/capture.ts'
import {
  captureInfo,
  type Decoded,
  type DecodeOptions,
  type DecodeSink,
  type EventSource,
  newCaptureMemory,
} from '../capture/event-source.ts'
import { type CaptureHeader, HEADER_BYTES } from '../capture/header.ts'
import type { LostTime } from '../capture/lost-time.ts'
import { type PlaceParts, Places } from '../capture/places.ts'
import { ProblemList } from '../capture/problems.ts'
import { StackTable } from '../capture/stack-table.ts'
import { StringTable } from '../capture/string-table.ts'
import { newRingControl, RingReader } from './event-ring.ts'
import type { AheadTask, FromAhead } from './messages.ts'

/** How long a step waits for the other thread: then the event loop has a turn, in which it hears of that thread's end. */
const MOST_WAIT_MS = 50
/** Things that the other thread has done, taken in one step. */
const MOST_TAKEN = 256

/** A capture file whose header was read. */
export interface AheadFile {
  /** What messages call it. */
  readonly name: string
  /** Open; to be closed when nothing is decoded any more. */
  readonly file: number
  /** Of Go 1.22 or newer. */
  readonly header: CaptureHeader
}

/** Events of a file that another thread decodes. */
export class DecodeAhead implements EventSource {
  readonly memory = newCaptureMemory()
  readonly problems = new ProblemList()
  readonly lost: LostTime[] = []
  private decoded: Decoded = {
    bytes: HEADER_BYTES,
    events: 0,
    originNs: 0n,
    ticksPerSecond: 0,
    lastNs: 0,
    clockSnapshots: [],
  }
  private ended = false
  private strings = new StringTable(new Uint8Array(0))
  private stacks = new StackTable(this.strings, new Uint8Array(0))
  private messages = 0
  /** Why the other thread is no more, when it ended before it had told all. */
  private died: string | null = null
  private readonly header: CaptureHeader
  private readonly port: MessagePort
  private readonly reader: RingReader
  private readonly worker: Worker

  private sink: DecodeSink = { events: () => undefined }

  /**
   * Starts the other thread.
   *
   * @param workerUrl where its compiled file lies
   */
  constructor({ name, file, header }: AheadFile, options: DecodeOptions, workerUrl: URL) {
    this.header = header
    const control = newRingControl()
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    this.reader = new RingReader(control, this.memory.buffer)
    const task: AheadTask = {
      name,
      file,
      version: header.version,
      goTimes: options.goTimes ?? false,
      memory: this.memory.shared,
      control,
      port: port2,
    }
    this.worker = new Worker(workerUrl, { workerData: task, transferList: [port2], execArgv: [] })
    this.worker.on('error', (error) => (this.died = error.message))
    this.worker.on('exit', () => (this.died ??= 'it ended early'))
    this.worker.unref()
  }

  /** Tells everything to a sink, from the next step on; for `CaptureAnalysis`. */
  readonly to = (_options: DecodeOptions, sink: DecodeSink): this => {
    this.sink = sink
    return this
  }

  get lastNs(): number {
    return this.decoded.lastNs
  }

  get originNs(): bigint {
    return this.decoded.originNs
  }

  get clockSnapshots(): readonly ClockSnapshot[] {
    return this.decoded.clockSnapshots
  }

  /**
   * Takes some of what the other thread has done.
   *
   * @throws Failure CAPTURE_WORKER when that thread died, or what it failed by
   */
  step(): boolean {
    const { reader } = this
    if (!reader.wait(MOST_WAIT_MS) && this.died !== null && !this.ended) {
      throw new Failure('CAPTURE_WORKER', `the thread that decodes the capture died (${this.died}).`)
    }
    for (let taken = 0; taken < MOST_TAKEN && reader.ready; taken++) this.take()
    return !this.ended
  }

  /** To be called when no step has more to come: between steps the event loop has its turns, in which this hears of the other thread's end. */
  end(): CaptureInfo {
    if (!this.ended) throw new Error('the capture is not decoded to its end yet')
    return captureInfo(this.header, this.decoded, this.problems)
  }

  /** Bytes decoded so far. */
  get bytes(): number {
    return this.decoded.bytes
  }

  /** Ends the other thread, whether it is done or not. */
  async close(): Promise<void> {
    this.port.close()
    await this.worker.terminate()
  }

  /** Takes what the other thread has done next. */
  private take(): void {
    const { reader, sink } = this
    const { record } = reader
    for (; this.messages < record.messages; this.messages++) this.receive()
    if (record.rows > 0) {
      const { block } = reader
      block.length = record.rows
      block.strings = this.strings
      block.stacks = this.stacks
      sink.events(block)
    }
    if (record.generationEnds) sink.generationEnd?.(this.lastNs)
    reader.release(record)
  }

  private receive(): void {
    const received = receiveMessageOnPort(this.port) as { message: FromAhead } | undefined
    if (received === undefined) throw new Error('a message that was sent is not there')
    const { message } = received
    switch (message.type) {
      case 'tables':
        this.strings = new StringTable(message.bytes, placesOf(message.strings))
        this.stacks = new StackTable(this.strings, message.bytes, placesOf(message.stacks))
        return
      case 'problems':
        for (const { code, byteOffset, message: text, count } of message.problems) {
          for (let i = 0; i < count; i++) this.problems.add(code, byteOffset, () => text ?? '')
        }
        return
      case 'lost':
        this.lost.length = message.news.kept
        this.lost.push(...message.news.changed)
        return
      case 'decoded':
        this.decoded = message.decoded
        this.ended = message.last
        return
      case 'failed':
        throw message.code === null ? new Error(message.message) : new Failure(message.code, message.message)
    }
  }
}

function placesOf({ from, extent, size, sparse }: PlaceParts): Places {
  return new Places({ from, extent }, size, sparse)
}
