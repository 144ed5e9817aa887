// recorded.test.ts: every joined span of the recorded captures, enriched both ways.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { TraceBudget } from '../../src/enrich/budget.ts'
import {
  DEFAULT_ENRICH_OPTIONS,
  DEFAULT_TRACE_LIMITS,
  type Enrichment,
  type EnrichInput,
  enrichSpan,
  sizeOf,
  type SpanToEnrich,
} from '../../src/enrich/enrich.ts'
import { joinTasks } from '../../src/join/join.ts'
import { encodeSpan } from '../../src/span/otlp/write.ts'
import type { NewSpan } from '../../src/span/span.ts'
import { spansOf } from '../join/spans-of.ts'
import { analyse, type CaptureFixture, captureFixtures, corpusFixtures } from '../support/fixtures.ts'
import { byKey, checkChildren, hex, sumOfParts } from './builders.ts'

const fixtures = [...captureFixtures('captures'), ...captureFixtures('demo'), ...corpusFixtures()]
  .filter((fixture) => fixture.beside('.spans.otlp.jsonl') !== null && isReadable(fixture))
  .map((fixture) => [fixture.name, fixture] as const)

/** Whether a capture is one: the corpus has some that are none. */
function isReadable(fixture: CaptureFixture): boolean {
  return /^go 1\.(1\d|2[0-7]) trace/.test(Buffer.from(fixture.bytes().subarray(0, 16)).toString('latin1'))
}

interface RecordedSpan {
  readonly spanId: string
  readonly links?: readonly { readonly spanId: string }[]
}
interface RecordedRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly RecordedSpan[] }[] }[]
}

/** Spans that the recorded spans link to themselves, by the id of the one that links. */
function linksOf(fixture: CaptureFixture): Map<string, string> {
  const lines = readFileSync(fixture.beside('.spans.otlp.jsonl') ?? '', 'utf8')
    .trim()
    .split('\n')
  const requests = lines.map((line) => JSON.parse(line) as RecordedRequest)
  const spans = requests.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  )
  return new Map(spans.flatMap(({ spanId, links }) => (links ?? []).map((link) => [spanId, link.spanId] as const)))
}

/** Microseconds of assisting the collector that children tell, without the time between assists. */
function assistsTold(children: readonly NewSpan[]): number {
  return children
    .filter(({ name }) => name === 'GC assist')
    .map(
      ({ attributes, startUnixNs, endUnixNs }) =>
        byKey(attributes)['subspan.range_us'] ?? Number(endUnixNs - startUnixNs) / 1000,
    )
    .reduce<number>((sum, us) => sum + (us as number), 0)
}

/** Spans of whose time assists are a tenth, and of which no child was cut, in all recordings. */
let spansOfAssists = 0
/** Waits for the token that were told of, in all recordings. */
let waitsTold = 0

describe.each(fixtures)('%s', (_, fixture) => {
  const spans = spansOf(fixture.beside('.spans.otlp.jsonl') ?? '')
  const { tasks, tables, info } = analyse(fixture.bytes(), { timelines: true, stacks: true })
  const gcPhases = { startNs: [], endNs: [], beforeNs: [] }
  const { clockSnapshots, durationNs, originNs } = info
  const { matches } = joinTasks(spans, { tasks, clockSnapshots, durationNs })
  const rowOfTask = new Map(matches.map(({ span, task }) => [tasks[task].id, span]))

  const spanOf = (row: number): SpanToEnrich => ({ ...spans[row], traceState: '', flags: 0x101 })
  const enriched = (
    { span: row, task, evidence, clock }: (typeof matches)[number],
    more: Partial<EnrichInput> = {},
  ): Enrichment =>
    enrichSpan({
      span: spanOf(row),
      task: tasks[task],
      capture: { id: 'c0ffee', tables, gcPhases, durationNs, originNs },
      offsetNs: clock.offsetNs ?? 0n,
      clockErrorNs: clock.errorNs,
      evidence,
      spanOfTask: (id) => spans[rowOfTask.get(id) ?? -1] ?? null,
      options: DEFAULT_ENRICH_OPTIONS,
      mode: 'in-place',
      budget: new TraceBudget(DEFAULT_TRACE_LIMITS),
      ...more,
    })

  test('a wait for the token links to the refresh that the program itself says it waited for', () => {
    // Queued for the mutex of the token the program notes, once it has it, whose refresh it was that held it before.
    const links = linksOf(fixture)
    for (const match of matches) {
      const refresh = links.get(spans[match.span].spanId)
      // A refresh that began before the capture has no task in it.
      if (refresh === undefined || !matches.some(({ span }) => spans[span].spanId === refresh)) continue
      const { children } = enriched(match)
      const waits = children.filter(
        ({ name, startUnixNs, endUnixNs }) => name === 'mutex wait' && endUnixNs - startUnixNs > 1_000_000n,
      )
      for (const { links: found, attributes } of waits) {
        // At the beginning of a capture it is not known what those waited for that were woken first.
        if (byKey(attributes)['subspan.held_by_goroutine'] === undefined) {
          expect(found).toEqual([])
          continue
        }
        waitsTold++
        expect(byKey(attributes)['subspan.held_by']).toBe('auth.Refresh')
        expect(found.map(({ spanId }) => hex(spanId))).toEqual([refresh])
      }
    }
  })

  test.each(['in-place', 'late'] as const)(
    '%s: parts sum to the duration, children nest, sizes are bounded',
    (mode) => {
      const budget = new TraceBudget(DEFAULT_TRACE_LIMITS)
      for (const match of matches) {
        const span = spanOf(match.span)
        const { attributes, children, cut } = enriched(match, { mode, budget })
        checkChildren(span, children)
        expect(children.length).toBeLessThanOrEqual(16)
        for (const child of children) expect(sizeOf(child)).toBeGreaterThanOrEqual(encodeSpan(child).length)
        // A trace that has had its share gets no summary any more.
        if (mode === 'late' && children.length === 0) continue
        const carrier = mode === 'late' ? children[0].attributes : attributes
        expect(sumOfParts(carrier)).toBe(Number(span.endUnixNs - span.startUnixNs))
        const assistUs = byKey(carrier)['subspan.gc_assist_us'] as number
        const toldUs = assistsTold(children)
        expect(toldUs).toBeLessThanOrEqual(assistUs + 1e-6)
        // What takes a tenth of a span is seen in it, however short each assist was.
        if (assistUs * 10_000 > Number(span.endUnixNs - span.startUnixNs) && cut === 0) {
          spansOfAssists++
          expect(toldUs * 3).toBeGreaterThan(assistUs * 2)
        }
        if (byKey(carrier)['subspan.coverage'] === 'full') expect(byKey(carrier)['subspan.unknown_us']).toBe(0)
      }
    },
  )
})

test('most waits for the token are told of', () => {
  expect(waitsTold).toBeGreaterThan(40)
})

test('there are spans of whose time assists are a tenth, with all of their children', () => {
  expect(spansOfAssists).toBeGreaterThan(30)
})
