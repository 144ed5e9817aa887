// event-types.ts: the events of Go's execution tracer from Go 1.11 to 1.21, by number.
//
// Source: runtime/trace.go of Go 1.11, 1.19 and 1.21; internal/trace/internal/tracev1 of Go 1.26. What each becomes is told in `order.ts`.

/** Event numbers as on the wire (the low six bits of an event's first byte). */
export const EvV1 = {
  Batch: 1,
  Frequency: 2,
  Stack: 3,
  Gomaxprocs: 4,
  ProcStart: 5,
  ProcStop: 6,
  GCStart: 7,
  GCDone: 8,
  STWStart: 9,
  STWDone: 10,
  GCSweepStart: 11,
  GCSweepDone: 12,
  GoCreate: 13,
  GoStart: 14,
  GoEnd: 15,
  GoStop: 16,
  GoSched: 17,
  GoPreempt: 18,
  GoSleep: 19,
  GoBlock: 20,
  GoUnblock: 21,
  GoBlockSend: 22,
  GoBlockRecv: 23,
  GoBlockSelect: 24,
  GoBlockSync: 25,
  GoBlockCond: 26,
  GoBlockNet: 27,
  GoSysCall: 28,
  GoSysExit: 29,
  GoSysBlock: 30,
  GoWaiting: 31,
  GoInSyscall: 32,
  HeapAlloc: 33,
  HeapGoal: 34,
  TimerGoroutine: 35,
  FutileWakeup: 36,
  String: 37,
  GoStartLocal: 38,
  GoUnblockLocal: 39,
  GoSysExitLocal: 40,
  GoStartLabel: 41,
  GoBlockGC: 42,
  GCMarkAssistStart: 43,
  GCMarkAssistDone: 44,
  UserTaskCreate: 45,
  UserTaskEnd: 46,
  UserRegion: 47,
  UserLog: 48,
  CPUSample: 49,
} as const

/** Name and arguments of an event, without the time since the event before that timed events begin with. */
export interface EventSpecV1 {
  readonly number: number
  readonly name: string
  readonly args: readonly string[]
  /** Header from which on it exists. */
  readonly since: 11 | 19
}

function spec(number: number, name: string, args: string, since: 11 | 19 = 11): EventSpecV1 {
  return { number, name, args: args === '' ? [] : args.split(' '), since }
}

/** All events. A `stack` is always the last argument. */
export const eventSpecsV1: readonly EventSpecV1[] = [
  spec(1, 'Batch', 'p ticks'),
  spec(2, 'Frequency', 'freq'),
  spec(3, 'Stack', 'id nframes'),
  spec(4, 'Gomaxprocs', 'procs stack'),
  spec(5, 'ProcStart', 'thread'),
  spec(6, 'ProcStop', ''),
  spec(7, 'GCStart', 'seq stack'),
  spec(8, 'GCDone', ''),
  spec(9, 'STWStart', 'kind'),
  spec(10, 'STWDone', ''),
  spec(11, 'GCSweepStart', 'stack'),
  spec(12, 'GCSweepDone', 'swept reclaimed'),
  spec(13, 'GoCreate', 'g new_stack stack'),
  spec(14, 'GoStart', 'g seq'),
  spec(15, 'GoEnd', ''),
  spec(16, 'GoStop', 'stack'),
  spec(17, 'GoSched', 'stack'),
  spec(18, 'GoPreempt', 'stack'),
  spec(19, 'GoSleep', 'stack'),
  spec(20, 'GoBlock', 'stack'),
  spec(21, 'GoUnblock', 'g seq stack'),
  spec(22, 'GoBlockSend', 'stack'),
  spec(23, 'GoBlockRecv', 'stack'),
  spec(24, 'GoBlockSelect', 'stack'),
  spec(25, 'GoBlockSync', 'stack'),
  spec(26, 'GoBlockCond', 'stack'),
  spec(27, 'GoBlockNet', 'stack'),
  spec(28, 'GoSysCall', 'stack'),
  spec(29, 'GoSysExit', 'g seq ticks'),
  spec(30, 'GoSysBlock', ''),
  spec(31, 'GoWaiting', 'g'),
  spec(32, 'GoInSyscall', 'g'),
  spec(33, 'HeapAlloc', 'bytes'),
  spec(34, 'HeapGoal', 'bytes'),
  spec(35, 'TimerGoroutine', 'g'),
  spec(36, 'FutileWakeup', ''),
  spec(37, 'String', 'id length'),
  spec(38, 'GoStartLocal', 'g'),
  spec(39, 'GoUnblockLocal', 'g stack'),
  spec(40, 'GoSysExitLocal', 'g ticks'),
  spec(41, 'GoStartLabel', 'g seq label'),
  spec(42, 'GoBlockGC', 'stack'),
  spec(43, 'GCMarkAssistStart', 'stack'),
  spec(44, 'GCMarkAssistDone', ''),
  spec(45, 'UserTaskCreate', 'task parent name stack'),
  spec(46, 'UserTaskEnd', 'task stack'),
  spec(47, 'UserRegion', 'task mode name stack'),
  spec(48, 'UserLog', 'task key stack'),
  spec(49, 'CPUSample', 'ticks p g stack', 19),
]

