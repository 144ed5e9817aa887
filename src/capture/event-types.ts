// event-types.ts: the events of Go's execution tracer from Go 1.22 on, by number. A Go version is a row here.
//
// Captures of older Go are turned into these same events at their own door, so that nothing after this room asks for a version.
// Source: internal/trace/tracev2, Go 1.26; numbers checked against `go tool trace -d=wire`.

import * as Ev from './event-numbers.ts'
import { NOT_TIMED } from './v2/order-layout.ts'
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

export { Ev, NOT_TIMED }

/** First and last number of the experimental events (GODEBUG=traceallocfree=1), which are counted and passed over. */
export const FIRST_EXPERIMENTAL = Ev.Span
export const LAST_EXPERIMENTAL = Ev.GoroutineStackFree

/** Name and arguments, `dt` (the time since the previous event of the batch) first for timed events. */
export interface EventSpec {
  readonly number: number
  readonly name: string
  readonly args: readonly string[]
}

function spec(name: keyof typeof Ev, args: string): EventSpec {
  return { number: Ev[name], name, args: args === '' ? [] : args.split(' ') }
}

/** All events. Argument names are those of Go's textual form of captures (`go tool trace -d=wire`). */
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
  spec('GoSwitch', 'dt g g_seq'),
  spec('GoSwitchDestroy', 'dt g g_seq'),
  spec('GoCreateBlocked', 'dt new_g new_stack stack'),
  spec('GoStatusStack', 'dt g m gstatus stack'),
  spec('ExperimentalBatch', 'exp gen m time'),
  spec('Sync', ''),
  spec('ClockSnapshot', 'dt mono sec nsec'),
  spec('EndOfGeneration', ''),
  spec('Span', 'dt id npages_value kindclass'),
  spec('SpanAlloc', 'dt id npages_value kindclass'),
  spec('SpanFree', 'dt id'),
  spec('HeapObject', 'dt id type'),
  spec('HeapObjectAlloc', 'dt id type'),
  spec('HeapObjectFree', 'dt id'),
  spec('GoroutineStack', 'dt id order'),
  spec('GoroutineStackAlloc', 'dt id order'),
  spec('GoroutineStackFree', 'dt id'),
]

/** Arguments after `dt` by event number; `NOT_TIMED` for numbers that may not stand in a timed batch. */
export const timedArgumentCount: Uint8Array = (() => {
  const counts = new Uint8Array(256).fill(NOT_TIMED)
  for (const { number, args } of eventSpecs) {
    if (args[0] === 'dt' && number !== Ev.ClockSnapshot) counts[number] = args.length - 1
  }
  return counts
})()

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
