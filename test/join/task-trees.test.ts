// Which tasks are of one request, and how many of those found a span.

import { expect, test } from 'vitest'
import { foundInRequests, topsOfTasks } from '../../src/join/task-trees.ts'
import { taskColumns } from '../../src/join/time-columns.ts'
import { task } from './builders.ts'

const two = [
  task({ id: 1 }),
  task({ id: 2, parentId: 1 }),
  task({ id: 3, parentId: 2 }),
  task({ id: 4 }),
  task({ id: 5, parentId: 4 }),
  // Its parent began before the capture.
  task({ id: 6, parentId: 99 }),
  // Open where the capture ends.
  task({ id: 7, parentId: 1, endNs: null }),
]

test('a task is of the request of the task above it, as far as the capture knows', () => {
  expect([...topsOfTasks(taskColumns(two, () => true, 10_000_000))]).toEqual([0, 0, 0, 3, 3, 5, 0])
  expect([...topsOfTasks(taskColumns(two, (row) => row !== 1, 10_000_000))]).toEqual([0, -1, 2, 3, 3, 5, 0])
})

test('tasks that name one another as parents end nothing', () => {
  const circle = [task({ id: 1, parentId: 2 }), task({ id: 2, parentId: 1 })]
  const [first, second] = topsOfTasks(taskColumns(circle, () => true, 10_000_000))
  expect(first).toBe(second)
})

test('only requests of which a task found a span are asked how many of theirs did, the whole ones', () => {
  const columns = taskColumns(two, () => true, 10_000_000)
  expect(foundInRequests(Int32Array.of(-1, -1), columns)).toEqual({ found: 0, of: 0 })
  expect(foundInRequests(Int32Array.of(0, 2, -1), columns)).toEqual({ found: 2, of: 3 })
  expect(foundInRequests(Int32Array.of(0, 1, 2, 6, 5), columns)).toEqual({ found: 4, of: 4 })
})
