// replicas.test.ts: processes of one program under the same load at the same time, captured one or all: no span is joined with another
// replica's task, whether the resource tells the replicas apart or not.

import { describe, expect, test } from 'vitest'
import { joinTasks } from '../../src/join/join.ts'
import type { JoinSpan } from '../../src/join/match.ts'
import { random } from '../support/generated-process.ts'
import { sampled, shifted, startOf, stockRecordings, type TrueRecording, withoutSnapshots } from '../support/truth.ts'

/** Recordings of one program by several Go versions, as if they had been made at the same time. */
const GROUPS: Readonly<Record<string, readonly TrueRecording[]>> = {
  'shop, OpenTelemetry': replicasOf(/^go1\.2[147]-otel$/),
  'shop, OpenCensus': replicasOf(/^go1\.2[246]-opencensus$/),
  'shop, saturated': replicasOf(/-otel-saturated$/),
  'library, OpenCensus': replicasOf(/-opencensus-library/),
  'library, OpenTelemetry': replicasOf(/-otel-library/),
}

/** Replicas' clocks, or the moments when they began, differ by up to this. */
const APART_MS = 20

function replicasOf(names: RegExp): TrueRecording[] {
  const all = stockRecordings().filter(({ name }) => names.test(name))
  return all.map((one) => {
    const moved = shifted(one, Number((startOf(all[0]) - startOf(one)) / 1_000_000n))
    const movedNs = moved.spans[0].startUnixNs - one.spans[0].startUnixNs
    const clockSnapshots = one.capture.clockSnapshots.map((at) => ({ ...at, unixNs: at.unixNs + movedNs }))
    return { ...moved, capture: { ...one.capture, clockSnapshots } }
  })
}

/** The recording as that of one process of many, told by its instance or not. */
function asReplica(one: TrueRecording, instance: string): TrueRecording {
  const processShared = instance === ''
  const spans = one.spans.map((span) => ({ ...span, processKey: `service/${instance}`, processShared }))
  return { ...one, spans }
}

/** Pairs of a capture with the spans of all: those with its own spans that are right, and all others. */
function pairsOf(own: TrueRecording, spans: readonly JoinSpan[]): { right: number; wrong: number; found: number } {
  const { matches } = joinTasks(spans, own.capture)
  let right = 0
  let found = 0
  for (const { span, task } of matches) {
    const { spanId } = spans[span]
    if (own.taskOf.get(spanId) === own.capture.tasks[task].id) right++
    if (own.whole.has(spanId)) found++
  }
  return { right, wrong: matches.length - right, found }
}

function findableIn(own: TrueRecording, spans: readonly JoinSpan[]): number {
  return spans.filter(({ spanId }) => own.whole.has(spanId)).length
}

const SHARES = [1, 0.5, 0.05, 0.01]
const SEEDS = [1, 2]

describe.each(Object.keys(GROUPS))('%s', (group) => {
  const all = GROUPS[group]
  const clocks = (one: TrueRecording): TrueRecording[] =>
    one.capture.clockSnapshots.length === 0 ? [one] : [one, withoutSnapshots(one)]

  test('there are several', () => {
    expect(all.length).toBeGreaterThan(1)
  })

  describe.each(SHARES)('%d of the traces, replicas not told apart', (share) => {
    const replicas = all.map((one) => asReplica(one, ''))

    /** Spans of the others, at the same time or somewhat before or after. */
    function others(own: TrueRecording, seed: number, part: number): JoinSpan[] {
      const next = random(seed)
      return replicas
        .filter(({ name }) => name !== own.name)
        .flatMap((one) => sampled(shifted(one, Math.round((next() - 0.5) * APART_MS)), part, seed).spans)
    }

    test('spans of all, one of them captured: none is joined with a task that is not its own', () => {
      for (const own of replicas.flatMap(clocks)) {
        for (const seed of SEEDS) {
          for (const part of [share, share / 20]) {
            const spans = [...sampled(own, share, seed).spans, ...others(own, seed, part)]
            expect(pairsOf(own, spans).wrong).toBe(0)
          }
        }
      }
    })

    test('the captured one’s spans never came: nothing is joined', () => {
      for (const own of replicas.flatMap(clocks)) {
        for (const seed of SEEDS) expect(joinTasks(others(own, seed, share), own.capture).matches).toEqual([])
      }
    })
  })

  test('one process alone is joined without an instance, also where half of the traces are sampled', () => {
    for (const own of all.map((one) => asReplica(one, '')).flatMap(clocks)) {
      for (const share of [1, 0.5]) {
        const { spans } = sampled(own, share, 1)
        const { wrong, found } = pairsOf(own, spans)
        expect(wrong).toBe(0)
        expect(found).toBeGreaterThanOrEqual(0.985 * findableIn(own, spans))
      }
    }
  })

  test.each(SHARES)('%d of the traces, all captured at once and told apart: each capture finds its own', (share) => {
    const replicas = all.map((one, at) => asReplica(one, `instance-${at}`))
    for (const seed of SEEDS) {
      const spans = replicas.flatMap((one) => sampled(one, share, seed).spans)
      for (const own of replicas.flatMap(clocks)) {
        const { wrong, found } = pairsOf(own, spans)
        expect(wrong).toBe(0)
        if (share >= 0.5) expect(found).toBeGreaterThanOrEqual(0.985 * findableIn(own, spans))
      }
    }
  })
})
