// range-rules.ts: ranges of the collector's work and stops of the world, each open on a goroutine, on a processor or everywhere. Source of the rules:
// internal/trace/order.go, Go 1.26.

import { Ev } from '../event-types.ts'
import { OPEN_ASSIST, OPEN_STW } from './order-layout.ts'
import { Advance, lack, type Step } from './scheduler-step.ts'
import { CollectorState } from './scheduler-state.ts'

/** A goroutine stops the world; `kind` is the string that says why. */
export function stwBegin(step: Step, kind: number, stack: number): Advance {
  const result = rangeBegin(step, OPEN_STW, stack)
  if (result !== Advance.tell) return result
  step.row.a = step.goroutines.stopKind[step.g] = kind
  return result
}

/** The end is told with the string of the begin. */
export function stwEnd(step: Step): Advance {
  const result = rangeEnd(step, OPEN_STW)
  if (result === Advance.tell) step.row.a = step.goroutines.stopKind[step.g]
  return result
}

/**
 * A range begins on the goroutine that runs.
 *
 * @param range a bit of `Goroutines.open`
 */
export function rangeBegin(step: Step, range: number, stack: number): Advance {
  const { goroutines, g } = step
  if (!step.hasContext()) return Advance.silent
  if ((goroutines.open[g] & range) !== 0) step.conflict('such a range is open already')
  goroutines.open[g] |= range
  step.row.a = 0
  step.row.stack = stack
  return Advance.tell
}

/** As `rangeBegin`, the end. */
export function rangeEnd(step: Step, range: number): Advance {
  const { goroutines, g } = step
  if (!step.hasContext()) return Advance.silent
  if ((goroutines.open[g] & range) === 0) {
    step.conflict('no such range is open')
    return Advance.silent
  }
  goroutines.open[g] &= ~range
  step.row.a = 0
  return Advance.tell
}

/** A mark assist of a goroutine was open when the generation began. */
export function assistActive(step: Step, id: number): Advance {
  const { goroutines } = step
  const row = goroutines.find(id)
  if (row < 0) {
    step.conflict(`goroutine ${id} is unknown`)
    return Advance.silent
  }
  checkActive(step, (goroutines.open[row] & OPEN_ASSIST) !== 0)
  goroutines.open[row] |= OPEN_ASSIST
  step.row.a = row
  return Advance.tell
}

/** A sweep begins on the processor that the thread holds. */
export function sweepBegin(step: Step, stack: number): Advance {
  const { processors, thread, p } = step
  if (p < 0) {
    step.conflict(lack(thread, p, 0, ''))
    return Advance.silent
  }
  if (processors.sweeping[p] === 1) step.conflict('a sweep is open already')
  processors.sweeping[p] = 1
  step.row.a = 0
  step.row.stack = stack
  return Advance.tell
}

/** As `sweepBegin`, the end. Bytes swept and reclaimed are told as they are. */
export function sweepEnd(step: Step, reclaimed: number): Advance {
  const { processors, thread, p } = step
  if (p < 0 || processors.sweeping[p] !== 1) {
    step.conflict(p < 0 ? lack(thread, p, 0, '') : 'no sweep is open')
    return Advance.silent
  }
  processors.sweeping[p] = 0
  step.row.b = reclaimed
  return Advance.tell
}

/** A sweep of a processor was open when the generation began. */
export function sweepActive(step: Step, id: number): Advance {
  const { processors } = step
  const row = processors.find(id)
  if (row < 0) {
    step.conflict(`processor ${id} is unknown`)
    return Advance.silent
  }
  checkActive(step, processors.sweeping[row] === 1)
  processors.sweeping[row] = 1
  step.row.a = row
  return Advance.tell
}

/** "Active" says that a range was open when the generation began: news in the first, old in every other. */
function checkActive(step: Step, open: boolean): void {
  const first = step.ordinal === 1
  if (open === first) step.conflict(first ? 'the range is open already' : 'the range was never begun')
}

/** A concurrent mark phase begins, ends or goes on; waits until it is the collector's next event by its number. */
export function collection(step: Step, sequence: number, stack: number): Advance {
  const { kind, ordinal, collector } = step
  const undetermined = collector.state === CollectorState.undetermined
  const free = kind === Ev.GCBegin ? undetermined : kind === Ev.GCActive && ordinal === 1
  if (!free && sequence !== collector.sequence + 1 && !step.forcing) return Advance.wait
  if (kind === Ev.GCActive && ordinal === 1) {
    if (!undetermined) step.conflict('a collection is known already in the first generation')
  } else if (kind === Ev.GCBegin) {
    if (collector.state === CollectorState.running) step.conflict('a collection is running already')
  } else if (collector.state !== CollectorState.running) {
    step.conflict('no collection is running')
  }
  collector.sequence = sequence
  collector.state = kind === Ev.GCEnd ? CollectorState.notRunning : CollectorState.running
  step.row.stack = stack
  return Advance.tell
}
