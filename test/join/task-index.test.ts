import { describe, expect, test } from 'vitest'
import type { JoinTask } from '../../src/join/match.ts'
import { idsOfTask, TaskIndex } from '../../src/join/task-index.ts'
import { log, OTHER_TRACE, SPAN, task, TRACE } from './builders.ts'

const id = (n: number): string => n.toString(16).padStart(16, 'a')

describe('looking up a span', () => {
  test('finds tasks added before and after, with their rows', () => {
    const index = new TaskIndex([task({ name: `a ${TRACE}/${id(1)}` }), task()])
    index.add([task({ name: `b ${TRACE}/${id(2)}` })])
    expect(index.length).toBe(3)
    expect(index.find(TRACE, id(1)).map((claim) => claim.task)).toEqual([0])
    expect(index.find(TRACE, id(2)).map((claim) => claim.task)).toEqual([2])
    expect(index.find(TRACE, id(3))).toEqual([])
  })

  test('tells traces apart where the task names one', () => {
    const index = new TaskIndex([task({ name: `a ${TRACE}/${SPAN}` })])
    expect(index.find(OTHER_TRACE, SPAN)).toEqual([])
  })

  test('compares the low half where the task names no more', () => {
    const low = TRACE.slice(16)
    const decimal = BigInt(`0x${low}`).toString()
    const index = new TaskIndex([task({ name: `a dd.trace_id=${decimal} dd.span_id=${BigInt(`0x${SPAN}`)}` })])
    expect(index.find(TRACE, SPAN)).toHaveLength(1)
    expect(index.find(`${'0'.repeat(16)}${low}`, SPAN)).toHaveLength(1)
    expect(index.find(OTHER_TRACE, SPAN)).toEqual([])
  })

  test('gives the name before the log, and each task once', () => {
    const logs = [log('traceparent', `00-${TRACE}-${SPAN}-01`)]
    const index = new TaskIndex([task({ logs }), task({ name: `a ${TRACE}/${SPAN}`, logs })])
    expect(index.find(TRACE, SPAN).map(({ task, ids }) => [task, ids.evidence])).toEqual([
      [1, 'task-name'],
      [0, 'task-log'],
    ])
  })

  test('the background task is no span’s', () => {
    const logs = [log('traceparent', `00-${TRACE}-${SPAN}-01`)]
    expect(new TaskIndex([task({ id: 0, logs })]).find(TRACE, SPAN)).toEqual([])
  })

  test('of ten thousand tasks that name one span a few are remembered', () => {
    const index = new TaskIndex(Array.from({ length: 10_000 }, () => task({ name: `a ${TRACE}/${SPAN}` })))
    expect(index.find(TRACE, SPAN).length).toBeLessThan(100)
  })
})

/**
 * A root with two children, one of which has a child, and a second root, as captured from two ways of logging: `before` a task by a
 * SpanProcessor (so that a child's ids are logged under its parent), or `within` it.
 */
function captured(way: 'before' | 'within'): JoinTask[] {
  const ids = (n: number): ReturnType<typeof log> => log('otel.span', `${TRACE}-${id(n)}`)
  if (way === 'within') {
    return [
      task({ logs: [ids(1)] }),
      task({ logs: [ids(2)], precedingLog: ids(1) }),
      task({ logs: [ids(3)] }),
      task({ logs: [ids(4)], precedingLog: ids(3) }),
      task({ logs: [ids(5)] }),
    ]
  }
  return [
    task({ logs: [ids(2), ids(3)], precedingLog: ids(1) }),
    task({ precedingLog: ids(2) }),
    task({ logs: [ids(4)], precedingLog: ids(3) }),
    task({ precedingLog: ids(4) }),
    task({ precedingLog: ids(5) }),
  ]
}

describe.each(['before', 'within'] as const)('ids logged %s the tasks', (way) => {
  test('are each task’s own, not its parent’s or child’s', () => {
    const index = new TaskIndex(captured(way))
    for (let n = 1; n <= 5; n++) {
      expect(index.find(TRACE, id(n)).map((claim) => claim.task)).toEqual([n - 1])
      expect(index.idsOf(n - 1)?.spanId).toBe(id(n))
    }
  })

  test('are told apart in a chain of three as well', () => {
    const chain = captured(way).slice(way === 'before' ? 1 : 0, way === 'before' ? 4 : 4)
    const index = new TaskIndex(chain)
    const last = chain.length - 1
    expect(index.find(TRACE, id(4)).map((claim) => claim.task)).toEqual([last])
  })
})

test('a task alone tells its ids by its strongest evidence', () => {
  const precedingLog = log('traceparent', `00-${TRACE}-${id(1)}-01`)
  const logs = [log('traceparent', `00-${TRACE}-${id(2)}-01`)]
  expect(idsOfTask(task({ name: `a ${TRACE}/${id(3)}`, logs, precedingLog }))?.spanId).toBe(id(3))
  expect(idsOfTask(task({ logs, precedingLog }))?.spanId).toBe(id(2))
  expect(idsOfTask(task({ precedingLog }))?.spanId).toBe(id(1))
  expect(idsOfTask(task())).toBeNull()
})
