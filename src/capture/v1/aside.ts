// aside.ts: what is told at another time than that of its place: CPU samples, which are written by whoever gathers them, and returns from blocking
// system calls, which are written when the goroutine goes on. Both were gathered when the capture was read; each is told when its time has come.
// (Go's reader sorts all events a second time.)

import { NONE_U64 } from '../../base/id-table.ts'
import { Ev } from '../event-types.ts'
import { type EventRow, NOTHING } from '../block-writer.ts'
import type { ContentsV1, CpuSampleV1 } from './contents.ts'
import type { CursorsV1 } from './cursors.ts'
import { InCall, type SchedulerModelV1 } from './scheduler-model.ts'

/** The samples and returns of a capture, by time. */
export class Aside {
  /** Time of the next one; Infinity when all were told. */
  ticks = Infinity
  private nextReturn = 0
  private nextSample = 0

  constructor(
    private readonly contents: ContentsV1,
    private readonly model: SchedulerModelV1,
    private readonly cursors: CursorsV1,
  ) {
    this.findNext()
  }

  /** Takes the next one. @returns what is to be told; null when it is told elsewhere */
  take(): EventRow | null {
    const sample = this.sample
    const row = sample !== null && sample.ticks === this.ticks ? this.takeSample(sample) : this.takeReturn()
    this.findNext()
    return row
  }

  /** Whether a goroutine is sampled within a stretch that begins now. */
  isSampled(goroutine: number, fromTicks: number, toTicks: number): boolean {
    const { cpuSamples } = this.contents
    for (let i = this.nextSample; i < cpuSamples.length && cpuSamples[i].ticks <= toTicks; i++) {
      if (cpuSamples[i].goroutine === goroutine && cpuSamples[i].ticks >= fromTicks) return true
    }
    return false
  }

  private takeSample(sample: CpuSampleV1): EventRow {
    this.nextSample++
    const goroutine = this.model.goroutines.find(sample.goroutine)
    const processor = sample.processor === NONE_U64 ? undefined : this.cursors.ofProcessor.get(sample.processor)
    const { stack } = sample
    const id = sample.goroutine === 0 ? -1 : sample.goroutine
    return { ...NOTHING, kind: Ev.CPUSample, goroutine, processor: processor ?? -1, a: goroutine, c: id, stack }
  }

  private takeReturn(): EventRow | null {
    const { model } = this
    const { ticks, goroutine: id } = this.contents.syscallReturns[this.nextReturn++]
    const goroutine = model.goroutines.find(id)
    // Where clocks disagree, the call may not have begun yet: its return is then told in its own place.
    if (goroutine < 0 || model.gCall[goroutine] !== InCall.blocked || ticks < model.gCallTicks[goroutine]) return null
    model.gCall[goroutine] = InCall.returned
    return { ...NOTHING, kind: Ev.GoSyscallEndBlocked, goroutine }
  }

  private get sample(): CpuSampleV1 | null {
    const { cpuSamples } = this.contents
    return this.nextSample < cpuSamples.length ? cpuSamples[this.nextSample] : null
  }

  private findNext(): void {
    const { syscallReturns } = this.contents
    this.ticks = Math.min(
      this.sample?.ticks ?? Infinity,
      this.nextReturn < syscallReturns.length ? syscallReturns[this.nextReturn].ticks : Infinity,
    )
  }
}
