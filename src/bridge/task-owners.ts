// task-owners.ts: which spans have the tasks of one capture, or are about to leave with them.

import type { TaskSpan } from '../enrich/enrich.ts'
import type { JoinSpan } from '../join/match.ts'

/** The spans of one capture's tasks. Tasks go by their rows; a task that was given is not taken back. */
export class TaskOwners {
  /** The span that each task was given to, and those that are about to leave with one. */
  private readonly owners = new Map<number, TaskSpan>()
  private readonly expected = new Map<number, TaskSpan>()
  /** The same by span. */
  private readonly tasksOfSpans = new Map<string, number>()
  /** By id of tasks the parent of the spans that were given a task under each. */
  private readonly parentsBelow = new Map<number, string>()
  /** Tasks and spans that ids joined, and their number by process. */
  private readonly namedTasks = new Set<number>()
  private readonly namedSpans = new Set<string>()
  private readonly namedBy = new Map<string, number>()

  /** Forgets them all. */
  clear(): void {
    this.owners.clear()
    this.expected.clear()
    this.tasksOfSpans.clear()
    this.parentsBelow.clear()
    this.namedTasks.clear()
    this.namedSpans.clear()
    this.namedBy.clear()
  }

  /**
   * Gives a task to a span.
   *
   * @param parentId id of the task's parent; 0 for none
   * @returns whether it had none before
   */
  give(task: number, parentId: number, span: JoinSpan): boolean {
    const { traceId, spanId, parentSpanId, name } = span
    if (span.processShared && parentId !== 0 && parentSpanId !== '') {
      this.parentsBelow.set(parentId, keyOf(traceId, parentSpanId))
    }
    const isNew = !this.owners.has(task)
    this.owners.set(task, { traceId, spanId, name })
    this.tasksOfSpans.set(keyOf(traceId, spanId), task)
    this.expected.delete(task)
    return isNew
  }

  /** The task that was given to the span names it. */
  name(task: number, { spanId, processKey }: JoinSpan): void {
    this.namedTasks.add(task)
    this.namedSpans.add(spanId)
    this.namedBy.set(processKey, (this.namedBy.get(processKey) ?? 0) + 1)
  }

  /** The span is about to leave with the task's breakdown: others that leave with it may name it. */
  expect(task: number, { traceId, spanId, name }: JoinSpan): void {
    if (this.owners.has(task)) return
    this.expected.set(task, { traceId, spanId, name })
    this.tasksOfSpans.set(keyOf(traceId, spanId), task)
  }

  /** The span that a task was or is being given to; null when none is. */
  spanOf(task: number): TaskSpan | null {
    return this.owners.get(task) ?? this.expected.get(task) ?? null
  }

  /** The task that a span has, or is about to; -1 when none. */
  taskOf(traceId: string, spanId: string): number {
    return this.tasksOfSpans.get(keyOf(traceId, spanId)) ?? -1
  }

  /** Whether a task has a span, or is about to. */
  isTaken(task: number): boolean {
    return this.owners.has(task) || this.expected.has(task)
  }

  /** Whether the span may be given the task: no other has it. */
  isFree(task: number, span: JoinSpan): boolean {
    const owner = this.owners.get(task)
    return owner === undefined || (owner.spanId === span.spanId && owner.traceId === span.traceId)
  }

  /** Whether a task was given to a span that it names. */
  isNamedTask(task: number): boolean {
    return this.namedTasks.has(task)
  }

  /** Whether a span was given a task that names it. */
  isNamedSpan(spanId: string): boolean {
    return this.namedSpans.has(spanId)
  }

  /** Spans of a process that tasks name. */
  namedOf(processKey: string): number {
    return this.namedBy.get(processKey) ?? 0
  }

  /**
   * Whether a task is another span's than the parent of this one, by itself or by the spans that were given tasks under it.
   *
   * @param task its row; -1 when it is not kept
   */
  isOtherParent(task: number, taskId: number, { traceId, parentSpanId }: JoinSpan): boolean {
    const owner = this.spanOf(task)
    if (owner !== null) return owner.traceId !== traceId || owner.spanId !== parentSpanId
    const below = this.parentsBelow.get(taskId)
    return below !== undefined && below !== keyOf(traceId, parentSpanId)
  }
}

function keyOf(traceId: string, spanId: string): string {
  return `${traceId} ${spanId}`
}
