// decode.ts: the bytes of a capture, as they arrive, to ordered events.

import { KernelMemory } from '../base/kernel-memory.ts'
import { BLOCK_END } from './block-layout.ts'
import type { CaptureInfo, ClockSnapshot } from './capture.ts'
import type { EventSink } from './event-block.ts'
import { type CaptureHeader, HEADER_BYTES, readHeader } from './header.ts'
import type { LostTime } from './lost-time.ts'
import { ProblemList } from './problems.ts'
import { DecoderV1 } from './v1/decoder.ts'
import { type FramedGeneration, GenerationFramer } from './v2/framing.ts'
import { readGeneration } from './v2/generation.ts'
import { Ordering } from './v2/order.ts'

/** How to decode. */
export interface DecodeOptions {
  /** Tell times moved apart as Go's own reader moves them, for comparing with it; default false: the true times. */
  readonly goTimes?: boolean
  /** Ticks per second of captures of Go 1.21 and older that were cut before they say so; default: a guess, told as a problem. */
  readonly ticksPerSecond?: number | undefined
}

/** What a decoder tells beside the events. */
export interface DecodeSink extends EventSink {
  /** A generation was decoded: no event of a later one lies much before this time (nanoseconds from the origin). */
  generationEnd?(timeNs: number): void
}

/** A memory to decode and analyse a capture in; when that is over and it is cleared, another one. */
export function newCaptureMemory(): KernelMemory {
  return new KernelMemory(BLOCK_END)
}

/**
 * Decodes one capture from its (unpacked) bytes: `push` what arrives, then `end`. Events go to the sink generation by
 * generation, so memory holds one generation however long the capture is. Captures of Go 1.21 and older are held whole.
 */
export class CaptureDecoder {
  readonly problems = new ProblemList()
  private header: CaptureHeader | null = null
  private head = new Uint8Array(0)
  private bytes = 0
  private framer: GenerationFramer | null = null
  private ordering: Ordering | null = null
  private old: DecoderV1 | null = null
  private readonly snapshots: ClockSnapshot[] = []
  private frequency = 0

  constructor(
    private readonly options: DecodeOptions,
    private readonly sink: DecodeSink,
    /** The memory that blocks of events lie in, for kernels that read them. */
    readonly memory: KernelMemory = newCaptureMemory(),
  ) {}

  /** Stretches whose events are lost, as far as known. */
  get lost(): readonly LostTime[] {
    return this.old?.lost ?? this.ordering?.lost ?? []
  }

  /** Time of the latest event so far, nanoseconds from the origin. */
  get lastNs(): number {
    return Math.max(0, this.old?.lastNs ?? this.ordering?.lastNs ?? 0)
  }

  /** Nanoseconds of the origin on the trace clock; 0 before the first generation. */
  get originNs(): bigint {
    return this.ordering?.originNs ?? 0n
  }

  /** Clock pairings seen so far. */
  get clockSnapshots(): readonly ClockSnapshot[] {
    return this.snapshots
  }

  /**
   * Takes the next bytes.
   *
   * @throws Failure CAPTURE_NOT_GO or CAPTURE_VERSION when the header says that nothing can be read.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.bytes += chunk.length
    if (this.old !== null) {
      this.old.push(chunk)
      return
    }
    if (this.framer !== null) {
      this.framer.push(chunk)
      return
    }
    let bytes = chunk
    if (this.head.length > 0) {
      bytes = new Uint8Array(this.head.length + chunk.length)
      bytes.set(this.head)
      bytes.set(chunk, this.head.length)
    }
    if (bytes.length < HEADER_BYTES) {
      this.head = bytes.slice()
      return
    }
    this.head = new Uint8Array(0)
    const header = readHeader(bytes)
    this.header = header
    if (header.family === 'v1') {
      const { goTimes = false, ticksPerSecond = null } = this.options
      this.old = new DecoderV1(header, { goTimes, ticksPerSecond }, this.problems, this.sink, this.memory)
      this.old.push(bytes)
      return
    }
    const ordering = new Ordering({ goTimes: this.options.goTimes ?? false }, this.problems, this.sink, this.memory)
    this.ordering = ordering
    this.framer = new GenerationFramer(header.version, HEADER_BYTES, this.problems, (framed) =>
      this.take(framed, ordering, header),
    )
    if (bytes.length > HEADER_BYTES) this.framer.push(bytes.subarray(HEADER_BYTES))
  }

  /**
   * There are no more bytes: decodes a part of a capture that is held whole (Go 1.21 and older), so that its events need not be taken
   * all at once.
   *
   * @returns whether there is more to decode before `end`, which else does the rest
   */
  step(): boolean {
    return this.old?.step() ?? false
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws Failure CAPTURE_EMPTY, CAPTURE_NOT_GO or CAPTURE_VERSION when nothing can be read.
   */
  end(): CaptureInfo {
    const header = this.header ?? readHeader(this.head)
    this.framer?.end()
    while (this.step());
    const events = this.old?.events ?? this.ordering?.events ?? 0
    if (events === 0) {
      this.problems.add('CAPTURE_TRUNCATED', this.bytes, () =>
        this.bytes <= HEADER_BYTES
          ? `the capture ends after its header: ${this.bytes} bytes, no events. The tracer was stopped before it wrote anything, or the pull was cut; allow it more time than the capture is long.`
          : `no batch of events was found in the ${(this.bytes - HEADER_BYTES).toLocaleString('en-US')} bytes after the header: they are damaged, or no capture. Record it again.`,
      )
    }
    return {
      header: header.text,
      bytes: this.bytes,
      // Go's reader closes with one more synchronisation event.
      events: events + 1,
      originNs: this.originNs,
      ticksPerSecond: this.old?.frequency ?? this.frequency,
      durationNs: this.lastNs,
      wallOffsetNs: this.snapshots.length === 0 ? null : this.snapshots[0].unixNs - BigInt(this.snapshots[0].traceNs),
      clockSnapshots: this.snapshots,
      problems: this.problems.list,
    }
  }

  private take(framed: FramedGeneration, ordering: Ordering, header: CaptureHeader): void {
    const generation = readGeneration(
      framed.number,
      framed.bytes,
      framed.byteOffset,
      framed.batches,
      framed.complete,
      header.version,
      this.frequency,
      this.problems,
    )
    this.frequency = generation.frequency
    ordering.order(generation)
    const snapshot = generation.clockSnapshot
    if (snapshot !== null) {
      this.snapshots.push({
        traceNs: ordering.relativeNs(generation, snapshot.timeUnits),
        unixNs: snapshot.unixNs,
        monotonicNs: snapshot.monotonicNs,
      })
    }
    this.sink.generationEnd?.(this.lastNs)
  }
}
