// pairing.ts: one task to one span, by what each pair costs, refused where another world would cost about the same.

import { begunWithin, firstAtLeast, oncePerTasks, sortedRows, type TaskColumns } from './time-columns.ts'
import {
  endCost,
  NO_TASK_COST_AMONG_STRANGERS,
  OPEN_END_COST,
  startCost,
  type TimeShape,
  WIDEST_END_NS,
  WIDEST_START_NS,
} from './time-shape.ts'

/** Spans with their times on the capture's clock. */
export interface AlignedSpans {
  readonly length: number
  /** Number of the name among those of the tasks; -1 where the span takes no part. */
  readonly name: Int32Array
  /** Nanoseconds from the capture's origin; NaN where the span takes no part. */
  readonly startNs: Float64Array
  readonly endNs: Float64Array
}

/** How the spans hang together, and what is known of their tasks. */
export interface SpanRelations {
  /** OTLP's kind of each span. */
  readonly kind: Uint8Array
  /** 1 for spans without a parent. */
  readonly root: Uint8Array
  /** Row of the parent span; -1 where it is not among the spans. */
  readonly parent: Int32Array
  /** Row of the task that is known already to be the span's; -1 where none is. */
  readonly knownTask: Int32Array
  /** Id of the task that is known to be the parent span's, for parents that are not among the spans; 0 where none is. */
  readonly parentTaskId: Float64Array
}

export interface PairingOptions {
  readonly shape: TimeShape
  /** How far a lag may lie on the impossible side: the error of the clock. */
  readonly toleranceNs: number
  /** By how much coarse times may raise an end lag. */
  readonly raisedEndNs: number
  /** What a pair may cost: the price of a span without a task. */
  readonly noTaskCost: number
  /** Cheapest other world must cost so much more, in nats. */
  readonly margin: number
  /** Whether a task has no span yet. */
  readonly isFree: (task: number) => boolean
  /** By row of the spans the number of another name that its task may have; -1 for none. */
  readonly alias?: Int32Array
}

/** What came of it, by row of the spans. */
export interface Pairing {
  /** Row of the task; -1 for none. */
  readonly task: Int32Array
  /** 1 where several worlds cost about the same. */
  readonly ambiguous: Uint8Array
}

/** Joined at this margin no pair was wrong in 152,500 of fresh recordings; 4 costs recall and saves nothing. */
export const MARGIN = 2
/** Cost of a lag as far on the impossible side as the error of the clocks allows. */
const EARLY_COST = 3
/** Pairs of one span that are looked at. */
const MOST_PAIRS = 64
/** Cost of a parent that is not where this tracer puts it: apps can break the rule, so it is no proof. */
const STRANGE_PARENT_COST = 6
/**
 * What it speaks for a pair that the task hangs under the task of the span's parent: an SDK that makes a task for each span made one
 * for this span too, so that it costs more to leave it without one.
 */
const OWN_PARENT_GAIN = 4
/**
 * Cost of a pair whose task has a parent, while the span's parent, which would have that task, got none; and of one while all children of the
 * span got none. So it is where a span of another process, or of another time, comes upon a task of an unsampled trace.
 */
const LONELY_COST = 4
const NO_RIVAL_COST = 12
const INTERNAL = 1
const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5

/** Pairs of a span and a task, those of each span together. */
class Pairs {
  length = 0
  span = new Int32Array(1024)
  task = new Int32Array(1024)
  /** By the times, in nats. */
  time = new Float64Array(1024)

  add(span: number, task: number, cost: number): void {
    if (this.length === this.span.length) {
      this.span = grown(this.span, new Int32Array(this.length * 2))
      this.task = grown(this.task, new Int32Array(this.length * 2))
      this.time = grown(this.time, new Float64Array(this.length * 2))
    }
    this.span[this.length] = span
    this.task[this.length] = task
    this.time[this.length++] = cost
  }
}

function grown<Column extends Int32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from)
  return to
}

/**
 * Gives each span at most one task and each task at most one span.
 *
 * Pairs are taken cheapest first. Then it is asked of each pair how much dearer the world is without it: the span takes another task
 * (and that one's span another, or none), or the task another span. Below the margin the pair is refused. A rival that has a far better
 * partner of its own so is no rival. Linear in the pairs but for one sort.
 */
