// pairing.ts: one task to one span, by what each pair costs, refused where another world would cost about the same.

import { findFarPairs, MissingSpans } from './far-pairs.ts'
import { Pairs } from './pairs.ts'
import { LONELY_COST, OWN_PARENT_GAIN, type SpanRelations, Structure } from './structure.ts'
import { likeliestTogether } from './together.ts'
import { begunWithin, firstAtLeast, groupRows, oncePerTasks, sortedRows, type TaskColumns } from './time-columns.ts'
import {
  type LagCosts,
  NO_TASK_COST,
  NO_TASK_COST_AMONG_STRANGERS,
  OPEN_END_COST,
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

export interface PairingOptions {
  readonly costs: LagCosts
  /** How far a lag may lie on the impossible side: what the clock may be off by. */
  readonly toleranceNs: number
  /** Unit that the spans' times were cut to; 0 where they were not. */
  readonly roundingNs: number
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
  /** 1 where one time of the pair lies far off and only relatives told of it (`far-pairs.ts`). */
  readonly far: Uint8Array
}

/** Joined at this margin no pair was wrong in 152,500 of fresh recordings; 4 costs recall and saves nothing. */
export const MARGIN = 2
/** Pairs of one span that are looked at. */
const MOST_PAIRS = 64
const NO_RIVAL_COST = 12
/** Share of strangers from which on they count as many. */
const MANY_STRANGERS = 0.1
/** Rounds in which what was found tells where else tasks should hang. */
const ROUNDS = 3
/** Rounds in which spans that relatives tell of are looked at farther out: a span that is found tells of its own parent and children. */
const FAR_ROUNDS = 3
/** A pair whose times cost more than this might be chance's where the span has one farther out under its own parent. */
const SURE_COST = 5

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
  let pairs = findPairs(spans, tasks, options)
  let slots = taskSlots(pairs, tasks)
  const structure = new Structure(tasks, relations)
  const takesPart = Uint8Array.from(spans.startNs, (startNs, row) => {
    const named = spans.name[row] >= 0 || (options.alias?.[row] ?? -1) >= 0
    return named && startNs >= 0 && spans.endNs[row] <= tasks.durationNs ? 1 : 0
  })
  let result = unassigned(spans.length)
  let { noTaskCost } = options
  // By pair, what it cost in the last round that its task hangs where it does.
  let strange: Float64Array = new Float64Array(0)
  const round = (number: number): void => {
    const cost = new Float64Array(pairs.length)
    strange = new Float64Array(pairs.length)
    for (let pair = 0; pair < pairs.length; pair++) {
      const span = pairs.span[pair]
      const task = pairs.task[pair]
      strange[pair] = structure.strangeness(span, task)
      cost[pair] = pairs.time[pair] + strange[pair]
      if (pairs.far[pair] === 1 && !structure.hangsUnderParent(span, task)) cost[pair] -= OWN_PARENT_GAIN
      if (number > 0 && structure.isLonely(span, task, takesPart)) cost[pair] += LONELY_COST
    }
    // Cut times tell so little that where the tasks hang still tells more: of spans within spans of one name.
    for (const [one, other] of options.roundingNs === 0 ? result.twins : []) {
      const hanging = Math.min(cost[one] - pairs.time[one], cost[other] - pairs.time[other])
      cost[one] = pairs.time[one] + hanging
      cost[other] = pairs.time[other] + hanging
    }
    result = assign(spans.length, pairs, slots, cost, tasks, { ...options, noTaskCost })
    structure.learn(result.task)
  }
  structure.learn(sureTogether(pairs, tasks, relations, structure, takesPart, options))
  for (let number = 0; number < ROUNDS; number++) round(number)
  if (doubtAmongMissing(spans, tasks, structure, pairs, result, options)) round(ROUNDS)
  for (let number = 0; number < FAR_ROUNDS; number++) {
    if (strangersAmong(result, takesPart, structure) < MANY_STRANGERS) noTaskCost = NO_TASK_COST
    const doubted = Uint8Array.from(result.task, (task, span) => (takesPart[span] === 1 && task < 0 ? 1 : 0))
    for (let pair = 0; pair < pairs.length; pair++) {
      const span = pairs.span[pair]
      if (pairs.time[pair] > SURE_COST && result.task[span] === pairs.task[pair]) doubted[span] = takesPart[span]
    }
    if (!doubted.includes(1)) break
    const far = findFarPairs(spans, tasks, structure, pairs, doubted, options)
    if (far.length === 0) break
    pairs = pairs.with(far)
    slots = taskSlots(pairs, tasks)
    round(ROUNDS + number)
  }
  refuseContradicted(result, pairs, strange, structure, options.margin)
  return result
}

