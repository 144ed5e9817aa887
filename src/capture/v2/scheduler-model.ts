// scheduler-model.ts: which event may follow which: a goroutine starts only after it became runnable, a processor is stolen only after its thread
// entered a system call.
//
// This is the whole rule book; the kernel (`kernel/order.ts`) has the most common cases once more, on the same columns (`scheduler-state.ts`).
// Rules, and which of them wait and which fail, are those of Go's reader (internal/trace/order.go, Go 1.26). Where Go's reader stops at a
// contradiction, this one notes it and takes the event's own word for the new state.
//
// A rule is a function of the event in hand (`scheduler-step.ts`) and of its arguments; it lays in `row` what is to be told.

import { Ev, GoStatus } from '../event-types.ts'
import {
  goCreate,
  goCreateSyscall,
  goDestroy,
  goDestroySyscall,
  goPause,
  goStart,
  goStatus,
  goSwitch,
  goSyscallBegin,
  goSyscallEnd,
  goSyscallEndBlocked,
  goUnblock,
} from './goroutine-rules.ts'
import { OPEN_ASSIST } from './order-layout.ts'
import { procStart, procStatus, procSteal, procStop } from './processor-rules.ts'
import {
  assistActive,
  collection,
  rangeBegin,
  rangeEnd,
  stwBegin,
  stwEnd,
  sweepActive,
  sweepBegin,
  sweepEnd,
} from './range-rules.ts'
import { Advance, lack, Step } from './scheduler-step.ts'

/** The rules by event. */
export class SchedulerModel extends Step {
  /**
   * Tries an event of a thread against the model.
   *
   * @param thread row of the thread, -1 for events written on behalf of nobody
   * @param a0 its arguments, as many as its kind has (`event-types.ts`)
   * @param at position after the event in the generation's bytes, for messages
   * @param forcing take the event although it should wait: what it waits for was lost
   */
  advance(
    kind: number,
    thread: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    at: number,
    forcing: boolean,
  ): Advance {
    this.begin(kind, thread, a0, at, forcing)
    switch (kind) {
      // ---- Processors. ----
      case Ev.ProcStatus:
        return procStatus(this, a0, a1)
      case Ev.ProcStart:
        return procStart(this, a0, a1)
      case Ev.ProcStop:
        return procStop(this)
      case Ev.ProcSteal:
        return procSteal(this, a0, a1, a2)
      // ---- Goroutines. ----
      case Ev.GoStatus:
        return goStatus(this, a0, a1, a2, 0)
      case Ev.GoStatusStack:
        return goStatus(this, a0, a1, a2, a3)
      case Ev.GoCreate:
        return goCreate(this, a0, GoStatus.runnable, a1, a2)
      case Ev.GoCreateBlocked:
        return goCreate(this, a0, GoStatus.waiting, a1, a2)
      case Ev.GoCreateSyscall:
        return goCreateSyscall(this, a0)
      case Ev.GoStart:
        return goStart(this, a0, a1)
      case Ev.GoUnblock:
        return goUnblock(this, a0, a1, a2)
      case Ev.GoStop:
        return goPause(this, GoStatus.runnable, a1)
      case Ev.GoBlock:
        return goPause(this, GoStatus.waiting, a1)
      case Ev.GoDestroy:
        return goDestroy(this)
      case Ev.GoDestroySyscall:
        return goDestroySyscall(this)
      case Ev.GoSwitch:
      case Ev.GoSwitchDestroy:
        return goSwitch(this, a0, a1)
      case Ev.GoSyscallBegin:
        return goSyscallBegin(this, a0, a1)
      case Ev.GoSyscallEnd:
        return goSyscallEnd(this)
      case Ev.GoSyscallEndBlocked:
        return goSyscallEndBlocked(this)
      // ---- Ranges. ----
      case Ev.STWBegin:
        return stwBegin(this, a0, a1)
      case Ev.STWEnd:
        return stwEnd(this)
      case Ev.GCMarkAssistBegin:
        return rangeBegin(this, OPEN_ASSIST, a0)
      case Ev.GCMarkAssistEnd:
        return rangeEnd(this, OPEN_ASSIST)
      case Ev.GCMarkAssistActive:
        return assistActive(this, a0)
      case Ev.GCSweepBegin:
        return sweepBegin(this, a0)
      case Ev.GCSweepEnd:
        return sweepEnd(this, a1)
      case Ev.GCSweepActive:
        return sweepActive(this, a0)
      case Ev.GCActive:
      case Ev.GCEnd:
        return collection(this, a0, 0)
      case Ev.GCBegin:
        return collection(this, a0, a1)
      // ---- What changes nothing. ----
      case Ev.HeapAlloc:
      case Ev.HeapGoal:
        return metric(this)
      case Ev.GoLabel:
        return annotation(this, 0, 0, 0)
      case Ev.ProcsChange:
      case Ev.UserTaskEnd:
        return annotation(this, 0, 0, a1)
      case Ev.UserRegionBegin:
      case Ev.UserRegionEnd:
        return annotation(this, a1, 0, a2)
      case Ev.UserTaskBegin:
      case Ev.UserLog:
        return annotation(this, a1, a2, a3)
      default:
        // Experimental events, and those of newer versions that nothing here is said about.
        if (thread < 0) this.conflict(lack(thread, 0, 0, ''))
        return Advance.passed
    }
  }
}

/** What a processor tells of the heap. */
function metric(step: Step): Advance {
  if (step.p >= 0) return Advance.tell
  step.conflict(lack(step.thread, step.p, 0, ''))
  return Advance.silent
}

/** An event that a goroutine tells of itself or its program: its arguments are told as they are. */
function annotation(step: Step, b: number, c: number, stack: number): Advance {
  if (!step.hasContext()) return Advance.silent
  step.row.b = b
  step.row.c = c
  step.row.stack = stack
  return Advance.tell
}