/** Events without a time, whose first byte says nothing of how many arguments follow (a Batch says 1). */
const untimed: ReadonlySet<number> = new Set([EvV1.Batch, EvV1.Frequency, EvV1.Stack, EvV1.TimerGoroutine, EvV1.String])

/** A first byte that begins no event. */
export const NO_EVENT = 0

/** How an event with a certain first byte goes on. */
export const Shape = {
  /** Numbers, as many as `timedNumbers` says: a time, then up to two arguments. */
  short: 1,
  /** A length in bytes, then as many numbers. */
  long: 2,
  /** A length, numbers, and after them a text with its own length: UserLog. */
  log: 3,
  /** No time: Batch, Frequency, Stack, TimerGoroutine, String. */
  untimed: 4,
} as const

/** What may be read of the 256 first bytes: a `Shape`, or `NO_EVENT`. */
export function shapesOf(version: number): Uint8Array {
  const shapes = new Uint8Array(256)
  for (const { number, args, since } of eventSpecsV1) {
    if (since > version) continue
    const timed = !untimed.has(number)
    // The high two bits count the arguments that follow the time; 3 stands for "three or more, their length first".
    const bits = number === EvV1.Batch ? 1 : number === EvV1.Stack ? 3 : timed ? Math.min(args.length, 3) : 0
    const shape = !timed
      ? Shape.untimed
      : number === EvV1.UserLog
        ? Shape.log
        : args.length >= 3
          ? Shape.long
          : Shape.short
    shapes[(bits << 6) | number] = shape
  }
  return shapes
}

/** Numbers of a timed event, its time included. */
export const timedNumbers: Uint8Array = (() => {
  const counts = new Uint8Array(64)
  for (const { number, args } of eventSpecsV1) if (!untimed.has(number)) counts[number] = args.length + 1
  return counts
})()

/** Name of an event for messages. */
export function eventNameV1(number: number): string {
  return eventSpecsV1.find((one) => one.number === number)?.name ?? `event ${number}`
}

/** Why goroutines stop or block, under the names that newer versions of Go write into captures; by event number. */
export const reasonsV1: ReadonlyMap<number, string> = new Map([
  [EvV1.GoStop, 'forever'],
  [EvV1.GoSched, 'runtime.Gosched'],
  [EvV1.GoPreempt, 'preempted'],
  [EvV1.GoSleep, 'sleep'],
  [EvV1.GoBlock, ''],
  [EvV1.GoBlockSend, 'chan send'],
  [EvV1.GoBlockRecv, 'chan receive'],
  [EvV1.GoBlockSelect, 'select'],
  [EvV1.GoBlockSync, 'sync'],
  [EvV1.GoBlockCond, 'sync.(*Cond).Wait'],
  [EvV1.GoBlockNet, 'network'],
  [EvV1.GoBlockGC, 'GC mark assist wait for work'],
])

/** Why the world is stopped, by the kind under header 1.21. Before, kinds 0 and 1 are what 1 and 2 are here. */
export const stwKindsV1: readonly string[] = [
  '',
  'GC mark termination',
  'GC sweep termination',
  'write heap dump',
  'goroutine profile',
  'goroutine profile cleanup',
  'all goroutine stack trace',
  'read mem stats',
  'AllThreadsSyscall',
  'GOMAXPROCS',
  'start trace',
  'stop trace',
  'CountPagesInUse (test)',
  'ReadMetricsSlow (test)',
  'ReadMemStatsSlow (test)',
  'PageCachePagesLeaked (test)',
  'ResetDebugLog (test)',
]
