// enrich.ts: what is added to one span: attributes on it (or on its late summary), and child spans under it.

import { bytesOfHex } from '../base/hex.ts'
import type { TaskRecord } from '../breakdown/breakdown.ts'
import { type Group, groupWindow } from '../breakdown/groups.ts'
import { breakDownWindow } from '../breakdown/window.ts'
import type { Evidence } from '../join/match.ts'
import type { Attribute, AttributeValue, NewSpan, SpanLink } from '../span/span.ts'
import { cutText, microseconds, overlapAttributes, overlapsOf, partAttributes, utf8Length } from './attributes.ts'
import { type Blame, blameOf } from './blame.ts'
import type { TraceBudget, TraceLimits } from './budget.ts'
import type { CaptureTables, ChildLimits, ChildNode } from './child-nodes.ts'
import { summaryName } from './child-names.ts'
import { findChildren } from './children.ts'
import { childFlags, INTERNAL, type ParentSpan, summarySpan } from './late.ts'
import { childSpanId } from './span-ids.ts'
import { verdictOf } from './verdict.ts'

/** Scope of the spans that we add. */
export const SCOPE_NAME = 'subspan'

/** How spans are enriched. */
export interface EnrichOptions extends ChildLimits {
  readonly enrich: 'attributes' | 'children' | 'both'
  /** Address of Subspan's pages, without a slash at the end; null leaves `subspan.url` out. */
  readonly publicUrl: string | null
}

export const DEFAULT_ENRICH_OPTIONS: EnrichOptions = {
  enrich: 'both',
  publicUrl: null,
  minWaitNs: 20_000,
  minWaitShare: 0.01,
  longWaitNs: 1_000_000,
  mergeGapNs: 50_000,
  maxPerSpan: 16,
}

/** Limits of what is added to one trace, for `TraceBudget`. */
export const DEFAULT_TRACE_LIMITS: TraceLimits = { spans: 500, bytes: 256 * 1024 }

/** The span, ids in lower-case hex. */
export interface SpanToEnrich {
  readonly traceId: string
  readonly spanId: string
  readonly traceState: string
  /** OTLP's flags. */
  readonly flags: number
  readonly name: string
  readonly startUnixNs: bigint
  readonly endUnixNs: bigint
}

/** The span of another task, for links and blame. */
export interface TaskSpan {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
}

export interface EnrichInput {
  readonly span: SpanToEnrich
  readonly task: TaskRecord
  readonly capture: CaptureTables & {
    readonly id: string
    readonly durationNs: number
    /** The capture's origin on the trace clock, so that ids do not depend on where a capture begins; 0 when absent. */
    readonly originNs?: bigint
  }
  /** Unix nanoseconds of the capture's origin. */
  readonly offsetNs: bigint
  readonly clockErrorNs: number | null
  readonly evidence: Evidence
  /** The span of a task of this capture; null when it has none that was sent. */
  readonly spanOfTask: (taskId: number) => TaskSpan | null
  /** Whether the task took no longer than its kind usually does; false where that is not known. */
  readonly usual?: boolean
  /** Tasks below this one whose spans are enriched too: the waits in them are shown there, not here as well. */
  readonly innerTasks?: readonly TaskRecord[]
  readonly options: EnrichOptions
  /** `in-place` before the span leaves, `late` when it has left. */
  readonly mode: 'in-place' | 'late'
  readonly budget: TraceBudget
}

export interface Enrichment {
  /** To append to the span; empty when late. */
  readonly attributes: readonly Attribute[]
  /** Parents before their children. Late ones begin with the summary. */
  readonly children: readonly NewSpan[]
  /** Children left out for a cap of the span or its trace. */
  readonly cut: number
}

const NOTHING: Enrichment = { attributes: [], children: [], cut: 0 }

/**
 * What the task's breakdown adds to a span. The breakdown is over the span's own window, so that its parts sum to the span's duration.
 * A span whose end lies before its start, or whose ids are invalid, is left as it is.
 */
