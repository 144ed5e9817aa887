// child-ranges.ts: special ranges on a path (assisting the collector, sweeping, stopping the world) as children: one for those in a row.
//
// Assists come in rows: each marks a little, the goroutine runs on the credit it got, and assists again. A child for each would say nothing more
// than one for all, and would take the place of other children; and each of them may be too short to be shown.

import { firstPieceAfter } from '../breakdown/groups.ts'
import { isQueued } from '../breakdown/window.ts'
import type { Attribute } from '../span/span.ts'
import { cutText, microseconds } from './attributes.ts'
import { rangeName } from './child-names.ts'
import { type ChildNode, type ChildWindow, inInnerTask } from './child-nodes.ts'
import { Edges, regionsAndTasks } from './edges.ts'

/** A range, as far as the path was on its goroutine. */
interface PathRange {
  /** Row in the task's ranges. */
  readonly row: number
  /** Row in the tables' names of ranges. */
  readonly name: number
  readonly goroutine: number
  readonly fromNs: number
  readonly toNs: number
}

/** Ranges of one name on one goroutine that follow each other closely. */
interface Run {
  readonly first: PathRange
  last: PathRange
  count: number
  /** Of all of them, without the time between them. */
  ns: number
}

/**
 * Adds the ranges that are long enough, those in a row as one: in a row are ranges of one name on one goroutine which fill half of the time from
 * first to last, and between which lies nothing that is shown, of another kind, or as long as what is shown by itself.
 *
 * @param nodes the waits are among them
 */
export function addRanges(window: ChildWindow, nodes: ChildNode[]): void {
  const { task, innerTasks, longNs, mergeGapNs } = window
  if (task.ranges === null || task.ranges.length === 0) return
  const edges = new Edges(regionsAndTasks(task, innerTasks))
  const waits = nodes.filter(({ kind }) => kind === 'wait')
  const mostGapNs = Math.max(longNs, mergeGapNs)

  const goesOn = ({ first, last, ns }: Run, { name, goroutine, fromNs, toNs }: PathRange): boolean => {
    const gapNs = fromNs - last.toNs
    if (last.name !== name || last.goroutine !== goroutine || gapNs < 0 || gapNs >= mostGapNs) return false
    if ((ns + toNs - fromNs) * 2 < toNs - first.fromNs || edges.between(goroutine, first.fromNs, toNs)) return false
    // No wait that is shown finds room in a shorter gap.
    if (gapNs < longNs) return true
    return !waits.some((wait) => wait.goroutine === goroutine && wait.fromNs >= last.toNs && wait.fromNs < fromNs)
  }
  /** Whether nothing goes on with a run any more: not where the next lies in its last (a stop of the world in an assist). */
  const isOver = ({ last }: Run, { name, goroutine, fromNs }: PathRange): boolean =>
    fromNs - last.toNs >= mostGapNs || (last.goroutine === goroutine && (last.name === name || last.toNs <= fromNs))

  let open: Run[] = []
  for (const range of rangesOnPath(window)) {
    const ns = range.toNs - range.fromNs
    const continued = open.find((run) => goesOn(run, range))
    open = open.filter((run) => {
      if (run === continued || !isOver(run, range)) return true
      addRun(window, run, nodes)
      return false
    })
    if (continued === undefined) {
      open.push({ first: range, last: range, count: 1, ns })
      continue
    }
    // One that went on while the path was elsewhere comes once for each time that the path was with it.
    if (continued.last.row !== range.row) continued.count++
    continued.ns += ns
    continued.last = range
  }
  for (const run of open) addRun(window, run, nodes)
}

/** The ranges by start, on the stretches in which the path was on their goroutine. */
function* rangesOnPath({ task, tables, fromNs, toNs }: ChildWindow): Generator<PathRange> {
  const { timeline, ranges } = task
  if (timeline === null || ranges === null) return
  let piece = firstPieceAfter(timeline, fromNs)
  let first = 0
  while (piece < timeline.length && timeline.startNs[piece] < toNs) {
    const goroutine = timeline.goroutine[piece]
    const stretchFrom = Math.max(timeline.startNs[piece], fromNs)
    let last = piece
    const isOn = (row: number): boolean => timeline.goroutine[row] === goroutine && !isQueued(timeline, row, tables)
    if (!isOn(piece)) {
      piece++
      continue
    }
    while (last + 1 < timeline.length && isOn(last + 1)) last++
    const stretchTo = Math.min(timeline.endNs[last], toNs)
    while (first < ranges.length && ranges.endNs[first] <= stretchFrom) first++
    for (let row = first; row < ranges.length && ranges.startNs[row] < stretchTo; row++) {
      if (ranges.goroutine[row] !== goroutine) continue
      const from = Math.max(ranges.startNs[row], stretchFrom)
      const to = Math.min(ranges.endNs[row], stretchTo)
      if (to > from) yield { row, name: ranges.name[row], goroutine, fromNs: from, toNs: to }
    }
    piece = last + 1
  }
}

/** One child for ranges in a row, where they are long enough and no span below shows them. */
function addRun(window: ChildWindow, { first, last, count, ns }: Run, nodes: ChildNode[]): void {
  const { task, tables, longNs } = window
  const { goroutine, fromNs } = first
  const { toNs } = last
  if (task.ranges === null || ns < longNs || inInnerTask(window, goroutine, fromNs, toNs)) return
  const name = tables.rangeNames[first.name]
  const attributes: Attribute[] = [
    { key: 'subspan.kind', value: 'range' },
    { key: 'subspan.range', value: cutText(name) },
    { key: 'subspan.goroutine', value: { int: goroutine } },
  ]
  if (count > 1) {
    attributes.push({ key: 'subspan.merged_count', value: { int: count } })
    attributes.push({ key: 'subspan.range_us', value: microseconds(ns) })
  }
  nodes.push({
    kind: 'range',
    name: rangeName(name),
    goroutine,
    trueStartNs: task.ranges.startNs[first.row],
    trueEndNs: task.ranges.endNs[last.row],
    fromNs,
    toNs,
    parent: null,
    attributes,
    blamedTask: -1,
    held: null,
  })
}