/** Rows of the tasks that spans have for sure where all of a request are asked together, before any is given; -1 for none. */
function sureTogether(
  pairs: Pairs,
  tasks: TaskColumns,
  relations: SpanRelations,
  structure: Structure,
  takesPart: Uint8Array,
  { noTaskCost, margin }: PairingOptions,
): Int32Array {
  const cost = new Float64Array(pairs.length)
  for (let pair = 0; pair < pairs.length; pair++) {
    cost[pair] = pairs.time[pair] + structure.strangeness(pairs.span[pair], pairs.task[pair])
  }
  const likeliest = likeliestTogether(pairs, tasks, relations, cost, noTaskCost, takesPart)
  const { task } = likeliest
  for (let span = 0; span < task.length; span++) if (likeliest.margin[span] < margin) task[span] = -1
  return task
}

/**
 * Pairs that chance might explain as well become rivals only, and their spans ambiguous: some spans of the name are lost under the task that the pair's
 * hangs under, so that it may be one of theirs, while the span was put off and its own lies far off. Live, the lost may come yet: the span is asked for
 * again when more have, and has its task then.
 *
 * @returns whether there were any
 */
function doubtAmongMissing(
  spans: AlignedSpans,
  tasks: TaskColumns,
  structure: Structure,
  pairs: Pairs,
  { task }: Pairing,
  { costs, isFree, alias }: PairingOptions,
): boolean {
  const missing = new MissingSpans(spans, tasks, structure, isFree, alias)
  let some = false
  for (let pair = 0; pair < pairs.length; pair++) {
    const span = pairs.span[pair]
    const own = pairs.task[pair]
    if (task[span] !== own || pairs.time[pair] <= SURE_COST) continue
    const endLag = tasks.endNs[own] - spans.endNs[span]
    const ofEnd = Number.isNaN(endLag) ? OPEN_END_COST : costs.end(endLag)
    if (costs.start(tasks.startNs[own] - spans.startNs[span]) + ofEnd <= SURE_COST) continue
    if (tasks.parentId[own] === 0 || !missing.some(tasks.parentId[own], tasks.name[own])) continue
    pairs.rival[pair] = 1
    some = true
  }
  return some
}

/** Refuses pairs that cost more by the margin once the tasks are known that their relatives were given with them. @param strange what it cost before, by pair */
function refuseContradicted(
  { task, ambiguous }: Pairing,
  pairs: Pairs,
  strange: Float64Array,
  structure: Structure,
  margin: number,
): void {
  for (let pair = 0; pair < pairs.length; pair++) {
    const span = pairs.span[pair]
    const own = pairs.task[pair]
    if (task[span] !== own || structure.strangeness(span, own) - strange[pair] < margin) continue
    task[span] = -1
    ambiguous[span] = 1
  }
}

/** Share of the spans that have no task though none of their relatives has one: those of another process come by whole requests. */
function strangersAmong({ task }: Pairing, takesPart: Uint8Array, structure: Structure): number {
  let all = 0
  let strangers = 0
  for (let span = 0; span < task.length; span++) {
    if (takesPart[span] === 0) continue
    all++
    if (task[span] < 0 && !structure.hasRelatives(span)) strangers++
  }
  return strangers / all
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
  const { costs, noTaskCost, toleranceNs, roundingNs, isFree, alias } = options
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
    const endsAfterCapture = endNs >= tasks.durationNs - toleranceNs - 2 * roundingNs
    const beforeAny = startNs < firstNs ? saysLess : 0
    const first = pairs.length
    let cheapest = Infinity
    for (const name of spanName === otherName ? [spanName] : [spanName, otherName]) {
      if (name < 0) continue
      const to = from[name + 1]
      let at = firstAtLeast(rows, tasks.startNs, startNs - toleranceNs, from[name], to)
      for (; at < to; at++) {
        const task = rows[at]
        const startLag = tasks.startNs[task] - startNs
        if (startLag > WIDEST_START_NS) break
        let cost = beforeAny + costs.start(startLag)
        // So much dearer than the best is no rival of it, whatever hangs where; those that begin later still are dearer.
        if (cost >= noTaskCost + OWN_PARENT_GAIN || cost > cheapest + NO_RIVAL_COST) {
          if (startLag > roundingNs) break
          continue
        }
        const endLag = tasks.endNs[task] - endNs
        if (Number.isNaN(endLag)) {
          if (!endsAfterCapture) continue
          cost += OPEN_END_COST + saysLess
        } else {
          if (Math.abs(endLag) > WIDEST_END_NS) continue
          cost += costs.end(endLag)
        }
        if (cost >= noTaskCost + OWN_PARENT_GAIN || !isFree(task)) continue
        pairs.add(span, task, cost, startLag < 0 || (!Number.isNaN(endLag) && costs.isImpossibleEnd(endLag)))
        cheapest = Math.min(cheapest, cost)
      }
    }
    pairs.keepCheapest(first, MOST_PAIRS)
  }
  return pairs
}

