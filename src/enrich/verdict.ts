// verdict.ts: one sentence on where a span's time went, numbers first; or none, where the evidence is weak.

import type { Group, GroupedParts } from '../breakdown/groups.ts'
import type { Evidence } from '../join/match.ts'
import type { Overlaps } from './attributes.ts'
import { type Blame, type Doing, NO_BLAME } from './blame.ts'

/** What a verdict is given. All numbers in it are in the span's attributes too. */
export interface VerdictInput {
  readonly totalNs: number
  readonly parts: GroupedParts
  readonly overlaps: Overlaps
  /** Who ended the waits, by group. */
  readonly blame: ReadonlyMap<Group, Blame>
  readonly coverage: 'full' | 'partial'
  readonly evidence: Evidence
  readonly clockErrorNs: number | null
  /** Whether the span took no longer than its kind usually does. */
  readonly usual: boolean
}

/** One row of the table of rules. */
export interface VerdictRule {
  readonly group: Group
  /** Least share of the span for leading the sentence, and for being mentioned second. */
  readonly leads: number
  readonly follows: number
  /** The cause, as the published table names it. */
  readonly cause: string
  /** What is said after the number; the blame says who and which lock. */
  say(blame: Blame): string
}

/** The published table. A group without a row (`unknown`) is never named. */
export const VERDICT_RULES: readonly VerdictRule[] = [
  {
    group: 'lock',
    cause: 'a lock of package sync',
    leads: 0.3,
    follows: 0.15,
    say: (blame) => mostly(blame, lockSentence(blame)),
  },
  {
    group: 'schedWait',
    cause: 'no processor was free',
    leads: 0.3,
    follows: 0.1,
    say: ({ name, mostly }) =>
      `ready to run, waiting for a processor${name === null ? '' : `${mostly ? ', mostly' : ''} while ${name} ran`}`,
  },
  {
    group: 'gcWait',
    cause: 'the garbage collector',
    leads: 0.2,
    follows: 0.05,
    say: () => 'waiting for the garbage collector',
  },
  {
    group: 'network',
    cause: 'the network',
    leads: 0.3,
    follows: 0.15,
    say: (blame) => mostly(blame, insteadSentence(blame) ?? 'waiting for the network'),
  },
  {
    group: 'chan',
    cause: 'a channel or select',
    leads: 0.3,
    follows: 0.15,
    say: (blame) => mostly(blame, channelSentence(blame)),
  },
  {
    group: 'syscall',
    cause: 'system calls, files among them',
    leads: 0.3,
    follows: 0.15,
    say: (blame) => mostly(blame, insteadSentence(blame) ?? 'in system calls'),
  },
  {
    group: 'sleep',
    cause: 'time.Sleep or a timer',
    leads: 0.3,
    follows: 0.15,
    say: (blame) => mostly(blame, insteadSentence(blame) ?? 'sleeping'),
  },
  { group: 'exec', cause: 'its own work', leads: 0.5, follows: 0, say: () => 'on CPU' },
  {
    group: 'other',
    cause: 'another reason to wait',
    leads: 0.5,
    follows: 0.15,
    say: () => 'waiting for other reasons',
  },
]

/** What the one to blame was doing, by group. */
const DOING: Readonly<Record<Doing, string | null>> = {
  exec: 'on CPU',
  schedWait: 'waiting for a processor',
  network: 'waiting for the network',
  pipe: 'waiting for a pipe',
  lock: 'waiting for a lock itself',
  chan: 'waiting on a channel itself',
  syscall: 'in system calls',
  gcWait: 'waiting for the garbage collector',
  sleep: 'asleep',
  deadline: 'waiting for the network until a deadline',
  connection: 'waiting for a connection until a deadline',
  other: null,
  unknown: null,
}

function doing({ doing: did, doingMostly }: Pick<Blame, 'doing' | 'doingMostly'>): string {
  const text = did === null ? null : DOING[did]
  return text === null ? '' : `, which was ${doingMostly ? 'mostly ' : ''}${text}`
}

