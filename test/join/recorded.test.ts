// recorded.test.ts: the recorded captures with the spans of the same run. Their `.expected.json` is written by the program that made the
// spans (which task it gave each) and by Go's own reader.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { joinTasks } from '../../src/join/join.ts'
import { analyse, captureFixtures } from '../support/fixtures.ts'
import { spansOf } from './spans-of.ts'

interface Expected {
  readonly matches: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly taskId: string
    readonly evidence: string
  }[]
  /** What a reader may find that does not give up where Go's does. */
  readonly beyondReadError?: Expected['matches']
  readonly unmatched: readonly { readonly traceId: string; readonly spanId: string; readonly window: string }[]
}

const fixtures = [...captureFixtures('captures'), ...captureFixtures('demo')]
  .filter((fixture) => fixture.beside('.spans.otlp.jsonl') !== null)
  .map((fixture) => [fixture.name, fixture] as const)

describe.each(fixtures)('%s', (_, fixture) => {
  const spans = spansOf(fixture.beside('.spans.otlp.jsonl') ?? '')
  const expected = JSON.parse(readFileSync(fixture.beside('.expected.json') ?? '', 'utf8')) as Expected
  const { tasks, info } = analyse(fixture.bytes())
  const { clockSnapshots, durationNs } = info

  test('every span has the task that its program gave it, and no other has one', () => {
    const { matches, unmatched } = joinTasks(spans, { tasks, clockSnapshots, durationNs })
    const found = new Map(matches.map((match) => [spans[match.span].spanId, match]))
    for (const { traceId, spanId, taskId, evidence } of expected.matches) {
      const match = found.get(spanId)
      expect(match === undefined ? null : String(tasks[match.task].id)).toBe(taskId)
      expect(match?.evidence).toBe(evidence)
      expect(match === undefined ? null : spans[match.span].traceId).toBe(traceId)
      found.delete(spanId)
    }
    const beyond = new Map((expected.beyondReadError ?? []).map(({ spanId, taskId }) => [spanId, taskId]))
    for (const [spanId, match] of found) expect(String(tasks[match.task].id)).toBe(beyond.get(spanId))
    expect(matches.length + unmatched.length).toBe(spans.length)
  })

  test('spans before and after the capture are said to be outside it, those inside to have no task', () => {
    const { unmatched } = joinTasks(spans, { tasks, clockSnapshots, durationNs })
    const windows = new Map(expected.unmatched.map(({ spanId, window }) => [spanId, window]))
    for (const { span, reason } of unmatched) {
      const window = windows.get(spans[span].spanId) ?? ''
      if (window === '') continue
      expect(reason).toBe(window === 'before' || window === 'after' ? 'not-in-capture' : 'no-task')
    }
  })

  test('without its clock snapshots the pairs tell the same clock within the stated bounds', () => {
    const bySnapshot = joinTasks(spans, { tasks, clockSnapshots, durationNs })
    const byPairs = joinTasks(spans, { tasks, clockSnapshots: [], durationNs })
    expect(byPairs.matches.length).toBe(bySnapshot.matches.length)
    if (bySnapshot.clock.method !== 'snapshot' || byPairs.clock.offsetNs === null) return
    const apart = Math.abs(Number(byPairs.clock.offsetNs - (bySnapshot.clock.offsetNs ?? 0n)))
    expect(apart).toBeLessThanOrEqual((byPairs.clock.errorNs ?? 0) + (bySnapshot.clock.errorNs ?? 0))
  })

  test('none is joined with spans whose traces are of another run', () => {
    const others = spans.map((span) => ({ ...span, traceId: [...span.traceId].reverse().join('') }))
    expect(joinTasks(others, { tasks, clockSnapshots, durationNs }).matches).toEqual([])
  })
})
