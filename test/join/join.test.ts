import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NO_CLOCK } from '../../src/join/clock.ts'
import { joinTasks, matchSpan } from '../../src/join/join.ts'
import type { JoinResult, JoinTask, UnmatchedReason } from '../../src/join/match.ts'
import { TaskIndex } from '../../src/join/task-index.ts'
import { capture, log, ORIGIN, OTHER_SPAN, OTHER_TRACE, SPAN, span, task, TRACE } from './builders.ts'

const named = (given: Partial<JoinTask> = {}): JoinTask => task({ name: `cache.Lookup ${TRACE}/${SPAN}`, ...given })
const pairs = (result: JoinResult): number[][] => result.matches.map(({ span, task }) => [span, task])
const reasons = (result: JoinResult): (UnmatchedReason | undefined)[] => result.unmatched.map(({ reason }) => reason)

describe('one span, one task', () => {
  test('a task that names the span is its task', () => {
    const result = joinTasks([span()], capture([task(), named()]))
    expect(result.matches).toMatchObject([{ span: 0, task: 1, evidence: 'task-name' }])
    expect(result.matches[0].clock.errorNs).toBe(result.clock.errorNs)
    expect(result.unmatched).toEqual([])
  })

  test('a name is believed before a log, a log before one that precedes the task', () => {
    const traceparent = log('traceparent', `00-${TRACE}-${SPAN}-01`)
    const byName = named({ startNs: 1_001_000 })
    const byLog = task({ logs: [traceparent] })
    const result = joinTasks([span()], capture([byLog, byName]))
    expect(result.matches).toMatchObject([{ task: 1, evidence: 'task-name' }])
    expect(joinTasks([span()], capture([byLog])).matches).toMatchObject([{ evidence: 'task-log' }])
    const preceded = capture([task({ precedingLog: traceparent })])
    expect(joinTasks([span()], preceded).matches).toMatchObject([{ evidence: 'preceding-log' }])
  })

  test('a name with both ids is believed although no clock is known', () => {
    const result = joinTasks([span()], capture([named({ startNs: null })], { clockSnapshots: [] }))
    expect(pairs(result)).toEqual([[0, 0]])
    expect(result.matches[0].clock.errorNs).toBeNull()
  })

  test('a span sent twice is one span: both rows have its task', () => {
    expect(pairs(joinTasks([span(), span(), span()], capture([named()])))).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ])
  })
})

describe('a span id alone', () => {
  const bySpanId = task({ name: `cache.Lookup spanID=${SPAN}` })

  test('is enough where one trace has it', () => {
    expect(pairs(joinTasks([span(), span({ spanId: OTHER_SPAN })], capture([bySpanId])))).toEqual([[0, 0]])
  })

  test('is not where two traces have it', () => {
    const result = joinTasks([span(), span({ traceId: OTHER_TRACE })], capture([bySpanId]))
    expect(result.matches).toEqual([])
    expect(reasons(result)).toEqual(['ambiguous', 'ambiguous'])
  })
})

describe('two tasks that name one span', () => {
  const retry = named({ startNs: 1_400_000, endNs: 1_900_000 })

  test('the one whose times are the span’s is its task', () => {
    expect(pairs(joinTasks([span()], capture([retry, named()])))).toEqual([[0, 1]])
  })

  test('neither, where both fit equally', () => {
    const result = joinTasks([span()], capture([named(), named({ startNs: 1_002_000 })]))
    expect(result.matches).toEqual([])
    expect(reasons(result)).toEqual(['ambiguous'])
  })

  test('neither, where no clock tells', () => {
    expect(reasons(joinTasks([span()], capture([retry, named()], { clockSnapshots: [] })))).toEqual(['ambiguous'])
  })

  test('other pairs can tell the clock', () => {
    const others = Array.from({ length: 8 }, (_, i) => {
      const spanId = `${i + 1}`.padStart(16, 'c')
      const fromNs = 10_000_123 * (i + 1)
      return {
        span: span({ spanId, fromNs, toNs: fromNs + 500_000 }),
        task: task({ name: `x ${TRACE}/${spanId}`, startNs: fromNs + 900, endNs: fromNs + 500_200 }),
      }
    })
    const spans = [span(), ...others.map((other) => other.span)]
    const tasks = [retry, named(), ...others.map((other) => other.task)]
    const result = joinTasks(spans, capture(tasks, { clockSnapshots: [] }))
    expect(result.clock.method).toBe('id-pairs')
    expect(pairs(result)).toContainEqual([0, 1])
    expect(result.matches).toHaveLength(9)
  })
})

