// blame.ts: who is to blame for the waits of a span: whose doing they were, what that one did meanwhile, and what was waited for instead.

import type { Holder, LongWait, TaskRecord, TaskTables, Timeline } from '../breakdown/breakdown.ts'
import { firstPieceAfter, type Group, groupOfPiece, groupParts, GROUPS } from '../breakdown/groups.ts'
import { type LockKind, lockKindOf } from '../breakdown/lock-places.ts'
import { isPipeWait, waitsForConnection, wouldWaitForNetwork } from '../breakdown/runtime-names.ts'
import { MOST_HOLDERS_TOLD } from '../breakdown/states-layout.ts'
import { type Instead, insteadOf } from './instead.ts'
import { entryFunction } from './stack-text.ts'

/** What one to blame did: the parts of its time, pipes told apart from the network, and from sleep what a deadline ended. */
export type Doing = Group | 'pipe' | 'deadline' | 'connection'

/** Who ended most of the waits of a group; for locks, who held them; for waits for a processor, who ran meanwhile. */
export interface Blame {
  /** Name of the spans that did, when they did for more than half of that time; null when no one did. */
  readonly name: string | null
  /** Kind of lock that more than half of that time was spent on, or a slot that a channel hands out; null when no stack says. */
  readonly lock: LockKind | 'slot' | null
  /** What that one did for more than half of that time; null when nothing stands out or it is not known. */
  readonly doing: Doing | null
  /** Of sleep, system calls, channels and the network: what more than half of that time was waited for instead; null where it was what the group says. */
  readonly instead: Instead | null
  /** Whether all that is said of the part holds for most of it, and not for nearly all. */
  readonly mostly: boolean
  /** The same of what the one to blame did. */
  readonly doingMostly: boolean
  /** Whether more held it in turn than are told, none of them for most of the time: the one to blame held it longest. */
  readonly inTurn: boolean
}

/** From this share of a part on what is said holds for nearly all of it, and "mostly" is left out. */
export const NEARLY_ALL = 0.9

/** Of a part of which nobody is to blame, nor anything else known. */
export const NO_BLAME: Blame = {
  name: null,
  lock: null,
  doing: null,
  instead: null,
  mostly: false,
  doingMostly: false,
  inTurn: false,
}

/** Waits of one group, added up. */
interface Sums {
  total: number
  /** Of `names`, those of goroutines without a span together. */
  withoutSpanNs: number
  /** Waits during which more held it in turn than are told, and those of them that are told, by name. */
  inTurnNs: number
  readonly namesInTurn: Map<string, number>
  readonly names: Map<string, number>
  readonly locks: Map<LockKind | 'slot', number>
  readonly doing: Map<Doing, number>
  readonly instead: Map<Instead, number>
}

/** Groups whose waits somebody ended, or that may have been for something else. */
const ASKED: ReadonlySet<Group> = new Set<Group>(['lock', 'chan', 'schedWait', 'sleep', 'syscall', 'network'])

/** How the runtime's own goroutines are called where they kept the processors busy. */
const RUNTIME_NAME = 'the garbage collector'
/** How a goroutine is called that works for no task, or for one whose span is not known; with the function that it runs. */
const NO_SPAN_NAME = 'a goroutine without a span'
/** The same of those that kept the processors busy, of which no function is known. */
const RUNNERS_WITHOUT_SPAN = 'goroutines without a span'
/** How those that kept the processors busy are called that work for the span itself. */
const OWN_RUNNERS = 'its own goroutines'

/**
 * Who ended the waits of a window, by group; who ran during those for a processor.
 *
 * @param nameOfTask name of the span of a task; null when none is known. The span's own task is never to blame.
 */
