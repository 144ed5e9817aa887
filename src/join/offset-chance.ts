// offset-chance.ts: how much speaks for an offset between clocks, against chance.
//
// At a wrong offset a span of a common name and duration soon finds a task nearby; one that took 12.345 ms finds none. So each pair counts
// by how seldom a span like it would come upon a task that closely: the density of right lags over that of tasks, in nats. Of few spans
// this tells more than their number: six of one request may be enough, and twenty short ones not.

import {
  anyNameOf,
  firstAtLeast,
  oncePerTasks,
  rowsByName,
  type GroupedRows,
  type TaskColumns,
} from './time-columns.ts'
import { endCost, startCost } from './time-shape.ts'

/** Durations this far apart are alike. */
const ALIKE_NS = 15_000
/** Density of right lags where they are least: 1.2 / 4 us of starts, 1 / 2 us of ends on either side (`time-shape.ts`). */
const LOG_DENSEST_START = Math.log(0.3)
const LOG_DENSEST = LOG_DENSEST_START + Math.log(0.5)
/** A task that begins before its span contradicts the offset, by so many nats a microsecond. */
const EARLY_NATS_PER_US = 1

/** The tasks that a span may come upon by chance. */
export class ChancePairs {
  private readonly durations: Float64Array
  private readonly byDuration: GroupedRows

  /** @param names number of the name of each task, -1 for those that take no part */
  constructor(
    private readonly tasks: TaskColumns,
    names: Int32Array,
    nameCount: number,
  ) {
    this.durations = tasks.endNs.map((endNs, task) => endNs - tasks.startNs[task])
    const whole = names.map((name, task) => (Number.isNaN(this.durations[task]) ? -1 : name))
    this.byDuration = rowsByName(whole, nameCount, this.durations)
  }

  /** What a pair with these lags speaks for the offset, in nats; nothing where chance explains it as well. */
  nats(name: number, spanDurationNs: number, startLagNs: number, endLagNs: number): number {
    const early = (EARLY_NATS_PER_US * Math.max(0, -startLagNs)) / 1_000
    return Math.max(0, this.worth(name, spanDurationNs) - startCost(startLagNs) - endCost(endLagNs, 'either') - early)
  }

  /** What the closest pair would speak: the less, the more tasks a span of this name and duration may come upon. */
  worth(name: number, spanDurationNs: number): number {
    const { durations, byDuration, tasks } = this
    const { from, rows } = byDuration
    const first = firstAtLeast(rows, durations, spanDurationNs - ALIKE_NS, from[name], from[name + 1])
    const alike = firstAtLeast(rows, durations, spanDurationNs + ALIKE_NS, first, from[name + 1]) - first
    const perSquareUs = Math.max(1, alike) / ((2 * ALIKE_NS) / 1_000) / (tasks.durationNs / 1_000)
    return LOG_DENSEST - Math.log(perSquareUs)
  }

  /** The same for a task that is open where the capture ends, so that only its start tells. */
  worthOfOpen(name: number): number {
    const { from } = this.tasks.byStart
    const perUs = Math.max(1, from[name + 1] - from[name]) / (this.tasks.durationNs / 1_000)
    return LOG_DENSEST_START - Math.log(perUs)
  }
}

/** Chance among the tasks of a span's name. */
export const chanceByName = oncePerTasks((tasks) => new ChancePairs(tasks, tasks.name, tasks.names.length))

/** Chance among all tasks: every span is asked for under `ANY_NAME`. */
export const chanceOfAnyName = oncePerTasks((tasks) => new ChancePairs(tasks, anyNameOf(tasks), 1))
