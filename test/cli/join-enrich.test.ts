import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as pathOf } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { enrich } from '../../src/cli/enrich.ts'
import { join } from '../../src/cli/join.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { joinRequests } from '../../src/span/otlp/rewrite.ts'
import { endUnixNs, spanIdHex, startUnixNs, traceIdHex } from '../../src/span/otlp/rows.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'
import { captureFixtures, fixturePath } from '../support/fixtures.ts'
import { keptTerminal } from '../support/terminal.ts'

const folder = mkdtempSync(pathOf(tmpdir(), 'subspan-join-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fixtures = captureFixtures('captures/go1.26')
const messages = fixtures.filter(({ name }) => name === 'messages')[0]
const spansFile = messages.beside('.spans.otlp.jsonl') ?? ''
const expected = JSON.parse(readFileSync(messages.beside('.expected.json') ?? '', 'utf8')) as {
  matches: { traceId: string; spanId: string; taskId: string }[]
}

interface JoinJson {
  readonly matches: {
    traceId: string
    spanId: string
    taskId: string
    evidence: string
    clockErrorNs: number
    capture: string
  }[]
  readonly unmatched: { traceId: string; spanId: string; reason: string }[]
  readonly clocks: { capture: string; method: string; offsetNs: string; errorNs: number }[]
}

interface OtlpJson {
  readonly resourceSpans: {
    readonly scopeSpans: { readonly scope?: { readonly name?: string }; readonly spans: OtlpSpan[] }[]
  }[]
}

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: { key: string; value: { doubleValue?: number; intValue?: string; stringValue?: string } }[]
}

async function joined(
  spans: string[],
  capture: string[],
  format: 'text' | 'json' = 'json',
  flags: Record<string, string> = {},
) {
  const written = keptTerminal()
  const exitCode = await join({ spans, capture, format, configFile: null, flags }, written.terminal)
  await written.terminal.flush()
  return { exitCode, out: written.out(), err: written.err() }
}

async function enriched(spans: string[], capture: string[], out: string | null) {
  const written = keptTerminal()
  const exitCode = await enrich({ spans, capture, out, configFile: null, flags: {} }, written.terminal)
  await written.terminal.flush()
  return { exitCode, out: written.out(), err: written.err() }
}

function spansOf(jsonLines: string): { scope: string; span: OtlpSpan }[] {
  return jsonLines
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => (JSON.parse(line) as OtlpJson).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ scope, spans }) => spans.map((span) => ({ scope: scope?.name ?? '', span })))
}

/** The same spans as one protobuf request. */
function asProtobuf(jsonLines: string): Uint8Array {
  return joinRequests(
    jsonLines
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => traceRequestFromJson(line)),
  )
}