describe('two spans that one task names', () => {
  test('client and server that share their ids: the task is of the one whose times it has', () => {
    const client = span({ fromNs: 900_000, toNs: 2_300_000, processKey: 'front' })
    const result = joinTasks([client, span()], capture([named()]))
    expect(pairs(result)).toEqual([[1, 0]])
    expect(reasons(result)).toEqual(['other-process'])
  })

  test('neither, where both fit equally', () => {
    const result = joinTasks([span(), span({ processKey: 'front' })], capture([named()]))
    expect(reasons(result)).toEqual(['ambiguous', 'ambiguous'])
  })
})

describe('ids in a log of a task that is not the span’s', () => {
  const logs = [log('traceparent', `00-${TRACE}-${SPAN}-01`)]

  test('a consumer’s loop that began long before', () => {
    const result = joinTasks([span({ fromNs: 500_000_000, toNs: 501_000_000 })], capture([task({ logs, endNs: null })]))
    expect(reasons(result)).toEqual(['no-task'])
  })

  test('work done after the span', () => {
    const result = joinTasks([span()], capture([task({ logs, startNs: 900_000_000, endNs: 901_000_000 })]))
    expect(reasons(result)).toEqual(['no-task'])
  })

  test('a task begun a moment before its span is the span’s', () => {
    expect(pairs(joinTasks([span()], capture([task({ logs, startNs: 995_000 })])))).toEqual([[0, 0]])
  })
})

describe('why a span has no task', () => {
  const joined = named()
  const at = (fromNs: number, toNs: number): ReturnType<typeof span> => span({ spanId: OTHER_SPAN, fromNs, toNs })
  const why = (
    other: ReturnType<typeof span>,
    given: Parameters<typeof capture>[1] = {},
  ): UnmatchedReason | undefined => joinTasks([span(), other], capture([joined], given)).unmatched[0]?.reason

  test('it lies before or after the capture', () => {
    expect(why(at(-5_000_000, -1_000_000))).toBe('not-in-capture')
    expect(why(at(10_000_100_000, 10_000_200_000))).toBe('not-in-capture')
  })

  test('no task bears its ids although it lies inside, wholly or in part', () => {
    expect(why(at(3_000_000, 4_000_000))).toBe('no-task')
    expect(why(at(-1_000_000, 1_000_000))).toBe('no-task')
  })

  test('its process is another than that of the spans that have tasks', () => {
    expect(why(span({ spanId: OTHER_SPAN, processKey: 'backend' }))).toBe('other-process')
  })

  test('nothing relates the clocks', () => {
    const result = joinTasks([span()], capture([task()], { clockSnapshots: [] }))
    expect(result.clock).toEqual(NO_CLOCK)
    expect(reasons(result)).toEqual(['no-clock'])
  })

  test('its time was lost', () => {
    const lost = [{ startNs: 2_500_000, endNs: 3_500_000 }]
    expect(why(at(3_000_000, 4_000_000), { lost })).toBe('capture-damaged')
    expect(why(at(4_000_000, 5_000_000), { lost })).toBe('no-task')
  })

  test('nothing is joined with the spans of another run', () => {
    const spans = [span({ traceId: OTHER_TRACE }), span({ spanId: OTHER_SPAN })]
    expect(joinTasks(spans, capture([named()])).matches).toEqual([])
  })
})

test('every span is told of once, and no task twice, whatever is named by what', () => {
  const row = fc.record({ id: fc.nat(5), trace: fc.nat(1), at: fc.nat(3), process: fc.nat(1) })
  const named = fc.record({ id: fc.nat(5), trace: fc.nat(2), at: fc.nat(3), how: fc.nat(2) })
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 12 }),
      fc.array(named, { maxLength: 12 }),
      fc.boolean(),
      (rows, names, clocked) => {
        const idOf = (id: number): string => `${id + 1}`.padStart(16, 'e')
        const traceOf = (trace: number): string => [TRACE, OTHER_TRACE][trace]
        const spans = rows.map(({ id, trace, at, process }) => {
          const fromNs = at * 1_000_000
          return span({
            spanId: idOf(id),
            traceId: traceOf(trace),
            fromNs,
            toNs: fromNs + 500_000,
            processKey: `${process}`,
          })
        })
        const tasks = names.map(({ id, trace, at, how }) => {
          const text = trace === 2 ? `spanID=${idOf(id)}` : `00-${traceOf(trace)}-${idOf(id)}-01`
          const times = { startNs: at * 1_000_000 + 900, endNs: at * 1_000_000 + 500_100 }
          if (how === 0) return task({ name: `a ${text}`, ...times })
          return task({
            ...times,
            [how === 1 ? 'logs' : 'precedingLog']: how === 1 ? [log('trace', text)] : log('trace', text),
          })
        })
        const result = joinTasks(spans, capture(tasks, clocked ? {} : { clockSnapshots: [] }))
        const told = [...result.matches.map(({ span }) => span), ...result.unmatched.map(({ span }) => span)]
        expect(told.sort((x, y) => x - y)).toEqual(spans.map((_, i) => i))
        const owner = new Map<number, string>()
        for (const match of result.matches) {
          const { spanId, traceId, startUnixNs, processKey } = spans[match.span]
          const key = `${spanId} ${traceId} ${startUnixNs} ${processKey}`
          expect(owner.get(match.task) ?? key).toBe(key)
          owner.set(match.task, key)
          // A task whose ids are those of a span with another task may be any span's by its name and times.
          if (match.evidence === 'name-time') continue
          const { name, logs, precedingLog } = tasks[match.task]
          expect(`${name} ${logs[0]?.message} ${precedingLog?.message}`).toContain(spanId)
        }
      },
    ),
  )
})

