// event-types.ts: the events of Go's execution tracer from Go 1.11 to 1.21, by number.
//
// Source: runtime/trace.go of Go 1.11, 1.19 and 1.21; internal/trace/internal/tracev1 of Go 1.26. What each becomes is told in `order.ts`.

import * as EvV1 from './event-numbers.ts'
import { SHAPE_LOG, SHAPE_LONG, SHAPE_SHORT, SHAPE_UNTIMED } from './order-layout.ts'

export { EvV1 }

/** Name and arguments of an event, without the time since the event before that timed events begin with. */
export interface EventSpecV1 {
  readonly number: number
  readonly name: string
  readonly args: readonly string[]
  /** Header from which on it exists. */
  readonly since: 11 | 19
}

function spec(name: keyof typeof EvV1, args: string, since: 11 | 19 = 11): EventSpecV1 {
  return { number: EvV1[name], name, args: args === '' ? [] : args.split(' '), since }
}

/** All events. A `stack` is always the last argument. */
export const eventSpecsV1: readonly EventSpecV1[] = [
  spec('Batch', 'p ticks'),
  spec('Frequency', 'freq'),
  spec('Stack', 'id nframes'),
  spec('Gomaxprocs', 'procs stack'),
  spec('ProcStart', 'thread'),
  spec('ProcStop', ''),
  spec('GCStart', 'seq stack'),
  spec('GCDone', ''),
  spec('STWStart', 'kind'),
  spec('STWDone', ''),
  spec('GCSweepStart', 'stack'),
  spec('GCSweepDone', 'swept reclaimed'),
  spec('GoCreate', 'g new_stack stack'),
  spec('GoStart', 'g seq'),
  spec('GoEnd', ''),
  spec('GoStop', 'stack'),
  spec('GoSched', 'stack'),
  spec('GoPreempt', 'stack'),
  spec('GoSleep', 'stack'),
  spec('GoBlock', 'stack'),
  spec('GoUnblock', 'g seq stack'),
  spec('GoBlockSend', 'stack'),
  spec('GoBlockRecv', 'stack'),
  spec('GoBlockSelect', 'stack'),
  spec('GoBlockSync', 'stack'),
  spec('GoBlockCond', 'stack'),
  spec('GoBlockNet', 'stack'),
  spec('GoSysCall', 'stack'),
  spec('GoSysExit', 'g seq ticks'),
  spec('GoSysBlock', ''),
  spec('GoWaiting', 'g'),
  spec('GoInSyscall', 'g'),
  spec('HeapAlloc', 'bytes'),
  spec('HeapGoal', 'bytes'),
  spec('TimerGoroutine', 'g'),
  spec('FutileWakeup', ''),
  spec('String', 'id length'),
  spec('GoStartLocal', 'g'),
  spec('GoUnblockLocal', 'g stack'),
  spec('GoSysExitLocal', 'g ticks'),
  spec('GoStartLabel', 'g seq label'),
  spec('GoBlockGC', 'stack'),
  spec('GCMarkAssistStart', 'stack'),
  spec('GCMarkAssistDone', ''),
  spec('UserTaskCreate', 'task parent name stack'),
  spec('UserTaskEnd', 'task stack'),
  spec('UserRegion', 'task mode name stack'),
  spec('UserLog', 'task key stack'),
  spec('CPUSample', 'ticks p g stack', 19),
]

/** Events without a time, whose first byte says nothing of how many arguments follow (a Batch says 1). */
const untimed: ReadonlySet<number> = new Set([EvV1.Batch, EvV1.Frequency, EvV1.Stack, EvV1.TimerGoroutine, EvV1.String])

/** A first byte that begins no event. */
export const NO_EVENT = 0

/** How an event with a certain first byte goes on. */
export const Shape = {
  /** Numbers, as many as `timedNumbers` says: a time, then up to two arguments. */
  short: SHAPE_SHORT,
  /** A length in bytes, then as many numbers. */
  long: SHAPE_LONG,
  /** A length, numbers, and after them a text with its own length: UserLog. */
  log: SHAPE_LOG,
  /** No time: Batch, Frequency, Stack, TimerGoroutine, String. */
  untimed: SHAPE_UNTIMED,
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
