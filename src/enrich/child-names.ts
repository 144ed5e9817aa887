// child-names.ts: the fixed table of names that child spans of ours bear. Never a sentence or a number: names are what people group by.

import type { StackFrame } from '../breakdown/breakdown.ts'
import type { Group, GroupedParts } from '../breakdown/groups.ts'
import { GROUPS } from '../breakdown/groups.ts'
import { type LockKind, lockKindOf } from '../breakdown/lock-places.ts'
import { runtimeWaitOf } from '../breakdown/runtime-names.ts'
import type { Instead } from './instead.ts'

/** Waits by group. `exec` and `unknown` are no waits. */
const WAIT_NAMES: Readonly<Record<Group, string>> = {
  exec: 'running',
  schedWait: 'sched wait',
  network: 'network wait',
  lock: 'lock wait',
  chan: 'chan wait',
  syscall: 'syscall',
  gcWait: 'GC wait',
  sleep: 'sleep',
  other: 'wait',
  unknown: 'unknown',
}

/** Waits for locks, by the kind that the stack tells. */
const LOCK_NAMES: Readonly<Record<LockKind, string>> = {
  rwMutex: 'RWMutex wait',
  mutex: 'mutex wait',
  once: 'Once wait',
  file: 'file lock wait',
  waitGroup: 'WaitGroup wait',
  cond: 'Cond wait',
}

/** Waits that are not quite what their group says: sleep and system calls that were none of their own, pipes, calls that were cut short. */
const INSTEAD_NAMES: Readonly<Record<Instead, string>> = {
  timer: 'timer wait',
  deadline: 'network wait until deadline',
  connection: 'connection wait until deadline',
  givenUp: 'network wait until given up',
  goroutine: 'goroutine wait',
  timerOrGoroutine: 'timer or goroutine wait',
  pipe: 'pipe wait',
  late: WAIT_NAMES.network,
  queue: 'queue wait',
  stream: 'stream wait',
  process: 'process wait',
}

/** Special ranges. */
const RANGE_NAMES: readonly (readonly [prefix: string, name: string])[] = [
  ['GC mark assist', 'GC assist'],
  ['GC incremental sweep', 'GC sweep'],
  ['stop-the-world', 'stop the world'],
]

const MOSTLY: Readonly<Record<Group, string>> = { ...WAIT_NAMES, exec: 'on CPU', other: 'other waits' }

/**
 * Name of a wait; waits for locks say which kind once the stack tells, those for semaphores of the runtime's own that they are, and those that
 * are not quite what their group says what they were for instead.
 */
export function waitName(group: Group, stack: readonly StackFrame[] | null, instead: Instead | null = null): string {
  if (instead !== null) return INSTEAD_NAMES[instead]
  if (group === 'other' && stack !== null && runtimeWaitOf(stack) === 'runtime') return 'runtime wait'
  const kind = group === 'lock' && stack !== null ? lockKindOf(stack) : null
  return kind === null ? WAIT_NAMES[group] : LOCK_NAMES[kind]
}

/** Name of a special range, by the name the tracer gives it. */
export function rangeName(range: string): string {
  for (const [prefix, name] of RANGE_NAMES) if (range.startsWith(prefix)) return name
  return range
}

/** Name of a region's span: the region's own, marked as one. */
export function regionName(region: string): string {
  return region === '' ? 'region' : `region ${region}`
}

/**
 * Name of the summary under a span that had left: what took more than half of its time.
 *
 * @param insteadOf what most of a group was waited for where that is not quite what the group says, as the verdict tells it
 */
export function summaryName(parts: GroupedParts, insteadOf: (group: Group) => Instead | null = () => null): string {
  const total = GROUPS.reduce((sum, group) => sum + parts[group], 0)
  for (const group of GROUPS) {
    if (parts[group] * 2 <= total) continue
    const instead = insteadOf(group)
    return `runtime: mostly ${instead === null ? MOSTLY[group] : INSTEAD_NAMES[instead]}`
  }
  return 'runtime: mixed'
}