test('the order in which spans and tasks come changes nothing', () => {
  const count = 40
  const spans = Array.from({ length: count }, (_, i) =>
    span({ spanId: `${i % 35}`.padStart(16, 'd'), fromNs: i * 2_000_000, toNs: i * 2_000_000 + 900_000 }),
  )
  const tasks = Array.from({ length: count }, (_, i) =>
    task({
      id: i + 1,
      name: `a ${TRACE}/${`${i % 35}`.padStart(16, 'd')}`,
      startNs: i * 2_000_000 + 1_000,
      endNs: i * 2_000_000 + 900_100,
    }),
  )
  const idsOf = (result: JoinResult, s: typeof spans, t: typeof tasks): string[] =>
    result.matches.map((match) => `${s[match.span].startUnixNs} ${t[match.task].id}`).sort()
  const forwards = joinTasks(spans, capture(tasks))
  expect(forwards.matches).toHaveLength(count)
  const turned = [[...spans].reverse(), [...tasks].reverse()] as const
  expect(idsOf(joinTasks(turned[0], capture(turned[1])), ...turned)).toEqual(idsOf(forwards, spans, tasks))
})

test('a hundred thousand spans of one id end in no match, not in no answer', () => {
  const spans = Array.from({ length: 100_000 }, (_, i) => span({ fromNs: i, toNs: i + 10 }))
  const tasks = Array.from({ length: 1_000 }, () => named())
  const { matches, unmatched } = joinTasks(spans, capture(tasks))
  expect(matches).toEqual([])
  expect(unmatched.every(({ reason }) => reason === 'ambiguous')).toBe(true)
})

test('dozens of spans of one id still find their tasks by their times', () => {
  const at = (i: number) => 1_000_000 + i * 1_000_000
  const spans = Array.from({ length: 60 }, (_, i) => span({ fromNs: at(i), toNs: at(i) + 500_000 }))
  const tasks = Array.from({ length: 60 }, (_, i) => named({ startNs: at(i), endNs: at(i) + 500_000 }))
  expect(pairs(joinTasks(spans, capture(tasks, { durationNs: 100_000_000 })))).toEqual(spans.map((_, i) => [i, i]))
})

describe('a span that comes by itself', () => {
  const clock = { method: 'snapshot', offsetNs: ORIGIN, errorNs: 200 } as const
  const retry = named({ startNs: 1_400_000, endNs: 1_900_000 })
  const free = (): boolean => true

  test('finds its task', () => {
    expect(matchSpan(span(), new TaskIndex([named()]), clock, free)).toEqual({ task: 0, evidence: 'task-name' })
    expect(matchSpan(span({ spanId: OTHER_SPAN }), new TaskIndex([named()]), clock, free)).toBeNull()
  })

  test('finds the task whose times are its own', () => {
    expect(matchSpan(span(), new TaskIndex([retry, named()]), clock, free)).toMatchObject({ task: 1 })
    expect(matchSpan(span(), new TaskIndex([retry, named()]), NO_CLOCK, free)).toBe('ambiguous')
  })

  test('leaves tasks that are another span’s', () => {
    expect(matchSpan(span(), new TaskIndex([retry, named()]), clock, (row) => row === 0)).toMatchObject({ task: 0 })
    expect(matchSpan(span(), new TaskIndex([named()]), clock, () => false)).toBeNull()
  })
})
