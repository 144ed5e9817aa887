// opencensus-grpc.ts: the door for OpenCensus: streams of spans over gRPC, for as long as the program that sends them lives.
//
// The protocol has no answers: what is refused is lost with the sender. So a message that does not fit now waits, and its sender with it,
// since nothing more is read of a stream meanwhile; only when that takes too long does the stream end with the reason.

import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerDuplexStream, type StatusObject, status } from '@grpc/grpc-js'
import { Failure } from '../base/failure.ts'
import { OpenCensusStream } from '../span/opencensus/stream.ts'
import { OPENCENSUS_GRPC } from '../span/protocols.ts'
import { type ConvertedDoor, ConvertedRequests } from './converted.ts'
import { countCall, refusalFor, type StreamMethod } from './grpc.ts'
import { leaveBehind } from './young-garbage.ts'

type Call = ServerDuplexStream<Buffer, Buffer>

/** A message that does not fit is tried again so often, and for so long. */
const AGAIN_MS = 200
const PATIENCE_MS = 30_000
/** Messages of one stream that wait; beyond it no more are read. */
const QUEUE_BYTES = 1 << 20

/** The methods of OpenCensus' agent, and the end of the streams. */
export interface OpenCensusDoor {
  readonly methods: readonly StreamMethod[]
  /** Ends the streams, each after the message in work: they would go on as long as their senders live. */
  readonly stop: () => void
}

/** @param patienceMs how long a message that does not fit is tried again */
export function opencensusGrpc(door: ConvertedDoor, patienceMs = PATIENCE_MS): OpenCensusDoor {
  const requests = new ConvertedRequests(door)
  /** Of each stream, what ends it. */
  const open = new Set<() => void>()
  let stopping = false

  /** Reads one stream to its end; what a message throws ends it. */
  const read = async (call: Call, take: (message: Buffer) => Promise<void>): Promise<void> => {
    let waiting = true
    const stop = (): void => void (waiting && finish(call, status.UNAVAILABLE, STOPPING))
    open.add(stop)
    try {
      const messages = new Messages(call)
      for (let message = await messages.next(); message !== null; message = await messages.next()) {
        waiting = false
        await take(message)
        if (stopping && messages.isEmpty) break
        waiting = true
      }
      finish(call, stopping ? status.UNAVAILABLE : status.OK, stopping ? STOPPING : '')
    } catch (thrown) {
      // A sender that went away needs no answer.
      if (call.cancelled) return
      const refusal = refusalFor(door, thrown)
      countCall(door, refusal.grpc)
      finish(call, refusal.grpc, refusal.message)
    } finally {
      open.delete(stop)
    }
  }
  const takeSpans = (call: Call): void => {
    const stream = new OpenCensusStream()
    void read(call, (message) => takeMessage(door, requests, stream, message, () => stopping, patienceMs))
  }
  return {
    methods: [
      { path: OPENCENSUS_GRPC.exportPath, serve: takeSpans },
      // A library asks for settings before it sends; refused, some versions would begin anew. It is heard and gets none.
      { path: OPENCENSUS_GRPC.configPath, serve: (call) => void read(call, () => Promise.resolve()) },
    ],
    stop() {
      stopping = true
      for (const stop of open) stop()
    },
  }
}

const STOPPING = 'Subspan is stopping.'

async function takeMessage(
  door: ConvertedDoor,
  requests: ConvertedRequests,
  stream: OpenCensusStream,
  message: Buffer,
  isOver: () => boolean,
  patienceMs: number,
): Promise<void> {
  const { counters, budget, receiver } = door
  counters.add('subspan_receiver_bytes_total', message.length, { receiver })
  const converted = stream.convert(message)
  const untilMs = Date.now() + patienceMs
  for (;;) {
    let taken = 0
    try {
      budget.take(message.length)
      taken = message.length
      await requests.accept(converted)
      countCall(door, status.OK)
      return
    } catch (thrown) {
      const mayFit = thrown instanceof Failure && (thrown.code === 'OVERLOADED' || thrown.code === 'STORE')
      if (!mayFit || isOver() || Date.now() >= untilMs) {
        counters.add('subspan_receiver_refused_spans_total', converted.spans, { receiver })
        throw thrown
      }
    } finally {
      budget.give(taken)
      leaveBehind(taken)
    }
    await sleep(AGAIN_MS)
  }
}

/** The messages of a stream. What has come is read also when its sender has gone away: it ends so without waiting for anybody. */
class Messages {
  private readonly queue: Buffer[] = []
  private bytes = 0
  private over = false
  private wake: () => void = () => undefined

  constructor(private readonly call: Call) {
    const end = (): void => {
      this.over = true
      this.wake()
    }
    call.on('data', (message: Buffer) => {
      this.queue.push(message)
      this.bytes += message.length
      if (this.bytes > QUEUE_BYTES) call.pause()
      this.wake()
    })
    call.once('end', end).once('close', end).once('cancelled', end)
  }

  get isEmpty(): boolean {
    return this.queue.length === 0
  }

  /** Null when there are no more. */
  async next(): Promise<Buffer | null> {
    while (this.queue.length === 0) {
      if (this.over) return null
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    const message = this.queue.shift() ?? Buffer.alloc(0)
    this.bytes -= message.length
    if (this.call.isPaused() && this.bytes <= QUEUE_BYTES) this.call.resume()
    return message
  }
}

function finish(call: Call, code: number, details: string): void {
  if (call.cancelled || call.writableEnded) return
  if (code === Number(status.OK)) {
    call.end()
    return
  }
  const failed: Partial<StatusObject> = { code, details }
  call.emit('error', failed)
}
