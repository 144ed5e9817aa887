// kernel-memory.ts: one memory that TypeScript and WebAssembly kernels both see: typed arrays here, byte positions there.
//
// It is a shared one: two threads may work in it, and views of a shared memory stay valid when it grows; those of an ordinary one all become empty at
// once, wherever they are held.

import type { Column, Columns } from './columns.ts'
import { Failure } from './failure.ts'

/** Pages of 64 KiB: what a memory begins with, and the most it grows to (2 GiB). Pages that nobody touches cost nothing. */
const FIRST_PAGES = 64
const MOST_PAGES = 32_768
const PAGE_BYTES = 65_536
const MOST_BYTES = MOST_PAGES * PAGE_BYTES

/** Pieces are handed out in powers of two, this at least. */
const LEAST_BYTES = 64

/** Bytes that are copied at once into such a memory, where they lie alike (`aligned`). */
export const WORD_BYTES = 8

/**
 * Index in `room` at or after `from`, by fewer than `WORD_BYTES`, at which bytes lie to words as they do where they are: the engine then copies
 * them into a shared memory by words, else by single bytes, which takes six times as long (0.06 instead of 0.35 ns a byte, Node 20).
 */
export function aligned(from: number, bytes: Uint8Array, room: Uint8Array): number {
  return from + ((bytes.byteOffset - room.byteOffset - from) & (WORD_BYTES - 1))
}

/** What two threads need to work in one memory. */
export interface SharedMemory {
  readonly pages: WebAssembly.Memory
  /** Where it was handed out up to. */
  readonly top: SharedArrayBuffer
}

/**
 * A memory for kernels, which hands out columns in it. Two threads that share one hand out columns of their own, each with a `KernelMemory`; what
 * one has given back it alone hands out again.
 */
export class KernelMemory implements Columns {
  private readonly pages: WebAssembly.Memory
  /** Positions of pieces that were given back, by the logarithm of their size. */
  private readonly free: number[][] = Array.from({ length: 32 }, () => [])
  private readonly reserved: number
  private readonly top: Uint32Array
  /** The highest `top` before the last `clear`. */
  private mostBefore = 0

  /**
   * @param reservedBytes at its begin, for what kernels have in places of their own
   * @param shared that of another thread
   */
  constructor(reservedBytes: number, shared: SharedMemory | null = null) {
    this.reserved = Math.ceil(reservedBytes / LEAST_BYTES) * LEAST_BYTES
    this.pages = shared?.pages ?? new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true })
    this.top = new Uint32Array(shared?.top ?? new SharedArrayBuffer(4))
    if (shared !== null) return
    this.top[0] = this.reserved
    if (this.reserved > this.buffer.byteLength) this.growTo(this.reserved)
  }

  /** For another thread. */
  get shared(): SharedMemory {
    return { pages: this.pages, top: this.top.buffer as SharedArrayBuffer }
  }

  /** All of it, as far as it has grown (by another thread, as far as was seen here). */
  get buffer(): SharedArrayBuffer {
    return this.pages.buffer
  }

  /** Bytes that were ever handed out: what it takes of the machine's memory at most. */
  get usedBytes(): number {
    return Math.max(this.top[0], this.mostBefore)
  }

  /**
   * Makes it as if it was new, for another use: nobody may touch its columns any more, nor call kernels that were started in it. The engine counts
   * such a memory nowhere, and takes it back only when its collector happens to come by: one that is used again needs neither.
   */
  clear(): void {
    this.clearBytes(0, this.top[0])
    for (const places of this.free) places.length = 0
    this.mostBefore = this.usedBytes
    this.top[0] = this.reserved
  }

  uint8(length: number): Uint8Array {
    return new Uint8Array(this.take(length), this.taken, length)
  }

  uint16(length: number): Uint16Array {
    return new Uint16Array(this.take(length * 2), this.taken, length)
  }

  int32(length: number): Int32Array {
    return new Int32Array(this.take(length * 4), this.taken, length)
  }

  float64(length: number): Float64Array {
    return new Float64Array(this.take(length * 8), this.taken, length)
  }

  /** A longer piece with the same bytes in the place of one that lies last; null when it does not. */
  lengthened(column: Uint8Array, length: number): Uint8Array | null {
    const from = column.byteOffset
    const end = from + 2 ** sizeClass(column.byteLength)
    const longer = from + 2 ** sizeClass(length)
    if (Atomics.load(this.top, 0) !== end) return null
    if (length > MOST_BYTES) throw tooLarge(from + length)
    this.growTo(longer)
    if (Atomics.compareExchange(this.top, 0, end, longer) !== end) return null
    return new Uint8Array(this.buffer, from, length)
  }

  release(column: Column): void {
    // One of nothing may not be of this memory (`NO_DOUBLES`): where it seems to lie are the kernels' own places.
    if (column.byteLength === 0) return
    this.free[sizeClass(column.byteLength)].push(column.byteOffset)
  }

  /**
   * What a kernel exports, for calling it.
   *
   * @throws RangeError when the engine has no room for another one
   */
  start(kernel: WebAssembly.Module): unknown {
    return new WebAssembly.Instance(kernel, { env: { memory: this.pages } }).exports
  }

  /** Position of the piece handed out last. */
  private taken = 0

  /** @throws Failure CAPTURE_TOO_LARGE when the memory cannot grow so far */
  private take(bytes: number): SharedArrayBuffer {
    if (bytes > MOST_BYTES) throw tooLarge(this.top[0] + bytes)
    const size = sizeClass(bytes)
    const returned = this.free[size].pop()
    if (returned !== undefined) {
      this.taken = returned
      this.clearBytes(returned, 2 ** size)
      return this.buffer
    }
    const from = Atomics.add(this.top, 0, 2 ** size)
    try {
      this.growTo(from + 2 ** size)
    } catch (error) {
      Atomics.sub(this.top, 0, 2 ** size)
      throw error
    }
    this.taken = from
    return this.buffer
  }

  /** Sets bytes to 0, by words: the engine fills a shared memory element by element, bytes so at seven times the cost (0.47 instead of 0.07 ns each). */
  private clearBytes(from: number, count: number): void {
    new Float64Array(this.buffer, from, count / WORD_BYTES).fill(0)
  }

  private growTo(end: number): void {
    if (end <= this.buffer.byteLength) return
    if (end > MOST_BYTES) throw tooLarge(end)
    try {
      // Shows what another thread has made it grow by.
      this.pages.grow(0)
      const missing = end - this.buffer.byteLength
      if (missing > 0) this.pages.grow(Math.ceil(missing / PAGE_BYTES))
    } catch {
      // There may be so much, but this machine has not.
      throw tooLarge(end)
    }
  }
}

function tooLarge(bytes: number): Failure {
  return new Failure(
    'CAPTURE_TOO_LARGE',
    `analysing this capture takes ${bytes.toLocaleString('en-US')} bytes for columns, at most ${MOST_BYTES.toLocaleString('en-US')} can be had: record for a shorter time.`,
  )
}

/** Logarithm of the size of a piece for so many bytes. */
function sizeClass(bytes: number): number {
  return 32 - Math.clz32(Math.max(bytes, LEAST_BYTES) - 1)
}

/** Compiles a kernel from its base64 form, which is what the build makes of it. */
export function compileKernel(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
}