describe('subspan join', () => {
  test('every span is matched with its true task, or has a reason', async () => {
    const { exitCode, out } = await joined([spansFile], [messages.path])
    expect(exitCode).toBe(0)
    const { matches, unmatched, clocks } = JSON.parse(out) as JoinJson
    const key = (one: { traceId: string; spanId: string; taskId: string }) =>
      `${one.traceId} ${one.spanId} ${one.taskId}`
    expect(new Set(matches.map(key))).toEqual(new Set(expected.matches.map(key)))
    expect(matches.length + unmatched.length).toBe(spansOf(readFileSync(spansFile, 'utf8')).length)
    expect(new Set(unmatched.map(({ reason }) => reason))).toEqual(new Set(['not-in-capture', 'no-task']))
    expect(matches[0]).toMatchObject({ evidence: 'task-name', capture: messages.path })
    expect(clocks).toEqual([
      {
        capture: messages.path,
        method: 'snapshot',
        offsetNs: expect.stringMatching(/^\d{19}$/) as string,
        errorNs: expect.any(Number) as number,
      },
    ])
  })

  test('protobuf, JSON lines and JSON over many lines say the same', async () => {
    const lines = readFileSync(spansFile, 'utf8')
    const protobuf = pathOf(folder, 'spans.pb')
    writeFileSync(protobuf, asProtobuf(lines))
    const pretty = pathOf(folder, 'pretty.json')
    const requests = lines.split('\n').filter((line) => line !== '')
    const resourceSpans = requests.flatMap((line) => (JSON.parse(line) as OtlpJson).resourceSpans)
    writeFileSync(pretty, JSON.stringify({ resourceSpans }, null, 2))
    const [first, second, third] = await Promise.all(
      [spansFile, protobuf, pretty].map((file) => joined([file], [messages.path])),
    )
    expect(second.out).toBe(first.out)
    expect(third.out).toBe(first.out)
  })

  test('a line that is no OTLP costs only itself, is told with its number, and ends in exit 1', async () => {
    const lines = readFileSync(spansFile, 'utf8').trimEnd().split('\n')
    const broken = pathOf(folder, 'broken.jsonl')
    writeFileSync(
      broken,
      [lines[0], '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', ...lines.slice(1)].join('\n'),
    )
    const whole = await joined([spansFile], [messages.path])
    const { exitCode, out, err } = await joined([broken], [messages.path])
    expect(exitCode).toBe(1)
    expect(out).toBe(whole.out)
    expect(err).toMatch(/broken\.jsonl, line 2: .*traceId/)
  })

  test('over two captures a span is matched once', async () => {
    const other = fixtures.filter(({ name }) => name === 'corners')[0]
    const { out } = await joined([spansFile], [other.path, messages.path, messages.path])
    const { matches, unmatched, clocks } = JSON.parse(out) as JoinJson
    const alone = JSON.parse((await joined([spansFile], [messages.path])).out) as JoinJson
    expect(matches).toEqual(alone.matches)
    expect(unmatched).toEqual(alone.unmatched)
    expect(clocks).toHaveLength(3)
  })

  test('stock spans are found by name and time, and not when that is switched off', async () => {
    const stock = fixturePath('joins', 'go1.26-otel')
    const files = [[`${stock}.spans.otlp.jsonl`], [`${stock}.trace`]] as const
    const { out } = await joined([...files[0]], [...files[1]])
    const { matches } = JSON.parse(out) as { matches: { evidence: string }[] }
    expect(matches.length).toBeGreaterThan(300)
    expect(new Set(matches.map(({ evidence }) => evidence))).toEqual(new Set(['name-time']))
    const byIds = await joined([...files[0]], [...files[1]], 'json', { 'join.nameTime': 'false' })
    expect((JSON.parse(byIds.out) as JoinJson).matches).toEqual([])
  })

  test('text says why nothing was joined by name and time', async () => {
    const of = (name: string, ending: string): string => fixturePath('joins', `${name}${ending}`)
    const { out } = await joined([of('go1.24-otel', '.spans.otlp.jsonl')], [of('go1.22-otel', '.trace')], 'text')
    expect(out).toContain('not joined by name and time')
  })

  test('text says how many, by which evidence, and why not the others', async () => {
    const { out } = await joined([spansFile], [messages.path], 'text')
    expect(out).toMatch(/^\d+ of \d+ spans joined \(\d+\.\d %\)/)
    expect(out).toMatch(/auth\.AccessToken +\d+ +\d+ +task-name \d+/)
    expect(out).toMatch(/not-in-capture +\d+ +the span lies outside/)
  })
})

