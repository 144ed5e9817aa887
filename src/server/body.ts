// body.ts: request bodies within limits: announced, sent and unpacked size, unpacking ratio, and all bodies together.

import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createGunzip, createInflate } from 'node:zlib'
import { Failure, messageOf } from '../base/failure.ts'
import { BodyPool } from './body-pool.ts'
import { leaveBehind } from './young-garbage.ts'
import { unpackZstd } from './zstd.ts'

/** Limits of one body. */
export interface BodyLimits {
  /** Of the body as sent and, again, of the body unpacked. */
  readonly maxBytes: number
  /** Option that raises `maxBytes`, for the answer. */
  readonly option: string
}

/**
 * A body may unpack to this many times its size. Trace requests reach 10 to 50; a body that says the same thing a thousand times
 * is an attack on our memory, or a sender gone wrong.
 */
const MAX_RATIO = 300
/** Below this an unpacked body is taken whatever the ratio. */
const RATIO_FREE_BYTES = 4 << 20

/** Bytes of all bodies that are being read, unpacked or stored. */
export class BodyBudget {
  private used = 0

  constructor(
    private readonly maxBytes: number,
    /** Option that raises it, for the answer. */
    private readonly option: string,
  ) {}

  /** @throws Failure OVERLOADED when these bytes do not fit any more. */
  take(bytes: number): void {
    // A body larger than the whole budget is let through when it is alone.
    if (this.used > 0 && this.used + bytes > this.maxBytes) {
      throw new Failure(
        'OVERLOADED',
        `requests in work hold ${number(this.used)} bytes, ${number(bytes)} more would exceed ${number(this.maxBytes)}: ` +
          `try again in a second, or raise ${this.option}.`,
        1,
      )
    }
    this.used += bytes
  }

  give(bytes: number): void {
    this.used -= bytes
  }
}

/** Name of a stream's content encoding, once. */
export type Encoding = 'identity' | 'gzip' | 'deflate' | 'zstd'

/** @throws Failure MEDIA_TYPE for an encoding that cannot be unpacked */
export function encodingOf(request: IncomingMessage): Encoding {
  const header = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  switch (header) {
    case '':
    case 'identity':
    case 'none':
      return 'identity'
    case 'gzip':
    case 'x-gzip':
      return 'gzip'
    case 'deflate':
    case 'zlib':
      return 'deflate'
    case 'zstd':
      return 'zstd'
    default:
      throw new Failure(
        'MEDIA_TYPE',
        `Content-Encoding ${JSON.stringify(header.slice(0, 60))} cannot be unpacked here: gzip, deflate, zstd or none can. Set the sender's compression to gzip.`,
      )
  }
}

/** A stream that unpacks a capture; null where none is needed: those packed with zstd are known by their first bytes later. */
export function unpackerOf(encoding: Encoding): Transform | null {
  if (encoding === 'identity' || encoding === 'zstd') return null
  return encoding === 'gzip' ? createGunzip({ chunkSize: 1 << 17 }) : createInflate({ chunkSize: 1 << 17 })
}

/**
 * Refuses a body by the length it announces.
 *
 * @throws Failure BODY_TOO_LARGE with both numbers
 */
export function checkAnnounced(request: IncomingMessage, limits: BodyLimits): void {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limits.maxBytes) throw tooLarge(`announces ${number(announced)} bytes`, limits)
}

/**
 * Reads and unpacks a whole body and hands it to `use`; its bytes count against the budget until `use` is done, and are used for another
 * body then: who wants to keep them copies them.
 *
 * @throws Failure BODY_TOO_LARGE, BODY_COMPRESSION, MEDIA_TYPE, OVERLOADED, REQUEST (the client went away), and what `use` throws
 */
export async function withBody<T>(
  request: IncomingMessage,
  limits: BodyLimits,
  budget: BodyBudget,
  use: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  const encoding = encodingOf(request)
  checkAnnounced(request, limits)
  let taken = 0
  const take = (bytes: number): void => {
    budget.take(bytes)
    taken += bytes
  }
  const whole = new Whole(Number(request.headers['content-length'] ?? 0))
  try {
    const sent = await readAll(request, whole, limits, take)
    return await use(encoding === 'identity' ? sent : await unpackAll(sent, encoding, limits, take))
  } finally {
    whole.release()
    budget.give(taken)
    leaveBehind(taken)
  }
}

