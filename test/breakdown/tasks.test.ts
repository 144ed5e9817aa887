// tasks.test.ts: which task an id stands for, when ids are used again.

import { expect, test } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { StatesKernel } from '../../src/breakdown/states-kernel.ts'
import { TaskTable } from '../../src/breakdown/tasks.ts'
import { BLOCK_END } from '../../src/capture/block-layout.ts'
import { ProblemList } from '../../src/capture/problems.ts'

test('an id of a task that was handed on stands for a new task, not for the one that has its place', () => {
  const kernel = new StatesKernel(new KernelMemory(BLOCK_END))
  const tasks = new TaskTable(
    new ProblemList(),
    kernel,
    () => '',
    () => undefined,
  )
  const first = tasks.mention(7)
  tasks.addMember(first, 31, 0)
  tasks.forget(first)
  expect(tasks.members.size).toBe(0)
  const second = tasks.mention(8)
  expect(second.slot).toBe(first.slot)
  const again = tasks.mention(7)
  expect(again).not.toBe(second)
  expect(again.id).toBe(7)
  expect(tasks.goroutinesOf(again)).toEqual([])
  expect(tasks.mention(8)).toBe(second)
  expect(tasks.all()).toEqual([second, again])
})
