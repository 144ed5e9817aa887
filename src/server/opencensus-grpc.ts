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
      for await (const message of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        waiting = false
        await take(message)
        if (stopping && call.readableLength === 0) break
        waiting = true
      }
      finish(call, stopping ? status.UNAVAILABLE : status.OK, stopping ? STOPPING : '')
    } catch (thrown) {
      // A sender that went away, or was told that we stop, needs no answer.
      if (call.cancelled || waiting) return
      const refusal = refusalFor(door, thrown)
      countCall(door, refusal.grpc)
      finish(call, refusal.grpc, refusal.message)
    } finally {
      open.delete(stop)
    }
  }
  const takeSpans = (call: Call): void => {
    const stream = new OpenCensusStream()
    const isOver = (): boolean => call.cancelled || stopping
    void read(call, (message) => takeMessage(door, requests, stream, message, isOver, patienceMs))
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

function finish(call: Call, code: number, details: string): void {
  if (call.cancelled || call.writableEnded) return
  if (code === Number(status.OK)) {
    call.end()
    return
  }
  const failed: Partial<StatusObject> = { code, details }
  call.emit('error', failed)
}