describe('subspan enrich', () => {
  test('spans keep their own fields, joined ones have parts that add up to their duration to the nanosecond', async () => {
    const { exitCode, out, err } = await enriched([spansFile], [messages.path], null)
    expect(exitCode).toBe(0)
    expect(err).toMatch(/^\d+ spans of \d+ enriched, \d+ child spans added/)
    const all = spansOf(out)
    const own = all.filter(({ scope }) => scope !== 'subspan').map(({ span }) => span)
    const without = ({ attributes = [], ...rest }: OtlpSpan) => ({
      ...rest,
      attributes: attributes.filter(({ key }) => !key.startsWith('subspan.')),
    })
    const before = spansOf(readFileSync(spansFile, 'utf8')).map(({ span }) => without(span))
    expect(own.map(without)).toEqual(before)
    const enrichedSpans = own.filter(({ attributes = [] }) => attributes.some(({ key }) => key === 'subspan.capture'))
    expect(enrichedSpans).toHaveLength(expected.matches.length)
    const parts = ['exec', 'sched_wait', 'network', 'lock', 'chan', 'syscall', 'gc_wait', 'sleep', 'other', 'unknown']
    for (const span of enrichedSpans) {
      const ns = (key: string): bigint => {
        const value = span.attributes?.find((attribute) => attribute.key === `subspan.${key}_us`)?.value
        return BigInt(Math.round(Number(value?.doubleValue ?? value?.intValue) * 1000))
      }
      const sum = parts.reduce((total, part) => total + ns(part), 0n)
      expect(sum).toBe(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano))
    }
  })

  test('child spans lie inside their parents, in the same trace, with ids of their own', async () => {
    const all = spansOf((await enriched([spansFile], [messages.path], null)).out)
    const byId = new Map(all.map(({ span }) => [`${span.traceId} ${span.spanId}`, span]))
    expect(byId.size).toBe(all.length)
    const children = all.filter(({ scope }) => scope === 'subspan')
    expect(children.length).toBeGreaterThan(100)
    for (const { span } of children) {
      const parent = byId.get(`${span.traceId} ${span.parentSpanId}`)
      expect(parent).toBeDefined()
      expect(BigInt(span.startTimeUnixNano) >= BigInt(parent?.startTimeUnixNano ?? 0)).toBe(true)
      expect(BigInt(span.endTimeUnixNano) <= BigInt(parent?.endTimeUnixNano ?? 0)).toBe(true)
      expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)).toBe(true)
    }
  })

  test('run twice it gives the same bytes, and spans that are enriched already leave as they came', async () => {
    const once = pathOf(folder, 'once.jsonl')
    const again = pathOf(folder, 'again.jsonl')
    const twice = pathOf(folder, 'twice.jsonl')
    await enriched([spansFile], [messages.path], once)
    await enriched([spansFile], [messages.path], again)
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(once, 'utf8'))
    const { err } = await enriched([once], [messages.path], twice)
    expect(err).toMatch(/^0 spans of/)
    expect(readFileSync(twice, 'utf8')).toBe(readFileSync(once, 'utf8'))
  })

  test('protobuf in and out holds the same spans', async () => {
    const input = pathOf(folder, 'in.pb')
    writeFileSync(input, asProtobuf(readFileSync(spansFile, 'utf8')))
    const output = pathOf(folder, 'out.pb')
    await enriched([input], [messages.path], output)
    const table = scanTraceRequest(new Uint8Array(readFileSync(output)))
    const lines = spansOf((await enriched([spansFile], [messages.path], null)).out)
    const key = (traceId: string, spanId: string, start: string, end: string) => [traceId, spanId, start, end].join(' ')
    const rows = Array.from({ length: table.length }, (_, row) =>
      key(
        traceIdHex(table, row),
        spanIdHex(table, row),
        String(startUnixNs(table, row)),
        String(endUnixNs(table, row)),
      ),
    )
    const wanted = lines.map(({ span }) => key(span.traceId, span.spanId, span.startTimeUnixNano, span.endTimeUnixNano))
    expect(rows.sort()).toEqual(wanted.sort())
  })

  test('a result that cannot be written is told as such', async () => {
    await expect(enriched([spansFile], [messages.path], pathOf(folder, 'no', 'such', 'folder.jsonl'))).rejects.toThrow(
      Failure,
    )
  })
})
