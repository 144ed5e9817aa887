// tick-clock.ts: ticks of the trace clock of Go 1.11 to 1.21 as nanoseconds from the capture's origin.

/** Turns ticks into nanoseconds. */
export class TickClock {
  readonly nsPerTick: number

  /**
   * @param ticksPerSecond stated by the capture, or assumed
   * @param originTicks of the first event; the begin of the first batch until that is read
   */
  constructor(
    readonly ticksPerSecond: number,
    public originTicks: number,
  ) {
    this.nsPerTick = 1e9 / ticksPerSecond
  }

  /** Whole nanoseconds from the origin; what lies before it is held there. */
  nsOf(ticks: number): number {
    return Math.max(0, Math.trunc((ticks - this.originTicks) * this.nsPerTick))
  }
}
