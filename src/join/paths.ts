// paths.ts: the names from the top of a request down to a task, and down to a span. Of tasks within tasks of one name each has a path of its own.

import { isTopOfProcess, type SpanRelations } from './structure.ts'
import { rowsAbove } from './task-trees.ts'
import { type GroupedRows, oncePerTasks, rowsByName, type SpanColumns, type TaskColumns } from './time-columns.ts'

/** The tasks by their paths. */
export interface TaskPaths {
  /** By path, and by start within each. */
  readonly byStart: GroupedRows
  /** Number of the path that leads by a name on from another, or from the top (`TOP`); negative where no task has it. */
  readonly find: (above: number, name: number) => number
}

const TOP = -1
/** The path of a row is not known: it hangs under one that is not here, or that takes no part. */
const UNKNOWN = -2
const NOT_ASKED = -3
/** In a row's place above it: nothing is there, or nobody knows what. */
const NOTHING_ABOVE = -1
const UNKNOWN_ABOVE = -2

/** The tasks that take part by their paths. */
export const taskPaths = oncePerTasks((tasks: TaskColumns): TaskPaths => {
  const { length, name, names, parentId, startNs } = tasks
  const numbers = new Map<number, number>()
  const keyOf = (above: number, one: number): number => (above - TOP) * names.length + one
  const rows = rowsAbove(tasks)
  const above = Int32Array.from(parentId, (id, task) => {
    if (id === 0) return NOTHING_ABOVE
    return rows[task] < 0 ? UNKNOWN_ABOVE : rows[task]
  })
  const path = pathsBy(length, above, (from, task) => {
    if (name[task] < 0) return UNKNOWN
    const key = keyOf(from, name[task])
    const number = numbers.get(key) ?? numbers.size
    numbers.set(key, number)
    return number
  })
  const find = (from: number, one: number): number => numbers.get(keyOf(from, one)) ?? UNKNOWN
  return { byStart: rowsByName(path, numbers.size, startNs), find }
})

/**
 * By row of the spans the number of the path that their tasks have; negative where none has it, or it is not known. Where tasks of a span's name hang
 * right under those of its path, and no span has their path, either may have been begun by hand: then it is not known.
 */
export function spanPaths({ length, name }: SpanColumns, relations: SpanRelations, tasks: TaskColumns): Int32Array {
  const { find } = taskPaths(tasks)
  const above = Int32Array.from(relations.parent, (parent, span) => {
    if (isTopOfProcess(relations, span)) return NOTHING_ABOVE
    return parent < 0 ? UNKNOWN_ABOVE : parent
  })
  const path = pathsBy(length, above, (from, span) => (name[span] < 0 ? UNKNOWN : find(from, name[span])))
  const seen = new Set(path)
  return path.map((own, span) => {
    const within = own < 0 ? UNKNOWN : find(own, name[span])
    return within < 0 || seen.has(within) ? own : UNKNOWN
  })
}

/** Goes down from what is above; rows in a circle have no path. */
function pathsBy(length: number, above: Int32Array, pathOf: (from: number, row: number) => number): Int32Array {
  const path = new Int32Array(length).fill(NOT_ASKED)
  const waiting: number[] = []
  for (let row = 0; row < length; row++) {
    for (let at = row; at >= 0 && path[at] === NOT_ASKED; at = above[at]) {
      path[at] = UNKNOWN
      waiting.push(at)
    }
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const from = above[at] === NOTHING_ABOVE ? TOP : above[at] === UNKNOWN_ABOVE ? UNKNOWN : path[above[at]]
      path[at] = from === UNKNOWN ? UNKNOWN : pathOf(from, at)
    }
  }
  return path
}
