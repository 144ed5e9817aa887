// decode.ts: the bytes of a capture, as they arrive, to ordered events.

import type { KernelMemory } from '../base/kernel-memory.ts'
import type { CaptureInfo, ClockSnapshot } from './capture.ts'
import { captureInfo, type DecodeOptions, type DecodeSink, type EventSource, newCaptureMemory } from './event-source.ts'
import { type CaptureHeader, HEADER_BYTES, readHeader } from './header.ts'
import type { LostTime } from './lost-time.ts'
import { ProblemList } from './problems.ts'
import { DecoderV1 } from './v1/decoder.ts'
import { DecoderV2 } from './v2/decoder.ts'
import { wireFormat } from './v2/wire-format.ts'

/**
 * Decodes one capture from its (unpacked) bytes: `push` what arrives, then `end`. Events go to the sink generation by
 * generation, so memory holds one generation however long the capture is. Captures of Go 1.21 and older are held whole.
 */
export class CaptureDecoder implements EventSource {
  readonly problems = new ProblemList()
  private header: CaptureHeader | null = null
  private head = new Uint8Array(0)
  private bytes = 0
  private v2: DecoderV2 | null = null
  private v1: DecoderV1 | null = null

  constructor(
    private readonly options: DecodeOptions,
    private readonly sink: DecodeSink,
    readonly memory: KernelMemory = newCaptureMemory(),
  ) {}

  get lost(): readonly LostTime[] {
    return this.v1?.lost ?? this.v2?.lost.list ?? []
  }

  get lastNs(): number {
    return Math.max(0, this.v1?.lastNs ?? this.v2?.lastNs ?? 0)
  }

  get originNs(): bigint {
    return this.v2?.originNs ?? 0n
  }

  get clockSnapshots(): readonly ClockSnapshot[] {
    return this.v2?.clockSnapshots ?? []
  }

  /**
   * Takes the next bytes.
   *
   * @throws Failure CAPTURE_NOT_GO or CAPTURE_VERSION when the header says that nothing can be read.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.bytes += chunk.length
    const known = this.v1 ?? this.v2
    if (known !== null) {
      known.push(chunk)
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
      this.v1 = new DecoderV1(header, { goTimes, ticksPerSecond }, this.problems, this.sink, this.memory)
      this.v1.push(bytes)
      return
    }
    const { goTimes = false } = this.options
    this.v2 = new DecoderV2(wireFormat(header.version), { goTimes }, this.problems, this.sink, this.memory)
    this.v2.push(bytes.subarray(HEADER_BYTES))
  }

  /**
   * Room for the next bytes, in which they need not be copied: who has filled a part of it says so (`took`). Null while bytes are to be pushed: the
   * first of a capture, and all of Go 1.21 and older.
   */
  room(): Uint8Array | null {
    return this.v2?.room() ?? null
  }

  /** So many bytes of the room are filled. */
  took(count: number): void {
    this.bytes += count
    this.v2?.took(count)
  }

  /**
   * There are no more bytes: decodes a part of a capture that is held whole (Go 1.21 and older), so that its events need not be taken
   * all at once.
   *
   * @returns whether there is more to decode before `end`, which else does the rest
   */
  step(): boolean {
    return this.v1?.step() ?? false
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws Failure CAPTURE_EMPTY, CAPTURE_NOT_GO or CAPTURE_VERSION when nothing can be read.
   */
  end(): CaptureInfo {
    const header = this.header ?? readHeader(this.head)
    this.v2?.end()
    while (this.step());
    const { bytes, originNs, lastNs, clockSnapshots, problems } = this
    const known = this.v1 ?? this.v2
    const [events, ticksPerSecond] = [known?.events ?? 0, known?.frequency ?? 0]
    return captureInfo(header, { bytes, events, originNs, ticksPerSecond, lastNs, clockSnapshots }, problems)
  }
}
