// trace-tree.ts: one trace as a tree for a terminal: names, lengths, bars where the spans lie, and what Subspan says of them.

import type { Group, GroupedParts } from '../breakdown/groups.ts'
import { emptyParts, GROUPS } from '../breakdown/groups.ts'
import { PART_KEYS } from '../enrich/attributes.ts'
import { SCOPE_NAME } from '../enrich/enrich.ts'
import { traceRequestToJson } from '../span/otlp/json.ts'
import { bar, duration, fitted, legend } from './human.ts'
import { escapeName, type Style } from './terminal.ts'

/** A span as the tree shows it. */
export interface TreeSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly startUnixNs: bigint
  readonly endUnixNs: bigint
  /** Whether Subspan added it. */
  readonly added: boolean
  /** Those whose value is text or a number. */
  readonly attributes: ReadonlyMap<string, string | number>
}

/** The spans of an OTLP protobuf trace request. */
export function treeSpansOf(request: Uint8Array): TreeSpan[] {
  const { resourceSpans } = JSON.parse(traceRequestToJson(request)) as RequestJson
  return (resourceSpans ?? []).flatMap(({ scopeSpans }) =>
    (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      (spans ?? []).map((span) => ({
        traceId: span.traceId ?? '',
        spanId: span.spanId ?? '',
        parentSpanId: span.parentSpanId ?? '',
        name: span.name ?? '',
        startUnixNs: BigInt(span.startTimeUnixNano ?? 0),
        endUnixNs: BigInt(span.endTimeUnixNano ?? 0),
        added: scope?.name === SCOPE_NAME,
        attributes: plainAttributes(span.attributes ?? []),
      })),
    ),
  )
}

interface RequestJson {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string }
      readonly spans?: readonly {
        readonly traceId?: string
        readonly spanId?: string
        readonly parentSpanId?: string
        readonly name?: string
        readonly startTimeUnixNano?: string
        readonly endTimeUnixNano?: string
        readonly attributes?: readonly AttributeJson[]
      }[]
    }[]
  }[]
}

interface AttributeJson {
  readonly key?: string
  readonly value?: { readonly stringValue?: string; readonly intValue?: string; readonly doubleValue?: number | string }
}

function plainAttributes(attributes: readonly AttributeJson[]): Map<string, string | number> {
  const plain = new Map<string, string | number>()
  for (const { key, value } of attributes) {
    if (key === undefined || value === undefined) continue
    if (value.stringValue !== undefined) plain.set(key, value.stringValue)
    else if (value.intValue !== undefined) plain.set(key, Number(value.intValue))
    else if (value.doubleValue !== undefined) plain.set(key, Number(value.doubleValue))
  }
  return plain
}

/** Names longer than this are cut in their middle. */
const MAX_NAME_WIDTH = 44
const MIN_BAR_CELLS = 24

/** One line of the tree. */
interface Line {
  /** The lines that lead to the span. */
  readonly branch: string
  /** The same for what stands below it. */
  readonly below: string
  readonly span: TreeSpan
  readonly row: Row
}

/** A span, or several added ones of one name in a row, without children of their own; one that stands for several counts as them. */
interface Row {
  readonly name: string
  readonly startUnixNs: bigint
  endUnixNs: bigint
  /** Of all of them, without the time between them. */
  lengthNs: number
  count: number
}

/**
 * The tree of one trace: children under their parents by start, spans whose parent is not among them at the top. Where a span has its
 * breakdown, its bar shows the parts and its verdict stands below.
 */
export function traceTree(spans: readonly TreeSpan[], style: Style): string {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const childrenOf = new Map<string, TreeSpan[]>()
  for (const span of spans) {
    const parent = span.parentSpanId !== span.spanId && known.has(span.parentSpanId) ? span.parentSpanId : ''
    const siblings = childrenOf.get(parent)
    if (siblings === undefined) childrenOf.set(parent, [span])
    else siblings.push(span)
  }
  const isLeaf = (span: TreeSpan): boolean => span.added && !childrenOf.has(span.spanId)
  const lines: Line[] = []
  const place = (parent: string, stem: string): void => {
    const rows: { readonly span: TreeSpan; readonly row: Row }[] = []
    for (const span of [...(childrenOf.get(parent) ?? [])].sort(byStart)) {
      const { name, startUnixNs, endUnixNs } = span
      const { count, lengthNs } = mergedIn(span)
      const before = rows.at(-1)
      if (before !== undefined && isLeaf(before.span) && isLeaf(span) && before.row.name === name) {
        before.row.endUnixNs = endUnixNs
        before.row.lengthNs += lengthNs
        before.row.count += count
      } else {
        rows.push({ span, row: { name, startUnixNs, endUnixNs, lengthNs, count } })
      }
    }
    childrenOf.delete(parent)
    rows.forEach(({ span, row }, i) => {
      const last = i === rows.length - 1
      const top = parent === ''
      const branch = top ? stem : `${stem}${last ? '└─ ' : '├─ '}`
      const below = top ? stem : `${stem}${last ? '   ' : '│  '}`
      const hasChildren = childrenOf.has(span.spanId)
      lines.push({ branch, below: `${below}${hasChildren ? '│  ' : '   '}`, span, row })
      place(span.spanId, below)
    })
  }
  place('', '')
  return render(lines, style)
}

