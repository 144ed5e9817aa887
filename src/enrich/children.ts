// children.ts: what of a task's path is shown as spans of their own: its regions, its long waits, and the collector's and stops' ranges.
//
// The path's pieces follow each other, so waits and ranges never overlap one another; regions of one goroutine nest. Waits and ranges
// lie under the innermost region around them. Regions of other goroutines run beside those of the starting one, as they did.

import { GoState, type RegionRecord, type TaskRecord } from '../breakdown/breakdown.ts'
import { firstPieceAfter, type GroupedParts, groupParts, GROUPS, groupWindow } from '../breakdown/groups.ts'
import type { Attribute } from '../span/span.ts'
import { cutText, microseconds, overlapAttributes, overlapsOf, PART_KEYS } from './attributes.ts'
import { regionName } from './child-names.ts'
import { addStack, type CaptureTables, type ChildLimits, type ChildNode, type ChildWindow } from './child-nodes.ts'
import { addRanges } from './child-ranges.ts'
import { addWaits } from './child-waits.ts'

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
  const window: ChildWindow = {
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
  // A task in a block makes them anew each time it is asked.
  const { regions } = task
  regions.forEach((region, row) => {
    const node = regionNode(window, region)
    if (node === null) return
    nodes.push(node)
    regionRows.set(node, row)
  })
  addWaits(window, nodes)
  addRanges(window, nodes)
  // The longest stay. What contains another is as long at least, so no child stays without what it lies in.
  nodes.sort((x, y) => length(y) - length(x) || RANK[x.kind] - RANK[y.kind] || trueLength(y) - trueLength(x))
  const kept = nodes.slice(0, Math.max(0, room))
  for (const node of kept) {
    const row = regionRows.get(node)
    if (row !== undefined) node.attributes = regionAttributes(window, regions[row], row)
  }
  return { nodes: nest(kept, task.startGoroutine), cut: nodes.length - kept.length }
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
function regionNode(window: ChildWindow, region: RegionRecord): ChildNode | null {
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
function regionParts({ task, tables }: ChildWindow, region: RegionRecord, fromNs: number, toNs: number): GroupedParts {
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

function regionAttributes(window: ChildWindow, region: RegionRecord, row: number): Attribute[] {
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
