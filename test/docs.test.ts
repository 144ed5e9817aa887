// docs.test.ts: the guide names what exists: metrics, options, files, and sentences that Subspan says.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { LISTS, OPTIONS } from '../src/config/options.ts'
import { renderMarkdown } from '../src/config/reference.ts'
import { METRICS } from '../src/telemetry/metrics.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const pages = [
  'README.md',
  'examples/go/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

/** Names that Prometheus has for the metrics of Subspan and of Node's process. */
const known = new Set(
  METRICS.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

/** Metrics of ours in a text. */
function metricsIn(text: string): string[] {
  return [...new Set(text.match(/\bsubspan_[a-z_]+\b/g) ?? [])]
}

describe('metrics in the guide exist', () => {
  test.each(['docs/prometheus/rules.yml', 'docs/grafana/subspan.json'])('%s', (file) => {
    const used = metricsIn(textOf(file))
    expect(used.length).toBeGreaterThan(5)
    expect(used.filter((name) => !known.has(name))).toEqual([])
  })

  test('recorded series are recorded before they are used', () => {
    const rules = parseDocument(textOf('docs/prometheus/rules.yml'), { strict: true })
    expect([...rules.errors, ...rules.warnings]).toEqual([])
    const { groups } = rules.toJS() as { groups: { rules: { record?: string; alert?: string; expr: string }[] }[] }
    const all = groups.flatMap((group) => group.rules)
    const recorded = new Set(all.map(({ record }) => record))
    const used = all.flatMap(({ expr }) => expr.match(/\bsubspan:[a-z0-9_:]+/g) ?? [])
    expect(used.filter((name) => !recorded.has(name))).toEqual([])
    expect(all.filter(({ alert }) => alert !== undefined).length).toBeGreaterThan(5)
  })
})

test.each(pages)('%s: every link within the repository leads somewhere', (page) => {
  const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target]) => target)
  expect(links.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([])
})

test.each(pages)('%s: every option that is named exists', (page) => {
  const items = LISTS.flatMap((list) => list.rows.map((row) => `${list.name}.0.${row.name}`))
  const names = [...OPTIONS.map(({ name }) => name), ...items]
  const groups = new Set(names.map((name) => name.split('.')[0]).filter((group) => !names.includes(group)))
  const named = [...textOf(page).matchAll(/`([a-z]+)((?:\.[a-zA-Z]+)+)(?:: [^`]*)?`/g)]
    .filter(([, group]) => groups.has(group))
    .map(([, group, rest]) => group + rest)
  expect(named.filter((name) => !names.includes(name))).toEqual([])
})

test('docs/configuration.md is what subspan config --format markdown prints; `npx vitest run test/docs.test.ts -u` writes it anew', async () => {
  await expect(renderMarkdown()).toMatchFileSnapshot('../docs/configuration.md')
})

test('docs/metrics.md is the table of the metrics; `npx vitest run test/docs.test.ts -u` writes it anew', async () => {
  const rows = METRICS.map(({ name, type, labels, help }) => {
    const labelled = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${labelled} | ${help.replaceAll('|', '\\|')} |`
  })
  const page = `# Metrics

\`GET /metrics\` on the API's port gives these in Prometheus' form, with the process and event-loop metrics of prom-client besides. Names and labels stay as they are
within a version. [prometheus/rules.yml](prometheus/rules.yml) has alerts made of them, [grafana/subspan.json](grafana/subspan.json) a dashboard.

| metric | type | labels | |
|---|---|---|---|
${rows.join('\n')}
`
  await expect(page).toMatchFileSnapshot('../docs/metrics.md')
})

test('the sentences of the troubleshooting page are those that the program says', () => {
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => textOf(join('src', file)))
    .join('\n')
    // Sentences go over lines, and have values in them.
    .replaceAll(/['`]\s*\+\s*['`]/g, '')
    .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…')
  const sentences = [...textOf('docs/troubleshooting.md').matchAll(/^### `(.+)`$/gm)].map(([, sentence]) => sentence)
  expect(sentences.length).toBeGreaterThan(8)
  const pieces = sentences.flatMap((sentence) => sentence.split('…').map((piece) => piece.trim()))
  expect(pieces.filter((piece) => piece !== '' && !source.includes(piece))).toEqual([])
})