export function blameOf(
  task: Pick<TaskRecord, 'id' | 'timeline' | 'longWaits'>,
  tables: TaskTables,
  fromNs: number,
  toNs: number,
  nameOfTask: (taskId: number) => string | null,
): Map<Group, Blame> {
  const { timeline } = task
  const sums = new Map<Group, Sums>()
  if (timeline === null) return new Map()
  const explained = new Map(task.longWaits.map((wait) => [wait.row, wait]))
  const lockOfStack = new Map<number, LockKind | null>()
  const nameOf = (id: number): string | null => {
    const name = id <= 0 || id === task.id ? null : nameOfTask(id)
    return name === '' ? null : name
  }
  const wakerName = (wait: LongWait | undefined, wakerTask: number): string | null => {
    const id = wait?.wakerTask ?? wakerTask
    const isOther = wait !== undefined && wait.waker !== null && id >= 0 && id !== task.id
    return nameOf(id) ?? (isOther ? nameWithoutSpan(wait, tables) : null)
  }
  /** A worker of the task itself, which was nobody's, as far as is known, until it took the task up. */
  const pickedUpBy = (wait: LongWait | undefined): string | null =>
    wait !== undefined && wait.waker !== null && wait.wakerTask === task.id ? nameWithoutSpan(wait, tables) : null
  // A goroutine without a task that ended one of the longest waits is known where it ended a shorter one, in the same task or none.
  const wakerOf = (row: number): string => `${timeline.wakerGoroutine[row]} ${timeline.wakerTask[row]}`
  const namesWithoutTask = new Map<string, string>()
  for (const wait of task.longWaits) {
    const { row, waker, wakerTask, holders } = wait
    if (timeline.wakerGoroutine[row] < 0 || waker === null || wakerTask !== 0 || holders.length > 0) continue
    namesWithoutTask.set(wakerOf(row), nameWithoutSpan(wait, tables))
  }
  for (let row = firstPieceAfter(timeline, fromNs); row < timeline.length && timeline.startNs[row] < toNs; row++) {
    const group = groupOfPiece(timeline, row, tables)
    if (!ASKED.has(group)) continue
    const ns = Math.min(timeline.endNs[row], toNs) - Math.max(timeline.startNs[row], fromNs)
    let sum = sums.get(group)
    if (sum === undefined) sums.set(group, (sum = noSums()))
    sum.total += ns
    const wait = explained.get(row)
    if (group === 'sleep' || group === 'syscall' || group === 'network') {
      const instead = insteadOf(timeline, row, group, wait, tables)
      if (instead !== null) add(sum.instead, instead, ns)
      if (instead === 'givenUp') {
        const name = wakerName(wait, timeline.wakerTask[row])
        if (name !== null) addName(sum, name, ns)
      }
      if (instead !== 'goroutine') continue
      addName(sum, wakerName(wait, -1) ?? nameWithoutSpan(wait, tables), ns)
      if (group === 'syscall') add(sum.doing, 'syscall', ns)
      else addDoing(sum, wait, ns, tables)
      continue
    }
    const insteadOfChannel = group === 'chan' ? insteadOf(timeline, row, group, wait, tables) : null
    if (insteadOfChannel !== null) add(sum.instead, insteadOfChannel, ns)
    if (group === 'schedWait') {
      const ranNs = (wait?.runners ?? []).reduce((all, runner) => all + runner.ns, 0)
      for (const runner of wait?.runners ?? []) {
        const { taskId } = runner
        const others = taskId === task.id ? OWN_RUNNERS : (nameOf(taskId) ?? RUNNERS_WITHOUT_SPAN)
        add(sum.names, runner.runtime ? RUNTIME_NAME : others, (ns * runner.ns) / ranNs)
      }
      continue
    }
    const holders = wait?.holders ?? []
    const toldNs = holders.reduce((all, holder) => all + holder.ns, 0)
    // Of very many the shortest are not told, and who served others before a task may have been idle in between: none of it is the others'.
    const heldNs = Math.max(timeline.endNs[row] - timeline.startNs[row], toldNs)
    if (group === 'chan' && holders.length > 0) add(sum.locks, 'slot', ns)
    const holderName = ({ goroutine, taskId }: Holder): string | null => {
      if (goroutine < 0 || taskId === task.id) return null
      // Of the others than the first nothing more is known.
      return nameOf(taskId) ?? (goroutine === holders[0].goroutine ? nameWithoutSpan(wait, tables) : NO_SPAN_NAME)
    }
    const inTurn = areMore(holders, toldNs, heldNs)
    if (inTurn) sum.inTurnNs += ns
    for (const holder of holders) {
      const name = holderName(holder)
      if (name === null) continue
      const itsNs = (ns * holder.ns) / heldNs
      addName(sum, name, itsNs)
      if (inTurn) add(sum.namesInTurn, name, itsNs)
    }
    const shortWaitName = wait === undefined ? namesWithoutTask.get(wakerOf(row)) : undefined
    const pickerName = group === 'chan' && wasPickedUp(timeline, row) ? pickedUpBy(wait) : null
    const name =
      holders.length > 0
        ? holderName(holders[0])
        : (shortWaitName ?? wakerName(wait, timeline.wakerTask[row]) ?? pickerName)
    if (name !== null && holders.length === 0) addName(sum, name, ns)
    if (name !== null) addDoing(sum, wait, ns, tables)
    const stack = timeline.stack[row]
    if (group !== 'lock' || stack < 0) continue
    let lock = lockOfStack.get(stack)
    if (lock === undefined) lockOfStack.set(stack, (lock = lockKindOf(tables.stacks[stack])))
    if (lock !== null) add(sum.locks, lock, ns)
  }
  const blame = new Map<Group, Blame>()
  for (const [group, sum] of sums) blame.set(group, blameOfSums(group, sum))
  return blame
}

/** Whether a wait ended, as far as the path has it, when a worker took the task up: the path goes on with that one. */
function wasPickedUp({ length, goroutine, wakerGoroutine }: Timeline, row: number): boolean {
  return row + 1 < length && wakerGoroutine[row] >= 0 && goroutine[row + 1] === wakerGoroutine[row]
}