export function pairSpans(
  spans: AlignedSpans,
  tasks: TaskColumns,
  relations: SpanRelations,
  options: PairingOptions,
): Pairing {
  const pairs = findPairs(spans, tasks, options)
  const slots = taskSlots(pairs, tasks)
  const children = childrenOf(relations)
  const takesPart = Uint8Array.from(spans.startNs, (startNs, row) => {
    const named = spans.name[row] >= 0 || (options.alias?.[row] ?? -1) >= 0
    return named && startNs >= 0 && spans.endNs[row] <= tasks.durationNs ? 1 : 0
  })
  let sure = relations.knownTask
  let result: Pairing = { task: new Int32Array(spans.length).fill(-1), ambiguous: new Uint8Array(spans.length) }
  for (let round = 0; round < 3; round++) {
    const cost = new Float64Array(pairs.length)
    for (let pair = 0; pair < pairs.length; pair++) {
      const span = pairs.span[pair]
      const task = pairs.task[pair]
      cost[pair] = pairs.time[pair] + strangeness(span, task, tasks, relations, children, sure)
      if (round > 0 && isLonely(span, task, tasks, relations, children, sure, takesPart)) cost[pair] += LONELY_COST
    }
    result = assign(spans.length, pairs, slots, cost, options)
    sure = relations.knownTask.map((known, span) => (known >= 0 ? known : result.task[span]))
  }
  return result
}

/** The tasks that occur in pairs, numbered from 0 on. */
interface TaskSlots {
  readonly length: number
  /** By pair. */
  readonly of: Int32Array
}

/** Room for numbers of tasks, -1 where it is not in use. */
const slotRoom = oncePerTasks(({ length }) => new Int32Array(length).fill(-1))

/** Few spans are asked for at a time of a capture with very many tasks: what is done per task is done for those near them. */
function taskSlots({ task, length: pairs }: Pairs, tasks: TaskColumns): TaskSlots {
  const room = slotRoom(tasks)
  const of = new Int32Array(pairs)
  let length = 0
  for (let pair = 0; pair < pairs; pair++) {
    if (room[task[pair]] < 0) room[task[pair]] = length++
    of[pair] = room[task[pair]]
  }
  for (let pair = 0; pair < pairs; pair++) room[task[pair]] = -1
  return { length, of }
}

/** All pairs whose times could be those of one span and its task. */
function findPairs(spans: AlignedSpans, tasks: TaskColumns, options: PairingOptions): Pairs {
  const pairs = new Pairs()
  const { shape, noTaskCost, toleranceNs, raisedEndNs, isFree, alias } = options
  const { rows, from } = tasks.byStart
  const [firstNs] = begunWithin(tasks)
  // A task nearby says less where its span may have none, or only its start is known.
  const saysLess = noTaskCost - NO_TASK_COST_AMONG_STRANGERS
  for (let span = 0; span < spans.length; span++) {
    const spanName = spans.name[span]
    const startNs = spans.startNs[span]
    const endNs = spans.endNs[span]
    const otherName = alias?.[span] ?? -1
    if (Number.isNaN(startNs)) continue
    const endsAfterCapture = endNs >= tasks.durationNs - toleranceNs - raisedEndNs
    const beforeAny = startNs < firstNs ? saysLess : 0
    const first = pairs.length
    let cheapest = Infinity
    for (const name of spanName === otherName ? [spanName] : [spanName, otherName]) {
      if (name < 0) continue
      const to = from[name + 1]
      let at = firstAtLeast(rows, tasks.startNs, startNs - toleranceNs, from[name], to)
      for (; at < to && pairs.length - first < MOST_PAIRS; at++) {
        const task = rows[at]
        const startLag = tasks.startNs[task] - startNs
        if (startLag > WIDEST_START_NS) break
        let cost = beforeAny + startCost(startLag) + earlyCost(startLag, toleranceNs)
        // So much dearer than the best is no rival of it, whatever hangs where.
        if (cost >= noTaskCost + OWN_PARENT_GAIN || cost > cheapest + NO_RIVAL_COST) break
        const endLag = tasks.endNs[task] - endNs
        if (Number.isNaN(endLag)) {
          if (!endsAfterCapture) continue
          cost += OPEN_END_COST + saysLess
        } else {
          const possible = possibleLag(endLag, shape, raisedEndNs)
          if (Math.abs(endLag) > WIDEST_END_NS || possible < -toleranceNs) continue
          cost += endCost(endLag, shape) + earlyCost(possible, toleranceNs)
        }
        if (cost >= noTaskCost + OWN_PARENT_GAIN || !isFree(task)) continue
        pairs.add(span, task, cost)
        cheapest = Math.min(cheapest, cost)
      }
    }
  }
  return pairs
}

