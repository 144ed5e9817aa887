// time-shape.ts: how the times of a task lie against those of its span, by the tracer that made both, and what a pair costs.
//
// Start lag: task start + offset - span start. End lag: task end + offset - span end. Both have hard floors and heavy tails (a
// preemption, a garbage collection): measured over stock OpenTelemetry Go and OpenCensus Go, Go 1.11 to 1.27. Both SDKs note the
// span's start first and then begin the task. OpenTelemetry ends the span's time first and the task after it, OpenCensus the task first.

/** Which of the two ends first; `either` when the pairs do not tell. */
export type TimeShape = 'task-ends-after' | 'task-ends-before' | 'either'

/** Smallest lags that right pairs have. */
export const START_FLOOR_NS = 500
export const AFTER_FLOOR_NS = 100
export const BEFORE_CEILING_NS = -150

/** Farther apart is no pair. Starts are late by a whole preemption and more where the processors are saturated, ends hardly ever. */
export const WIDEST_START_NS = 10_000_000
export const WIDEST_END_NS = 2_000_000
/** What a pair may cost, in nats: beyond it the span has no task. */
export const NO_TASK_COST = 18
/** The same where spans of others are among these, or the tasks of some were never made: then a task nearby says less. */
export const NO_TASK_COST_AMONG_STRANGERS = 12
/** Of a task that is still open where the capture ends only the start tells. */
export const OPEN_END_COST = 4

const START_EXPONENT = 2.2
const START_SCALE_NS = 4_000
const END_EXPONENT = 2
const END_SCALE_NS = 1_000

/** Cost of a start lag in nats; lags below zero are errors of the clocks and cost nothing here. */
export function startCost(lagNs: number): number {
  return lagNs <= 0 ? 0 : START_EXPONENT * Math.log1p(lagNs / START_SCALE_NS)
}

/** Cost of an end lag in nats. */
export function endCost(lagNs: number, shape: TimeShape): number {
  const lag = shape === 'either' ? Math.abs(lagNs) : shape === 'task-ends-after' ? lagNs : -lagNs
  return lag <= 0 ? 0 : END_EXPONENT * Math.log1p(lag / END_SCALE_NS)
}
