// decoder.ts: a capture of Go 1.11 to 1.21. Nothing of it can be told before its last byte is there: the clock's frequency stands at its end.

import type { KernelMemory } from '../../base/kernel-memory.ts'
import type { EventSink } from '../event-block.ts'
import type { LostTime } from '../lost-time.ts'
import { HEADER_BYTES, type CaptureHeader } from '../header.ts'
import type { ProblemList } from '../problems.ts'
import { readContents } from './contents.ts'
import { OrderingV1 } from './order.ts'

/**
 * Ticks per second of a capture that does not say so: a time stamp counter of 2.5 GHz (most servers' are within a third of it), of which
 * the tracer counts every 64th tick.
 */
const ASSUMED_FREQUENCY = 2_500_000_000 / 64
/** Frequencies that no clock has: a tick of more than a microsecond, or of less than a picosecond. */
const LEAST_FREQUENCY = 1e3
const MOST_FREQUENCY = 1e12

/** How to decode. */
export interface DecodeOptionsV1 {
  readonly goTimes: boolean
  /** Ticks per second of captures that were cut before they say so; null: assume one, and say so. */
  readonly ticksPerSecond: number | null
}

/** Gathers the bytes of a capture, then orders its events in steps. */
export class DecoderV1 {
  private chunks: Uint8Array[] = []
  private bytes = 0
  private ordering: OrderingV1 | null = null
  /** Ticks per second, stated or assumed; 0 before the first step. */
  frequency = 0

  constructor(
    private readonly header: CaptureHeader,
    private readonly options: DecodeOptionsV1,
    private readonly problems: ProblemList,
    private readonly sink: EventSink & { generationEnd?(timeNs: number): void },
    private readonly memory: KernelMemory,
  ) {}

  get lost(): readonly LostTime[] {
    return this.ordering?.lost.list ?? []
  }

  get lastNs(): number {
    return this.ordering?.lastNs ?? -1
  }

  get events(): number {
    return this.ordering?.events ?? 0
  }

  /** Takes the next bytes, those of the header included. They are copied: who read them may use their room again. */
  push(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice())
    this.bytes += chunk.length
  }

  /**
   * There are no more bytes: orders a part of the events.
   *
   * @returns whether there is more to order
   */
  step(): boolean {
    this.ordering ??= this.begin()
    return this.ordering.step()
  }

  private begin(): OrderingV1 {
    const { problems, options, header } = this
    const bytes = this.joined()
    const contents = readContents(bytes, HEADER_BYTES, header.version, problems)
    const stated = contents.frequency >= LEAST_FREQUENCY && contents.frequency <= MOST_FREQUENCY
    const frequency = stated ? contents.frequency : (options.ticksPerSecond ?? ASSUMED_FREQUENCY)
    this.frequency = frequency
    const assumed = !stated && options.ticksPerSecond === null
    if (!stated && bytes.length > HEADER_BYTES) {
      problems.add(
        contents.frequency === 0 ? 'CAPTURE_TRUNCATED' : 'CAPTURE_MALFORMED',
        bytes.length,
        () =>
          `the capture ${contents.frequency === 0 ? 'ends before it states its clock, which captures of Go 1.21 and older do last' : `states a clock of ${contents.frequency} ticks per second, which no clock has`}: ${frequency.toLocaleString('en-US')} ticks per second are ${assumed ? 'assumed (a 2.5 GHz time stamp counter / 64), so every time and duration may be off by the same factor, and all tasks are marked as partial. State the true clock (--ticks-per-second, in the service decode.ticksPerSecond; a whole capture from the same machine tells it), or record again' : 'taken as told'}.`,
      )
    }
    const ordering = new OrderingV1(
      contents,
      { goTimes: options.goTimes, version: header.version, frequency, truncated: contents.frequency === 0 },
      problems,
      this.sink,
      this.memory,
    )
    if (assumed) ordering.lost.add(0, Infinity)
    return ordering
  }

  private joined(): Uint8Array {
    const { chunks } = this
    this.chunks = []
    if (chunks.length === 1) return chunks[0]
    const whole = new Uint8Array(this.bytes)
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }
}