/** An end lag as counted from where its tracer's begin, whichever side they lie on; below zero where this one has none. */
export function possibleLag(endLagNs: number, shape: TimeShape, raisedNs: number): number {
  if (shape === 'either') return 0
  return shape === 'task-ends-after' ? endLagNs : raisedNs - endLagNs
}

/** What it costs that a lag lies where only an error of the clocks can bring it: the more of the error it takes, the less likely. */
function earlyCost(lagNs: number, toleranceNs: number): number {
  return lagNs >= 0 ? 0 : (EARLY_COST * -lagNs) / toleranceNs
}

/** Rows of the children of each span, those of span s from `from[s]` to `from[s + 1]`. */
export interface Children {
  readonly from: Int32Array
  readonly rows: Int32Array
}

export function childrenOf({ parent }: SpanRelations): Children {
  const from = new Int32Array(parent.length + 1)
  for (const row of parent) if (row >= 0) from[row + 1]++
  for (let i = 0; i < parent.length; i++) from[i + 1] += from[i]
  const next = from.slice()
  const rows = new Int32Array(from[parent.length])
  for (let row = 0; row < parent.length; row++) if (parent[row] >= 0) rows[next[parent[row]]++] = row
  return { from, rows }
}

/**
 * What it costs that a task hangs elsewhere than its span, and what it gains that it hangs where the span does. Measured over all corpora without an exception: the task of an internal or
 * client span has the task of the span's parent for its parent, where that span is of the process and has a task; those of server and
 * root spans have none.
 */
export function strangeness(
  span: number,
  task: number,
  tasks: TaskColumns,
  relations: SpanRelations,
  children: Children,
  sure: Int32Array,
): number {
  let cost = 0
  const kind = relations.kind[span]
  const parentId = tasks.parentId[task]
  if (relations.root[span] === 1 || isCalledFromElsewhere(kind)) {
    if (parentId !== 0) cost += STRANGE_PARENT_COST
  } else {
    const known = parentTaskOf(span, tasks, relations, sure)
    if (known !== 0 && parentId === known) cost -= OWN_PARENT_GAIN
    else if (known !== 0 && (parentId !== 0 || belongsToParent(kind))) cost += STRANGE_PARENT_COST
  }
  for (let at = children.from[span]; at < children.from[span + 1]; at++) {
    const child = children.rows[at]
    if (sure[child] < 0 || !belongsToParent(relations.kind[child])) continue
    if (tasks.parentId[sure[child]] !== tasks.id[task]) return cost + STRANGE_PARENT_COST
  }
  return cost
}

/** Whether a task hangs under the task of the span's parent, or the task of a child of the span under it. */
export function hangsWithRelatives(
  span: number,
  task: number,
  tasks: TaskColumns,
  relations: SpanRelations,
  { from, rows }: Children,
  sure: Int32Array,
): boolean {
  const { kind } = relations
  const known = parentTaskOf(span, tasks, relations, sure)
  if (known !== 0 && tasks.parentId[task] === known && belongsToParent(kind[span])) return true
  for (let at = from[span]; at < from[span + 1]; at++) {
    const child = rows[at]
    if (sure[child] < 0 || !belongsToParent(kind[child])) continue
    if (tasks.parentId[sure[child]] === tasks.id[task]) return true
  }
  return false
}

/** Whether the spans around a span have no task, though they would if the task were the span's. */
function isLonely(
  span: number,
  task: number,
  tasks: TaskColumns,
  { kind, root, parent }: SpanRelations,
  { from, rows }: Children,
  sure: Int32Array,
  takesPart: Uint8Array,
): boolean {
  const above = parent[span]
  const alone = root[span] === 1 || isCalledFromElsewhere(kind[span])
  if (!alone && above >= 0 && takesPart[above] === 1 && sure[above] < 0 && tasks.parentId[task] !== 0) return true
  let lonely = false
  for (let at = from[span]; at < from[span + 1]; at++) {
    const child = rows[at]
    if (!belongsToParent(kind[child])) continue
    if (sure[child] >= 0) return false
    if (takesPart[child] === 1) lonely = true
  }
  return lonely
}

