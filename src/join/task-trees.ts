// task-trees.ts: which tasks are of one request: a task that hangs under none, and all below it.

import { oncePerTasks, type TaskColumns } from './time-columns.ts'

/** By row of the tasks the row of the task that each hangs under; -1 where none is here. */
export const rowsAbove = oncePerTasks(({ length, id, parentId }): Int32Array => {
  const rowOf = new Map<number, number>()
  for (let task = 0; task < length; task++) rowOf.set(id[task], task)
  return Int32Array.from(parentId, (above) => (above === 0 ? -1 : (rowOf.get(above) ?? -1)))
})

/** By row of the tasks that take part the row of the task at the top of its request; -1 for the others. */
export const topsOfTasks = oncePerTasks((tasks): Int32Array => {
  const { length, name } = tasks
  const above = rowsAbove(tasks)
  const top = new Int32Array(length).fill(-1)
  const path: number[] = []
  for (let task = 0; task < length; task++) {
    if (name[task] < 0) continue
    let at = task
    while (top[at] < 0) {
      top[at] = at
      path.push(at)
      at = above[at] >= 0 && name[above[at]] >= 0 ? above[at] : at
    }
    for (const one of path) top[one] = top[at]
    path.length = 0
  }
  return top
})

/**
 * How many tasks the requests have of which any task found a span, and how many of these did: those whose start and end the capture has.
 *
 * @param found rows of the tasks that found a span; -1 for none
 */
export function foundInRequests(
  found: Int32Array,
  tasks: TaskColumns,
): { readonly found: number; readonly of: number } {
  const top = topsOfTasks(tasks)
  const isFound = new Uint8Array(tasks.length)
  const asked = new Uint8Array(tasks.length)
  for (const task of found) {
    if (task < 0) continue
    isFound[task] = 1
    asked[top[task]] = 1
  }
  let count = 0
  let of = 0
  for (let task = 0; task < tasks.length; task++) {
    if (top[task] < 0 || Number.isNaN(tasks.endNs[task]) || asked[top[task]] === 0) continue
    of++
    count += isFound[task]
  }
  return { found: count, of }
}
