// event-types.ts: the events of Go's execution tracer from Go 1.22 on, by number. A Go version is a row here.
//
// Captures of older Go are turned into these same events at their own door, so that nothing after this room asks for a version.
// Source: internal/trace/tracev2, Go 1.26; numbers checked against `go tool trace -d=wire`.

/** Event numbers as on the wire. */
export const Ev = {
  EventBatch: 1,
  Stacks: 2,
  Stack: 3,
  Strings: 4,
  String: 5,
  CPUSamples: 6,
  CPUSample: 7,
  Frequency: 8,
  ProcsChange: 9,
  ProcStart: 10,
  ProcStop: 11,
  ProcSteal: 12,
  ProcStatus: 13,
  GoCreate: 14,
  GoCreateSyscall: 15,
  GoStart: 16,
  GoDestroy: 17,
  GoDestroySyscall: 18,
  GoStop: 19,
  GoBlock: 20,
  GoUnblock: 21,
  GoSyscallBegin: 22,
  GoSyscallEnd: 23,
  GoSyscallEndBlocked: 24,
  GoStatus: 25,
  STWBegin: 26,
  STWEnd: 27,
  GCActive: 28,
  GCBegin: 29,
  GCEnd: 30,
  GCSweepActive: 31,
  GCSweepBegin: 32,
  GCSweepEnd: 33,
  GCMarkAssistActive: 34,
  GCMarkAssistBegin: 35,
  GCMarkAssistEnd: 36,
  HeapAlloc: 37,
  HeapGoal: 38,
  GoLabel: 39,
  UserTaskBegin: 40,
  UserTaskEnd: 41,
  UserRegionBegin: 42,
  UserRegionEnd: 43,
  UserLog: 44,
  GoSwitch: 45,
  GoSwitchDestroy: 46,
  GoCreateBlocked: 47,
  GoStatusStack: 48,
  ExperimentalBatch: 49,
  Sync: 50,
  ClockSnapshot: 51,
  EndOfGeneration: 52,
} as const

/** First and last number of the experimental events (GODEBUG=traceallocfree=1), which are counted and passed over. */
export const FIRST_EXPERIMENTAL = 128
export const LAST_EXPERIMENTAL = 136

/** Name and arguments, `dt` (the time since the previous event of the batch) first for timed events. */
export interface EventSpec {
  readonly number: number
  readonly name: string
  readonly args: readonly string[]
}

function spec(number: number, name: string, args: string): EventSpec {
  return { number, name, args: args === '' ? [] : args.split(' ') }
}

/** All events. Argument names are those of Go's textual form of captures (`go tool trace -d=wire`). */
export const eventSpecs: readonly EventSpec[] = [
  spec(1, 'EventBatch', 'gen m time size'),
  spec(2, 'Stacks', ''),
  spec(3, 'Stack', 'id nframes'),
  spec(4, 'Strings', ''),
  spec(5, 'String', 'id'),
  spec(6, 'CPUSamples', ''),
  spec(7, 'CPUSample', 'time m p g stack'),
  spec(8, 'Frequency', 'freq'),
  spec(9, 'ProcsChange', 'dt procs_value stack'),
  spec(10, 'ProcStart', 'dt p p_seq'),
  spec(11, 'ProcStop', 'dt'),
  spec(12, 'ProcSteal', 'dt p p_seq m'),
  spec(13, 'ProcStatus', 'dt p pstatus'),
  spec(14, 'GoCreate', 'dt new_g new_stack stack'),
  spec(15, 'GoCreateSyscall', 'dt new_g'),
  spec(16, 'GoStart', 'dt g g_seq'),
  spec(17, 'GoDestroy', 'dt'),
  spec(18, 'GoDestroySyscall', 'dt'),
  spec(19, 'GoStop', 'dt reason_string stack'),
  spec(20, 'GoBlock', 'dt reason_string stack'),
  spec(21, 'GoUnblock', 'dt g g_seq stack'),
  spec(22, 'GoSyscallBegin', 'dt p_seq stack'),
  spec(23, 'GoSyscallEnd', 'dt'),
  spec(24, 'GoSyscallEndBlocked', 'dt'),
  spec(25, 'GoStatus', 'dt g m gstatus'),
  spec(26, 'STWBegin', 'dt kind_string stack'),
  spec(27, 'STWEnd', 'dt'),
  spec(28, 'GCActive', 'dt gc_seq'),
  spec(29, 'GCBegin', 'dt gc_seq stack'),
  spec(30, 'GCEnd', 'dt gc_seq'),
  spec(31, 'GCSweepActive', 'dt p'),
  spec(32, 'GCSweepBegin', 'dt stack'),
  spec(33, 'GCSweepEnd', 'dt swept_value reclaimed_value'),
  spec(34, 'GCMarkAssistActive', 'dt g'),
  spec(35, 'GCMarkAssistBegin', 'dt stack'),
  spec(36, 'GCMarkAssistEnd', 'dt'),
  spec(37, 'HeapAlloc', 'dt heapalloc_value'),
  spec(38, 'HeapGoal', 'dt heapgoal_value'),
  spec(39, 'GoLabel', 'dt label_string'),
  spec(40, 'UserTaskBegin', 'dt task parent_task name_string stack'),
  spec(41, 'UserTaskEnd', 'dt task stack'),
  spec(42, 'UserRegionBegin', 'dt task name_string stack'),
  spec(43, 'UserRegionEnd', 'dt task name_string stack'),
  spec(44, 'UserLog', 'dt task key_string value_string stack'),
  spec(45, 'GoSwitch', 'dt g g_seq'),
  spec(46, 'GoSwitchDestroy', 'dt g g_seq'),
  spec(47, 'GoCreateBlocked', 'dt new_g new_stack stack'),
  spec(48, 'GoStatusStack', 'dt g m gstatus stack'),
  spec(49, 'ExperimentalBatch', 'exp gen m time'),
  spec(50, 'Sync', ''),
  spec(51, 'ClockSnapshot', 'dt mono sec nsec'),
  spec(52, 'EndOfGeneration', ''),
  spec(128, 'Span', 'dt id npages_value kindclass'),
  spec(129, 'SpanAlloc', 'dt id npages_value kindclass'),
  spec(130, 'SpanFree', 'dt id'),
  spec(131, 'HeapObject', 'dt id type'),
  spec(132, 'HeapObjectAlloc', 'dt id type'),
  spec(133, 'HeapObjectFree', 'dt id'),
  spec(134, 'GoroutineStack', 'dt id order'),
  spec(135, 'GoroutineStackAlloc', 'dt id order'),
  spec(136, 'GoroutineStackFree', 'dt id'),
]

/** An event number that no timed batch may hold. */
export const NOT_TIMED = 255

/** Arguments after `dt` by event number; `NOT_TIMED` for numbers that may not stand in a timed batch. */
export const timedArgumentCount: Uint8Array = (() => {
  const counts = new Uint8Array(256).fill(NOT_TIMED)
  for (const { number, args } of eventSpecs) {
    if (args[0] === 'dt' && number !== Ev.ClockSnapshot) counts[number] = args.length - 1
  }
  return counts
})()

/** Goroutine states in GoStatus events. */
export const GoStatus = { bad: 0, runnable: 1, running: 2, syscall: 3, waiting: 4 } as const

/** Processor states in ProcStatus events; "abandoned": in a system call whose thread moved on. */
export const ProcStatus = { bad: 0, running: 1, idle: 2, syscall: 3, syscallAbandoned: 4 } as const
