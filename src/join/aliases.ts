// aliases.ts: spans that were renamed after their start (SetName): the task keeps the first name.
//
// Where time and structure leave no doubt between a span and a task of different names, the two names are noted. A span name that so
// meets one task name is another name of it: once is enough where the task hangs under the task of the span's parent, or the tasks of
// the span's children under it; else so often, or after times so rare, that chance does not explain it.

import type { JoinSpan } from './match.ts'
import { chanceOfAnyName } from './offset-chance.ts'
import { type AlignedSpans, type Pairing, type PairingOptions } from './pairing.ts'
import { type SpanRelations, Structure } from './structure.ts'
import { ANY_NAME, byStartOfAnyName, firstAtLeast, type TaskColumns } from './time-columns.ts'

/** Lags looked at. */
const FARTHEST_NS = 300_000
/** What a pair may cost that teaches a name, and how much dearer the next best must be, in nats. */
const SURE_COST = 4
const SURE_MARGIN = 4
/** Pairs that teach a name where nothing hangs together, or what they speak against chance in nats; and the share of them that must agree. */
const FEWEST_LESSONS = 3
const LESSON_NATS = 14
const AGREEMENT = 0.9

/** What speaks for a task name being that of a span's. */
interface Lessons {
  count: number
  nats: number
  /** Whether any of the tasks hangs with the tasks of the span's relatives. */
  related: boolean
}

/**
 * Names of spans that were renamed, with the name their tasks have.
 *
 * @param pairing what was found under the spans' own names
 * @param isFree whether a task has no span by other evidence
 */
export function learnAliases(
  spans: readonly JoinSpan[],
  aligned: Pick<AlignedSpans, 'startNs' | 'endNs'>,
  tasks: TaskColumns,
  relations: SpanRelations,
  pairing: Pairing,
  options: Pick<PairingOptions, 'costs' | 'toleranceNs'>,
  isFree: (task: number) => boolean,
): Map<string, number> {
  const { costs, toleranceNs } = options
  const taken = new Set<number>()
  for (const task of pairing.task) if (task >= 0) taken.add(task)
  const { rows } = byStartOfAnyName(tasks)
  const chance = chanceOfAnyName(tasks)
  const structure = new Structure(tasks, relations)
  structure.learn(pairing.task)

  const lessonOf = new Int32Array(spans.length).fill(-1)
  const lessonsWith = new Map<number, number>()
  for (let span = 0; span < spans.length; span++) {
    if (structure.isSure(span) || pairing.ambiguous[span] === 1 || Number.isNaN(aligned.startNs[span])) continue
    let best = -1
    let bestCost = Infinity
    let nextCost = Infinity
    let at = firstAtLeast(rows, tasks.startNs, aligned.startNs[span] - toleranceNs, 0, rows.length)
    for (; at < rows.length; at++) {
      const task = rows[at]
      const startLag = tasks.startNs[task] - aligned.startNs[span]
      if (startLag > FARTHEST_NS) break
      const endLag = tasks.endNs[task] - aligned.endNs[span]
      if (!(Math.abs(endLag) <= FARTHEST_NS)) continue
      if (taken.has(task) || !isFree(task)) continue
      const cost = costs.start(startLag) + costs.end(endLag) + structure.strangeness(span, task)
      if (cost < bestCost) {
        nextCost = bestCost
        bestCost = cost
        best = task
      } else if (cost < nextCost) {
        nextCost = cost
      }
    }
    if (best < 0 || bestCost >= SURE_COST || nextCost < bestCost + SURE_MARGIN) continue
    lessonOf[span] = best
    lessonsWith.set(best, (lessonsWith.get(best) ?? 0) + 1)
  }

  const lessons = new Map<string, Map<number, Lessons>>()
  for (let span = 0; span < spans.length; span++) {
    const task = lessonOf[span]
    if (task < 0 || lessonsWith.get(task) !== 1) continue
    const { name } = spans[span]
    let of = lessons.get(name)
    if (of === undefined) lessons.set(name, (of = new Map<number, Lessons>()))
    let lesson = of.get(tasks.name[task])
    if (lesson === undefined) of.set(tasks.name[task], (lesson = { count: 0, nats: 0, related: false }))
    const startNs = aligned.startNs[span]
    const endNs = aligned.endNs[span]
    lesson.count++
    lesson.nats += chance.nats(ANY_NAME, endNs - startNs, tasks.startNs[task] - startNs, tasks.endNs[task] - endNs)
    lesson.related ||= structure.hangsWithRelatives(span, task)
  }
  const aliases = new Map<string, number>()
  for (const [name, of] of lessons) {
    let all = 0
    for (const { count } of of.values()) all += count
    for (const [taskName, { count, nats, related }] of of) {
      const enough = related || count >= FEWEST_LESSONS || nats >= LESSON_NATS
      if (enough && count >= AGREEMENT * all) aliases.set(name, taskName)
    }
  }
  return aliases
}
