// children.ts: what of a task's path is shown as spans of their own: its regions, its long waits, and the collector's and stops' ranges.
//
// The path's pieces follow each other, so waits and ranges never overlap one another; regions of one goroutine nest. Waits and ranges
// lie under the innermost region around them. Regions of other goroutines run beside those of the starting one, as they did.

import {
  type GcPhases,
  GoState,
  type LongWait,
  type RegionRecord,
  type TaskRecord,
  type TaskTables,
  type Timeline,
} from '../breakdown/breakdown.ts'
import {
  firstPieceAfter,
  type Group,
  type GroupedParts,
  groupOfPiece,
  groupParts,
  GROUPS,
  groupWindow,
} from '../breakdown/groups.ts'
import type { Attribute } from '../span/span.ts'
import { cutText, microseconds, overlapAttributes, overlapsOf, PART_KEYS } from './attributes.ts'
import { rangeName, regionName, waitName } from './child-names.ts'
import { programFrame, stackText } from './stack-text.ts'

/** What the breakdown of a span reads of a capture. */
export interface CaptureTables {
  readonly tables: TaskTables
  readonly gcPhases: GcPhases
}

/** When something is long enough to be shown. */
export interface ChildLimits {
  /** Shorter waits are never shown by themselves. */
  readonly minWaitNs: number
  /** Nor those shorter than this share of the span, unless they are long in themselves. */
  readonly minWaitShare: number
  /** A wait this long is shown however long the span is. */
  readonly longWaitNs: number
  /** Short waits with gaps up to this between them are shown as one when together they are long enough. */
  readonly mergeGapNs: number
  /** Children of one span, its summary included. */
  readonly maxPerSpan: number
}

/** A child to be: its times on the capture's clock, clipped to the window and to its parent. */
export interface ChildNode {
  readonly kind: 'region' | 'wait' | 'range'
  readonly name: string
  readonly goroutine: number
  /** True start and end; null where they lie outside the capture. */
  readonly trueStartNs: number | null
  readonly trueEndNs: number | null
  fromNs: number
  toNs: number
  parent: ChildNode | null
  attributes: readonly Attribute[]
  /** Task to blame for the wait: of the one that held the lock or slot longest, else of the one that ended it; -1 when none is known. */
  readonly blamedTask: number
  /** What that one held; null where it ended the wait. */
  readonly held: 'lock' | 'slot' | null
}

export interface FoundChildren {
  /** Parents before their children, else by start. */
  readonly nodes: readonly ChildNode[]
  /** How many were left out because the span has its share. */
  readonly cut: number
}

/**
 * The children of a window of a task.
 *
 * @param innerTasks tasks below this one whose spans show their own waits: what lies in them is left to them
 * @param nameOfTask name of the span of a task; null when none is known
 */
export function findChildren(
  task: TaskRecord,
  { tables }: CaptureTables,
  fromNs: number,
  toNs: number,
  innerTasks: readonly TaskRecord[],
  limits: ChildLimits,
  room: number,
  nameOfTask: (taskId: number) => string | null = () => null,
): FoundChildren {
  const window: Window = {
    nameOfTask,
    explained: new Map(task.longWaits.map((wait) => [wait.row, wait])),
    task,
    tables,
    fromNs,
    toNs,
    innerTasks,
    longNs: Math.max(limits.minWaitNs, Math.min(limits.minWaitShare * (toNs - fromNs), limits.longWaitNs)),
    mergeGapNs: limits.mergeGapNs,
  }
  const nodes: ChildNode[] = []
  /** Rows of regions, whose attributes are made for those that are kept. */
  const regionRows = new Map<ChildNode, number>()
  task.regions.forEach((region, row) => {
    const node = regionNode(window, region)
    if (node === null) return
    nodes.push(node)
    regionRows.set(node, row)
  })
  addRanges(window, nodes)
  addWaits(window, nodes)
  // The longest stay. What contains another is as long at least, so no child stays without what it lies in.
  nodes.sort((x, y) => length(y) - length(x) || RANK[x.kind] - RANK[y.kind] || trueLength(y) - trueLength(x))
  const kept = nodes.slice(0, Math.max(0, room))
  for (const node of kept) {
    const row = regionRows.get(node)
    if (row !== undefined) node.attributes = regionAttributes(window, task.regions[row], row)
  }
  return { nodes: nest(kept, task.startGoroutine), cut: nodes.length - kept.length }
}