/** How many waits or ranges a span is, and their length without the time between them. */
function mergedIn({ startUnixNs, endUnixNs, attributes }: TreeSpan): { count: number; lengthNs: number } {
  const count = Number(attributes.get('subspan.merged_count') ?? 1)
  const mergedUs = attributes.get('subspan.wait_us') ?? attributes.get('subspan.range_us')
  if (count > 1 && mergedUs !== undefined) return { count, lengthNs: Number(mergedUs) * 1000 }
  return { count: 1, lengthNs: Math.max(0, Number(endUnixNs - startUnixNs)) }
}

function byStart(one: TreeSpan, other: TreeSpan): number {
  if (one.startUnixNs !== other.startUnixNs) return one.startUnixNs < other.startUnixNs ? -1 : 1
  return one.endUnixNs > other.endUnixNs ? -1 : one.endUnixNs < other.endUnixNs ? 1 : 0
}

function render(lines: readonly Line[], style: Style): string {
  if (lines.length === 0) return ''
  let fromNs = lines[0].span.startUnixNs
  let toNs = lines[0].span.endUnixNs
  for (const { span } of lines) {
    if (span.startUnixNs < fromNs) fromNs = span.startUnixNs
    if (span.endUnixNs > toNs) toNs = span.endUnixNs
  }
  const names = lines.map(({ branch, row }) => {
    const name = `${escapeName(row.name)}${row.count > 1 ? ` × ${row.count}` : ''}`
    return `${branch}${fitted(name, Math.max(8, MAX_NAME_WIDTH - branch.length))}`
  })
  const nameWidth = Math.max(...names.map((name) => name.length))
  const lengths = lines.map(({ row }) => duration(row.lengthNs))
  const lengthWidth = Math.max(...lengths.map((length) => length.length))
  const cells = Math.max(MIN_BAR_CELLS, style.width - nameWidth - lengthWidth - 6)
  const totalNs = Math.max(1, Number(toNs - fromNs))
  const groups = new Set<Group>()
  let text = ''
  lines.forEach(({ span, row, below }, i) => {
    const from = Math.floor((Number(row.startUnixNs - fromNs) / totalNs) * cells)
    const to = Math.ceil((Number(row.endUnixNs - fromNs) / totalNs) * cells)
    const width = Math.max(1, Math.min(cells, to) - Math.min(from, cells - 1))
    const parts = span.added ? null : partsOf(span)
    if (parts !== null) for (const group of GROUPS) if (parts[group] > 0) groups.add(group)
    const drawn =
      parts !== null ? bar(parts, width, style) : span.added ? style.dim('▒'.repeat(width)) : '█'.repeat(width)
    const name = names[i].padEnd(nameWidth)
    const shown = `${span.added ? style.dim(name) : name}  ${lengths[i].padStart(lengthWidth)}  ${' '.repeat(Math.min(from, cells - 1))}${drawn}`
    text += `  ${shown.trimEnd()}\n`
    const verdict = span.attributes.get('subspan.verdict')
    if (verdict !== undefined) {
      const sentence = `→ ${escapeName(String(verdict))}`
      for (const part of wrapped(sentence, Math.max(40, style.width - below.length - 4)))
        text += `  ${below}${style.bold(part)}\n`
    }
  })
  if (groups.size > 0) text += `\n  Shares of each span: ${legend(groups, style)}\n`
  return text
}

/** The parts in a span's attributes, microseconds; null when it has none. */
function partsOf({ attributes }: TreeSpan): GroupedParts | null {
  if (!attributes.has(PART_KEYS.exec)) return null
  const parts = emptyParts()
  for (const group of GROUPS) parts[group] = Number(attributes.get(PART_KEYS[group]) ?? 0)
  return parts
}

/** Lines of at most a width, broken at blanks; all but the first are set in. */
function wrapped(sentence: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of sentence.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `  ${word}`
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
