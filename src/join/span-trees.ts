// span-trees.ts: spans of strangers told by what hangs together.
//
// A span of another process, or of another time, may come upon the task of an unsampled span as closely as upon its own. Its parent and
// children seldom do so as well: of a request that the captured process served nearly every span has its task. So the spans of one
// request in one process are believed together, by what all their pairs speak against chance, or not at all.

import type { Pairing } from './pairing.ts'
import { isCalledFromElsewhere, type SpanRelations } from './structure.ts'

/** What a pair speaks where another pair of its request is believed: times within a request are much alike. */
const FURTHER_NATS = 4
/** What a span without a task speaks against the pairs of its request. */
const MISSED_NATS = 4
/** What must speak for a request where as many spans are strangers' as not. */
export const BELIEVED_NATS = 8
/** The same where strangers are replicas, of the same program under the same load: what their spans came upon spoke up to 13.8 in 2,700,000 spans. */
export const BELIEVED_NATS_AMONG_REPLICAS = 14

/** Which parts of requests, whose top's parent is not among the spans, are judged. */
export type JudgedParts =
  /** None: not all that speaks is heard, for the rest came before, or comes later. */
  | 'none'
  /** Those against which something speaks that is here. */
  | 'doubted'
  /** All: no more of their requests comes. */
  | 'all'

/** By what the spans of requests are judged. */
export interface Judgement {
  /** What the pair of each span speaks against chance. */
  readonly nats: (span: number) => number
  /** 1 for the spans that would have a task in the capture if they were of its process. */
  readonly takesPart: Uint8Array
  /** How many spans are strangers' for each that is not. */
  readonly strangers: number
  /** What must speak for a request where as many are as not. */
  readonly believedNats: number
  readonly parts: JudgedParts
  /** Whether the task of a span, whose parent is not here, cannot hang under that parent's. */
  readonly isContradicted?: (span: number, task: number) => boolean
}

/** Takes the tasks from spans of requests that are more likely strangers': these become ambiguous. */
export function withoutStrangers(pairing: Pairing, relations: SpanRelations, judgement: Judgement): Pairing {
  const { kind, parent, knownTask, parentTaskId } = relations
  const { nats, takesPart, strangers, believedNats, parts, isContradicted } = judgement
  const { length } = pairing.task
  const top = topsOf(relations)
  const best = new Float64Array(length).fill(-Infinity)
  const sum = new Float64Array(length)
  const known = new Uint8Array(length)
  const doubted = new Uint8Array(length).fill(parts === 'all' ? 1 : 0)
  for (let span = 0; span < length; span++) {
    const tree = top[span]
    // Its own task, by ids or given before, or its parent's, where that is of the same process.
    if (knownTask[span] >= 0 || (parentTaskId[span] > 0 && !isCalledFromElsewhere(kind[span]))) known[tree] = 1
    const task = pairing.task[span]
    if (task >= 0) {
      // A time that lies far off, though relatives tell of the pair, says no more against it than no task would.
      const spoken = pairing.far[span] === 1 ? Math.max(-MISSED_NATS, nats(span)) : nats(span)
      best[tree] = Math.max(best[tree], spoken)
      sum[tree] += Math.min(FURTHER_NATS, spoken)
      if (parts === 'doubted' && isTopOfPart(span, relations) && isContradicted?.(span, task) === true)
        doubted[tree] = 1
    } else if (takesPart[span] === 1 && pairing.ambiguous[span] === 0) {
      sum[tree] -= MISSED_NATS
      if (parts === 'doubted') doubted[tree] = 1
    }
  }
  const believed = believedNats + Math.log(strangers)
  const task = pairing.task.slice()
  const ambiguous = pairing.ambiguous.slice()
  for (let span = 0; span < length; span++) {
    if (task[span] < 0) continue
    const tree = top[span]
    if (doubted[tree] === 0 && isTopOfPart(tree, relations)) continue
    // A request of which one span is known to be of the process is of it.
    if (known[tree] === 1) continue
    // The caller of the request, where it is among the spans, has its task too.
    const above = parent[tree]
    const aboveMissed =
      above >= 0 && takesPart[above] === 1 && pairing.task[above] < 0 && pairing.ambiguous[above] === 0
    const spoken = sum[tree] + Math.max(0, best[tree] - FURTHER_NATS) - (aboveMissed ? MISSED_NATS : 0)
    if (spoken >= believed) continue
    task[span] = -1
    ambiguous[span] = 1
  }
  return { task, ambiguous, far: pairing.far }
}

/** Whether a span hangs under one of its own process that is not among the spans. */
function isTopOfPart(span: number, { kind, root, parent }: SpanRelations): boolean {
  return root[span] === 0 && parent[span] < 0 && !isCalledFromElsewhere(kind[span])
}

/**
 * Row of the first span above each that was called from elsewhere, or has no parent among the spans; of those under one parent that is not
 * among them the first.
 */
function topsOf(relations: SpanRelations): Int32Array {
  const { parent, kind, sibling } = relations
  const top = new Int32Array(parent.length).fill(-1)
  const path: number[] = []
  for (let span = 0; span < parent.length; span++) {
    let at = span
    while (top[at] < 0) {
      top[at] = at
      path.push(at)
      if (parent[at] >= 0 && !isCalledFromElsewhere(kind[at])) at = parent[at]
      else if (isTopOfPart(at, relations)) at = sibling[at]
    }
    for (const one of path) top[one] = top[at]
    path.length = 0
  }
  return top
}
