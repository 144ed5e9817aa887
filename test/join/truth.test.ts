// truth.test.ts: how often joining is right and how much it finds, over recordings whose true pairs are known. `npm run truth` prints
// the table. A wrong join is worse than none: the goals allow no wrong pair at all in captures of this size.

import { afterAll, describe, expect, test } from 'vitest'
import {
  coarse,
  type Judged,
  judge,
  ownRecordings,
  sampled,
  shifted,
  startOf,
  stockRecordings,
  together,
  type TrueRecording,
  withoutSnapshots,
} from '../support/truth.ts'

const DRAWS = [1, 2, 3, 4]

/** What is done to a recording before it is joined. */
const VARIANTS: Readonly<Record<string, (recording: TrueRecording) => readonly TrueRecording[]>> = {
  'as recorded': (one) => [one],
  'no snapshots': (one) => [withoutSnapshots(one)],
  '+3 s': (one) => [shifted(one, 3_000)],
  '-3 s': (one) => [shifted(one, -3_000)],
  '+10 min': (one) => [shifted(one, 600_000)],
  '-10 min': (one) => [shifted(one, -600_000)],
  '50 % sampled': (one) => DRAWS.map((seed) => sampled(one, 0.5, seed)),
  '50 %, no snapshots': (one) => DRAWS.map((seed) => withoutSnapshots(sampled(one, 0.5, seed))),
  '10 %, no snapshots': (one) => DRAWS.map((seed) => withoutSnapshots(sampled(one, 0.1, seed))),
  '5 % sampled': (one) => DRAWS.map((seed) => sampled(one, 0.05, seed)),
  '5 %, no snapshots': (one) => DRAWS.map((seed) => withoutSnapshots(sampled(one, 0.05, seed))),
  'whole us': (one) => [coarse(one, 1_000n)],
}

/** Recall asked of each SDK where nothing is sampled away. */
const RECALL: Readonly<Record<string, number>> = { otel: 0.995, opencensus: 0.99, 'otel-renamed': 0.9, own: 0.99 }

/** Spans of a microsecond, two or three apart, can mostly not be told from one another by times of whole microseconds. */
const LIBRARY_WHOLE_US_RECALL = 0.98
/** Of few requests the clocks are not always clear; those of the library are shorter than those of the shop. */
const FEW_REQUESTS_RECALL: Readonly<Record<string, number>> = { shop: 0.95, library: 0.85 }

const stock = stockRecordings()
const own = ownRecordings(false)
const withIds = ownRecordings(true)
const table: string[][] = []

/** By variant and recording: each is joined once, and asked for by several tests and the table. */
const known = new Map<string, Map<TrueRecording, Judged>>()

function judged(recordings: readonly TrueRecording[], variant: string): Judged {
  let ofVariant = known.get(variant)
  if (ofVariant === undefined) known.set(variant, (ofVariant = new Map<TrueRecording, Judged>()))
  const all: Judged[] = []
  for (const one of recordings) {
    const before = ofVariant.get(one) ?? together(VARIANTS[variant](one).map(judge))
    ofVariant.set(one, before)
    all.push(before)
  }
  return together(all)
}

function recallOf({ found, findable }: Judged): number {
  return findable === 0 ? 1 : found / findable
}

function precisionOf({ right, wrong }: Judged): number {
  return right + wrong === 0 ? 1 : right / (right + wrong)
}

describe('ids in names and logs', () => {
  test.each(withIds.map((one) => [one.name, one] as const))('%s: all pairs, and only these', (_, one) => {
    const { wrong, found, findable } = judge(one)
    expect(wrong).toBe(0)
    expect(found).toBe(findable)
    expect(findable).toBeGreaterThan(0)
  })
})

