// event-source.ts: what an analysis asks of where its events come from: a decoder on the same thread, or one that decodes ahead on another.

import { KernelMemory } from '../base/kernel-memory.ts'
import { BLOCK_END } from './block-layout.ts'
import type { CaptureInfo, ClockSnapshot } from './capture.ts'
import type { EventSink } from './event-block.ts'
import { type CaptureHeader, HEADER_BYTES } from './header.ts'
import type { LostTime } from './lost-time.ts'
import type { ProblemList } from './problems.ts'

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

/** Where an analysis has its events from. */
export interface EventSource {
  /** The memory that blocks of events lie in, for kernels that read them. */
  readonly memory: KernelMemory
  readonly problems: ProblemList
  /** Stretches whose events are lost, as far as known. */
  readonly lost: readonly LostTime[]
  /** Time of the latest event so far, nanoseconds from the origin. */
  readonly lastNs: number
  /** Nanoseconds of the origin on the trace clock; 0 before the first generation. */
  readonly originNs: bigint
  /** Clock pairings seen so far. */
  readonly clockSnapshots: readonly ClockSnapshot[]
  /** Tells some of the events that can be told by now. @returns whether more are to come before `end`, which else tells the rest */
  step(): boolean
  /** Tells what is left, and says what the capture is as a whole. @throws Failure when nothing could be read */
  end(): CaptureInfo
}

/** A memory to decode and analyse a capture in; when that is over and it is cleared, another one. */
export function newCaptureMemory(): KernelMemory {
  return new KernelMemory(BLOCK_END)
}

/** What is known of a capture when all of it was decoded. */
export interface Decoded {
  /** Size after unpacking. */
  readonly bytes: number
  /** Events, without the last synchronisation event. */
  readonly events: number
  readonly originNs: bigint
  readonly ticksPerSecond: number
  readonly lastNs: number
  readonly clockSnapshots: readonly ClockSnapshot[]
}

/** A capture as a whole. A problem is noted where it has no events. */
export function captureInfo(header: CaptureHeader, decoded: Decoded, problems: ProblemList): CaptureInfo {
  const { bytes, events, originNs, ticksPerSecond, lastNs, clockSnapshots } = decoded
  if (events === 0) {
    problems.add('CAPTURE_TRUNCATED', bytes, () =>
      bytes <= HEADER_BYTES
        ? `the capture ends after its header: ${bytes} bytes, no events. The tracer was stopped before it wrote anything, or the pull was cut; allow it more time than the capture is long.`
        : `no batch of events was found in the ${(bytes - HEADER_BYTES).toLocaleString('en-US')} bytes after the header: they are damaged, or no capture. Record it again.`,
    )
  }
  return {
    header: header.text,
    bytes,
    // Go's reader closes with one more synchronisation event.
    events: events + 1,
    originNs,
    ticksPerSecond,
    durationNs: lastNs,
    wallOffsetNs: clockSnapshots.length === 0 ? null : clockSnapshots[0].unixNs - BigInt(clockSnapshots[0].traceNs),
    clockSnapshots,
    problems: problems.list,
  }
}
