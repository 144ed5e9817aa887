// ground-verdicts.test.ts: what verdicts say of tasks, against what the recording program knew that they have to say.

import { describe, expect, test } from 'vitest'
import { TraceBudget } from '../../src/enrich/budget.ts'
import { DEFAULT_ENRICH_OPTIONS, DEFAULT_TRACE_LIMITS, enrichSpan } from '../../src/enrich/enrich.ts'
import { joinTasks } from '../../src/join/join.ts'
import { spansOf } from '../join/spans-of.ts'
import { analyse, type CaptureFixture, captureFixtures } from '../support/fixtures.ts'
import { groundTruthOf } from '../support/ground-truth.ts'
import { byKey } from './builders.ts'

/** Verdicts by task id. */
function verdictsOf(fixture: CaptureFixture): ReadonlyMap<string, unknown> {
  const spans = spansOf(fixture.beside('.spans.otlp.jsonl') ?? '')
  const { tasks, tables, info } = analyse(fixture.bytes(), { timelines: true, stacks: true })
  const { clockSnapshots, durationNs } = info
  const { matches } = joinTasks(spans, { tasks, clockSnapshots, durationNs })
  const spanOfTask = new Map(matches.map(({ span, task }) => [tasks[task].id, spans[span]]))
  return new Map(
    matches.map(({ span, task, evidence, clock }) => {
      const { attributes } = enrichSpan({
        span: { ...spans[span], traceState: '', flags: 0x101 },
        task: tasks[task],
        capture: { id: 'causes', tables, gcPhases: { startNs: [], endNs: [], beforeNs: [] }, durationNs },
        offsetNs: clock.offsetNs ?? 0n,
        clockErrorNs: clock.errorNs,
        evidence,
        spanOfTask: (id) => spanOfTask.get(id) ?? null,
        options: DEFAULT_ENRICH_OPTIONS,
        mode: 'in-place',
        budget: new TraceBudget(DEFAULT_TRACE_LIMITS),
      })
      return [String(tasks[task].id), byKey(attributes)['subspan.verdict']]
    }),
  )
}

const recordings = captureFixtures('captures').flatMap((fixture) => {
  const known = groundTruthOf(fixture)?.filter(({ verdict }) => verdict !== undefined) ?? []
  return known.length === 0 ? [] : [{ name: fixture.name, fixture, known }]
})

describe.each(recordings)('$name', ({ fixture, known }) => {
  const verdicts = verdictsOf(fixture)

  test('verdicts say what the program knows that they have to say', () => {
    for (const { name, task, verdict } of known) {
      expect(verdicts.get(task), `the verdict of ${name} (${task})`).toMatch(new RegExp(verdict ?? ''))
    }
  })
})