interface Window {
  readonly nameOfTask: (taskId: number) => string | null
  /** What lay behind long waits, by row of the timeline. */
  readonly explained: ReadonlyMap<number, LongWait>
  readonly task: TaskRecord
  readonly tables: TaskTables
  readonly fromNs: number
  readonly toNs: number
  readonly innerTasks: readonly TaskRecord[]
  readonly longNs: number
  readonly mergeGapNs: number
}

const RANK = { region: 0, range: 1, wait: 2 } as const

function length(node: ChildNode): number {
  return node.toNs - node.fromNs
}

function trueLength(node: ChildNode): number {
  return (node.trueEndNs ?? Infinity) - (node.trueStartNs ?? -Infinity)
}

// ------------------------------------------------------------------------------------------------ regions

/** A region within the window, its attributes still to be made; null where it lies outside. */
function regionNode(window: Window, region: RegionRecord): ChildNode | null {
  const fromNs = Math.max(region.startNs ?? -Infinity, window.fromNs)
  const toNs = Math.min(region.endNs ?? Infinity, window.toNs)
  if (toNs < fromNs || (toNs === fromNs && region.startNs !== region.endNs)) return null
  return {
    kind: 'region',
    name: cutText(regionName(region.name)),
    goroutine: region.goroutine,
    trueStartNs: region.startNs,
    trueEndNs: region.endNs,
    fromNs,
    toNs,
    parent: null,
    attributes: [],
    blamedTask: -1,
    held: null,
  }
}

/**
 * Parts of a region that was on the task's path from its start to its end: those of the path, as of the span and of the waits under it, where a
 * wait is told as what was waited for (the network, a helper's sleep). Of one beside the path: its goroutine's own, as Go counts them.
 */
function regionParts({ task, tables }: Window, region: RegionRecord, fromNs: number, toNs: number): GroupedParts {
  const { timeline } = task
  if (timeline === null || toNs === fromNs) return groupParts(region.breakdown)
  const first = firstPieceAfter(timeline, fromNs)
  const last = firstPieceAfter(timeline, toNs - 1)
  const covered = last < timeline.length && timeline.startNs[first] <= fromNs
  const onPath =
    covered && timeline.goroutine[first] === region.goroutine && timeline.goroutine[last] === region.goroutine
  if (!onPath) return groupParts(region.breakdown)
  // Where the path leaves the goroutine and comes back, that one waited for whoever woke it: else it did something of its own meanwhile.
  for (let row = first + 1; row <= last; row++) {
    const from = timeline.goroutine[row - 1]
    if (from === region.goroutine || timeline.goroutine[row] !== region.goroutine) continue
    const wokenBy = timeline.state[row] === GoState.runnable ? timeline.wakerGoroutine[row] : -1
    if (wokenBy !== from) return groupParts(region.breakdown)
  }
  return groupWindow(task, tables, fromNs, toNs)
}

function regionAttributes(window: Window, region: RegionRecord, row: number): Attribute[] {
  const { startNs, endNs } = region
  const attributes: Attribute[] = [
    { key: 'subspan.kind', value: 'region' },
    { key: 'subspan.goroutine', value: { int: region.goroutine } },
  ]
  if (startNs !== null && endNs !== null && startNs >= window.fromNs && endNs <= window.toNs) {
    const parts = regionParts(window, region, startNs, endNs)
    for (const group of GROUPS) {
      if (parts[group] > 0) attributes.push({ key: PART_KEYS[group], value: microseconds(parts[group]) })
    }
    attributes.push(...overlapAttributes(overlapsOf(region.breakdown)).filter(({ value }) => value !== 0))
  }
  const samples = window.task.samples.filter((sample) => sample.region === row).length
  if (samples > 0) attributes.push({ key: 'subspan.cpu_samples', value: { int: samples } })
  addStack(window, region.stack, attributes)
  return attributes
}

function addStack({ tables }: Window, stack: number, attributes: Attribute[]): void {
  const frames = stack < 0 ? [] : tables.stacks[stack]
  if (frames.length === 0) return
  attributes.push({ key: 'code.stacktrace', value: stackText(frames) })
  const frame = programFrame(frames)
  attributes.push({ key: 'code.function.name', value: cutText(frame.function) })
  if (frame.file === '') return
  attributes.push({ key: 'code.file.path', value: cutText(frame.file) })
  attributes.push({ key: 'code.line.number', value: { int: frame.line } })
}

// ------------------------------------------------------------------------------------------------ ranges

