// child-spans.test.ts: docs/child-spans.md has every name that a child may bear, every attribute, and the limits that the code has.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GROUPS } from '../../src/breakdown/groups.ts'
import { MOST_HOLDERS_TOLD, MOST_RUNNERS, MOST_WAITS, MOST_WAKER_STAYS } from '../../src/breakdown/states-layout.ts'
import { MOST_TEXT_BYTES } from '../../src/enrich/attributes.ts'
import { rangeName, waitName } from '../../src/enrich/child-names.ts'
import { DEFAULT_ENRICH_OPTIONS, DEFAULT_TRACE_LIMITS } from '../../src/enrich/enrich.ts'
import type { Instead } from '../../src/enrich/instead.ts'

const page = readFileSync(new URL('../../docs/child-spans.md', import.meta.url), 'utf8')

describe('docs/child-spans.md', () => {
  test('has every name', () => {
    const locks = ['Mutex', 'RWMutex', 'Once', 'WaitGroup', 'Cond'].map((one) => `sync.(*${one}).Wait`)
    const stackOf = (name: string) => [{ function: name, file: 'a.go', line: 1 }]
    const insteads: Record<Instead, true> = {
      timer: true,
      deadline: true,
      connection: true,
      givenUp: true,
      goroutine: true,
      timerOrGoroutine: true,
      pipe: true,
      late: true,
      queue: true,
      stream: true,
      process: true,
    }
    const waits = GROUPS.filter((group) => group !== 'exec' && group !== 'unknown')
    const names = [
      ...waits.map((group) => waitName(group, null)),
      ...[...locks, 'internal/poll.(*fdMutex).rwlock'].map((name) => waitName('lock', stackOf(name))),
      ...(Object.keys(insteads) as Instead[]).map((instead) => waitName('chan', null, instead)),
      waitName('other', stackOf('runtime.stopTheWorld')),
      ...['GC mark assist', 'GC incremental sweep', 'stop-the-world (x)'].map(rangeName),
    ]
    expect(new Set(names).size).toBeGreaterThan(20)
    for (const name of names) expect(page).toContain(`\`${name}\``)
  })

  test('has every attribute of children', () => {
    const room = new URL('../../src/enrich/', import.meta.url)
    const spans = new Set(['subspan.url', 'subspan.verdict', 'subspan.coverage', 'subspan.evidence', 'subspan.capture'])
    const ofSpan = /_us$|^subspan\.(goroutines|clock_error_us)$/
    const keys = readdirSync(room)
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(new URL(file, room), 'utf8').matchAll(/'((?:subspan|code)\.[a-z_.]+)'/g)])
      .map(([, key]) => (key.endsWith('.') ? `${key}*` : key))
      .filter((key) => !spans.has(key) && !(ofSpan.test(key) && !/held_us|wait_us|range_us/.test(key)))
      .filter((key) => !/^subspan\.(sched|gc)_wait_us$/.test(key))
    expect(keys.length).toBeGreaterThan(20)
    for (const key of keys) expect(page).toContain(`\`${key}\``)
  })

  test('has the limits', () => {
    const { minWaitNs, minWaitShare, longWaitNs, mergeGapNs, maxPerSpan } = DEFAULT_ENRICH_OPTIONS
    expect(page).toContain(
      `at least ${minWaitShare * 100} % of the span, or ${longWaitNs / 1e6} ms where that is less, and ${minWaitNs / 1000} us in any case`,
    )
    expect(page).toContain(`gaps between them are at most ${mergeGapNs / 1000} us`)
    expect(page).toContain(`the longest ${maxPerSpan} are kept of a span`)
    expect(page).toContain(`${DEFAULT_TRACE_LIMITS.spans} or ${DEFAULT_TRACE_LIMITS.bytes / 1024} KiB in a trace`)
    expect(page).toContain(`Texts are cut at ${MOST_TEXT_BYTES} bytes`)
    expect(page).toContain(`the latest ${MOST_WAKER_STAYS.toLocaleString('en')} states`)
    expect(page).toContain(`the ${MOST_HOLDERS_TOLD} that held it longest, the ${MOST_RUNNERS} that ran longest`)
    expect(page).toContain(`the ${MOST_WAITS} longest of a task`)
  })
})