/** What is said of the waits of a group: what holds for more than half of them, and whether it does for nearly all. */
function blameOfSums(group: Group, sums: Sums): Blame {
  const { total, locks, doing, instead } = sums
  const { name, ns: nameNs, inTurn } = toBlame(sums)
  const lock = majority(locks, total)
  const did = name === null ? null : majority(doing, total)
  const insteadNs = sumOf(instead)
  const most = insteadOfMost(group, instead, total)
  const least = NEARLY_ALL * total
  const said = [
    nameNs,
    lock === null || lock === 'slot' ? total : (locks.get(lock) ?? 0),
    most === null ? total - insteadNs : (instead.get(most) ?? insteadNs),
  ]
  return {
    name,
    lock,
    doing: did,
    instead: most,
    mostly: said.some((ns) => ns < least),
    doingMostly: did !== null && (doing.get(did) ?? 0) < NEARLY_ALL * sumOf(doing),
    inTurn,
  }
}

/** Who is to blame for more than half of some waits, and for how long of them; else for all of them nobody. */
function toBlame({ total, withoutSpanNs, inTurnNs, namesInTurn, names }: Sums): {
  readonly name: string | null
  readonly ns: number
  readonly inTurn: boolean
} {
  const name = majority(names, total)
  if (name !== null) return { name, ns: names.get(name) ?? 0, inTurn: false }
  if (withoutSpanNs * 2 > total) return { name: NO_SPAN_NAME, ns: withoutSpanNs, inTurn: false }
  const longest = inTurnNs * 2 > total ? mostOf(namesInTurn) : null
  return longest === null ? { name: null, ns: total, inTurn: false } : { name: longest, ns: inTurnNs, inTurn: true }
}

/**
 * Whether a lock or slot was held in turn by more than are told: the rest of the wait is theirs, unless most of it is not known.
 *
 * @param toldNs for how long those held it that are told
 * @param heldNs how long the wait was
 */
function areMore(holders: readonly Holder[], toldNs: number, heldNs: number): boolean {
  if (holders.length < MOST_HOLDERS_TOLD) return false
  const unknownNs = holders.reduce((sum, { goroutine, ns }) => sum + (goroutine < 0 ? ns : 0), 0)
  return toldNs < heldNs && unknownNs * 2 < heldNs
}

function mostOf<Key>(sums: ReadonlyMap<Key, number>): Key | null {
  let most: Key | null = null
  for (const [key, ns] of sums) if (most === null || ns > (sums.get(most) ?? 0)) most = key
  return most
}

function sumOf(times: ReadonlyMap<unknown, number>): number {
  return [...times.values()].reduce((sum, ns) => sum + ns, 0)
}

const noSums = (): Sums => ({
  total: 0,
  withoutSpanNs: 0,
  inTurnNs: 0,
  namesInTurn: new Map(),
  names: new Map(),
  locks: new Map(),
  doing: new Map(),
  instead: new Map(),
})

function add<Key>(to: Map<Key, number>, key: Key, ns: number): void {
  to.set(key, (to.get(key) ?? 0) + ns)
}

/** Adds up what the one to blame for a wait did, each for its share of it. */
function addDoing(sum: Sums, wait: LongWait | undefined, ns: number, { stacks }: TaskTables): void {
  const did = wait?.waker ?? null
  if (wait === undefined || did === null) return
  const parts = groupParts(did)
  const waited = wait.wakerStack < 0 ? [] : stacks[wait.wakerStack]
  const told: Partial<Record<Group, Doing>> = {
    network: isPipeWait(waited) ? 'pipe' : 'network',
    sleep: wouldWaitForNetwork(waited) ? 'deadline' : waitsForConnection(waited) ? 'connection' : 'sleep',
  }
  for (const part of GROUPS) {
    if (parts[part] > 0) add(sum.doing, told[part] ?? part, (ns * parts[part]) / did.totalNs)
  }
}

/** What most of a part was waited for instead; of sleep that was none of its own one or the other, where neither was most of it. */
function insteadOfMost(group: Group, instead: ReadonlyMap<Instead, number>, total: number): Instead | null {
  const most = majority(instead, total)
  if (most !== null || group !== 'sleep') return most
  return sumOf(instead) * 2 > total ? 'timerOrGoroutine' : null
}

function addName(sum: Sums, name: string, ns: number): void {
  add(sum.names, name, ns)
  if (name.startsWith(NO_SPAN_NAME)) sum.withoutSpanNs += ns
}

/** How the goroutine to blame for a wait is called where no span of it is known. */
function nameWithoutSpan(wait: LongWait | undefined, { stacks }: TaskTables): string {
  const runs = wait === undefined || wait.wakerEntry < 0 ? null : entryFunction(stacks[wait.wakerEntry])
  return runs === null ? NO_SPAN_NAME : `${NO_SPAN_NAME} (${runs})`
}

function majority<Key>(sums: ReadonlyMap<Key, number>, total: number): Key | null {
  for (const [key, ns] of sums) if (ns * 2 > total) return key
  return null
}