/** Ranges on the stretches in which the path was on their goroutine. */
function addRanges(window: Window, nodes: ChildNode[]): void {
  const { task, tables, fromNs, toNs } = window
  const { timeline, ranges } = task
  if (timeline === null || ranges === null || ranges.length === 0) return
  let row = firstPieceAfter(timeline, fromNs)
  let first = 0
  while (row < timeline.length && timeline.startNs[row] < toNs) {
    const goroutine = timeline.goroutine[row]
    const stretchFrom = Math.max(timeline.startNs[row], fromNs)
    let last = row
    while (last + 1 < timeline.length && timeline.goroutine[last + 1] === goroutine) last++
    const stretchTo = Math.min(timeline.endNs[last], toNs)
    while (first < ranges.length && ranges.endNs[first] <= stretchFrom) first++
    for (let range = first; range < ranges.length && ranges.startNs[range] < stretchTo; range++) {
      if (ranges.goroutine[range] !== goroutine) continue
      const from = Math.max(ranges.startNs[range], stretchFrom)
      const to = Math.min(ranges.endNs[range], stretchTo)
      if (to - from < window.longNs || inInnerTask(window, goroutine, from, to)) continue
      const name = tables.rangeNames[ranges.name[range]]
      nodes.push({
        kind: 'range',
        name: rangeName(name),
        goroutine,
        trueStartNs: ranges.startNs[range],
        trueEndNs: ranges.endNs[range],
        fromNs: from,
        toNs: to,
        parent: null,
        attributes: [
          { key: 'subspan.kind', value: 'range' },
          { key: 'subspan.range', value: cutText(name) },
          { key: 'subspan.goroutine', value: { int: goroutine } },
        ],
        blamedTask: -1,
        held: null,
      })
    }
    row = last + 1
  }
}

// ------------------------------------------------------------------------------------------------ waits

/** One wait on the path: a piece, or a system call's two pieces (with and without the processor). */
interface Wait {
  /** First piece of it. */
  readonly row: number
  readonly group: Group
  readonly goroutine: number
  readonly trueStartNs: number | null
  trueEndNs: number | null
  readonly fromNs: number
  toNs: number
}

function addWaits(window: Window, nodes: ChildNode[]): void {
  const { task, fromNs, toNs, longNs, mergeGapNs } = window
  const { timeline } = task
  if (timeline === null) return
  const edges = new RegionEdges(task)
  let run: Wait[] = []
  const closeRun = (): void => {
    addRun(window, timeline, run, nodes)
    run = []
  }
  const settle = (wait: Wait): void => {
    if (wait.toNs - wait.fromNs >= longNs) {
      closeRun()
      addWait(window, timeline, [wait], nodes)
      return
    }
    const previous = run.at(-1)
    if (
      previous !== undefined &&
      (previous.goroutine !== wait.goroutine ||
        wait.fromNs - previous.toNs > mergeGapNs ||
        edges.between(wait.goroutine, run[0].fromNs, wait.toNs))
    ) {
      closeRun()
    }
    run.push(wait)
  }
  let open: Wait | null = null
  for (let row = firstPieceAfter(timeline, fromNs); row < timeline.length && timeline.startNs[row] < toNs; row++) {
    const group = groupOfPiece(timeline, row, window.tables)
    const pieceFrom = Math.max(timeline.startNs[row], fromNs)
    const pieceTo = Math.min(timeline.endNs[row], toNs)
    if (pieceTo <= pieceFrom) continue
    const last = row === timeline.length - 1
    if (open !== null && continues(timeline, open, row, group, pieceFrom)) {
      open.toNs = pieceTo
      open.trueEndNs = last ? null : timeline.endNs[row]
      continue
    }
    if (open !== null) settle(open)
    open = null
    if (group === 'exec' || group === 'unknown') continue
    open = {
      row,
      group,
      goroutine: timeline.goroutine[row],
      trueStartNs: row === 0 ? null : timeline.startNs[row],
      trueEndNs: last ? null : timeline.endNs[row],
      fromNs: pieceFrom,
      toNs: pieceTo,
    }
  }
  if (open !== null) settle(open)
  closeRun()
}

/** Whether a piece goes on with the same wait: a system call that lost its processor meanwhile, or a wait cut in two. */
function continues(timeline: Timeline, open: Wait, row: number, group: Group, fromNs: number): boolean {
  if (open.toNs !== fromNs || open.goroutine !== timeline.goroutine[row] || open.group !== group) return false
  if (group === 'syscall' && timeline.state[row] !== GoState.waiting)
    return timeline.state[row] === GoState.syscallBlocked
  return timeline.stack[open.row] === timeline.stack[row] && timeline.reason[open.row] === timeline.reason[row]
}

