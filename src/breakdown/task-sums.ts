// task-sums.ts: what the tasks of a capture come to, for readers that only add up: kinds of task and of region, and the slowest tasks.
//
// A record of a task with its regions is some sixty objects. A reader that wants sums of a hundred thousand tasks has none made: what is
// ordinary is added up in the kernel (`kernel/sums.ts`).

import { GoState as goStates } from './breakdown.ts'
import { GROUP_COUNT } from './groups.ts'
import { KindSums } from './kind-sums.ts'
import type { PathScratch } from './path-scratch.ts'
import { causeOfPiece } from './path-timeline.ts'
import { MOST_NAMES, OWN_NAME } from './recurring-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  CHAN_TIME,
  EXEC,
  KIND_OF_REGION_NAME,
  KIND_OF_TYPE,
  QUEUED,
  REGION_KINDS,
  SCHED_WAIT,
  SLOWEST_NS,
  SUMMED_REGIONS,
  SUMMED_WHOLE,
  SYSCALL_TIME,
  TYPE_KINDS,
  UNKNOWN_TIME,
} from './states-layout.ts'
import type { StayLog } from './stay-log.ts'
import type { Causes } from './via.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates

/** Kinds of task, and of region, that are told apart; names with ids that no pattern knows would be without end. */
const MOST_KINDS = 10_000
/** Slowest tasks that are kept. */
const SLOWEST = 10

/** One of the slowest tasks. */
export interface SlowTask {
  readonly id: number
  readonly kind: string
  /** Nanoseconds from the capture's origin. */
  readonly startNs: number
  readonly durationNs: number
  /** Nanoseconds by group, in the order of `GROUPS`. */
  readonly parts: Float64Array
}

/** What was added up so far. */
export class TaskSums {
  /** Tasks of which start and end are known, by their kind. */
  readonly types: KindSums
  /** Regions by their name. */
  readonly regions: KindSums
  /** The slowest tasks, the slowest first. */
  readonly slowest: SlowTask[] = []
  /** For the kernel: rows of `types` and `regions` by the rows of names that recur; -1 what was not added yet. */
  private readonly kindOfType: Int32Array
  private readonly kindOfRegionName: Int32Array

  constructor(private readonly kernel: StatesKernel) {
    const { memory, words, doubles } = kernel
    this.types = new KindSums(kernel, TYPE_KINDS, MOST_KINDS)
    this.regions = new KindSums(kernel, REGION_KINDS, MOST_KINDS)
    this.kindOfType = memory.int32(MOST_NAMES).fill(-1)
    this.kindOfRegionName = memory.int32(MOST_NAMES).fill(-1)
    words[KIND_OF_TYPE >> 2] = this.kindOfType.byteOffset
    words[KIND_OF_REGION_NAME >> 2] = this.kindOfRegionName.byteOffset
    doubles[SLOWEST_NS >> 3] = -1
  }

  /** Tasks of which start and end are known. */
  get whole(): number {
    return this.kernel.words[SUMMED_WHOLE >> 2]
  }

  get regionCount(): number {
    return this.kernel.words[SUMMED_REGIONS >> 2]
  }

  /**
   * Adds a task of which start and end are known.
   *
   * @param name row of its kind among the names that recur, or `OWN_NAME`
   * @param parts nanoseconds by group
   */
  addTask(id: number, name: number, kind: string, startNs: number, durationNs: number, parts: Float64Array): void {
    this.kernel.words[SUMMED_WHOLE >> 2]++
    const row = this.types.rowOf(kind)
    if (name !== OWN_NAME) this.kindOfType[name] = row
    this.types.add(row, durationNs, parts)
    const { slowest } = this
    if (slowest.length === SLOWEST && durationNs <= slowest[SLOWEST - 1].durationNs) return
    slowest.push({ id, kind, startNs, durationNs, parts: parts.slice() })
    slowest.sort((one, other) => other.durationNs - one.durationNs)
    slowest.length = Math.min(slowest.length, SLOWEST)
    // What is no slower the kernel need not tell.
    if (slowest.length === SLOWEST) this.kernel.doubles[SLOWEST_NS >> 3] = slowest[SLOWEST - 1].durationNs
  }

  /** Adds a region, as `addTask`. */
  addRegion(nameRow: number, name: string, totalNs: number, parts: Float64Array): void {
    this.kernel.words[SUMMED_REGIONS >> 2]++
    const row = this.regions.rowOf(name)
    if (nameRow !== OWN_NAME) this.kindOfRegionName[nameRow] = row
    this.regions.add(row, totalNs, parts)
  }
}

/**
 * Adds the pieces of a path walked without margins up by group: waits under the cause that ended them, where one is known.
 *
 * @param groupOfReason column of each reason row
 */
export function groupPieces(
  stays: StayLog,
  { pieces }: PathScratch,
  groupOfReason: Uint8Array,
  causes: Causes,
  parts: Float64Array,
): void {
  const { length, from, to, stay: stayOf } = pieces
  for (let i = 0; i < length; i++) {
    const ns = to[i] - from[i]
    const stay = stayOf[i]
    let group: number = stay === QUEUED ? CHAN_TIME : UNKNOWN_TIME
    if (stays.has(stay)) {
      const at = stay & stays.mask
      switch (stays.state[at]) {
        case GoState.running:
          group = EXEC
          break
        case GoState.runnable:
          group = SCHED_WAIT
          break
        case GoState.syscall:
        case GoState.syscallBlocked:
          group = SYSCALL_TIME
          break
        case GoState.waiting:
          group = groupOfReason[causeOfPiece(stays, pieces, i, causes) || stays.reason[at]]
          break
      }
    }
    parts[group] += ns
  }
}

/** Parts by group, all 0. */
export function noParts(): Float64Array {
  return new Float64Array(GROUP_COUNT)
}
