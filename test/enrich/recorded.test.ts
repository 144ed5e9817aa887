// recorded.test.ts: every joined span of the recorded captures, enriched both ways.

import { describe, expect, test } from 'vitest'
import { TraceBudget } from '../../src/enrich/budget.ts'
import { DEFAULT_ENRICH_OPTIONS, DEFAULT_TRACE_LIMITS, enrichSpan, sizeOf } from '../../src/enrich/enrich.ts'
import { joinTasks } from '../../src/join/join.ts'
import { encodeSpan } from '../../src/span/otlp/write.ts'
import { spansOf } from '../join/spans-of.ts'
import { analyse, captureFixtures } from '../support/fixtures.ts'
import { byKey, checkChildren, sumOfParts } from './builders.ts'

const fixtures = [...captureFixtures('captures'), ...captureFixtures('demo')]
  .filter((fixture) => fixture.beside('.spans.otlp.jsonl') !== null)
  .map((fixture) => [fixture.name, fixture] as const)

describe.each(fixtures)('%s', (_, fixture) => {
  const spans = spansOf(fixture.beside('.spans.otlp.jsonl') ?? '')
  const { tasks, tables, info } = analyse(fixture.bytes(), { timelines: true, stacks: true })
  const gcPhases = { startNs: [], endNs: [] }
  const { clockSnapshots, durationNs, originNs } = info
  const { matches } = joinTasks(spans, { tasks, clockSnapshots, durationNs })
  const rowOfTask = new Map(matches.map(({ span, task }) => [tasks[task].id, span]))

  test.each(['in-place', 'late'] as const)(
    '%s: parts sum to the duration, children nest, sizes are bounded',
    (mode) => {
      const budget = new TraceBudget(DEFAULT_TRACE_LIMITS)
      for (const { span: row, task, evidence, clock } of matches) {
        const span = { ...spans[row], traceState: '', flags: 0x101 }
        const { attributes, children } = enrichSpan({
          span,
          task: tasks[task],
          capture: { id: 'c0ffee', tables, gcPhases, durationNs, originNs },
          offsetNs: clock.offsetNs ?? 0n,
          clockErrorNs: clock.errorNs,
          evidence,
          spanOfTask: (id) => spans[rowOfTask.get(id) ?? -1] ?? null,
          options: DEFAULT_ENRICH_OPTIONS,
          mode,
          budget,
        })
        checkChildren(span, children)
        expect(children.length).toBeLessThanOrEqual(16)
        for (const child of children) expect(sizeOf(child)).toBeGreaterThanOrEqual(encodeSpan(child).length)
        // A trace that has had its share gets no summary any more.
        if (mode === 'late' && children.length === 0) continue
        const carrier = mode === 'late' ? children[0].attributes : attributes
        expect(sumOfParts(carrier)).toBe(Number(span.endUnixNs - span.startUnixNs))
        if (byKey(carrier)['subspan.coverage'] === 'full') expect(byKey(carrier)['subspan.unknown_us']).toBe(0)
      }
    },
  )
})
