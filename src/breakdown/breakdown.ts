// breakdown.ts: the parts of a stretch of time, and what a task leaves behind when a capture has been read.

import type { Frame } from '../capture/stack-table.ts'
import { RUNNABLE, RUNNING, SYSCALL, SYSCALL_BLOCKED, UNKNOWN, WAITING } from './states-layout.ts'

/**
 * Where the time of one stretch went. All nanoseconds. `execNs + schedWaitNs + syscallNs + syscallBlockNs + Σ blockNs + unknownNs = totalNs`.
 * The parts are those of Go's own goroutine summary (internal/trace/summary.go, Go 1.26).
 */
export interface Breakdown {
  totalNs: number
  execNs: number
  /** Runnable, waiting for a processor. */
  schedWaitNs: number
  /** In a system call, the processor still its own. */
  syscallNs: number
  /** In a system call, the processor given away. */
  syscallBlockNs: number
  /** Blocked, by the runtime's own reason ("select", "sync", "network"…). */
  blockNs: Record<string, number>
  unknownNs: number
  /** How much of the parts above is shown to people under another cause ("network", "syscall", "sleep"). */
  viaNs: Record<string, number>
  /** Time inside special ranges ("GC mark assist", "stop-the-world (…)", "GC incremental sweep"); overlaps the parts above. */
  rangeNs: Record<string, number>
  /** Time inside concurrent mark phases; overlaps everything. */
  gcOverlapNs: number
  /** Of `schedWaitNs`: while another goroutine had stopped the world, by the name of its range. Go's summary does not tell it. */
  stwWaitNs: Record<string, number>
}

/** States of a goroutine, as the timeline stores them. */
export const GoState = {
  unknown: UNKNOWN,
  running: RUNNING,
  runnable: RUNNABLE,
  waiting: WAITING,
  syscall: SYSCALL,
  /** In a system call whose processor was given away. */
  syscallBlocked: SYSCALL_BLOCKED,
} as const
export type GoState = (typeof GoState)[keyof typeof GoState]

/**
 * The path of a task through its goroutines: stretches that touch, in order, from a little before the task's start to a
 * little after its end as far as its goroutines are known there, so that a span's window that is not quite the task's can be cut from it.
 * Row i lasts from `startNs[i]` to `endNs[i]`, and `endNs[i] = startNs[i + 1]`.
 */
export interface Timeline {
  readonly length: number
  readonly startNs: Float64Array
  readonly endNs: Float64Array
  /** A `GoState`. */
  readonly state: Uint8Array
  /** Row in `TaskSet.reasons`; 0 (the empty reason) unless the state is waiting. */
  readonly reason: Uint16Array
  /** Row in `TaskSet.reasons` of the cause under which people are shown the wait; 0 when it is its own reason. */
  readonly via: Uint16Array
  /** Goroutine id. */
  readonly goroutine: Float64Array
  /** Id of the goroutine that ended the wait (waiting or, for runnable, that made it runnable); -1 when none is known. */
  readonly wakerGoroutine: Float64Array
  /** Id of the task that `wakerGoroutine` worked for when it ended the wait; -1 when none. */
  readonly wakerTask: Float64Array
  /** Row in `TaskSet.stacks` where the goroutine waited; for a processor: where it was stopped or had waited before; -1 when none is known. */
  readonly stack: Int32Array
}

/**
 * Special ranges over a task's goroutines by start, with their true starts; ends are cut where the timeline ends. Stops of the world by
 * other goroutines are among them where the task waited for a processor meanwhile.
 */
export interface RangeTable {
  readonly length: number
  readonly startNs: Float64Array
  readonly endNs: Float64Array
  /** Row in `TaskSet.rangeNames`. */
  readonly name: Uint16Array
  readonly goroutine: Float64Array
}

/** What lay behind a long wait of a timeline. */
export interface LongWait {
  /** Row of the timeline. */
  readonly row: number
  /**
   * What the goroutine to blame did: the first of `holders` while it held the lock, else the one that ended the wait, while it lasted.
   * Null for a wait for a processor, and where it is not known who held the lock for longest.
   */
  readonly waker: Breakdown | null
  /**
   * Task that the goroutine that ended the wait worked for then, or, when that one was over, for most of the wait; 0 none, -1 when it is not
   * known any more.
   */
  readonly wakerTask: number
  /** Row in `TaskTables.stacks` where that goroutine itself waited longest meanwhile; -1 when nowhere or not known. */
  readonly wakerStack: number
  /** Row in `TaskTables.stacks` of a stack of that goroutine: the outermost function is the one that it runs; -1 when none is known. */
  readonly wakerEntry: number
  /** Who held the lock that was waited for, most time first: together all of the wait, but for the shortest of very many; empty for other waits, and where the stack does not tell the kind of lock. */
  readonly holders: readonly Holder[]
  /** Who ran on the processors during a wait for one, most time first. */
  readonly runners: readonly Runner[]
}