/** What is said of a part, where it holds for most of it only: "waiting, mostly for a mutex held by X", "mostly sleeping". */
function mostly(blame: Blame, said: string): string {
  if (!blame.mostly) return said
  const waiting = 'waiting '
  return said.startsWith(waiting) ? `waiting, mostly ${said.slice(waiting.length)}` : `mostly ${said}`
}

/** Spans shorter than this have no verdict: a microsecond of clock error would be in every number. */
export const MIN_TOTAL_NS = 100_000
/** Nor those whose clock may be off by more than this share of them. */
export const MAX_CLOCK_SHARE = 0.02
/** Overlapping times are mentioned from this share of the span on. */
const OVERLAP_SHARE = 0.05
/** Assisting the collector leads the sentence from this share of the span on, where it took longer than every other cause that would. */
export const ASSIST_LEADS = 0.3

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
  const assists = overlaps.gcAssistNs >= ASSIST_LEADS * totalNs && (lead === undefined || assistIsBefore(input, lead))
  if (lead === undefined && !assists) return null
  const say = ({ rule }: (typeof shares)[number]): string =>
    rule.group === 'schedWait' && wasStopped(input) ? WHILE_STOPPED : rule.say(input.blame.get(rule.group) ?? NO_BLAME)
  const onCpu = (asTime: boolean): string => {
    if (assistIsOnCpu(input)) return assistOfExec(input, asTime)
    return assists && overlaps.gcAssistWaitNs < overlaps.gcAssistNs ? ', GC assist included' : ''
  }
  // What the assistant waited for the collector is told with it.
  const toldBefore = ({ rule }: (typeof shares)[number]): boolean =>
    assists && rule.group === 'gcWait' && overlaps.gcAssistWaitNs > 0 && parts.gcWait <= overlaps.gcAssistWaitNs
  const [second] = shares
    .filter((other) => other !== lead && other.rule.group !== 'exec' && other.share >= other.rule.follows)
    .filter((other) => !toldBefore(other))
    .sort((x, y) => y.ns - x.ns)
  const named = [lead, second].filter((one) => one !== undefined && !toldBefore(one)).sort((x, y) => y.ns - x.ns)
  const clauses = named.map(
    (one) => `${percent(one.share)} ${say(one)}${one.rule.group === 'exec' ? onCpu(false) : ''}`,
  )
  if (assists) clauses.unshift(assistSentence(input))
  if (lead?.rule.group !== 'exec' && parts.exec > 0) clauses.push(`${duration(parts.exec)} on CPU${onCpu(true)}`)
  if (!assists && mentioned(overlaps.gcAssistNs, totalNs) && !assistIsOnCpu(input)) {
    clauses.push(`${duration(overlaps.gcAssistNs)} in GC assist, waits included`)
  }
  if (mentioned(overlaps.gcStwNs, totalNs)) {
    const own = overlaps.gcStwOwnNs * 2 > overlaps.gcStwNs
    const why = overlaps.gcStwReason === null ? '' : ` (${overlaps.gcStwReason})`
    clauses.push(`${duration(overlaps.gcStwNs)} ${own ? 'stopping the world' : 'with the world stopped'}${why}`)
  }
  if (input.usual) clauses.push('usual for its kind')
  return `${duration(totalNs)}: ${clauses.join('; ')}`
}

function mentioned(overlapNs: number, totalNs: number): boolean {
  return overlapNs >= OVERLAP_SHARE * totalNs
}

/** What is said of a wait for a processor where nobody ran. */
const WHILE_STOPPED = 'ready to run while the world was stopped'

/** Whether others had the world stopped for most of the time in which the span waited for a processor. */
function wasStopped({ parts, overlaps }: VerdictInput): boolean {
  return (overlaps.gcStwNs - overlaps.gcStwOwnNs) * 2 > parts.schedWait
}

/** Whether assisting is told before the part that leads: it took longer, or is most of the span and that part is the time on CPU, which has some of it. */
function assistIsBefore(
  input: VerdictInput,
  lead: { readonly rule: Pick<VerdictRule, 'group'>; readonly ns: number },
): boolean {
  const { gcAssistNs } = input.overlaps
  if (gcAssistNs > lead.ns) return true
  return lead.rule.group === 'exec' && gcAssistNs * 2 > input.totalNs && !assistIsOnCpu(input)
}

