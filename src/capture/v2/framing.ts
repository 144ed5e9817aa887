// framing.ts: a stream of bytes to whole generations, by hopping from batch header to batch header.
//
// file       = header { generation }
// generation = batch { batch } [ 52 ]                 52 from header 1.26 on; before, a new number begins a generation
// batch      = 1 generation thread time size payload
//            | 49 experiment generation thread time size payload
// Source: internal/trace/batch.go and generation.go, Go 1.26.

import { type KernelMemory, WORD_BYTES } from '../../base/kernel-memory.ts'
import type { LaterReading } from '../event-block.ts'
import { Ev } from '../event-types.ts'
import type { ProblemList } from '../problems.ts'
import type { RawBatch } from './generation.ts'
import { BATCH_SLACK } from './order-layout.ts'
import type { WireFormat } from './wire-format.ts'

/** Largest payload that Go's writer and reader know. */
const MAX_BATCH_BYTES = 65_536
/** A generation of a second is tens of megabytes at most; beyond this the stream is damaged or hostile. */
const DEFAULT_MAX_GENERATION_BYTES = 1000 << 20

/** Longest header, and some: so many bytes are looked at again when more come. */
const HEADER_ROOM = 64
/** Bytes that are looked through for a batch before they are let go of. */
const MOST_UNKNOWN_BYTES = 4 << 20
/** Generations that may be missing between two batches; a larger leap is no batch. */
const MOST_GENERATIONS_LOST = 100_000

/** Bytes that are taken at once, however many are pushed. */
const STEP_BYTES = 1 << 20
/**
 * Sizes of the room for a generation's bytes. It grows from one to the next, in its place as long as nothing lies behind it, which is so for the
 * first generation; what it leaves behind else is part of the memory too, so that those of generations that no program writes in a second are far apart.
 */
const ROOMS = [18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30].map((bits) => 2 ** bits)

/** Size of each of two rooms at first, of which no more is used than is filled; and the largest of which there are two. */
const ROOM_WHERE_TWO = 1 << 24
const MOST_WHERE_TWO = 1 << 26

/** A generation's bytes with its batches found. */
export interface FramedGeneration {
  readonly number: number
  /** Holds the batches, in the kernels' memory; positions of `batches` count from its start. */
  readonly bytes: Uint8Array
  /** Position of `bytes[0]` in the unpacked capture. */
  readonly byteOffset: number
  readonly batches: readonly RawBatch[]
  readonly complete: boolean
}

/** What a batch header reads as: whole, not all there yet, or none. */
type HeaderState = 'whole' | 'short' | 'damaged'

/**
 * Cuts a capture into generations as its bytes arrive. Holds the bytes of one generation, where the kernel that decodes them reads them, and of
 * the chunk that ended it.
 */
export class GenerationFramer {
  private bytes: Uint8Array
  /** A second room, where generations are read later: the next one goes there, while the names of the last may still be asked for. */
  private other: Uint8Array | null
  /** Whether a generation was handed over that lies in `bytes`, and may be read later. */
  private handed = false
  /** Bytes of `bytes` that are filled. */
  private filled = 0
  /** Position of `bytes[0]` in the unpacked capture. */
  private base: number
  /** Where the current generation begins, and the next batch header, in `bytes`. */
  private generationFrom = 0
  private at = 0
  private batches: RawBatch[] = []
  private generation = 0
  private lastNumber = 0
  /** Whether bytes of the current generation were passed over. */
  private damaged = false
  /** Position in the unpacked capture up to which a lost batch header was looked for in vain. */
  private searchedTo = 0
  // The header read last.
  private headerEnd = 0
  private headerExperiment = -1
  private headerGeneration = 0
  private headerThread = 0
  private headerTime = 0
  private headerSize = 0

  constructor(
    private readonly format: WireFormat,
    headerBytes: number,
    private readonly problems: ProblemList,
    private readonly memory: KernelMemory,
    private readonly take: (generation: FramedGeneration) => void,
    private readonly maxGenerationBytes = DEFAULT_MAX_GENERATION_BYTES,
    private readonly later: LaterReading | null = null,
  ) {
    this.base = headerBytes
    const room = later === null ? ROOMS[0] : ROOM_WHERE_TWO
    this.bytes = memory.uint8(room)
    this.other = later === null ? null : memory.uint8(room)
  }