/** Who held a lock while another waited for it. */
export interface Holder {
  /** -1 when it is not known who held the lock: it was passed on by one that had waited since before the capture, say. */
  readonly goroutine: number
  /** Task that it worked for; 0 for none, -1 when it is not known any more. */
  readonly taskId: number
  /** How much of the wait it held the lock for. */
  readonly ns: number
}

/** Who ran while another wanted to. */
export interface Runner {
  /** Task that it worked for; 0 for none, -1 when it is not known any more. */
  readonly taskId: number
  /** One of the runtime's own goroutines: the collector's workers, the sweeper. */
  readonly runtime: boolean
  readonly ns: number
}

/** A sample of the CPU profiler that hit a goroutine of a task. */
export interface CpuSample {
  readonly timeNs: number
  readonly goroutine: number
  /** Row in the task's regions of the innermost one that was open; -1 when none of them was. */
  readonly region: number
  /** Row in `TaskTables.stacks`; -1 when none is known. */
  readonly stack: number
}

/** One frame of a stack, the leaf first in `TaskSet.stacks[i]`. */
export type StackFrame = Frame

/** A user log (`trace.Log`). */
export interface LogRecord {
  readonly timeNs: number
  readonly goroutine: number
  readonly category: string
  /** UTF-8 with replacement characters where the bytes are none. */
  readonly message: string
  /** The raw bytes where they are not valid UTF-8 (Datadog logs a binary span id), else null. */
  readonly messageBytes: Uint8Array | null
}

/** A user region of a task. Null times lie outside the capture. */
export interface RegionRecord {
  readonly name: string
  readonly goroutine: number
  readonly startNs: number | null
  readonly endNs: number | null
  /** Row in `TaskSet.stacks` where it began; -1 when none is known. */
  readonly stack: number
  readonly breakdown: Breakdown
}

/** A user task as the capture shows it. Times are nanoseconds from the capture's origin; null ones lie outside the capture. */
export interface TaskRecord {
  /** Process-wide counter of the Go runtime, exact below 2^53. Task 0 is the background task. */
  readonly id: number
  readonly parentId: number | null
  /** Empty when only the end (or logs, or regions) of the task lie in the capture. */
  readonly name: string
  readonly startNs: number | null
  readonly endNs: number | null
  /** Goroutine that began the task; null when the start lies outside the capture. */
  readonly startGoroutine: number | null
  /** Goroutines that worked for the task, ascending. */
  readonly goroutines: readonly number[]
  readonly logs: readonly LogRecord[]
  /** The log written on the starting goroutine right before the task began, with no other annotation between; null when none. */
  readonly precedingLog: LogRecord | null
  readonly regions: readonly RegionRecord[]
  /** Wall clock, over the task's own duration; null when start or end is unknown. */
  readonly path: Breakdown | null
  /** Goroutine time of all goroutines that worked for it; null when start or end is unknown. */
  readonly work: Breakdown | null
  /** Null when it was not asked for (`analyze` without spans). */
  readonly timeline: Timeline | null
  /** Special ranges on the timeline's goroutines; null with `timeline`. */
  readonly ranges: RangeTable | null
  /** What lay behind its longest waits, by row of the timeline; empty without stacks. */
  readonly longWaits: readonly LongWait[]
  /** Samples of the CPU profiler that hit it or a task below it, in order. */
  readonly samples: readonly CpuSample[]
  /** Whether part of the task's time lies in a stretch that was lost or cut. */
  readonly partial: boolean
}

/** Tables that the rows of task records point into; grows while a capture is read, rows never change. */
export interface TaskTables {
  /** Reasons of waits; row 0 is the empty reason. */
  readonly reasons: string[]
  readonly rangeNames: string[]
  readonly stacks: (readonly StackFrame[])[]
}

/** Concurrent mark phases of the garbage collector, ascending, not overlapping. An open end is the capture's end. */
export interface GcPhases {
  readonly startNs: number[]
  readonly endNs: number[]
  /** By phase, the time of all phases before it: what they come to in a stretch need not be added up each time. */
  readonly beforeNs: number[]
}

/** All that the later rooms need of a decoded capture. */
export interface TaskSet extends TaskTables {
  readonly tasks: readonly TaskRecord[]
  readonly gcPhases: GcPhases
}

/** A breakdown of nothing. */
export function emptyBreakdown(): Breakdown {
  return {
    totalNs: 0,
    execNs: 0,
    schedWaitNs: 0,
    syscallNs: 0,
    syscallBlockNs: 0,
    blockNs: {},
    unknownNs: 0,
    viaNs: {},
    rangeNs: {},
    gcOverlapNs: 0,
    stwWaitNs: {},
  }
}