/** GC assist is execution, unless the assistant had to wait for work or for a processor meanwhile. */
function assistIsOnCpu({ totalNs, parts, overlaps }: VerdictInput): boolean {
  return mentioned(overlaps.gcAssistNs, totalNs) && overlaps.gcAssistWaitNs === 0 && overlaps.gcAssistNs <= parts.exec
}

/** Assisting the collector, where it leads: it overlaps the parts that are named after it. */
function assistSentence(input: VerdictInput): string {
  const { totalNs, overlaps } = input
  const waits = overlaps.gcAssistWaitNs * 2 > overlaps.gcAssistNs ? ', mostly waiting' : ', on CPU and waiting'
  return `${percent(overlaps.gcAssistNs / totalNs)} in GC assist${assistIsOnCpu(input) ? '' : waits}`
}

/** After a time on CPU in its unit, which is left out when it is the same; after a share with its own. */
function assistOfExec({ parts, overlaps }: VerdictInput, asTime: boolean): string {
  const unit = unitOf(overlaps.gcAssistNs)
  const named = asTime && unit === unitOf(parts.exec) ? '' : ` ${unit.name}`
  return `, ${figures(overlaps.gcAssistNs / unit.ns)}${named} of it GC assist`
}

/** What was waited for where it was not what the group says; null where it was. */
function insteadSentence(blame: Blame): string | null {
  switch (blame.instead) {
    case null:
      return null
    case 'timer':
      return 'waiting for a timer or deadline'
    case 'deadline':
      return 'waiting for the network until a deadline'
    case 'connection':
      return 'waiting for a connection until a deadline'
    case 'timerOrGoroutine':
      return 'waiting for a timer or a goroutine that had slept'
    case 'givenUp':
      return `waiting for the network until ${blame.name ?? 'another goroutine'} gave it up`
    case 'pipe':
      return 'waiting for a pipe'
    case 'queue':
      return `waiting in a queue${by(blame, ' behind', 'behind')}`
    case 'stream':
      return 'waiting for a free stream of its connection'
    case 'process':
      return 'waiting for another process'
    case 'late':
      return 'waiting for the network, and for a processor to read it'
    case 'goroutine':
      return `waiting for ${blame.name ?? 'another goroutine'}${doing(blame)}`
  }
}

function channelSentence(blame: Blame): string {
  const instead = insteadSentence(blame)
  if (instead !== null) return instead
  return `waiting on a channel${by(blame, blame.lock === 'slot' ? ', held up by' : ' served by')}`
}

/**
 * Who is to blame, after such words, and what that one did. Nothing where nobody is.
 *
 * @param longest the word before the one of many that is named
 */
function by(blame: Blame, words: string, longest = 'by'): string {
  if (blame.name === null) return ''
  const who = blame.inTurn ? `many in turn, longest ${longest} ${blame.name}` : blame.name
  return `${words} ${who}${doing(blame)}`
}

function lockSentence(blame: Blame): string {
  switch (blame.lock) {
    case 'mutex':
      return `waiting for a mutex${by(blame, ' held by')}`
    case 'rwMutex':
      return `waiting for a read-write mutex${by(blame, ' held by')}`
    case 'once':
      return `waiting for a sync.Once${by(blame, ' run by') || ' run by another goroutine'}`
    case 'file':
      return `waiting for a file lock${by(blame, ' held by')}`
    case 'waitGroup':
      return `waiting for a WaitGroup${by(blame, ', last for')}`
    case 'cond':
      return `waiting for a condition${by(blame, ' signalled by')}`
    default:
      return `waiting for a lock${by(blame, ' released by')}`
  }
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

/** The unit that a time is told in: what would round to a thousand of one is one of the next. */
function unitOf(ns: number): Unit {
  return UNITS.find((unit) => ns >= 0.9995 * unit.ns) ?? UNITS[2]
}

/** A duration with its unit: 12.4 ms. */
function duration(ns: number): string {
  const unit = unitOf(ns)
  return `${figures(ns / unit.ns)} ${unit.name}`
}

/** One decimal below 100, none above. */
function figures(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
