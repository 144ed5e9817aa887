// far-pairs.ts: the task of a span that lies much farther off than most, where relatives tell of it.
//
// Where the processors are saturated and the collector runs often, a goroutine is put off between reading the clock and telling the tracer, one
// time in thirty to a hundred, and comes back when all others that could run have: 2 to 40 ms later. One of the two lags is then of that size and
// says nothing; the other still is of a microsecond. Alone that is too little among many spans. But a task that hangs under the task of the span's
// parent, or above that of its child, is one of few. Where more of its name hang under the parent's task than spans under the parent, some of the
// spans are lost, and the task with one right time may be that of a lost neighbour in a fan-out, while the span's own is far off with both: such pairs
// make others doubtful and are not joined.

import type { AlignedSpans, PairingOptions } from './pairing.ts'
import { Pairs } from './pairs.ts'
import { NO_TASK_COST_AMONG_STRANGERS } from './time-shape.ts'
import type { Structure } from './structure.ts'
import { begunWithin, firstAtLeast, oncePerTasks, rowsByName, sortedRows, type TaskColumns } from './time-columns.ts'

/** Farther off than this a goroutine was not put off. */
const FARTHEST_NS = 100_000_000
/** What such a lag costs, however far: one in thirty to a hundred, anywhere within 30 ms, where a lag of nothing has one nat to the microsecond. */
const FAR_COST = 14
/** What the other lag may cost, and within which range of ends such are. */
const NEAR_COST = NO_TASK_COST_AMONG_STRANGERS / 2
const NEAR_ENDS_NS = 30_000

/** Tasks by the task that they hang under. */
const byParent = oncePerTasks(({ parentId, length }) => sortedRows(parentId, length))

/** Tasks by end; those that are open last. */
const byEnd = oncePerTasks(({ name, names, endNs }) => {
  const key = endNs.map((ns) => (Number.isNaN(ns) ? Infinity : ns))
  return { key, ...rowsByName(name, names.length, key) }
})

/**
 * Pairs of which one time is right and the other far off, and that hang where the span does.
 *
 * @param doubted 1 for spans that have no task yet, or none that is sure
 * @returns those that are not among `pairs`, or are dearer there
 */
export function findFarPairs(
  spans: AlignedSpans,
  tasks: TaskColumns,
  structure: Structure,
  pairs: Pairs,
  doubted: Uint8Array,
  { costs, toleranceNs, roundingNs, isFree, alias }: PairingOptions,
): Pairs {
  const far = new Pairs()
  const { rows: starts, from } = tasks.byStart
  const { rows: ends, key } = byEnd(tasks)
  const [firstNs] = begunWithin(tasks)
  const first = pairs.bySpan(spans.length)
  const dearestKnown = (span: number, task: number): number => {
    for (let pair = first[span]; pair < first[span + 1]; pair++) if (pairs.task[pair] === task) return pairs.time[pair]
    return Infinity
  }
  const missing = new MissingSpans(spans, tasks, structure, isFree, alias)
  // Where it is not known which ends first, an end far off is not known to be possible.
  const isOrderKnown = costs.isImpossibleEnd(-FARTHEST_NS) || costs.isImpossibleEnd(FARTHEST_NS)
  const add = (span: number, task: number, cost: number, isEarly: boolean): void => {
    if (cost >= dearestKnown(span, task) || !isFree(task) || !structure.hangsWithRelatives(span, task)) return
    const isRival = structure.hangsUnderParent(span, task) && missing.some(tasks.parentId[task], tasks.name[task])
    far.add(span, task, cost, isEarly, true, isRival)
  }
  for (let span = 0; span < spans.length; span++) {
    const startNs = spans.startNs[span]
    const endNs = spans.endNs[span]
    if (doubted[span] === 0 || !(startNs >= firstNs) || !structure.hasRelatives(span)) continue
    const spanName = spans.name[span]
    const otherName = alias?.[span] ?? -1
    for (const name of spanName === otherName ? [spanName] : [spanName, otherName]) {
      if (name < 0) continue
      const to = from[name + 1]
      let at = firstAtLeast(starts, tasks.startNs, startNs - toleranceNs, from[name], to)
      for (; isOrderKnown && at < to; at++) {
        const task = starts[at]
        const startLag = tasks.startNs[task] - startNs
        const cost = costs.start(startLag)
        if (startLag > roundingNs && cost > NEAR_COST) break
        const endLag = tasks.endNs[task] - endNs
        if (!(cost <= NEAR_COST && Math.abs(endLag) <= FARTHEST_NS) || costs.isImpossibleEnd(endLag)) continue
        if (costs.end(endLag) > FAR_COST) add(span, task, cost + FAR_COST, startLag < 0)
      }
      at = firstAtLeast(ends, key, endNs - NEAR_ENDS_NS, from[name], to)
      for (; at < to && key[ends[at]] <= endNs + NEAR_ENDS_NS; at++) {
        const task = ends[at]
        const startLag = tasks.startNs[task] - startNs
        if (startLag < 0 || startLag > FARTHEST_NS || costs.start(startLag) <= FAR_COST) continue
        const endLag = tasks.endNs[task] - endNs
        const cost = costs.end(endLag)
        if (cost <= NEAR_COST) add(span, task, cost + FAR_COST, costs.isImpossibleEnd(endLag))
      }
    }
  }
  return far
}

/** Tells where spans are missing among those under one parent: there are fewer of a name than tasks under its task. */
export class MissingSpans {
  /** Spans by the parent's task and the name. */
  private readonly present = new Map<number, number>()
  private readonly known = new Map<number, boolean>()

  constructor(
    spans: AlignedSpans,
    private readonly tasks: TaskColumns,
    structure: Structure,
    private readonly isFree: (task: number) => boolean,
    alias: Int32Array | undefined,
  ) {
    for (let span = 0; span < spans.length; span++) {
      const parentId = structure.taskAbove(span)
      if (parentId === 0) continue
      const name = spans.name[span]
      const otherName = alias?.[span] ?? -1
      if (name >= 0) this.add(this.key(parentId, name))
      if (otherName >= 0 && otherName !== name) this.add(this.key(parentId, otherName))
    }
  }

  some(parentId: number, name: number): boolean {
    const key = this.key(parentId, name)
    const known = this.known.get(key) ?? this.freeTasks(parentId, name) > (this.present.get(key) ?? 0)
    this.known.set(key, known)
    return known
  }

  private freeTasks(parentId: number, name: number): number {
    const { tasks, isFree } = this
    const rows = byParent(tasks)
    let count = 0
    for (let at = firstAtLeast(rows, tasks.parentId, parentId, 0, rows.length); at < rows.length; at++) {
      const task = rows[at]
      if (tasks.parentId[task] !== parentId) break
      if (tasks.name[task] === name && isFree(task)) count++
    }
    return count
  }

  private add(key: number): void {
    this.present.set(key, (this.present.get(key) ?? 0) + 1)
  }

  private key(parentId: number, name: number): number {
    return parentId * this.tasks.names.length + name
  }
}
