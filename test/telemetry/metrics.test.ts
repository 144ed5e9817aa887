import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { METRICS, Metrics } from '../../src/telemetry/metrics.ts'

const src = fileURLToPath(new URL('../../src/', import.meta.url))

/** Names that the source counts, outside the table itself. */
function namesUsed(): Set<string> {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('metrics.ts'),
  )
  const text = files.map((file) => readFileSync(join(src, file), 'utf8')).join('\n')
  return new Set([...text.matchAll(/'(subspan_[a-z_]+)'/g)].map(([, name]) => name))
}

describe('the table', () => {
  test('has every name that is counted anywhere', () => {
    const known = new Set(METRICS.map(({ name }) => name))
    expect([...namesUsed()].filter((name) => !known.has(name))).toEqual([])
  })

  test('has no name that nothing counts', () => {
    const used = namesUsed()
    expect(METRICS.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([])
  })

  test('names and describes things as Prometheus asks for', () => {
    for (const { name, type, help } of METRICS) {
      expect(name, name).toMatch(/^subspan_[a-z_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(help, name).toMatch(/^[A-Z].*\.$/)
    }
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length)
  })
})

describe('counting', () => {
  test('shows in the text that Prometheus reads', async () => {
    const metrics = new Metrics(false)
    metrics.add('subspan_spans_left_total', 2, { way: 'now' })
    metrics.add('subspan_spans_left_total', 3, { way: 'now' })
    metrics.add('subspan_spans_left_total', 1, { way: 'late' })
    metrics.set('subspan_journal_bytes', 7)
    metrics.observe('subspan_decode_seconds', 0.05, { result: 'done' })
    const { contentType, text } = await metrics.read()
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/)
    const lines = text.split('\n')
    expect(lines).toContain('subspan_spans_left_total{way="now"} 5')
    expect(lines).toContain('subspan_spans_left_total{way="late"} 1')
    expect(lines).toContain('subspan_journal_bytes 7')
    expect(lines).toContain('subspan_decode_seconds_bucket{le="0.03",result="done"} 0')
    expect(lines).toContain('subspan_decode_seconds_bucket{le="0.1",result="done"} 1')
    for (const { name, help } of METRICS) expect(lines).toContain(`# HELP ${name} ${help}`)
  })

  test('of what is not in the table throws', () => {
    const metrics = new Metrics(false)
    expect(() => metrics.add('subspan_unheard_of_total', 1)).toThrow(/no counter subspan_unheard_of_total/)
    expect(() => metrics.set('subspan_unheard_of', 1)).toThrow(/no gauge/)
    expect(() => metrics.set('subspan_spans_accepted_total', 1)).toThrow(/no gauge/)
    expect(() => metrics.add('subspan_spans_left_total', 1, { road: 'now' })).toThrow(/label/)
  })

  test('reads gauges when they are asked for', async () => {
    const metrics = new Metrics(false)
    let bytes = 1
    metrics.onRead(() => metrics.set('subspan_journal_bytes', bytes))
    bytes = 42
    expect((await metrics.read()).text).toContain('\nsubspan_journal_bytes 42\n')
  })

  test('of the process comes with memory and event-loop delay', async () => {
    const { text } = await new Metrics(true).read()
    expect(text).toMatch(/^process_resident_memory_bytes \d/m)
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
  })
})