export function enrichSpan(input: EnrichInput): Enrichment {
  const { span, task, capture, options, mode, budget } = input
  const traceId = bytesOfHex(span.traceId)
  const spanId = bytesOfHex(span.spanId)
  const fromNs = Number(span.startUnixNs - input.offsetNs)
  const toNs = Number(span.endUnixNs - input.offsetNs)
  if (traceId?.length !== 16 || spanId?.length !== 8 || toNs < fromNs || !Number.isSafeInteger(toNs - fromNs)) {
    return NOTHING
  }
  const { traceState, flags, startUnixNs, endUnixNs } = span
  const parent: ParentSpan = { traceId, spanId, traceState, flags, startUnixNs, endUnixNs }
  const parts = groupWindow(task, capture.tables, fromNs, toNs)
  const blame = options.enrich === 'children' ? null : blameFor(input, fromNs, toNs)
  const attributes = blame === null ? [] : spanAttributes(input, parts, blame, fromNs, toNs)
  const name = summaryName(parts, (group) => blame?.get(group)?.instead ?? null)
  const children: NewSpan[] = []
  let under = spanId
  let summary: NewSpan | null = null
  if (mode === 'late' && options.enrich !== 'children') {
    summary = summarySpan(parent, name, attributes)
    if (!budget.take(span.traceId, sizeOf(summary))) return { attributes: [], children: [], cut: 1 }
    children.push(summary)
    under = summary.spanId
  }
  let cut = 0
  if (options.enrich !== 'attributes') {
    const room = options.maxPerSpan - children.length
    const nameOfTask = (id: number): string | null => input.spanOfTask(id)?.name ?? null
    const found = findChildren(task, capture, fromNs, toNs, input.innerTasks ?? [], options, room, nameOfTask)
    cut = found.cut + addChildren(input, parent, under, found.nodes, children)
  }
  // What was left out is stated where the attributes are.
  const stated: Attribute[] =
    cut > 0 ? [...attributes, { key: 'subspan.children_cut', value: { int: cut } }] : attributes
  if (summary === null) return { attributes: attributes.length === 0 ? [] : stated, children, cut }
  children[0] = summarySpan(parent, name, stated)
  return { attributes: [], children, cut }
}

/** Who ended the waits of the span's window, by the names of spans. */
function blameFor({ span, task, capture, spanOfTask }: EnrichInput, fromNs: number, toNs: number): Map<Group, Blame> {
  return blameOf(task, capture.tables, fromNs, toNs, (id) => {
    const name = spanOfTask(id)?.name ?? null
    // "held by audit.Append" would read as the span itself.
    return name === span.name && name !== '' ? `another ${name}` : name
  })
}

/** The attributes of design section 5. */
function spanAttributes(
  input: EnrichInput,
  parts: ReturnType<typeof groupWindow>,
  blame: ReadonlyMap<Group, Blame>,
  fromNs: number,
  toNs: number,
): Attribute[] {
  const { span, task, capture, clockErrorNs, evidence, options } = input
  const overlaps = overlapsOf(breakDownWindow(task, capture.tables, capture.gcPhases, fromNs, toNs))
  const coverage = parts.unknown > 0 || task.partial ? 'partial' : 'full'
  const totalNs = toNs - fromNs
  const usual = input.usual ?? false
  const verdict = verdictOf({ totalNs, parts, overlaps, blame, coverage, evidence, clockErrorNs, usual })
  const attributes: Attribute[] = []
  if (verdict !== null) attributes.push({ key: 'subspan.verdict', value: cutText(verdict) })
  attributes.push({ key: 'subspan.coverage', value: coverage }, { key: 'subspan.evidence', value: evidence })
  if (clockErrorNs !== null) attributes.push({ key: 'subspan.clock_error_us', value: microseconds(clockErrorNs) })
  attributes.push({ key: 'subspan.capture', value: cutText(capture.id) })
  if (options.publicUrl !== null) {
    attributes.push({ key: 'subspan.url', value: cutText(`${options.publicUrl}/spans/${span.traceId}/${span.spanId}`) })
  }
  attributes.push(...partAttributes(parts), ...overlapAttributes(overlaps))
  attributes.push({ key: 'subspan.goroutines', value: { int: task.goroutines.length } })
  const samples = task.samples.filter(({ timeNs }) => timeNs >= fromNs && timeNs < toNs).length
  if (samples > 0) attributes.push({ key: 'subspan.cpu_samples', value: { int: samples } })
  const { work } = task
  if (work !== null) attributes.push({ key: 'subspan.work_exec_us', value: microseconds(work.execNs) })
  return attributes
}

