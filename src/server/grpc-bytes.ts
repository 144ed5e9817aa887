// grpc-bytes.ts: the bytes of calls while they come, counted with those of all doors.
//
// The library puts a message together and unpacks it before anybody is asked: a thousand senders, each with one of the largest that is
// taken, would make it hold all of them. So its streams are listened to next to it, and packed messages are unpacked here, by the limits of HTTP bodies.

import { constants, type ServerHttp2Stream } from 'node:http2'
import {
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js'
import { type Encoding, unpackAll } from './body.ts'
import type { GrpcDoor } from './grpc.ts'
import { leaveBehind } from './young-garbage.ts'

/** What the library's call has, though it does not show it: the first interceptor is given that call itself. */
interface CallInside {
  readonly stream?: ServerHttp2Stream
  incomingEncoding?: string
}

/** The first byte of a message that is packed. */
const PACKED = 1

/**
 * Refuses calls whose bytes do not fit; to be the first of the interceptors.
 *
 * @param unary paths of the methods with one message
 * @param refuse answers a call with what was thrown
 */
export function counted(
  door: GrpcDoor,
  unary: ReadonlySet<string>,
  refuse: (call: ServerInterceptingCallInterface, thrown: unknown) => void,
): ServerInterceptor {
  return (method, call) => {
    const arriving = new Arriving(door, call, unary.has(method.path), refuse)
    const listener = new ServerListenerBuilder()
      .withOnReceiveMessage((message: Buffer, next) => {
        void arriving.whole(message).then((whole) => (whole === null ? undefined : next(whole)))
      })
      .withOnReceiveHalfClose((next) => {
        // From here on the method counts what it was given.
        arriving.release()
        next()
      })
      .withOnCancel(() => arriving.end())
      .build()
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build())
  }
}

/** What has come of one call. */
class Arriving {
  private taken = 0
  private packed = false
  private begun = false
  private refused = false
  private readonly stream: ServerHttp2Stream | undefined
  private readonly encoding: Encoding

  constructor(
    private readonly door: GrpcDoor,
    private readonly call: ServerInterceptingCallInterface,
    private readonly unary: boolean,
    private readonly refuse: (call: ServerInterceptingCallInterface, thrown: unknown) => void,
  ) {
    const inside = call as unknown as CallInside
    const { stream, incomingEncoding = 'identity' } = inside
    this.stream = stream
    this.encoding = unary && isPacking(incomingEncoding) ? incomingEncoding : 'identity'
    // It hands the message on as it came.
    if (this.encoding !== 'identity') inside.incomingEncoding = 'identity'
    stream?.prependListener('data', (chunk: Buffer) => this.add(chunk))
    // Until then the library keeps the part that has come, whatever the call was answered.
    stream?.once('close', () => this.release())
  }

  /** The message, unpacked; null when it was refused. */
  async whole(message: Buffer): Promise<Buffer | null> {
    if (!this.unary) {
      this.release()
      return message
    }
    if (!this.packed || this.encoding === 'identity') return message
    const { maxMessageBytes: maxBytes, maxMessageOption: option } = this.door
    try {
      const unpacked = await unpackAll(message, this.encoding, { maxBytes, option }, (bytes) => this.take(bytes))
      return Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.length)
    } catch (thrown) {
      this.fail(thrown)
      return null
    }
  }

  release(): void {
    this.door.budget.give(this.taken)
    leaveBehind(this.taken)
    this.taken = 0
  }

  /** The call was answered: what of it has not come is not to come any more. */
  end(): void {
    const { stream } = this
    if (stream === undefined || stream.closed || stream.readableEnded) return
    stream.close(constants.NGHTTP2_NO_ERROR)
  }

  private add(chunk: Buffer): void {
    if (this.refused || chunk.length === 0) return
    if (!this.begun) {
      this.begun = true
      this.packed = chunk[0] === PACKED
    }
    try {
      this.take(chunk.length)
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  private take(bytes: number): void {
    this.door.budget.take(bytes)
    this.taken += bytes
  }

  private fail(thrown: unknown): void {
    this.refused = true
    this.refuse(this.call, thrown)
  }
}

function isPacking(encoding: string): encoding is Exclude<Encoding, 'identity'> {
  return encoding === 'gzip' || encoding === 'deflate' || encoding === 'zstd'
}
