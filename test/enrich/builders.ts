// builders.ts: tasks with timelines, told piece by piece, for tests of enriching.

import {
  type Breakdown,
  emptyBreakdown,
  GoState,
  type RangeTable,
  type RegionRecord,
  type StackFrame,
  type TaskRecord,
  type TaskTables,
  type Timeline,
} from '../../src/breakdown/breakdown.ts'
import { TraceBudget } from '../../src/enrich/budget.ts'
import {
  DEFAULT_ENRICH_OPTIONS,
  DEFAULT_TRACE_LIMITS,
  type EnrichInput,
  type SpanToEnrich,
} from '../../src/enrich/enrich.ts'
import type { Attribute, NewSpan } from '../../src/span/span.ts'

export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
export const SPAN = '00f067aa0ba902b7'
/** Unix nanoseconds of the origin of the captures here. */
export const OFFSET = 1_795_392_525_000_000_000n

/** One stretch of a path: what the goroutine did, and for how long. */
export interface Piece {
  readonly state: GoState
  readonly ns: number
  readonly reason?: string
  readonly via?: string
  readonly goroutine?: number
  readonly wakerGoroutine?: number
  readonly wakerTask?: number
  /** Functions, the leaf first. */
  readonly stack?: readonly string[]
}

export const run = (ns: number, goroutine = 1): Piece => ({ state: GoState.running, ns, goroutine })
export const ready = (ns: number, goroutine = 1): Piece => ({ state: GoState.runnable, ns, goroutine })
export const wait = (ns: number, reason: string, more: Partial<Piece> = {}): Piece => ({
  state: GoState.waiting,
  ns,
  reason,
  ...more,
})

/** Tables that grow while pieces are told. */
export class Tables implements TaskTables {
  readonly reasons = ['']
  readonly rangeNames: string[] = []
  readonly stacks: (readonly StackFrame[])[] = []

  reason(text: string): number {
    if (!this.reasons.includes(text)) this.reasons.push(text)
    return this.reasons.indexOf(text)
  }

  stack(functions: readonly string[] | undefined): number {
    if (functions === undefined) return -1
    this.stacks.push(functions.map((name, i) => ({ function: name, file: `/src/${name}.go`, line: i + 1 })))
    return this.stacks.length - 1
  }

  /** Pieces one after another from a time on. */
  timeline(startNs: number, pieces: readonly Piece[]): Timeline {
    let at = startNs
    const starts = pieces.map(({ ns }) => (at += ns) - ns)
    return {
      length: pieces.length,
      startNs: Float64Array.from(starts),
      endNs: Float64Array.from(pieces, ({ ns }, i) => starts[i] + ns),
      state: Uint8Array.from(pieces, ({ state }) => state),
      reason: Uint16Array.from(pieces, ({ reason }) => this.reason(reason ?? '')),
      via: Uint16Array.from(pieces, ({ via }) => this.reason(via ?? '')),
      goroutine: Float64Array.from(pieces, ({ goroutine }) => goroutine ?? 1),
      wakerGoroutine: Float64Array.from(pieces, ({ wakerGoroutine }) => wakerGoroutine ?? -1),
      wakerTask: Float64Array.from(pieces, ({ wakerTask }) => wakerTask ?? -1),
      stack: Int32Array.from(pieces, ({ stack }) => this.stack(stack)),
    }
  }

  /** Special ranges: [name, start, end, goroutine]. */
  ranges(rows: readonly (readonly [string, number, number, number?])[]): RangeTable {
    const name = (text: string): number => {
      if (!this.rangeNames.includes(text)) this.rangeNames.push(text)
      return this.rangeNames.indexOf(text)
    }
    return {
      length: rows.length,
      name: Uint16Array.from(rows, ([text]) => name(text)),
      startNs: Float64Array.from(rows, ([, start]) => start),
      endNs: Float64Array.from(rows, ([, , end]) => end),
      goroutine: Float64Array.from(rows, ([, , , goroutine]) => goroutine ?? 1),
    }
  }
}

export function region(
  name: string,
  startNs: number | null,
  endNs: number | null,
  more: Partial<RegionRecord> & { readonly parts?: Partial<Breakdown> } = {},
): RegionRecord {
  const { parts, ...rest } = more
  return { name, goroutine: 1, startNs, endNs, stack: -1, breakdown: { ...emptyBreakdown(), ...parts }, ...rest }
}

