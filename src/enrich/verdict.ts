// verdict.ts: one sentence on where a span's time went, numbers first; or none, where the evidence is weak.

import { GoState, type TaskRecord, type TaskTables } from '../breakdown/breakdown.ts'
import { firstPieceAfter, type Group, type GroupedParts, groupOfPiece } from '../breakdown/groups.ts'
import type { Evidence } from '../join/match.ts'
import type { Overlaps } from './attributes.ts'
import { lockName } from './child-names.ts'

/** What a verdict is given. All of it is in the span's attributes too, the blame aside. */
export interface VerdictInput {
  readonly totalNs: number
  readonly parts: GroupedParts
  readonly overlaps: Overlaps
  /** Who ended the waits, by group. */
  readonly blame: ReadonlyMap<Group, Blame>
  readonly coverage: 'full' | 'partial'
  readonly evidence: Evidence
  readonly clockErrorNs: number | null
}

/** Who ended most of the waits of a group. */
export interface Blame {
  /** Name of the span that did, when it ended more than half of that time; null when no one did. */
  readonly name: string | null
  /** Kind of lock that more than half of that time was spent on; null when no stack says. */
  readonly lock: string | null
}

/** One row of the table of rules. */
export interface VerdictRule {
  readonly group: Group
  /** Least share of the span for leading the sentence, and for being mentioned second. */
  readonly leads: number
  readonly follows: number
  /** What is said after the number; the blame says who and which lock. */
  say(blame: Blame): string
}

/** The published table. A group without a row (`unknown`) is never named. */
export const VERDICT_RULES: readonly VerdictRule[] = [
  { group: 'lock', leads: 0.3, follows: 0.15, say: lockSentence },
  { group: 'schedWait', leads: 0.3, follows: 0.1, say: () => 'ready to run, waiting for a processor' },
  { group: 'gcWait', leads: 0.2, follows: 0.05, say: () => 'waiting for the garbage collector' },
  { group: 'network', leads: 0.3, follows: 0.15, say: () => 'waiting for the network' },
  {
    group: 'chan',
    leads: 0.3,
    follows: 0.15,
    say: ({ name }) => `waiting on a channel${name === null ? '' : ` served by ${name}`}`,
  },
  { group: 'syscall', leads: 0.3, follows: 0.15, say: () => 'in system calls' },
  { group: 'sleep', leads: 0.3, follows: 0.15, say: () => 'sleeping' },
  { group: 'exec', leads: 0.5, follows: 0, say: () => 'on CPU' },
  { group: 'other', leads: 0.5, follows: 0.15, say: () => 'waiting for other reasons' },
]

/** Spans shorter than this have no verdict: a microsecond of clock error would be in every number. */
export const MIN_TOTAL_NS = 100_000
/** Nor those whose clock may be off by more than this share of them. */
export const MAX_CLOCK_SHARE = 0.02
/** Overlapping times are mentioned from this share of the span on. */
const OVERLAP_SHARE = 0.05

/**
 * The verdict, such as "12.4 ms: 61 % waiting for a mutex held by cache.Refresh; 2.5 ms on CPU, 2.1 of it GC assist"; null where it stays
 * silent: coverage partial, evidence by name and time with a clock that may be off, a span too short, or no cause that stands out.
 */
export function verdictOf(input: VerdictInput): string | null {
  const { totalNs, parts, overlaps, coverage, clockErrorNs } = input
  if (coverage === 'partial' || totalNs < MIN_TOTAL_NS) return null
  if (clockErrorNs === null || clockErrorNs > MAX_CLOCK_SHARE * totalNs) return null
  const shares = VERDICT_RULES.map((rule) => ({ rule, ns: parts[rule.group], share: parts[rule.group] / totalNs }))
  const [lead] = shares.filter(({ rule, share }) => share >= rule.leads).sort((x, y) => y.ns - x.ns)
  if (lead === undefined) return null
  const say = ({ rule }: typeof lead): string => rule.say(input.blame.get(rule.group) ?? { name: null, lock: null })
  const onCpu = assistIsOnCpu(input) ? assistOfExec(input) : ''
  const [second] = shares
    .filter((other) => other !== lead && other.rule.group !== 'exec' && other.share >= other.rule.follows)
    .sort((x, y) => y.ns - x.ns)
  const named = second === undefined ? [lead] : [lead, second].sort((x, y) => y.ns - x.ns)
  const clauses = named.map((one) => `${percent(one.share)} ${say(one)}${one.rule.group === 'exec' ? onCpu : ''}`)
  if (lead.rule.group !== 'exec' && parts.exec > 0) clauses.push(`${duration(parts.exec)} on CPU${onCpu}`)
  if (mentioned(overlaps.gcAssistNs, totalNs) && onCpu === '') {
    clauses.push(`${duration(overlaps.gcAssistNs)} in GC assist`)
  }
  if (mentioned(overlaps.gcStwNs, totalNs)) clauses.push(`${duration(overlaps.gcStwNs)} stopping the world`)
  return `${duration(totalNs)}: ${clauses.join('; ')}`
}