/** Short waits in a row become one child when their commonest kind is long enough and fills half of the time from first to last. */
function addRun(window: Window, timeline: Timeline, run: readonly Wait[], nodes: ChildNode[]): void {
  if (run.length < 2) return
  const sums = new Map<Group, number>()
  for (const { group, fromNs, toNs } of run) sums.set(group, (sums.get(group) ?? 0) + toNs - fromNs)
  let longest: Group = run[0].group
  for (const [group, ns] of sums) if (ns > (sums.get(longest) ?? 0)) longest = group
  const waits = run.filter(({ group }) => group === longest)
  const ns = sums.get(longest) ?? 0
  if (waits.length < 2 || ns < window.longNs) return
  if (ns * 2 < (waits.at(-1)?.toNs ?? 0) - waits[0].fromNs) return
  addWait(window, timeline, waits, nodes)
}

/** One child for a wait, or for several of one group that follow each other closely. */
function addWait(window: Window, timeline: Timeline, waits: readonly Wait[], nodes: ChildNode[]): void {
  const first = waits[0]
  const last = waits[waits.length - 1]
  if (inInnerTask(window, first.goroutine, first.fromNs, last.toNs)) return
  let longest = first
  let ns = 0
  for (const wait of waits) {
    ns += wait.toNs - wait.fromNs
    if (wait.toNs - wait.fromNs > longest.toNs - longest.fromNs) longest = wait
  }
  const { tables } = window
  const { row, group } = longest
  const stack = timeline.stack[row]
  const attributes: Attribute[] = [{ key: 'subspan.kind', value: 'wait' }]
  const waiting = timeline.state[row] === GoState.waiting
  if (waiting) {
    attributes.push({ key: 'subspan.reason', value: cutText(tables.reasons[timeline.reason[row]]) })
    if (timeline.via[row] !== 0) {
      attributes.push({ key: 'subspan.via', value: cutText(tables.reasons[timeline.via[row]]) })
    }
  }
  attributes.push({ key: 'subspan.goroutine', value: { int: first.goroutine } })
  if (waiting && timeline.wakerGoroutine[row] >= 0) {
    attributes.push({ key: 'subspan.woken_by_goroutine', value: { int: timeline.wakerGoroutine[row] } })
  }
  if (waits.length > 1) {
    attributes.push({ key: 'subspan.merged_count', value: { int: waits.length } })
    attributes.push({ key: 'subspan.wait_us', value: microseconds(ns) })
  }
  const explained = window.explained.get(row)
  const holder = explained?.holders.at(0)
  addExplanation(window, row, attributes)
  addStack(window, stack, attributes)
  nodes.push({
    kind: 'wait',
    name: waitName(group, stack < 0 ? null : tables.stacks[stack]),
    goroutine: first.goroutine,
    trueStartNs: first.trueStartNs,
    trueEndNs: last.trueEndNs,
    fromNs: first.fromNs,
    toNs: last.toNs,
    parent: null,
    attributes,
    blamedTask: holder?.taskId ?? explained?.wakerTask ?? (waiting ? timeline.wakerTask[row] : -1),
    held: holder === undefined ? null : group === 'chan' ? 'slot' : 'lock',
  })
}

/** Who held the lock or slot, or ended the wait, and what that one did meanwhile; or who ran. */
function addExplanation({ explained, tables, nameOfTask }: Window, row: number, attributes: Attribute[]): void {
  const wait = explained.get(row)
  if (wait === undefined) return
  const { waker, wakerStack, holders, runners } = wait
  const nameOf = (taskId: number): string => (taskId > 0 ? nameOfTask(taskId) : null) ?? 'no known span'
  if (holders.length > 0) {
    if (holders[0].goroutine >= 0) {
      attributes.push({ key: 'subspan.held_by_goroutine', value: { int: holders[0].goroutine } })
      attributes.push({ key: 'subspan.held_us', value: microseconds(holders[0].ns) })
    }
    const shares = sharesOf(
      holders.map(({ goroutine, taskId, ns }) => ({ name: goroutine < 0 ? 'not known' : nameOf(taskId), ns })),
    )
    if (shares.length > 1) attributes.push({ key: 'subspan.held_meanwhile', value: shares })
  }
  if (waker !== null) {
    const prefix = holders.length > 0 ? 'subspan.holder.' : 'subspan.waker.'
    const parts = groupParts(waker)
    for (const group of GROUPS) {
      if (parts[group] === 0 || group === 'unknown') continue
      attributes.push({ key: PART_KEYS[group].replace('subspan.', prefix), value: microseconds(parts[group]) })
    }
    if (wakerStack >= 0) attributes.push({ key: `${prefix}stacktrace`, value: stackText(tables.stacks[wakerStack]) })
  }
  if (runners.length === 0) return
  const ran = runners.map(({ taskId, runtime, ns }) => ({ name: runtime ? 'the runtime' : nameOf(taskId), ns }))
  attributes.push({ key: 'subspan.ran_meanwhile', value: sharesOf(ran) })
}

