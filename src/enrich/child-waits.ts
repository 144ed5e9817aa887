// child-waits.ts: the long waits of a path as children: where, why, who ended them or held what they were for, and what that one did meanwhile.

import { GoState, type Timeline } from '../breakdown/breakdown.ts'
import { firstPieceAfter, type Group, groupOfPiece, groupParts, GROUPS } from '../breakdown/groups.ts'
import type { Attribute } from '../span/span.ts'
import { cutText, microseconds, PART_KEYS } from './attributes.ts'
import { waitName } from './child-names.ts'
import { addStack, type ChildNode, type ChildWindow, inInnerTask } from './child-nodes.ts'
import { Edges, regionsAndRanges } from './edges.ts'
import { insteadOf } from './instead.ts'
import { entryFunction, stackText } from './stack-text.ts'

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

/** Adds the long waits of the path, and short ones in a row as one. */
export function addWaits(window: ChildWindow, nodes: ChildNode[]): void {
  const { task, fromNs, toNs, longNs, mergeGapNs } = window
  const { timeline } = task
  if (timeline === null) return
  const edges = new Edges(regionsAndRanges(task, longNs))
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
function addRun(window: ChildWindow, timeline: Timeline, run: readonly Wait[], nodes: ChildNode[]): void {
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
function addWait(window: ChildWindow, timeline: Timeline, waits: readonly Wait[], nodes: ChildNode[]): void {
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
    const reason = tables.reasons[timeline.reason[row]]
    // Some waits have none up to Go 1.21.
    if (reason !== '') attributes.push({ key: 'subspan.reason', value: cutText(reason) })
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
    name: waitName(group, stack < 0 ? null : tables.stacks[stack], insteadOf(timeline, row, group, explained, tables)),
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
function addExplanation({ explained, tables, nameOfTask }: ChildWindow, row: number, attributes: Attribute[]): void {
  const wait = explained.get(row)
  if (wait === undefined) return
  const { waker, wakerStack, wakerEntry, holders, runners } = wait
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
    const runs = wakerEntry < 0 ? null : entryFunction(tables.stacks[wakerEntry])
    if (runs !== null) attributes.push({ key: `${prefix}function`, value: runs })
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