function readAll(
  request: IncomingMessage,
  whole: Whole,
  limits: BodyLimits,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let length = 0
    const fail = (failure: Failure): void => {
      request.removeAllListeners('data')
      request.pause()
      reject(failure)
    }
    request.on('data', (chunk: Uint8Array) => {
      length += chunk.length
      if (length > limits.maxBytes) {
        fail(tooLarge(`is longer than ${number(length - chunk.length)} bytes`, limits))
        return
      }
      try {
        take(chunk.length)
      } catch (thrown) {
        fail(thrown as Failure)
        return
      }
      whole.add(chunk)
    })
    request.once('end', () => resolve(whole.bytes()))
    const gone = (): void => {
      const announced = request.headers['content-length']
      const of = announced === undefined ? '' : ` of ${number(Number(announced))}`
      reject(new Failure('REQUEST', `the connection ended after ${number(length)}${of} bytes of the body.`))
    }
    request.once('error', gone).once('aborted', gone)
    if (request.destroyed && !request.complete) gone()
  })
}

const pool = new BodyPool()

/** Memory that a body gets at its first bytes, if it announces so much; later four times what has come. */
const FIRST_ROOM_BYTES = 1 << 20

/** A body that is announced with its length is put together as its chunks come: then they are still in the processor's cache. */
class Whole {
  private at = 0
  private into: Uint8Array | null = null
  private readonly chunks: Uint8Array[] = []
  private released = false

  /** @param announced bytes, as its header says and no limit forbids; 0 when it says none */
  constructor(private readonly announced: number) {}

  add(chunk: Uint8Array): void {
    if (this.released) return
    // A body of one chunk is that chunk.
    if (this.into === null && (chunk.length >= this.announced || this.announced === 0)) {
      this.chunks.push(chunk)
      return
    }
    const end = this.at + chunk.length
    if (this.into === null || end > this.into.length) {
      // Memory is taken for bytes that come, not because somebody announces them.
      const grown = pool.take(Math.min(this.announced, Math.max(FIRST_ROOM_BYTES, 4 * end)))
      if (this.into !== null) {
        grown.set(this.into.subarray(0, this.at))
        pool.give(this.into)
      }
      this.into = grown
    }
    this.into.set(chunk, this.at)
    this.at = end
  }

  /** Its memory is used for another body from now on. */
  release(): void {
    if (this.into !== null) pool.give(this.into)
    this.into = null
    this.released = true
  }

  bytes(): Uint8Array {
    if (this.into !== null) return this.into.subarray(0, this.at)
    return this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks)
  }
}

/**
 * Unpacks a body within its limits.
 *
 * @param take is told of the bytes as they come, and throws when they are too many
 * @throws Failure BODY_TOO_LARGE, BODY_COMPRESSION, and what `take` throws
 */
export async function unpackAll(
  sent: Uint8Array,
  encoding: Exclude<Encoding, 'identity'>,
  limits: BodyLimits,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const add = (chunk: Uint8Array): void => {
    length += chunk.length
    if (length > limits.maxBytes) throw tooLarge(`unpacks to more than ${number(limits.maxBytes)} bytes`, limits)
    if (length > RATIO_FREE_BYTES && length > MAX_RATIO * sent.length) {
      throw new Failure(
        'BODY_COMPRESSION',
        `the body's ${number(sent.length)} bytes unpack to more than ${number(length)}, over ${MAX_RATIO} times as many: ` +
          'no trace request packs that well. Send it unpacked if it is one.',
      )
    }
    take(chunk.length)
    chunks.push(chunk)
  }
  try {
    if (encoding === 'zstd') await unpackZstd(sent, add)
    else {
      const unpacker =
        encoding === 'gzip' ? createGunzip({ chunkSize: 1 << 17 }) : createInflate({ chunkSize: 1 << 17 })
      unpacker.end(sent)
      for await (const chunk of unpacker as AsyncIterable<Uint8Array>) add(chunk)
    }
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new Failure(
      'BODY_COMPRESSION',
      `the body says Content-Encoding ${encoding}, but unpacking its ${number(sent.length)} bytes failed after ${number(length)} ` +
        `unpacked ones: ${messageOf(thrown)}. Send it whole, or without the header.`,
    )
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length)
}

function tooLarge(what: string, limits: BodyLimits): Failure {
  return new Failure(
    'BODY_TOO_LARGE',
    `the body ${what}, at most ${number(limits.maxBytes)} are taken: send smaller batches, or raise ${limits.option}.`,
  )
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