/** Id of the task of a span's parent; 0 where it has none that is known. */
function parentTaskOf(
  span: number,
  tasks: TaskColumns,
  { parent, parentTaskId }: SpanRelations,
  sure: Int32Array,
): number {
  const above = parent[span]
  return above >= 0 && sure[above] >= 0 ? tasks.id[sure[above]] : parentTaskId[span]
}

function belongsToParent(kind: number): boolean {
  return kind === INTERNAL || kind === CLIENT || kind === PRODUCER
}

/** Whether a span of this kind begins what another process, or another request, asked for. */
export function isCalledFromElsewhere(kind: number): boolean {
  return kind === SERVER || kind === CONSUMER
}

/** Takes pairs cheapest first, then keeps those without which the world would be dearer by the margin. */
function assign(
  spanCount: number,
  pairs: Pairs,
  slots: TaskSlots,
  cost: Float64Array,
  { margin, noTaskCost }: PairingOptions,
): Pairing {
  const { span, length } = pairs
  const task = slots.of
  const pairOfSpan = new Int32Array(spanCount).fill(-1)
  const pairOfTask = new Int32Array(slots.length).fill(-1)
  for (const pair of sortedRows(cost, length)) {
    if (cost[pair] >= noTaskCost) break
    if (pairOfSpan[span[pair]] >= 0 || pairOfTask[task[pair]] >= 0) continue
    pairOfSpan[span[pair]] = pair
    pairOfTask[task[pair]] = pair
  }
  const bySpan = new Int32Array(spanCount + 1)
  for (let pair = 0; pair < length; pair++) bySpan[span[pair] + 1]++
  for (let i = 0; i < spanCount; i++) bySpan[i + 1] += bySpan[i]
  const byTask = new Int32Array(slots.length + 1)
  for (let pair = 0; pair < length; pair++) byTask[task[pair] + 1]++
  for (let i = 0; i < slots.length; i++) byTask[i + 1] += byTask[i]
  const next = byTask.slice()
  const pairsByTask = new Int32Array(length)
  for (let pair = 0; pair < length; pair++) pairsByTask[next[task[pair]]++] = pair

  /** What a span pays for a task; no more than for none. */
  const price = (ofSpan: number, ofTask: number): number => {
    for (let pair = bySpan[ofSpan]; pair < bySpan[ofSpan + 1]; pair++) {
      if (task[pair] === ofTask) return Math.min(noTaskCost, cost[pair])
    }
    return noTaskCost
  }
  const result: Pairing = { task: new Int32Array(spanCount).fill(-1), ambiguous: new Uint8Array(spanCount) }
  for (let row = 0; row < spanCount; row++) {
    const mine = pairOfSpan[row]
    if (mine < 0) continue
    let dearer = noTaskCost - cost[mine]
    for (let pair = bySpan[row]; pair < bySpan[row + 1] && dearer >= 0; pair++) {
      if (pair === mine || cost[pair] >= noTaskCost) continue
      const owned = pairOfTask[task[pair]]
      const change = cost[pair] - cost[mine]
      dearer = Math.min(dearer, owned < 0 ? change : change + price(span[owned], task[mine]) - cost[owned])
    }
    let refusedByRival = dearer < margin && noTaskCost - cost[mine] >= margin
    for (let at = byTask[task[mine]]; at < byTask[task[mine] + 1] && dearer >= 0; at++) {
      const pair = pairsByTask[at]
      if (pair === mine || cost[pair] >= noTaskCost) continue
      const owned = pairOfSpan[span[pair]]
      const change = cost[pair] - cost[mine]
      const swap = owned < 0 ? change : change - cost[owned] + price(row, task[owned])
      dearer = Math.min(dearer, swap)
      refusedByRival ||= swap < margin
    }
    if (dearer >= margin) result.task[row] = pairs.task[mine]
    else if (refusedByRival) result.ambiguous[row] = 1
  }
  // A span that got none because of a pair that was refused is no clearer than that pair.
  for (let row = 0; row < spanCount; row++) {
    if (pairOfSpan[row] >= 0) continue
    for (let pair = bySpan[row]; pair < bySpan[row + 1]; pair++) {
      const owned = pairOfTask[task[pair]]
      if (cost[pair] < noTaskCost - margin && owned >= 0 && result.ambiguous[span[owned]] === 1) {
        result.ambiguous[row] = 1
        break
      }
    }
  }
  return result
}
