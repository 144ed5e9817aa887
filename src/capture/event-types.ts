// event-types.ts: the events of Go's execution tracer from Go 1.22 on, and the version from which on each is written. A Go version is rows here.
//
// Captures of older Go are turned into these same events at their own door, so that nothing after this room asks for a version.
// Source: internal/trace/tracev2, Go 1.26; numbers checked against `go tool trace -d=wire`.

import * as Ev from './event-numbers.ts'
import {
  PROC_IDLE,
  PROC_RUNNING,
  PROC_SYSCALL,
  PROC_SYSCALL_ABANDONED,
  RUNNABLE,
  RUNNING,
  SYSCALL,
  WAITING,
} from './statuses.ts'

export { Ev }

/** First and last number of the experimental events (GODEBUG=traceallocfree=1), which are counted and passed over. */
export const FIRST_EXPERIMENTAL = Ev.Span
export const LAST_EXPERIMENTAL = Ev.GoroutineStackFree

/** Name and arguments, `dt` (the time since the previous event of the batch) first for timed events. */
export interface EventSpec {
  readonly number: number
  readonly name: string
  readonly args: readonly string[]
  /** Header from which on it is written, with these arguments. */
  readonly since: number
}

function spec(name: keyof typeof Ev, args: string, since = 22): EventSpec {
  return { number: Ev[name], name, args: args === '' ? [] : args.split(' '), since }
}

/**
 * All events. Argument names are those of Go's textual form of captures (`go tool trace -d=wire`). Where a version writes an event with other
 * arguments, that is a further row of the same name, `since` its header.
 */
export const eventSpecs: readonly EventSpec[] = [
  spec('EventBatch', 'gen m time size'),
  spec('Stacks', ''),
  spec('Stack', 'id nframes'),
  spec('Strings', ''),
  spec('String', 'id'),
  spec('CPUSamples', ''),
  spec('CPUSample', 'time m p g stack'),
  spec('Frequency', 'freq'),
  spec('ProcsChange', 'dt procs_value stack'),
  spec('ProcStart', 'dt p p_seq'),
  spec('ProcStop', 'dt'),
  spec('ProcSteal', 'dt p p_seq m'),
  spec('ProcStatus', 'dt p pstatus'),
  spec('GoCreate', 'dt new_g new_stack stack'),
  spec('GoCreateSyscall', 'dt new_g'),
  spec('GoStart', 'dt g g_seq'),
  spec('GoDestroy', 'dt'),
  spec('GoDestroySyscall', 'dt'),
  spec('GoStop', 'dt reason_string stack'),
  spec('GoBlock', 'dt reason_string stack'),
  spec('GoUnblock', 'dt g g_seq stack'),
  spec('GoSyscallBegin', 'dt p_seq stack'),
  spec('GoSyscallEnd', 'dt'),
  spec('GoSyscallEndBlocked', 'dt'),
  spec('GoStatus', 'dt g m gstatus'),
  spec('STWBegin', 'dt kind_string stack'),
  spec('STWEnd', 'dt'),
  spec('GCActive', 'dt gc_seq'),
  spec('GCBegin', 'dt gc_seq stack'),
  spec('GCEnd', 'dt gc_seq'),
  spec('GCSweepActive', 'dt p'),
  spec('GCSweepBegin', 'dt stack'),
  spec('GCSweepEnd', 'dt swept_value reclaimed_value'),
  spec('GCMarkAssistActive', 'dt g'),
  spec('GCMarkAssistBegin', 'dt stack'),
  spec('GCMarkAssistEnd', 'dt'),
  spec('HeapAlloc', 'dt heapalloc_value'),
  spec('HeapGoal', 'dt heapgoal_value'),
  spec('GoLabel', 'dt label_string'),
  spec('UserTaskBegin', 'dt task parent_task name_string stack'),
  spec('UserTaskEnd', 'dt task stack'),
  spec('UserRegionBegin', 'dt task name_string stack'),
  spec('UserRegionEnd', 'dt task name_string stack'),
  spec('UserLog', 'dt task key_string value_string stack'),
  spec('GoSwitch', 'dt g g_seq', 23),
  spec('GoSwitchDestroy', 'dt g g_seq', 23),
  spec('GoCreateBlocked', 'dt new_g new_stack stack', 23),
  spec('GoStatusStack', 'dt g m gstatus stack', 23),
  spec('ExperimentalBatch', 'exp gen m time', 23),
  spec('Sync', '', 25),
  spec('ClockSnapshot', 'dt mono sec nsec', 25),
  spec('EndOfGeneration', '', 26),
  spec('Span', 'dt id npages_value kindclass', 23),
  spec('SpanAlloc', 'dt id npages_value kindclass', 23),
  spec('SpanFree', 'dt id', 23),
  spec('HeapObject', 'dt id type', 23),
  spec('HeapObjectAlloc', 'dt id type', 23),
  spec('HeapObjectFree', 'dt id', 23),
  spec('GoroutineStack', 'dt id order', 23),
  spec('GoroutineStackAlloc', 'dt id order', 23),
  spec('GoroutineStackFree', 'dt id', 23),
]

/** Goroutine states in GoStatus events. */
export const GoStatus = { bad: 0, runnable: RUNNABLE, running: RUNNING, syscall: SYSCALL, waiting: WAITING } as const

/** Processor states in ProcStatus events; "abandoned": in a system call whose thread moved on. */
export const ProcStatus = {
  bad: 0,
  running: PROC_RUNNING,
  idle: PROC_IDLE,
  syscall: PROC_SYSCALL,
  syscallAbandoned: PROC_SYSCALL_ABANDONED,
} as const