/** Nobody's task is anybody's yet. */
function unassigned(spanCount: number): Assigned {
  return {
    task: new Int32Array(spanCount).fill(-1),
    ambiguous: new Uint8Array(spanCount),
    far: new Uint8Array(spanCount),
    twins: [],
  }
}

/** A pairing, and what is doubted in it. */
interface Assigned extends Pairing {
  /**
   * Pairs that spans took, and by each the one with the task above or below, of its name, that no span took: one of both was begun by hand, and
   * where they hang does not tell which. Only times do; and a task that lies around its span, by no more than the clocks may be off, does not
   * come before one that lies as it should.
   */
  readonly twins: (readonly [taken: number, other: number])[]
}

/** Takes pairs cheapest first, then keeps those without which the world would be dearer by the margin. */
function assign(
  spanCount: number,
  pairs: Pairs,
  slots: TaskSlots,
  cost: Float64Array,
  tasks: TaskColumns,
  { margin, noTaskCost }: PairingOptions,
): Assigned {
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
  const bySpan = pairs.bySpan(spanCount)
  /** What a span pays for the cheapest task that no span took, no more than for none, and the pair; -1 for none. */
  const cheapestFree = (ofSpan: number): { readonly pair: number; readonly price: number } => {
    let best = -1
    for (let pair = bySpan[ofSpan]; pair < bySpan[ofSpan + 1]; pair++) {
      if (pairOfTask[task[pair]] < 0 && cost[pair] < (best < 0 ? noTaskCost : cost[best])) best = pair
    }
    return { pair: best, price: best < 0 ? noTaskCost : cost[best] }
  }
  // The cheapest pair may leave two without: a span gives up its task to one that has none where it finds another.
  for (let row = 0; row < spanCount; row++) {
    if (pairOfSpan[row] >= 0) continue
    let most = 0
    let given = -1
    let instead = -1
    for (let pair = bySpan[row]; pair < bySpan[row + 1]; pair++) {
      const owned = pairOfTask[task[pair]]
      if (owned < 0 || cost[pair] >= noTaskCost) continue
      const other = cheapestFree(span[owned])
      const gain = noTaskCost + cost[owned] - cost[pair] - other.price
      if (other.pair < 0 || gain <= most) continue
      most = gain
      given = pair
      instead = other.pair
    }
    if (given < 0) continue
    pairOfSpan[span[instead]] = pairOfTask[task[instead]] = instead
    pairOfSpan[row] = pairOfTask[task[given]] = given
  }
  const { from: byTask, rows: pairsByTask } = groupRows(task, slots.length, length)

  /** What a span pays for a task; no more than for none. */
  const price = (ofSpan: number, ofTask: number): number => {
    for (let pair = bySpan[ofSpan]; pair < bySpan[ofSpan + 1]; pair++) {
      if (task[pair] === ofTask) return Math.min(noTaskCost, cost[pair])
    }
    return noTaskCost
  }
  const twinOf = (ofSpan: number, mine: number): number => {
    const one = pairs.task[mine]
    for (let pair = bySpan[ofSpan]; pair < bySpan[ofSpan + 1]; pair++) {
      const other = pairs.task[pair]
      if (pairOfTask[task[pair]] >= 0 || tasks.name[one] !== tasks.name[other]) continue
      if (tasks.parentId[one] === tasks.id[other] || tasks.parentId[other] === tasks.id[one]) return pair
    }
    return -1
  }
  const result = unassigned(spanCount)
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
    const savedElsewhere = noTaskCost - cheapestFree(row).price
    for (let at = byTask[task[mine]]; at < byTask[task[mine] + 1] && dearer >= 0; at++) {
      const pair = pairsByTask[at]
      if (pair === mine || cost[pair] >= noTaskCost) continue
      const owned = pairOfSpan[span[pair]]
      const change = cost[pair] - cost[mine]
      const swap = owned < 0 ? change - savedElsewhere : change - cost[owned] + price(row, task[owned])
      dearer = Math.min(dearer, swap)
      refusedByRival ||= swap < margin
    }
    const twin = twinOf(row, mine)
    if (twin >= 0) {
      result.twins.push([mine, twin])
      const isDoubtful = pairs.early[mine] === 1 && pairs.early[twin] === 0
      const change = isDoubtful ? 0 : pairs.time[twin] - pairs.time[mine]
      dearer = Math.min(dearer, change)
      refusedByRival ||= change < margin
    }
    // The span fits a task, which may be a lost span's as well: that says nothing against its request, nor that it has none.
    const isDoubted = pairs.rival[mine] === 1 && pairs.far[mine] === 0
    if (dearer >= margin && pairs.rival[mine] === 0) {
      result.task[row] = pairs.task[mine]
      result.far[row] = pairs.far[mine]
    } else if (refusedByRival || isDoubted) result.ambiguous[row] = 1
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
