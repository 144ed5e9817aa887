// losses.ts: what is missing of a capture of Go 1.11 to 1.21, as problems and as stretches of time.

import { HEADER_BYTES } from '../header.ts'
import { LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import type { CursorsV1 } from './cursors.ts'
import { eventNameV1 } from './event-types.ts'
import { spanOf } from './lookahead.ts'
import { COLLECTOR } from './scheduler-model.ts'
import type { TickClock } from './tick-clock.ts'

/** Notes what is lost, where, and says how much. */
export class Losses {
  readonly lost = new LostTimes()
  /** Whether events are known to be missing. */
  incomplete: boolean
  /** When events of some processor began to be missing, ticks, while that is still to be told; Infinity: nothing to tell. */
  ticks = Infinity

  /** @param truncated whether the capture ends before its last events */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly shapes: Uint8Array,
    private readonly cursors: CursorsV1,
    private readonly clock: TickClock,
    private readonly truncated: boolean,
    private readonly problems: ProblemList,
  ) {
    this.incomplete = truncated
  }

  /**
   * The capture's first events are missing, and with them the origin of its times: nothing else tells when the tracer was started. What
   * else the processor did that wrote them is missing too.
   */
  begin(): void {
    const { bytes, problems, cursors, clock, truncated } = this
    problems.add(
      'ORIGIN_LOST',
      truncated ? bytes.length : HEADER_BYTES,
      () =>
        `the list of goroutines that a capture of Go 1.21 and older begins with is missing: ${truncated ? `the buffer of the processor that wrote it would come after byte ${bytes.length.toLocaleString('en-US')}, where the capture was cut` : 'the batch that held it is damaged'}. Times count from the first event that is left, tick ${clock.originTicks} of the trace clock: compared with the whole capture's, all are smaller by one and the same amount.`,
    )
    // A batch that is broken at its begin is told when it is read.
    if (truncated || !cursors.isBrokenAtBegin) this.lost.add(0, Infinity)
  }

  /** The capture was cut: events that were still in the buffers of a processor are missing from its last one on. */
  end(): void {
    const { cursors, bytes, shapes } = this
    const ends = cursors.lastBatches().map(({ ticks, from, to }) => ticks + spanOf(bytes, shapes, from, to))
    if (ends.length === 0) return
    this.ticks = Math.min(...ends)
    this.lost.add(this.clock.nsOf(this.ticks), Infinity)
  }

  /** A processor without any batch: its first buffer was not full when the capture was cut. */
  processor(): void {
    this.lost.add(0, Infinity)
  }

  /** Events of a processor are missing from a time until its next batch begins. */
  restOfBatch(cursor: number, ticks: number): void {
    const { cursors, clock } = this
    this.incomplete = true
    const from = Math.min(ticks, cursors.heap.time[cursor])
    this.ticks = Math.min(this.ticks, from)
    this.lost.add(clock.nsOf(from), Math.max(clock.nsOf(from), clock.nsOf(cursors.nextTicks(cursor))))
  }

  /** The event of a parked cursor, which waits for what never comes, is taken as it stands. */
  forced(cursor: number): void {
    const { cursors, clock, bytes } = this
    const kind = cursors.kind[cursor]
    const goroutine = cursors.parkedFor[cursor]
    const ticks = cursors.heap.time[cursor]
    const at = cursors.at(cursor)
    this.problems.add('ORDER_FORCED', at, () => {
      const time = ((ticks - clock.originTicks) * clock.nsPerTick) / 1e6
      return `${eventNameV1(kind)} before byte ${at.toLocaleString('en-US')} of ${bytes.length.toLocaleString('en-US')}, at ${time.toFixed(3)} ms, waits for an event of ${goroutine === COLLECTOR ? 'the garbage collector' : `goroutine ${goroutine}`} that never comes (lost batches, or the capture was cut). It is taken as it stands; what the goroutine did before may be missing.`
    })
    this.incomplete = true
    // What is told of the time around it rests on this one event's word.
    const ns = clock.nsOf(ticks)
    this.lost.add(ns, ns + 1)
  }

  /** A processor's batch begins before the last event of the one before: its clock, or that of the core it runs on now, was set back. */
  clockStep(cursor: number, ticks: number): void {
    const at = this.cursors.at(cursor)
    const { nsPerTick } = this.clock
    this.problems.add(
      'CLOCK_STEP',
      at,
      () =>
        `a processor's batch at byte ${at.toLocaleString('en-US')} begins ${((ticks * nsPerTick) / 1000).toFixed(3)} us before the last event of the one before it (clocks of two processor cores disagree): its times were moved on by as much.`,
    )
  }

  /** The event that a cursor read last is none. @param ticks its time, as it says */
  damage(cursor: number, ticks: number): void {
    const { cursors, clock } = this
    const kind = cursors.kind[cursor]
    const at = cursors.at(cursor)
    const end = cursors.end(cursor)
    this.problems.add('BATCH_DAMAGED', at, () => {
      const far =
        ticks > cursors.maxTicks[cursor]
          ? `a time ${(((ticks - clock.originTicks) * clock.nsPerTick) / 1e9).toFixed(0)} s after the capture's begin`
          : 'more or fewer numbers than it has'
      return `an event (${eventNameV1(kind)}) with ${far}, at byte ${at.toLocaleString('en-US')}: the rest of that batch, ${Math.max(0, end - at).toLocaleString('en-US')} bytes of one processor's events, is lost; other processors are kept.`
    })
  }

  /** The capture was told to its end, a time in nanoseconds from the origin: nothing is lost beyond. */
  close(lastNs: number): void {
    this.lost.endBy(lastNs)
  }
}