function mentioned(overlapNs: number, totalNs: number): boolean {
  return overlapNs >= OVERLAP_SHARE * totalNs
}

/** GC assist is execution, unless the assistant had to wait for work or for a processor meanwhile. */
function assistIsOnCpu({ totalNs, parts, overlaps }: VerdictInput): boolean {
  return mentioned(overlaps.gcAssistNs, totalNs) && overlaps.gcAssistWaitNs === 0 && overlaps.gcAssistNs <= parts.exec
}

/** In the unit of the CPU time before it, which is left out when it is the same. */
function assistOfExec({ parts, overlaps }: VerdictInput): string {
  const unit = unitOf(overlaps.gcAssistNs)
  const named = unit === unitOf(parts.exec) ? '' : ` ${unit.name}`
  return `, ${figures(overlaps.gcAssistNs / unit.ns)}${named} of it GC assist`
}

function lockSentence({ name, lock }: Blame): string {
  switch (lock) {
    case 'mutex wait':
      return `waiting for a mutex${name === null ? '' : ` held by ${name}`}`
    case 'RWMutex wait':
      return `waiting for a read-write mutex${name === null ? '' : ` held by ${name}`}`
    case 'WaitGroup wait':
      return `waiting for a WaitGroup${name === null ? '' : `, ${name} last`}`
    case 'Cond wait':
      return `waiting for a condition${name === null ? '' : ` signalled by ${name}`}`
    default:
      return `waiting for a lock${name === null ? '' : ` released by ${name}`}`
  }
}

/**
 * Who ended the waits of a window, by group.
 *
 * @param nameOfTask name of the span of a task; null when none is known. The span's own task is never to blame.
 */
export function blameOf(
  task: Pick<TaskRecord, 'id' | 'timeline'>,
  tables: TaskTables,
  fromNs: number,
  toNs: number,
  nameOfTask: (taskId: number) => string | null,
): Map<Group, Blame> {
  const { timeline } = task
  const sums = new Map<Group, { total: number; names: Map<string, number>; locks: Map<string, number> }>()
  if (timeline === null) return new Map()
  const lockOfStack = new Map<number, string | null>()
  for (let row = firstPieceAfter(timeline, fromNs); row < timeline.length && timeline.startNs[row] < toNs; row++) {
    if (timeline.state[row] !== GoState.waiting) continue
    const group = groupOfPiece(timeline, row, tables)
    if (group !== 'lock' && group !== 'chan') continue
    const ns = Math.min(timeline.endNs[row], toNs) - Math.max(timeline.startNs[row], fromNs)
    let sum = sums.get(group)
    if (sum === undefined) sums.set(group, (sum = { total: 0, names: new Map(), locks: new Map() }))
    sum.total += ns
    const waker = timeline.wakerTask[row]
    const name = waker < 0 || waker === task.id ? null : nameOfTask(waker)
    if (name !== null && name !== '') sum.names.set(name, (sum.names.get(name) ?? 0) + ns)
    const stack = timeline.stack[row]
    if (group !== 'lock' || stack < 0) continue
    let lock = lockOfStack.get(stack)
    if (lock === undefined) lockOfStack.set(stack, (lock = lockName(tables.stacks[stack])))
    if (lock !== null) sum.locks.set(lock, (sum.locks.get(lock) ?? 0) + ns)
  }
  const blame = new Map<Group, Blame>()
  for (const [group, { total, names, locks }] of sums) {
    blame.set(group, { name: majority(names, total), lock: majority(locks, total) })
  }
  return blame
}

function majority(sums: ReadonlyMap<string, number>, total: number): string | null {
  for (const [name, ns] of sums) if (ns * 2 > total) return name
  return null
}

interface Unit {
  readonly name: string
  readonly ns: number
}

const UNITS: readonly Unit[] = [
  { name: 's', ns: 1e9 },
  { name: 'ms', ns: 1e6 },
  { name: 'us', ns: 1e3 },
]

function unitOf(ns: number): Unit {
  return UNITS.find((unit) => ns >= unit.ns) ?? UNITS[2]
}

/** A duration with its unit: 12.4 ms. */
function duration(ns: number): string {
  const unit = unitOf(ns)
  return `${figures(ns / unit.ns)} ${unit.name}`
}

/** One decimal below 100, none above. */
function figures(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