/** Times by name as texts such as "75 % report.Build", the first name first; what rounds to nothing is left out. */
function sharesOf(times: readonly { readonly name: string; readonly ns: number }[]): string[] {
  const total = times.reduce((sum, { ns }) => sum + ns, 0)
  const byName = new Map<string, number>()
  for (const { name, ns } of times) byName.set(name, (byName.get(name) ?? 0) + ns)
  const shares = [...byName].map(([name, ns]) => ({ name, percent: Math.round((ns / total) * 100) }))
  return shares.filter(({ percent }) => percent > 0).map(({ name, percent }) => cutText(`${percent} % ${name}`, 128))
}

/** Whether a task below this one, whose span shows its own waits, was at work on the goroutine all the while. */
function inInnerTask({ innerTasks }: Window, goroutine: number, fromNs: number, toNs: number): boolean {
  return innerTasks.some(
    (inner) =>
      inner.startNs !== null &&
      inner.startNs <= fromNs &&
      (inner.endNs ?? Infinity) >= toNs &&
      inner.goroutines.includes(goroutine),
  )
}

/** Begins and ends of regions and ranges, by goroutine: short waits are not merged across them. */
class RegionEdges {
  private readonly edges = new Map<number, number[]>()

  constructor(task: TaskRecord) {
    for (const { goroutine, startNs, endNs } of task.regions) this.add(goroutine, startNs, endNs)
    const { ranges } = task
    if (ranges !== null) {
      for (let i = 0; i < ranges.length; i++) this.add(ranges.goroutine[i], ranges.startNs[i], ranges.endNs[i])
    }
    for (const edges of this.edges.values()) edges.sort((x, y) => x - y)
  }

  private add(goroutine: number, startNs: number | null, endNs: number | null): void {
    let edges = this.edges.get(goroutine)
    if (edges === undefined) this.edges.set(goroutine, (edges = []))
    if (startNs !== null) edges.push(startNs)
    if (endNs !== null) edges.push(endNs)
  }

  /** Whether something begins or ends strictly within a stretch. */
  between(goroutine: number, fromNs: number, toNs: number): boolean {
    const edges = this.edges.get(goroutine)
    if (edges === undefined) return false
    let low = 0
    let high = edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (edges[middle] <= fromNs) low = middle + 1
      else high = middle
    }
    return low < edges.length && edges[low] < toNs
  }
}

// ------------------------------------------------------------------------------------------------ nesting

/** Finds each node's parent, clips it to its parent, and keeps leaves of one goroutine apart. */
function nest(kept: readonly ChildNode[], startGoroutine: number | null): ChildNode[] {
  const nodes = [...kept].sort(
    (x, y) => x.fromNs - y.fromNs || y.toNs - x.toNs || RANK[x.kind] - RANK[y.kind] || trueLength(y) - trueLength(x),
  )
  const open = new Map<number, ChildNode[]>()
  const placed: ChildNode[] = []
  /** Where the last leaf of each goroutine ended. */
  const leafEnd = new Map<number, number>()
  for (const node of nodes) {
    const stack = open.get(node.goroutine) ?? []
    open.set(node.goroutine, stack)
    // A wait at the very end of a region is not in it; a region without length is.
    for (let top = stack.at(-1); top !== undefined && !holds(top, node); top = stack.at(-1)) stack.pop()
    node.parent = stack.at(-1) ?? null
    if (
      node.parent === null &&
      node.kind !== 'region' &&
      node.goroutine !== startGoroutine &&
      startGoroutine !== null
    ) {
      node.parent =
        (open.get(startGoroutine) ?? []).findLast((outer) => outer.kind === 'region' && contains(outer, node)) ?? null
    }
    if (node.parent !== null && node.toNs > node.parent.toNs) node.toNs = node.parent.toNs
    const after = leafEnd.get(node.goroutine) ?? -Infinity
    if (node.fromNs < after) {
      if (node.toNs <= after) continue
      node.fromNs = after
    }
    if (node.kind === 'wait') leafEnd.set(node.goroutine, node.toNs)
    else stack.push(node)
    placed.push(node)
  }
  return placed
}

function holds(outer: ChildNode, inner: ChildNode): boolean {
  return outer.toNs > inner.fromNs || (outer.toNs === inner.fromNs && inner.toNs === inner.fromNs)
}

function contains(outer: ChildNode, inner: ChildNode): boolean {
  return outer.fromNs <= inner.fromNs && outer.toNs >= inner.toNs
}