  /** Takes the next bytes; may hand over whole generations before it returns. */
  push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; from += STEP_BYTES) {
      const step = chunk.subarray(from, from + STEP_BYTES)
      this.room(step.length).set(step)
      this.took(step.length)
    }
  }

  /** Room for the next bytes, so many of them, where they are read without being copied: who has filled a part of it says so (`took`). */
  room(count = STEP_BYTES): Uint8Array {
    const { filled } = this
    const need = filled + count + BATCH_SLACK
    if (need > this.bytes.length) this.grow(ROOMS.find((room) => room >= need) ?? need)
    return this.bytes.subarray(filled, filled + count)
  }

  private grow(length: number): void {
    const { bytes, filled, memory } = this
    const longer = memory.lengthened(bytes, length)
    this.bytes = longer ?? memory.uint8(length)
    if (longer !== null) return
    this.bytes.set(bytes.subarray(0, filled))
    memory.release(bytes)
  }

  /** So many bytes of the room are filled; may hand over whole generations before it returns. */
  took(count: number): void {
    this.filled += count
    this.cut(false)
    this.forget()
  }

  /** Says that there are no more bytes; hands over what is left. */
  end(): void {
    this.cut(true)
    const rest = this.filled - this.at
    if (rest > 0) {
      const offset = this.base + this.at
      this.problems.add(
        'CAPTURE_TRUNCATED',
        offset,
        () =>
          `the capture ends inside a batch of generation ${this.headerGeneration || this.generation} at byte ${offset.toLocaleString('en-US')}: ${this.headerSize > 0 ? `${this.headerSize.toLocaleString('en-US')} bytes announced, ${Math.max(0, this.filled - this.headerEnd).toLocaleString('en-US')} left` : `${rest} bytes of its header left`}; everything before is kept. A pull cut by its deadline looks like this: allow it more time than the capture is long.`,
      )
      // The events before the cut are as good as any: the batch is kept as far as it goes.
      if (this.headerState() !== 'damaged' && this.headerEnd > this.at && this.headerEnd < this.filled) {
        this.addBatch(this.filled)
      }
    }
    if (this.batches.length > 0) {
      const complete = !this.format.has(Ev.EndOfGeneration) && rest === 0
      if (!complete) {
        const number = this.generation
        this.problems.add(
          'GENERATION_INCOMPLETE',
          this.base + this.generationFrom,
          () =>
            `generation ${number} has no end (byte ${(this.base + this.filled).toLocaleString('en-US')} is the last): its strings and stacks come last and may be missing, so names may be empty; what it holds is used.`,
        )
      }
      this.hand(this.filled, complete)
    }
  }

  /**
   * Drops what was handed over, so that only the open generation stays. It moves by whole words, so that chunks lie to words in here as they did
   * before (`aligned` says what that is worth).
   */
  private forget(): void {
    const shift = this.generationFrom - (this.generationFrom % WORD_BYTES)
    if (shift === 0) return
    this.changeRoom(shift)
    this.base += shift
    this.at -= shift
    this.filled -= shift
    this.generationFrom -= shift
    this.batches = this.batches.map((batch) => moved(batch, shift))
  }

  /** Puts the bytes from `shift` on at the begin of the room for the next generation. */
  private changeRoom(shift: number): void {
    const { bytes, other, filled, later } = this
    const left = filled - shift
    const { handed } = this
    this.handed = false
    // Where bytes were passed over only, the other room still holds the generation before.
    if (!handed || other === null || bytes.length > MOST_WHERE_TWO) {
      if (handed) later?.waitForAll()
      bytes.copyWithin(0, shift, filled)
      return
    }
    this.bytes = other
    this.other = bytes
    this.filled = 0
    this.room(left).set(bytes.subarray(shift, filled))
    this.filled = filled
  }

  private cut(last: boolean): void {
    while (this.at < this.filled) {
      if (this.bytes[this.at] === Ev.EndOfGeneration && this.format.has(Ev.EndOfGeneration)) {
        this.at++
        if (this.batches.length > 0) this.hand(this.at, true)
        else this.generationFrom = this.at
        continue
      }
      let state = this.headerState()
      // Bytes that happen to read as a header hardly ever name this generation or the next, nor have a size as the writer lays it out.
      const known = this.generation || this.lastNumber
      const leaps = known > 0 && this.headerGeneration !== known && this.headerGeneration !== known + 1
      if (state === 'whole' && leaps && !this.isWritersHeader(this.at)) state = 'damaged'
      if (state === 'damaged') {
        if (!this.resynchronise(last)) return
        continue
      }
      if (state === 'short' || this.headerEnd + this.headerSize > this.filled) return
      if (this.batches.length > 0 && this.headerGeneration !== this.generation) {
        // Before header 1.26 this is how generations end; from there on the end mark was lost.
        const marked = this.format.has(Ev.EndOfGeneration)
        if (marked) {
          this.problems.add(
            'GENERATION_INCOMPLETE',
            this.base + this.at,
            () =>
              `generation ${this.generation} has no end mark before generation ${this.headerGeneration} begins at byte ${(this.base + this.at).toLocaleString('en-US')}: part of it may be lost.`,
          )
        }
        this.hand(this.at, !marked)
      }
      if (this.batches.length === 0) {
        this.generation = this.headerGeneration
        this.generationFrom = this.at
      }
      if (this.at - this.generationFrom > this.maxGenerationBytes) {
        this.problems.add(
          'LIMIT',
          this.base + this.at,
          () =>
            `generation ${this.generation} is longer than ${this.maxGenerationBytes.toLocaleString('en-US')} bytes: it is read in parts.`,
        )
        this.hand(this.at, false)
        this.generationFrom = this.at
      }
      const end = this.headerEnd + this.headerSize
      this.addBatch(end)
      this.at = end
    }
  }

  private addBatch(end: number): void {
    this.batches.push({
      experiment: this.headerExperiment,
      thread: this.headerThread,
      timeUnits: this.headerTime,
      from: this.headerEnd,
      to: end,
    })
  }

  private hand(end: number, complete: boolean): void {
    const from = this.generationFrom
    this.lastNumber = this.generation
    this.take({
      number: this.generation,
      bytes: this.bytes.subarray(from, end),
      byteOffset: this.base + from,
      batches: from === 0 ? this.batches : this.batches.map((batch) => moved(batch, from)),
      complete: complete && !this.damaged,
    })
    this.batches = []
    this.damaged = false
    this.handed = true
    this.generationFrom = end
  }

  /** Reads the batch header at `at` into the header fields. */
  private headerState(): HeaderState {
    const { bytes, filled } = this
    let at = this.at
    this.headerEnd = at
    this.headerSize = 0
    this.headerExperiment = -1
    const kind = bytes[at++]
    if (kind === Ev.ExperimentalBatch && this.format.has(Ev.ExperimentalBatch)) {
      if (at >= filled) return 'short'
      this.headerExperiment = bytes[at++]
    } else if (kind !== Ev.EventBatch) {
      return 'damaged'
    }
    for (let field = 0; field < 4; field++) {
      let value = 0
      let scale = 1
      for (let i = 0; ; i++) {
        if (i === 10) return 'damaged'
        if (at >= filled) return 'short'
        const byte = bytes[at++]
        value += (byte & 0x7f) * scale
        if (byte < 0x80) break
        scale *= 128
      }
      if (field === 0) this.headerGeneration = value
      else if (field === 1) this.headerThread = value
      else if (field === 2) this.headerTime = value
      else this.headerSize = value
    }
    this.headerEnd = at
    if (this.headerGeneration === 0 || this.headerSize > MAX_BATCH_BYTES || this.headerTime > 2 ** 53) return 'damaged'
    return 'whole'
  }

  /**
   * Looks for the next place that reads as a batch header, as the writer lays it out: of the current generation or a later one, and a
   * size written as ten bytes. Returns false when more bytes are needed first.
   */
  private resynchronise(last: boolean): boolean {
    const from = this.at
    const wanted = this.generation || this.lastNumber
    // A header may straddle the end of what was there before: look at the last few bytes again, but never at all of them.
    for (let at = Math.max(from + 1, this.searchedTo - this.base - HEADER_ROOM); at < this.filled; at++) {
      if (this.bytes[at] !== Ev.EventBatch && this.bytes[at] !== Ev.ExperimentalBatch) continue
      this.at = at
      const state = this.headerState()
      if (state !== 'whole') continue
      if (!this.isWritersHeader(at)) continue
      if (wanted > 0 && this.headerGeneration !== wanted && this.headerGeneration !== wanted + 1) {
        // Whole generations may be gone: a later one is believed when something of a capture follows its batch.
        if (this.headerGeneration < wanted || this.headerGeneration > wanted + MOST_GENERATIONS_LOST) continue
        const next = this.headerEnd + this.headerSize
        if (next < this.filled && !isBoundary(this.bytes[next])) continue
      }
      this.tellSkipped(from, at)
      this.damaged = this.batches.length > 0
      return true
    }
    if (!last) {
      this.at = from
      this.searchedTo = this.base + this.filled
      // Bytes without end that are no capture must not be kept for what may come after them.
      if (this.filled - from > MOST_UNKNOWN_BYTES) {
        const to = this.filled - HEADER_ROOM
        this.tellSkipped(from, to)
        if (this.batches.length > 0) this.hand(from, false)
        this.at = this.generationFrom = to
      }
      return false
    }
    this.tellSkipped(from, this.filled)
    this.at = this.filled
    return false
  }

  /** Whether the header read last, at `at`, is laid out as the writer does: its size takes ten bytes, the last of them zero. */
  private isWritersHeader(at: number): boolean {
    return this.headerEnd - at >= 14 && this.bytes[this.headerEnd - 1] === 0 && this.bytes[this.headerEnd - 2] >= 0x80
  }

  private tellSkipped(from: number, to: number): void {
    const offset = this.base + from
    const trailing = to === this.filled
    this.problems.add(
      trailing ? 'TRAILING_BYTES' : 'BATCH_DAMAGED',
      offset,
      () =>
        `${(to - from).toLocaleString('en-US')} bytes at byte ${offset.toLocaleString('en-US')} are no part of a capture (a batch was expected, event ${this.bytes[from]} found): they are left out${trailing ? '' : ', reading goes on after them'}.`,
    )
  }
}

/** Whether a byte may follow a batch: another batch, or the end of the generation. */
function isBoundary(byte: number): boolean {
  return byte === Ev.EventBatch || byte === Ev.ExperimentalBatch || byte === Ev.EndOfGeneration
}

/** A batch whose positions count from `shift` bytes later. Built as every batch is, so that all have one shape for the engine. */
function moved(batch: RawBatch, shift: number): RawBatch {
  return {
    experiment: batch.experiment,
    thread: batch.thread,
    timeUnits: batch.timeUnits,
    from: batch.from - shift,
    to: batch.to - shift,
  }
}