/** Makes spans of the nodes, as far as the trace has room; returns how many it had none for. */
function addChildren(
  input: EnrichInput,
  parent: ParentSpan,
  under: Uint8Array,
  nodes: readonly ChildNode[],
  children: NewSpan[],
): number {
  const { span, task, capture, offsetNs, budget, spanOfTask } = input
  const originNs = capture.originNs ?? 0n
  const ids = new Map<ChildNode, Uint8Array>()
  const used = new Map<string, number>()
  let cut = 0
  for (const node of nodes) {
    const { kind, goroutine, trueStartNs } = node
    const same = `${kind} ${goroutine} ${trueStartNs ?? 'before'}`
    const ordinal = used.get(same) ?? 0
    used.set(same, ordinal + 1)
    const parentSpanId = node.parent === null ? under : ids.get(node.parent)
    // A child whose parent found no room has none either.
    if (parentSpanId === undefined) {
      cut++
      continue
    }
    const startNs = trueStartNs === null ? -1n : originNs + BigInt(trueStartNs)
    const blamed = node.blamedTask <= 0 || node.blamedTask === task.id ? null : spanOfTask(node.blamedTask)
    const child: NewSpan = {
      traceId: parent.traceId,
      spanId: childSpanId(parent.traceId, parent.spanId, kind, goroutine, startNs, ordinal),
      parentSpanId,
      traceState: parent.traceState,
      flags: childFlags(parent.flags),
      name: node.name,
      kind: INTERNAL,
      startUnixNs: offsetNs + BigInt(node.fromNs),
      endUnixNs: offsetNs + BigInt(node.toNs),
      attributes: withTrueTimes(node, offsetNs, blamed),
      links: blamed === null ? [] : linkTo(blamed, node.held),
    }
    if (!budget.take(span.traceId, sizeOf(child))) {
      cut++
      continue
    }
    ids.set(node, child.spanId)
    children.push(child)
  }
  return cut
}

/** The node's attributes; who held it up; and where the times were cut, which end and the true times as far as known. */
function withTrueTimes(node: ChildNode, offsetNs: bigint, blamed: TaskSpan | null): readonly Attribute[] {
  const { trueStartNs, trueEndNs, fromNs, toNs } = node
  const attributes = [...node.attributes]
  if (blamed !== null && blamed.name !== '') {
    attributes.push({ key: node.held !== null ? 'subspan.held_by' : 'subspan.woken_by', value: cutText(blamed.name) })
  }
  const ends: string[] = []
  if (trueStartNs !== fromNs) ends.push('start')
  if (trueEndNs !== toNs) ends.push('end')
  if (ends.length === 0) return attributes
  attributes.push({ key: 'subspan.clamped', value: ends.join(',') })
  if (trueStartNs !== null && trueStartNs !== fromNs) {
    attributes.push({ key: 'subspan.true_start_unix_ns', value: { int: offsetNs + BigInt(trueStartNs) } })
  }
  if (trueEndNs !== null && trueEndNs !== toNs) {
    attributes.push({ key: 'subspan.true_end_unix_ns', value: { int: offsetNs + BigInt(trueEndNs) } })
  }
  return attributes
}

function linkTo(blamed: TaskSpan, held: ChildNode['held']): readonly SpanLink[] {
  const traceId = bytesOfHex(blamed.traceId)
  const spanId = bytesOfHex(blamed.spanId)
  if (traceId?.length !== 16 || spanId?.length !== 8) return []
  return [
    {
      traceId,
      spanId,
      attributes: [{ key: 'subspan.link', value: held === null ? 'ended the wait' : `held the ${held}` }],
    },
  ]
}

/** Bytes of a span on the wire, its fixed fields and their lengths counted generously. */
export function sizeOf(span: NewSpan): number {
  let bytes = 80 + utf8Length(span.name) + utf8Length(span.traceState)
  for (const { key, value } of span.attributes) bytes += 10 + key.length + valueSize(value)
  for (const link of span.links) {
    bytes += 36
    for (const { key, value } of link.attributes) bytes += 10 + key.length + valueSize(value)
  }
  return bytes
}

function valueSize(value: AttributeValue): number {
  if (typeof value === 'string') return utf8Length(value)
  if (typeof value !== 'object' || 'int' in value) return 10
  if ('bytes' in value) return value.bytes.length + 4
  return value.reduce((sum, text) => sum + utf8Length(text) + 4, 0)
}