describe.each(Object.keys(VARIANTS))('names and times alone, %s', (variant) => {
  test.each([...stock, ...own].map((one) => [one.name, one] as const))('%s: no wrong pair', (_, one) => {
    const result = judged([one], variant)
    expect(result.wrong).toBe(0)
    if (/5 %|10 %|renamed/.test(`${variant} ${one.sdk}`)) return
    // Few spans sampled may be too few for a clock; all or half of them are enough.
    const asked = variant.startsWith('50') ? 0.985 : RECALL[one.sdk]
    const isHard = variant === 'whole us' && one.app === 'library'
    expect(recallOf(result)).toBeGreaterThanOrEqual(isHard ? LIBRARY_WHOLE_US_RECALL : asked)
  })

  test('renamed spans are found by the names that others were renamed to', () => {
    const renamed = stock.filter(({ sdk }) => sdk === 'otel-renamed')
    expect(recallOf(judged(renamed, variant))).toBeGreaterThanOrEqual(0.9)
  })

  test.each(['otel', 'opencensus'].flatMap((sdk) => ['shop', 'library'].map((app) => [sdk, app] as const)))(
    '%s, %s: the spans of few requests are enough',
    (sdk, app) => {
      const few = stock.filter((one) => one.sdk === sdk && one.app === app)
      const isHard = variant === 'whole us' && app === 'library'
      const asked = /^(5|10) /.test(variant) ? FEW_REQUESTS_RECALL[app] : 0.99
      expect(recallOf(judged(few, variant))).toBeGreaterThanOrEqual(isHard ? LIBRARY_WHOLE_US_RECALL : asked)
    },
  )
})

describe('the clock', () => {
  const clocked = stock.filter(({ capture }) => capture.clockSnapshots.length > 0)

  test.each(clocked.map((one) => [one.name, one] as const))('%s: fitted to within a microsecond', (_, one) => {
    const [snapshot] = one.capture.clockSnapshots
    const fitted = judge({ ...one, capture: { ...one.capture, clockSnapshots: [] } })
    expect(fitted.found).toBeGreaterThan(0)
    const far = { ...snapshot, unixNs: snapshot.unixNs + 600_000_000_000n }
    const { offsetApartNs } = judge({ ...one, capture: { ...one.capture, clockSnapshots: [far] } })
    expect(Math.abs((offsetApartNs ?? NaN) - 600e9)).toBeLessThanOrEqual(1_000)
  })
})

describe('spans of another run', () => {
  const pairs = stock.flatMap((one, i) =>
    stock.filter((_, j) => (i * 7 + j) % 5 === 0 && i !== j).map((other) => [one, other] as const),
  )

  test.each(pairs.map(([one, other]) => [one.name, other.name, one, other] as const))(
    'of %s find no task in %s, whenever they were',
    (_one, _other, one, other) => {
      const moved = shifted(one, Number((startOf(other) - startOf(one)) / 1_000_000n))
      for (const spans of [one.spans, moved.spans]) {
        const { right, wrong } = judge({ ...other, spans })
        expect(right + wrong).toBe(0)
      }
    },
  )
})

afterAll(() => {
  if (process.env.npm_lifecycle_event !== 'truth') return
  const percent = (share: number): string => (share === 1 ? '100' : (100 * share).toFixed(2))
  for (const [evidence, recordings] of [
    ['ids', withIds],
    ['name-time', [...stock, ...own]],
  ] as const) {
    const groups = new Map<string, TrueRecording[]>()
    for (const one of recordings) {
      const key = `${one.sdk}${one.saturated ? ', saturated' : ''}\t${one.goVersion}`
      groups.set(key, [...(groups.get(key) ?? []), one])
    }
    for (const [key, group] of groups) {
      for (const variant of evidence === 'ids' ? ['as recorded'] : Object.keys(VARIANTS)) {
        const result = judged(group, variant)
        const [sdk, goVersion] = key.split('\t')
        const { right, wrong, findable } = result
        table.push([
          evidence,
          sdk,
          goVersion,
          variant,
          `${findable}`,
          `${right}`,
          `${wrong}`,
          percent(precisionOf(result)),
          percent(recallOf(result)),
        ])
      }
    }
  }
  const head = ['evidence', 'made by', 'Go', 'variant', 'findable', 'right', 'wrong', 'precision %', 'recall %']
  const widths = head.map((name, at) => Math.max(name.length, ...table.map((cells) => cells[at].length)))
  for (const cells of [head, ...table])
    process.stdout.write(
      `${cells.map((cell, at) => (at < 4 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ')}\n`,
    )
})
