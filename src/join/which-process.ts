// which-process.ts: whose capture it is, where only names and times can tell, and whether that is enough.

import type { ClockOffset, NameTimeReport } from './match.ts'
import { foundInRequests } from './task-trees.ts'
import { joinByNameAndTime, type NameTimeInput, type NameTimePairs } from './name-time.ts'

/** Spans of one process that might be the captured one. */
export interface ProcessSpans {
  readonly processKey: string
  /** Rows of its spans among all, in the order of `input.spans`. */
  readonly rows: readonly number[]
  /** Spans of it that tasks of the capture name. */
  readonly idMatches: number
  readonly input: NameTimeInput
}

/** The process that was found, and its pairs. */
export interface ProcessJoin {
  /** Null where none fits clearly better than every other. */
  readonly processKey: string | null
  readonly rows: readonly number[]
  /** Null where nothing was joined. */
  readonly pairs: NameTimePairs | null
  /** The clock that the pairs tell; null where ids or snapshots tell it, or nothing does. */
  readonly clock: ClockOffset | null
  readonly report: NameTimeReport
  /** Rows among all, of any of the processes, of spans that fit a task without being joined: several tasks do, or spans of others might. */
  readonly ambiguous: readonly number[]
}

/** Share of the spans in the capture's time that must fit tightly, and how many times more of them must fit than of any other process's. */
const FEWEST_TIGHT = 0.5
const TIMES_BETTER = 3
const FEWEST_SPANS = 5
/** Of a process without an instance so many of the capture's tasks must find a span, or else of its spans a task, or of the tasks of its requests a span. */
const SHARED_SHARE = 0.9
/** For the latter two so many spans at least: so many do not all find a task of another replica by chance. */
const FEWEST_SHARED_SPANS = 20

/**
 * Joins the spans of the process that the capture is of: the one that tasks name, else the only one, else the one that fits best by a
 * margin. Null where there is none to look at.
 */
export function joinProcess(processes: readonly ProcessSpans[]): ProcessJoin | null {
  if (processes.length === 0) return null
  const named = [...processes].sort((x, y) => y.idMatches - x.idMatches)[0]
  if (named.idMatches > 0 || processes.length === 1) return joinOne(named)
  const joins = processes.map((process) => ({ process, join: joinOne(process) }))
  joins.sort((x, y) => explained(y.join) - explained(x.join))
  const [best, next] = joins
  const { pairs } = best.join
  if (pairs === null) return best.join
  const { tight, eligible } = pairs.clock.fit
  const clear =
    explained(best.join) >= FEWEST_SPANS &&
    tight >= FEWEST_TIGHT * eligible &&
    explained(best.join) >= TIMES_BETTER * explained(next.join)
  if (clear) return best.join
  const refused = `spans of ${best.process.processKey} and of ${next.process.processKey} fit the capture about as well (${explained(best.join)} and ${explained(next.join)} spans): name its process when uploading it.`
  return {
    ...best.join,
    processKey: null,
    pairs: null,
    clock: null,
    report: { ...best.join.report, joined: 0, disbelieved: fitting(best.join).length, refused },
    ambiguous: joins.flatMap(({ join }) => [...fitting(join), ...join.ambiguous]),
  }
}

function explained(join: ProcessJoin): number {
  return join.pairs === null ? 0 : join.report.explained
}

/** Rows of the spans that were given a task. */
function fitting({ rows, pairs }: ProcessJoin): readonly number[] {
  return pairs === null ? [] : rows.filter((_, i) => pairs.task[i] >= 0)
}

function joinOne({ processKey, rows, input }: ProcessSpans): ProcessJoin {
  const result = joinByNameAndTime(input)
  const nothing = { processKey: null, rows, pairs: null, clock: null }
  if (!('clock' in result)) return { ...nothing, report: result, ambiguous: [] }
  const ambiguous = rows.filter((_, i) => result.ambiguous[i] === 1)
  const { report } = result
  const { processShared } = input.spans[0]
  if (report.joined === 0) {
    return { ...nothing, report: { ...report, refused: whyDisbelieved(result.paired, processShared) }, ambiguous }
  }
  if (processShared && !isWholeProcess(result, input)) {
    const asked = foundInRequests(result.task, input.tasks)
    const refused = `the spans have no instance id, and only ${report.joined} of ${report.eligible} spans and of ${input.tasks.whole} tasks found each other, ${asked.found} of the ${asked.of} tasks of their requests: at least 90 % of the tasks are needed, or 90 % of ${FEWEST_SHARED_SPANS} spans or more or of the tasks of their requests, for replicas cannot be told apart. Give each process a service.instance.id.`
    const disbelieved = report.disbelieved + report.joined
    return {
      ...nothing,
      report: { ...report, joined: 0, disbelieved, refused },
      ambiguous: rows.filter((_, i) => result.ambiguous[i] === 1 || result.task[i] >= 0),
    }
  }
  const [{ clock }] = result.clock.segments
  return { processKey, rows, pairs: result, clock: clock.method === 'name-time' ? clock : null, report, ambiguous }
}

/** Why none of the spans that fit a task is believed to be of the captured process, and what to do; null where none fits. */
function whyDisbelieved(paired: number, shared: boolean): string | null {
  if (paired === 0) return null
  const what = `${paired} spans fit a task, and all so that spans of another process might`
  return shared
    ? `${what}: they have no instance id that would tell replicas apart. Give each process a service.instance.id, or put ids into the tasks.`
    : `${what}: is it of the process that made these spans? Give it its service and instance when uploading it, or put ids into the tasks.`
}

/**
 * Whether spans that replicas may share are those of the captured one, or have these among them: nearly each task has its span; or, where
 * traces are sampled, nearly each of a number of spans its task, or nearly each task of the requests that they are of its span. Spans of
 * other replicas would be left without one, or would find single tasks here and there.
 */
function isWholeProcess({ report, paired, task }: NameTimePairs, { tasks }: NameTimeInput): boolean {
  const { joined, eligible } = report
  if (paired >= SHARED_SHARE * tasks.whole) return true
  if (joined < FEWEST_SHARED_SPANS) return false
  if (joined >= SHARED_SHARE * eligible) return true
  const { found, of } = foundInRequests(task, tasks)
  return of > 0 && found >= SHARED_SHARE * of
}
