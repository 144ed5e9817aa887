// task-index.ts: which tasks name which spans. Built once per capture, or batch by batch while it is decoded; spans that come later look up.

import type { IdEvidence, IdOptions, TaskIds } from './id-evidence.ts'
import { sameTrace } from './id-value.ts'
import type { JoinTask } from './match.ts'
import { precedingLogEvidence } from './preceding-log.ts'
import { taskLogEvidence } from './task-log.ts'
import { taskNameEvidence } from './task-name.ts'

/** Every kind of evidence by ids, strongest first. */
export const ID_EVIDENCE: readonly IdEvidence[] = [taskNameEvidence, taskLogEvidence, precedingLogEvidence]

/** Tasks remembered that name one and the same span; more than a few is no instrumentation's doing. */
const MOST_CLAIMS = 64

/** A task that names a span. */
export interface TaskClaim {
  /** Row of the task, in the order in which they were added. */
  readonly task: number
  readonly ids: TaskIds
}

/** The span that a task names by the strongest evidence it has; null when it names none. What one task alone cannot tell, `TaskIndex.idsOf` can. */
export function idsOfTask(task: JoinTask, options: IdOptions = {}): TaskIds | null {
  for (const evidence of ID_EVIDENCE) {
    const ids = evidence.idsOf(task, options)
    if (ids !== null) return ids
  }
  return null
}

/** The tasks of one capture by the spans they name. Ids are read once per task; a look-up costs one map access. */
export class TaskIndex {
  private readonly tasks: JoinTask[] = []
  private readonly bySpanId = new Map<string, TaskClaim[]>()
  private readonly ofTask: (readonly TaskIds[])[] = []
  /** Tasks whose own logs, and tasks before which a log, of this category named a span. */
  private readonly ownLogs = new Map<string, number>()
  private readonly precedingLogs = new Map<string, number>()

  constructor(
    tasks: readonly JoinTask[] = [],
    private readonly options: IdOptions = {},
  ) {
    this.add(tasks)
  }

  /** Number of tasks added. */
  get length(): number {
    return this.tasks.length
  }

  /** Adds tasks; their rows follow those added before. */
  add(tasks: readonly JoinTask[]): void {
    for (const task of tasks) {
      const row = this.tasks.length
      this.tasks.push(task)
      const all: TaskIds[] = []
      // The background task stands for code that runs in no task.
      if (task.id !== 0) {
        for (const evidence of ID_EVIDENCE) {
          const ids = evidence.idsOf(task, this.options)
          if (ids === null) continue
          all.push(ids)
          const claims = this.bySpanId.get(ids.spanId)
          if (claims === undefined) this.bySpanId.set(ids.spanId, [{ task: row, ids }])
          else if (claims.length < MOST_CLAIMS) claims.push({ task: row, ids })
          if (task.startNs === null) continue
          if (ids.evidence === 'task-log') count(this.ownLogs, ids.category)
          if (ids.evidence === 'preceding-log') count(this.precedingLogs, ids.category)
        }
      }
      this.ofTask.push(all)
    }
  }

  /** The task at a row. */
  task(row: number): JoinTask {
    return this.tasks[row]
  }

  /** The tasks that name a span, strongest evidence first; a task is there once. */
  find(traceId: string, spanId: string): readonly TaskClaim[] {
    const claims = this.bySpanId.get(spanId)
    if (claims === undefined) return []
    const fitting: TaskClaim[] = []
    for (const { evidence } of ID_EVIDENCE) {
      for (const claim of claims) {
        if (claim.ids.evidence !== evidence || !this.counts(claim.ids)) continue
        if (claim.ids.traceId !== null && !sameTrace(claim.ids.traceId, traceId)) continue
        if (!fitting.some((other) => other.task === claim.task)) fitting.push(claim)
      }
    }
    return fitting
  }

  /** The span ids that tasks name, by whatever evidence: 16 hex digits each. */
  spanIds(): Iterable<string> {
    return this.bySpanId.keys()
  }

  /** The span that the task at a row names by its strongest evidence; null when it names none. */
  idsOf(row: number): TaskIds | null {
    return this.ofTask[row].find((ids) => this.counts(ids)) ?? null
  }

  /** Whether a task names no span but, by evidence that does not count for it, such as are known to have another task. */
  namesNone(row: number, hasTask: (spanId: string) => boolean): boolean {
    return this.idsOf(row) === null && this.ofTask[row].every(({ spanId }) => hasTask(spanId))
  }

  /**
   * Whether a log tells of the task it was written under, or of the one begun right after it: the same log is both when a processor
   * logs ids before each task. Where every task has one before it, those under tasks are those of their children; a capture in which
   * tasks log their own ids has more tasks with own logs than with such a log before them (those of the innermost have no task after them).
   */
  private counts(ids: TaskIds): boolean {
    if (ids.evidence !== 'task-log' && ids.evidence !== 'preceding-log') return true
    const preceding = (this.precedingLogs.get(ids.category) ?? 0) > (this.ownLogs.get(ids.category) ?? 0)
    return preceding === (ids.evidence === 'preceding-log')
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
