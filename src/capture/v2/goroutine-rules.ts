// goroutine-rules.ts: when goroutines (G) are created, run, wait, call the system and end. Source of the rules: internal/trace/order.go, Go 1.26.

import { NONE_U64 } from '../../base/id-table.ts'
import { Ev, GoStatus, ProcStatus } from '../event-types.ts'
import { Advance, lack, type Step } from './scheduler-step.ts'

/** First word of a goroutine in a generation; news in the first generation, else what was known already. */
export function goStatus(step: Step, id: number, threadId: number, status: number, stack: number): Advance {
  if (status < 1 || status > 4) return step.nonsense(`state ${status} for goroutine ${id}`)
  const { goroutines, threads, thread, row: told } = step
  let row = goroutines.find(id)
  told.c = id
  if (row < 0) {
    if (step.ordinal > 1) step.conflict(`goroutine ${id} was never created`)
    row = goroutines.add(id)
  } else if (goroutines.status[row] === status) {
    told.c = -1 - id
  } else {
    step.conflict(`goroutine ${id} is in state ${goroutines.status[row]}, not ${status}`)
    threads.unbindGoroutine(row)
  }
  goroutines.set(row, status, 0)
  told.kind = Ev.GoStatus
  told.a = row
  told.b = status
  told.stack = stack
  if (status === GoStatus.running && thread >= 0) threads.goroutine[thread] = row
  if (status === GoStatus.syscall) bindToCaller(step, row, id, threadId)
  return Advance.tell
}

/** The goroutine of a status event is in a system call on a thread. One that has been there for the whole generation is spoken of by another. */
function bindToCaller(step: Step, row: number, id: number, threadId: number): void {
  const { threads } = step
  if (threadId === NONE_U64) {
    step.conflict(`goroutine ${id} is in a system call without a thread`)
    return
  }
  const caller = threads.rowOf(threadId)
  const before = threads.goroutine[caller]
  threads.goroutine[caller] = row
  if (caller === step.thread) return
  if (before === row) step.row.goroutine = row
  else if (before >= 0) step.conflict(`thread ${threadId} runs another goroutine than ${id}`)
  step.row.thread = caller
}

/** A running goroutine, or the runtime where none runs, made another one; `newStack` is where that begins. */
export function goCreate(step: Step, id: number, status: number, newStack: number, stack: number): Advance {
  const { goroutines, thread, g, p } = step
  if (p < 0 || (g >= 0 && goroutines.status[g] !== GoStatus.running)) step.conflict(lack(thread, p, g, 'running'))
  newGoroutine(step, id, status)
  step.row.b = newStack
  step.row.stack = stack
  return Advance.tell
}

/** A thread that Go did not start calls into it: it gets a goroutine, in the call. */
export function goCreateSyscall(step: Step, id: number): Advance {
  const { thread, g } = step
  if (thread < 0 || g >= 0) step.conflict(lack(thread, 0, g, 'none'))
  const row = newGoroutine(step, id, GoStatus.syscall)
  if (thread >= 0) step.threads.goroutine[thread] = row
  return Advance.tell
}

/** The row of a goroutine that is created, in the status that it begins with. */
function newGoroutine(step: Step, id: number, status: number): number {
  const { goroutines, row: told } = step
  let row = goroutines.find(id)
  if (row < 0) {
    row = goroutines.add(id)
  } else {
    step.conflict(`goroutine ${id} exists already`)
    step.threads.unbindGoroutine(row)
  }
  goroutines.set(row, status, 0)
  told.a = row
  told.c = id
  return row
}

/** Waits until the goroutine is runnable and this is its next event. The thread must hold a processor and run nothing. */
export function goStart(step: Step, id: number, sequence: number): Advance {
  const { thread, g, p } = step
  if (!step.forcing && !isReady(step, id, GoStatus.runnable, sequence)) return Advance.wait
  // Ready but for its own thread: nothing that others do can mend that.
  if (p < 0 || g >= 0) step.conflict(p < 0 ? lack(thread, p, 0, '') : lack(thread, p, g, 'none'))
  const row = settleGoroutine(step, id, sequence, GoStatus.running)
  if (thread >= 0) step.threads.goroutine[thread] = row
  step.row.a = row
  return Advance.tell
}

/** Waits until the goroutine waits and this is its next event. Whoever it happens on may unblock it. */
export function goUnblock(step: Step, id: number, sequence: number, stack: number): Advance {
  if (!step.forcing && !isReady(step, id, GoStatus.waiting, sequence)) return Advance.wait
  step.row.a = settleGoroutine(step, id, sequence, GoStatus.runnable)
  step.row.stack = stack
  return Advance.tell
}

/** The goroutine leaves its thread: it could go on at once, or it waits. */
export function goPause(step: Step, status: number, stack: number): Advance {
  const { g } = step
  if (!step.runs()) return Advance.silent
  step.goroutines.status[g] = status
  step.threads.goroutine[step.thread] = -1
  step.row.stack = stack
  return Advance.tell
}