export function taskRecord(given: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: 1,
    parentId: null,
    name: 'cache.Lookup',
    startNs: 0,
    endNs: 0,
    startGoroutine: 1,
    goroutines: [1],
    logs: [],
    precedingLog: null,
    regions: [],
    path: null,
    work: null,
    timeline: null,
    ranges: null,
    longWaits: [],
    samples: [],
    partial: false,
    ...given,
  }
}

/** A span over a window of the capture. */
export function spanOver(fromNs: number, toNs: number, given: Partial<SpanToEnrich> = {}): SpanToEnrich {
  return {
    traceId: TRACE,
    spanId: SPAN,
    traceState: 'vendor=1',
    flags: 0x301,
    name: 'cache.Lookup',
    startUnixNs: OFFSET + BigInt(fromNs),
    endUnixNs: OFFSET + BigInt(toNs),
    ...given,
  }
}

/** What to enrich, with defaults for all that a test does not say. */
export function inputFor(
  task: TaskRecord,
  tables: TaskTables,
  span: SpanToEnrich,
  given: Partial<EnrichInput> = {},
): EnrichInput {
  return {
    span,
    task,
    capture: { id: 'c0ffee', tables, gcPhases: { startNs: [], endNs: [], beforeNs: [] }, durationNs: 10_000_000_000 },
    offsetNs: OFFSET,
    clockErrorNs: 300,
    evidence: 'task-name',
    spanOfTask: () => null,
    options: DEFAULT_ENRICH_OPTIONS,
    mode: 'in-place',
    budget: new TraceBudget(DEFAULT_TRACE_LIMITS),
    ...given,
  }
}

/** Attributes by key; whole numbers as numbers. */
export function byKey(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, typeof value === 'object' && 'int' in value ? value.int : value]),
  )
}

/** Times of a child from the capture's origin. */
export const times = (child: NewSpan): [number, number] => [
  Number(child.startUnixNs - OFFSET),
  Number(child.endUnixNs - OFFSET),
]

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The ten parts that sum to a span's duration (design, section 5). */
export const PARTS = [
  'exec',
  'sched_wait',
  'network',
  'lock',
  'chan',
  'syscall',
  'gc_wait',
  'sleep',
  'other',
  'unknown',
]

/** Their sum in nanoseconds. */
export function sumOfParts(attributes: readonly Attribute[]): number {
  const values = byKey(attributes)
  return PARTS.reduce((sum, part) => sum + Math.round((values[`subspan.${part}_us`] as number) * 1000), 0)
}

/**
 * What must hold of any span's children: each lies in its parent, siblings on one goroutine do not overlap, ids are distinct and never zero,
 * resource fields are the parent's. Throws a sentence where something does not.
 */
export function checkChildren(span: SpanToEnrich, children: readonly NewSpan[]): void {
  interface Placed {
    readonly from: bigint
    readonly to: bigint
    readonly below: { readonly from: bigint; readonly to: bigint; readonly goroutine: unknown; readonly name: string }[]
  }
  const placed = new Map<string, Placed>([[span.spanId, { from: span.startUnixNs, to: span.endUnixNs, below: [] }]])
  for (const child of children) {
    const id = hex(child.spanId)
    const problem = (what: string): Error => new Error(`${child.name} (${times(child).join('–')}): ${what}`)
    if (placed.has(id) || /^0+$/.test(id)) throw problem(`id ${id} is used twice, or zero`)
    const parent = placed.get(hex(child.parentSpanId))
    if (parent === undefined) throw problem('its parent does not come before it')
    const { startUnixNs: from, endUnixNs: to } = child
    if (from < parent.from || to > parent.to || to < from)
      throw problem('it leaves its parent, or ends before it starts')
    const { 'subspan.goroutine': goroutine } = byKey(child.attributes)
    for (const sibling of parent.below) {
      if (sibling.goroutine === goroutine && from < sibling.to && sibling.from < to)
        throw problem(`overlaps ${sibling.name}`)
    }
    parent.below.push({ from, to, goroutine, name: child.name })
    placed.set(id, { from, to, below: [] })
    if (hex(child.traceId) !== span.traceId || child.kind !== 1) throw problem('is of another trace, or not internal')
    if (child.traceState !== span.traceState || (child.flags & 0xff) !== (span.flags & 0xff))
      throw problem('other flags')
  }
}
