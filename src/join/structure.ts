// structure.ts: how spans hang together against how their tasks do.
//
// Measured over all corpora without an exception: the task of an internal or client span has the task of the span's parent for its
// parent, where that span is of the process and has a task; those of server and root spans have none. Apps can break the rule, so it is
// no proof; and tasks that an app begins by hand may lie in between.

import { type GroupedRows, groupRows, type TaskColumns } from './time-columns.ts'

/** How the spans hang together, and what is known of their tasks. */
export interface SpanRelations {
  /** OTLP's kind of each span. */
  readonly kind: Uint8Array
  /** 1 for spans without a parent. */
  readonly root: Uint8Array
  /** Row of the parent span; -1 where it is not among the spans. */
  readonly parent: Int32Array
  /** Row of the first span with the same parent, where that is not among the spans; its own for others. */
  readonly sibling: Int32Array
  /** Row of the task that is known already to be the span's; -1 where none is. */
  readonly knownTask: Int32Array
  /** Id of the task that is known to be the parent span's, for parents that are not among the spans; 0 where none is. */
  readonly parentTaskId: Float64Array
}

/** Cost of a parent that is not where this tracer puts it: apps can break the rule, so it is no proof. */
export const STRANGE_PARENT_COST = 6
/**
 * What it speaks for a pair that the task hangs under the task of the span's parent: an SDK that makes a task for each span made one
 * for this span too, so that it costs more to leave it without one.
 */
export const OWN_PARENT_GAIN = 4
/**
 * Cost of a pair whose task has a parent, while the span's parent, which would have that task, got none; and of one while all children of the
 * span got none. So it is where a span of another process, or of another time, comes upon a task of an unsampled trace.
 */
export const LONELY_COST = 4
const INTERNAL = 1
const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5

/** How the tasks of spans hang together, as far as these are known. */
export class Structure {
  /** Rows of the children of each span. */
  private readonly children: GroupedRows
  private sure: Int32Array

  constructor(
    private readonly tasks: TaskColumns,
    private readonly relations: SpanRelations,
  ) {
    this.children = groupRows(relations.parent, relations.parent.length)
    this.sure = relations.knownTask
  }

  /** Whether a span has a task. */
  isSure(span: number): boolean {
    return this.sure[span] >= 0
  }

  /** @param found rows of the tasks that spans were given, besides those that are known; -1 for none */
  learn(found: Int32Array): void {
    this.sure = this.relations.knownTask.map((known, span) => (known >= 0 ? known : found[span]))
  }

  /** What it costs that a task hangs elsewhere than its span, and what it gains that it hangs where the span does. */
  strangeness(span: number, task: number): number {
    const { tasks, relations, children, sure } = this
    let cost = 0
    const kind = relations.kind[span]
    const parentId = tasks.parentId[task]
    if (this.isTop(span)) {
      if (parentId !== 0) cost += STRANGE_PARENT_COST
    } else {
      const known = this.parentTaskOf(span)
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

  /** Whether the task of a span's parent is known, or that of a child that hangs under it. */
  hasRelatives(span: number): boolean {
    const { relations, children, sure } = this
    if (this.parentTaskOf(span) !== 0 && belongsToParent(relations.kind[span])) return true
    for (let at = children.from[span]; at < children.from[span + 1]; at++) {
      if (sure[children.rows[at]] >= 0 && belongsToParent(relations.kind[children.rows[at]])) return true
    }
    return false
  }

  /** Whether a task hangs under the task of the span's parent. */
  hangsUnderParent(span: number, task: number): boolean {
    const known = this.isTop(span) ? 0 : this.parentTaskOf(span)
    return known !== 0 && this.tasks.parentId[task] === known
  }

  /** Whether a task hangs under the task of the span's parent, or the task of a child of the span under it. */
  hangsWithRelatives(span: number, task: number): boolean {
    const { tasks, relations, children, sure } = this
    const known = this.parentTaskOf(span)
    if (known !== 0 && tasks.parentId[task] === known && belongsToParent(relations.kind[span])) return true
    for (let at = children.from[span]; at < children.from[span + 1]; at++) {
      const child = children.rows[at]
      if (sure[child] < 0 || !belongsToParent(relations.kind[child])) continue
      if (tasks.parentId[sure[child]] === tasks.id[task]) return true
    }
    return false
  }

  /** Whether the spans around a span have no task, though they would if the task were the span's. */
  isLonely(span: number, task: number, takesPart: Uint8Array): boolean {
    const { tasks, sure } = this
    const { kind, parent } = this.relations
    const { from, rows } = this.children
    const above = parent[span]
    if (!this.isTop(span) && above >= 0 && takesPart[above] === 1 && sure[above] < 0 && tasks.parentId[task] !== 0)
      return true
    let lonely = false
    for (let at = from[span]; at < from[span + 1]; at++) {
      const child = rows[at]
      if (!belongsToParent(kind[child])) continue
      if (sure[child] >= 0) return false
      if (takesPart[child] === 1) lonely = true
    }
    return lonely
  }

  private isTop(span: number): boolean {
    return isTopOfProcess(this.relations, span)
  }

  /** Id of the task under which that of a span hangs: its parent's, or where that is not known what its own says; 0 where neither is. */
  taskAbove(span: number): number {
    const known = this.parentTaskOf(span)
    return known !== 0 || this.sure[span] < 0 ? known : this.tasks.parentId[this.sure[span]]
  }

  /** Id of the task of a span's parent; 0 where it has none that is known. */
  parentTaskOf(span: number): number {
    const above = this.relations.parent[span]
    return above >= 0 && this.sure[above] >= 0 ? this.tasks.id[this.sure[above]] : this.relations.parentTaskId[span]
  }
}

/** Whether a span is the first of its process: its task hangs under none. */
export function isTopOfProcess({ root, kind }: Pick<SpanRelations, 'root' | 'kind'>, span: number): boolean {
  return root[span] === 1 || isCalledFromElsewhere(kind[span])
}

/** Whether the task of a span of this kind hangs under that of its parent. */
export function belongsToParent(kind: number): boolean {
  return kind === INTERNAL || kind === CLIENT || kind === PRODUCER
}

/** Whether a span of this kind begins what another process, or another request, asked for. */
export function isCalledFromElsewhere(kind: number): boolean {
  return kind === SERVER || kind === CONSUMER
}
