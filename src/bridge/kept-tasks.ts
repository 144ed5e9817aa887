// kept-tasks.ts: the tasks of one capture while spans may be joined with them, their memory, and how they hang together.

import type { GcPhases, StackFrame, TaskRecord, TaskSet } from '../breakdown/breakdown.ts'
import { CompactTask } from '../breakdown/compact-task.ts'
import { rangeBytes, timelineBytes } from '../breakdown/kept-columns.ts'
import { KindTable } from '../enrich/kinds.ts'
import type { IdOptions } from '../join/id-evidence.ts'
import { taskType } from '../join/task-name.ts'
import type { DecodedBatch } from './ports.ts'

/**
 * Object, arrays and texts of a task besides its columns; measured of one in objects, rounded up. One in a block has less than half of it on the
 * heap itself; the rest is for what is kept of it elsewhere, its place by id and by name.
 */
const TASK_BYTES = 1_200
const LOG_BYTES = 160
const REGION_BYTES = 600
/** Measured where tasks have sixteen of them, rounded down; that of a sample is estimated from its fields. */
const LONG_WAIT_BYTES = 700
const SAMPLE_BYTES = 80

/** Tasks with spans below a task that are told; a longer list would only keep a few more short waits out of the children. */
const MAX_INNER_TASKS = 256
/** Tasks below a task that are looked at for those: a capture may have a hundred thousand without spans below each of many. */
const MAX_TASKS_BELOW = 4_096

/** The tasks of one capture, in the order in which they came; each goes by its row. */
export class KeptTasks {
  /** Estimated memory. */
  bytes = 0
  /** Tasks that were not kept because the memory for tasks was used up. */
  dropped = 0
  /** Tasks that came, the background task aside. */
  count = 0

  private tables = noTables()
  /** Rows by the ids of tasks and of their parents, as far as looked at. */
  private readonly byId = new Map<number, number>()
  private readonly byParent = new Map<number, number[]>()
  private mapped = 0
  private readonly kinds = new KindTable()

  constructor(private readonly ids: IdOptions) {}

  /** Tasks and their tables: the same object until they are let go. */
  get set(): TaskSet {
    return this.tables
  }

  /** Lets the tasks go: they are kept no longer. How many came and were not kept stays known. */
  clear(): void {
    this.tables = noTables()
    this.bytes = 0
    this.byId.clear()
    this.byParent.clear()
    this.mapped = 0
    this.kinds.clear()
  }

  /** They will come anew. */
  begin(): void {
    this.clear()
    this.count = 0
    this.dropped = 0
  }

  /**
   * Takes the tasks that were decoded, as many as memory allows.
   *
   * @returns those that are kept; their rows follow those before
   */
  take(batch: DecodedBatch, maxBytes: number): readonly TaskRecord[] {
    const { tables } = this
    append(tables.reasons, batch.newReasons)
    append(tables.rangeNames, batch.newRangeNames)
    append(tables.stacks, batch.newStacks)
    replace(tables.gcPhases.startNs, batch.gcPhases.startNs)
    replace(tables.gcPhases.endNs, batch.gcPhases.endNs)
    replace(tables.gcPhases.beforeNs, batch.gcPhases.beforeNs)
    const kept: TaskRecord[] = []
    for (const task of batch.tasks) {
      if (task.id !== 0) this.count++
      if (task.startNs !== null && task.endNs !== null) {
        this.kinds.add(taskType(task.name, this.ids), task.endNs - task.startNs)
      }
      this.bytes += bytesOf(task)
      if (this.bytes > maxBytes) this.dropped++
      else kept.push(task)
    }
    append(tables.tasks, kept)
    return kept
  }

  /** Row of a task by its id in the runtime; -1 when it is not kept. */
  rowOf(taskId: number): number {
    this.refreshMaps()
    return this.byId.get(taskId) ?? -1
  }

  /** Whether a task took no longer than its kind usually does in this capture. */
  isUsual({ name, startNs, endNs }: TaskRecord): boolean {
    return startNs !== null && endNs !== null && this.kinds.isUsual(taskType(name, this.ids), endNs - startNs)
  }

  /** Tasks below a task, at any depth, that have spans of their own: no more than `MAX_INNER_TASKS`. */
  innerTasks(taskId: number, hasSpan: (row: number) => boolean): readonly TaskRecord[] {
    this.refreshMaps()
    const inner: TaskRecord[] = []
    if (!this.byParent.has(taskId)) return inner
    const open: number[] = []
    // Ids are given out again, so that tasks may lie below one another in a circle.
    const opened = new Set<number>()
    let looked = 0
    const openBelow = (id: number): void => {
      if (opened.has(id)) return
      opened.add(id)
      for (const row of this.byParent.get(id) ?? []) {
        if (looked === MAX_TASKS_BELOW) return
        looked++
        open.push(row)
      }
    }
    openBelow(taskId)
    for (let row = open.pop(); row !== undefined && inner.length < MAX_INNER_TASKS; row = open.pop()) {
      const task = this.tables.tasks[row]
      if (hasSpan(row)) inner.push(task)
      openBelow(task.id)
    }
    return inner
  }

  private refreshMaps(): void {
    const { tasks } = this.tables
    for (; this.mapped < tasks.length; this.mapped++) {
      const { id, parentId } = tasks[this.mapped]
      this.byId.set(id, this.mapped)
      if (parentId === null || parentId === 0) continue
      const siblings = this.byParent.get(parentId)
      if (siblings === undefined) this.byParent.set(parentId, [this.mapped])
      else siblings.push(this.mapped)
    }
  }
}

function noTables(): TaskSet & { readonly tasks: TaskRecord[] } {
  return { tasks: [], reasons: [], rangeNames: [], stacks: [] as (readonly StackFrame[])[], gcPhases: noPhases() }
}

function noPhases(): GcPhases {
  return { startNs: [], endNs: [], beforeNs: [] }
}

/** Appends to a list; one that is long cannot be given to `push` at once. */
export function append<T>(list: T[], more: readonly T[]): void {
  for (const item of more) list.push(item)
}

/** Makes a list hold what there is now. */
export function replace<T>(list: T[], now: readonly T[]): void {
  list.length = 0
  append(list, now)
}

function bytesOf(task: TaskRecord): number {
  // What a compact task has in its block is counted with it.
  const logs = task instanceof CompactTask ? (task.more?.logs ?? []) : task.logs
  let bytes = TASK_BYTES + logs.length * LOG_BYTES + task.samples.length * SAMPLE_BYTES
  if (task instanceof CompactTask) return bytes + task.bytes
  bytes += task.longWaits.length * LONG_WAIT_BYTES + task.regions.length * REGION_BYTES
  if (task.timeline !== null) bytes += timelineBytes(task.timeline.length)
  if (task.ranges !== null) bytes += rangeBytes(task.ranges.length)
  return bytes
}
