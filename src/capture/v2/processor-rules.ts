// processor-rules.ts: when processors (P) start, stop and are stolen. Source of the rules: internal/trace/order.go, Go 1.26.

import { NONE_U64 } from '../../base/id-table.ts'
import { ProcStatus } from '../event-types.ts'
import { Advance, lack, type Step } from './scheduler-step.ts'

/** First word of a processor in a generation, written by whoever mentions it first: news in the first generation, else what was known already. */
export function procStatus(step: Step, id: number, stated: number): Advance {
  if (stated < 1 || stated > 4) return step.nonsense(`state ${stated} for processor ${id}`)
  const { processors, threads, thread, row: told } = step
  let row = processors.find(id)
  let before = 0
  let status = stated
  if (row < 0) {
    row = processors.add(id)
  } else {
    before = processors.status[row]
    if (status === ProcStatus.syscallAbandoned && before === ProcStatus.syscall) {
      // Nothing was lost: the model still knows which thread holds it. The event belongs to that thread.
      status = ProcStatus.syscall
      const holder = threads.processor.indexOf(row)
      if (holder < 0) step.conflict(`no thread holds processor ${id}, which is about to be stolen`)
      else {
        told.thread = holder
        told.goroutine = threads.goroutine[holder]
      }
      told.processor = row
    } else if (before !== status) {
      step.conflict(`processor ${id} is in state ${before}, not ${status}`)
      threads.unbindProcessor(row)
    }
  }
  processors.set(row, status, 0)
  if ((stated === ProcStatus.running || stated === ProcStatus.syscall) && thread >= 0) threads.processor[thread] = row
  told.a = row
  told.b = status
  told.c = before
  return Advance.tell
}

/** Waits until the processor is idle, this is its next event and its thread holds none. */
export function procStart(step: Step, id: number, sequence: number): Advance {
  const { processors, threads, thread } = step
  const known = processors.find(id)
  const idle = known >= 0 && processors.status[known] === ProcStatus.idle && processors.follows(known, sequence)
  const ready = idle && step.p < 0
  if (!ready && !step.forcing) return Advance.wait
  const row = settleProcessor(step, id, sequence, ProcStatus.running, !ready)
  if (thread >= 0) threads.processor[thread] = row
  step.row.a = row
  return Advance.tell
}

/** The thread gives its processor up. */
export function procStop(step: Step): Advance {
  const { processors, threads, thread, p } = step
  if (p < 0 || (processors.status[p] !== ProcStatus.running && processors.status[p] !== ProcStatus.syscall)) {
    step.conflict(lack(thread, p, 0, ''))
    if (p < 0) return Advance.silent
  }
  processors.status[p] = ProcStatus.idle
  threads.processor[thread] = -1
  step.row.a = p
  return Advance.tell
}

/** Waits until the processor is in a system call and this is its next event; `victimId` is the thread in that call. */
export function procSteal(step: Step, id: number, sequence: number, victimId: number): Advance {
  const { processors, threads, row: told } = step
  const known = processors.find(id)
  const before = known >= 0 ? processors.status[known] : ProcStatus.bad
  const inCall = before === ProcStatus.syscall || before === ProcStatus.syscallAbandoned
  const ready = inCall && processors.follows(known, sequence)
  if (!ready && !step.forcing) return Advance.wait
  const row = settleProcessor(step, id, sequence, ProcStatus.idle, !ready)
  told.a = row
  told.b = ready ? before : ProcStatus.syscall
  if (!ready || before === ProcStatus.syscallAbandoned) return Advance.tell
  const victim = victimId === NONE_U64 ? -1 : threads.find(victimId)
  if (victim >= 0 && threads.processor[victim] === row) {
    threads.processor[victim] = -1
  } else {
    step.conflict(`thread ${victimId} does not hold processor ${id}`)
    threads.unbindProcessor(row)
  }
  return Advance.tell
}

/** Brings a processor into a status by a sequenced event; one that did not expect it is made, or taken off its thread. */
function settleProcessor(step: Step, id: number, sequence: number, status: number, forced: boolean): number {
  const { processors } = step
  const known = processors.find(id)
  const row = known >= 0 ? known : processors.add(id)
  if (forced) step.threads.unbindProcessor(row)
  processors.set(row, status, sequence)
  return row
}