/** The running goroutine ends. */
export function goDestroy(step: Step): Advance {
  if (!step.runs()) return Advance.silent
  step.goroutines.remove(step.g)
  step.threads.goroutine[step.thread] = -1
  return Advance.tell
}

/** The goroutine of a thread that Go did not start ends: the call into Go is over. */
export function goDestroySyscall(step: Step): Advance {
  const { goroutines, processors, threads, thread, g, p } = step
  if (!step.isInCall()) return Advance.silent
  if (p >= 0) {
    if (processors.status[p] !== ProcStatus.syscall) {
      step.conflict(`its processor is in state ${processors.status[p]}, not in a system call`)
    }
    // The processor is left behind, since the thread's id may be used again: a steal of it from itself comes first.
    processors.status[p] = ProcStatus.syscallAbandoned
    threads.processor[thread] = -1
    step.tellBefore({ kind: Ev.ProcSteal, goroutine: g, processor: p, a: p, b: ProcStatus.syscall })
  }
  goroutines.remove(g)
  threads.goroutine[thread] = -1
  return Advance.tell
}

/**
 * A coroutine switch is three events in one: the target wakes, the current goroutine blocks or ends, the target starts. Waits until the target waits
 * and this is its next event.
 */
export function goSwitch(step: Step, id: number, sequence: number): Advance {
  const { goroutines, thread, g, p, row: told } = step
  if (!step.runs()) return Advance.silent
  if (!step.forcing && !isReady(step, id, GoStatus.waiting, sequence)) return Advance.wait
  const row = settleGoroutine(step, id, sequence, GoStatus.running)
  const ends = step.kind === Ev.GoSwitchDestroy
  if (ends) goroutines.remove(g)
  else goroutines.status[g] = GoStatus.waiting
  step.threads.goroutine[thread] = row
  step.tellBefore({ kind: Ev.GoUnblock, goroutine: g, processor: p, a: row })
  step.tellBefore({ kind: ends ? Ev.GoDestroy : Ev.GoBlock, goroutine: g, processor: p })
  told.kind = Ev.GoStart
  told.goroutine = -1
  told.a = row
  return Advance.tell
}

/** The processor's number ties the steal of it, if there is one, to this call: their times may be equal. */
export function goSyscallBegin(step: Step, processorSequence: number, stack: number): Advance {
  const { processors, p } = step
  if (!step.runs()) return Advance.silent
  step.goroutines.status[step.g] = GoStatus.syscall
  if (p >= 0) {
    if (!processors.follows(p, processorSequence)) {
      step.conflict(`processor sequence ${processorSequence} does not follow ${processors.sequence[p]}`)
    }
    processors.set(p, ProcStatus.syscall, processorSequence)
  }
  step.row.stack = stack
  return Advance.tell
}

/** The call was short: its thread still holds the processor. */
export function goSyscallEnd(step: Step): Advance {
  const { goroutines, processors, thread, g, p } = step
  const inCall = g >= 0 && p >= 0 && goroutines.status[g] === GoStatus.syscall
  if (!inCall || processors.status[p] !== ProcStatus.syscall) {
    step.conflict(lack(thread, p, g, 'in a system call'))
    if (g < 0) return Advance.silent
  }
  goroutines.status[g] = GoStatus.running
  if (p >= 0) processors.status[p] = ProcStatus.running
  return Advance.tell
}

/** The call took so long that its processor was stolen; waits until the steal was told. */
export function goSyscallEndBlocked(step: Step): Advance {
  const { goroutines, processors, threads, thread, g, p } = step
  if (p >= 0 && processors.status[p] === ProcStatus.syscall) {
    if (!step.forcing) return Advance.wait
    // The steal that freed the processor is lost.
    processors.status[p] = ProcStatus.idle
    threads.processor[thread] = -1
  }
  if (!step.isInCall()) return Advance.silent
  goroutines.status[g] = GoStatus.runnable
  threads.goroutine[thread] = -1
  return Advance.tell
}

/** Whether a goroutine is in a status, and its next event is the one with this number. */
function isReady(step: Step, id: number, status: number, sequence: number): boolean {
  const { goroutines } = step
  const row = goroutines.find(id)
  return row >= 0 && goroutines.status[row] === status && goroutines.follows(row, sequence)
}

/** Brings a goroutine into a status by a sequenced event; one that did not expect it is made, or taken off its thread. */
function settleGoroutine(step: Step, id: number, sequence: number, status: number): number {
  const { goroutines } = step
  let row = goroutines.find(id)
  if (row < 0) row = goroutines.add(id)
  else if (goroutines.status[row] === GoStatus.running || goroutines.status[row] === GoStatus.syscall)
    step.threads.unbindGoroutine(row)
  goroutines.set(row, status, sequence)
  return row
}
