// membership.ts: which goroutine works for which task, from when, and until when. `README.md` has the rules as a table.

import { GoState as goStates } from './breakdown.ts'
import type { GoroutineStates } from './goroutine-states.ts'
import { MOST_STAYS_RETURNED as mostStaysReturned, MOST_STAYS_TAKEN_UP as mostStaysTakenUp } from './states-layout.ts'
import { type Moves, NONE as none } from './stay-log.ts'
import type { TaskState, TaskTable } from './tasks.ts'
import type { Workers } from './workers.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates
const NONE = none

/** Stays that are looked back over when a worker takes a task up, and when it comes back to one. */
const MOST_STAYS_TAKEN_UP = mostStaysTakenUp
const MOST_STAYS_RETURNED = mostStaysReturned

/** A task that a worker let go of. */
interface LetGo {
  /** The worker, whose row others may have by now. */
  readonly goroutine: number
  readonly serial: number
  /** Its stay then. */
  readonly stay: number
}

/** Tells for whom goroutines work, by their rows, and notes what annotations say of it. */
export class Membership {
  /** Task that the worker of each goroutine row let go of last. */
  private readonly left: (LetGo | null)[] = []

  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
    private readonly workers: Workers,
  ) {}

  /** Another goroutine has the row from now on. */
  reset(row: number): void {
    this.workers.reset(row)
    this.left[row] = null
  }

  /** Stays moved. */
  moved(moves: Moves): void {
    for (let row = 0; row < this.left.length; row++) {
      const left = this.left[row]
      if (!left) continue
      // Of one that went the place before the next one kept, which came later.
      const stay = moves.indexOf(left.stay) - (moves.isKept(left.stay) ? 0 : 1)
      this.left[row] = { ...left, stay }
    }
  }

  /**
   * The task a goroutine works for now: the innermost that has not ended. One that was created for a task goes on for those above it, not for
   * what its creator did before.
   */
  currentTask(row: number): TaskState | null {
    return this.tasks.ofSerial(this.serialOf(row)) ?? null
  }

  /** Serial of the task that `currentTask` tells; 0 none. */
  serialOf(row: number): number {
    const { workers, tasks } = this
    let serial = workers.serial[row]
    if (serial === 0 || !workers.hasEnded(serial)) return serial
    while (serial !== 0 && workers.hasEnded(serial)) {
      const outer = tasks.outerOf(serial)
      serial = outer !== 0 && workers.onlyCreated[row] === 1 && !tasks.descendsFrom(serial, outer) ? 0 : outer
    }
    return (workers.serial[row] = serial)
  }

  /**
   * A goroutine that was created for a task ends a wait of another request: the loops of a connection that one request dialled and others
   * use (net/http, gRPC). For those it works for nobody; a goroutine that annotates says itself whom it works for.
   */
  servesOthers(waker: number, row: number, wakerTask: number): boolean {
    if (this.workers.onlyCreated[waker] === 0) return false
    const task = this.currentTask(row)
    return task !== null && !this.tasks.descends(wakerTask, task)
  }

  /**
   * A coroutine is called, from where it waits until then: it works for whoever calls it, unless it is at a task below that one, or at one of its own
   * and is called for none.
   *
   * @param caller serial of the task that the one which calls it works for, 0 none
   */
  called(row: number, caller: number): void {
    const { workers, tasks, states } = this
    if (workers.coroutine[row] === 0) return
    const serial = this.serialOf(row)
    if (caller === serial || tasks.descendsFrom(serial, caller)) return
    if (caller === 0 && workers.onlyCreated[row] === 0) return
    workers.setTaken(row, null)
    workers.leaving[row] = 0
    workers.serial[row] = caller
    workers.onlyCreated[row] = caller === 0 ? 0 : 1
    const task = tasks.ofSerial(caller)
    if (task !== undefined && tasks.addMember(task, states.id[row], states.stay[row])) workers.noteMember(row, caller)
  }

  /** A goroutine is seen working for a task, and for the tasks above it. */
  join(task: TaskState, row: number, t: number): void {
    const { states } = this
    this.workers.onlyCreated[row] = 0
    if (task.id !== 0) {
      const { stays } = states
      const stay = states.stay[row]
      const held = stays.has(stay) ? stays.task[stay & stays.mask] : 0
      // What it did so far was for another task, which keeps it: from here on it is for this one.
      if (held !== 0 && !this.related(held, task)) states.split(row, t, task.serial)
      // The innermost of nested tasks says it all.
      else if (held === 0 || !this.tasks.descends(held, task)) stays.task[stay & stays.mask] = task.serial
    }
    if (this.workers.counts(row, task.serial)) return
    if (this.tasks.addMember(task, states.id[row], states.stay[row])) this.workers.noteMember(row, task.serial)
  }

  private related(serial: number, task: TaskState): boolean {
    if (serial === task.serial || this.tasks.descends(serial, task)) return true
    const other = this.tasks.ofSerial(serial)
    return other !== undefined && this.tasks.descends(task.serial, other)
  }

  /**
   * As `join`; and a goroutine that worked for nothing related took the task up: it works for it since it was last woken, and until it
   * waits after its last region of the task ended (at once after a log). One that comes back to the task it had worked for last worked
   * for it all the time, unless it was given it anew by a goroutine of the task.
   */
  workFor(task: TaskState, row: number, t: number, leaving: boolean): void {
    const current = this.currentTask(row)
    this.join(task, row, t)
    if (task.id === 0 || task.ended) return
    const taken = this.workers.takenUp(row)
    if (taken?.serial === task.serial) {
      if (!leaving) this.workers.leaving[row] = 0
      return
    }
    if (current !== null && this.related(current.serial, task)) return
    // What it was done with it does not come back to.
    const before = taken && this.workers.leaving[row] === 1 ? taken.before : (current?.serial ?? 0)
    this.workers.setTaken(row, { serial: task.serial, before })
    this.workers.leaving[row] = leaving ? 1 : 0
    this.workers.serial[row] = task.serial
    const { stays } = this.states
    const left = this.left[row]
    const again = left?.serial === task.serial && left.goroutine === this.states.id[row] ? left.stay : NONE
    this.left[row] = null
    const most = again === NONE ? MOST_STAYS_TAKEN_UP : MOST_STAYS_RETURNED
    let at = this.states.stay[row]
    for (let steps = 0; steps < most && stays.has(at) && at > again; steps++) {
      const slot = at & stays.mask
      const held = stays.task[slot]
      if (held !== 0 && held !== task.serial) break
      const given = stays.wakerTask[slot]
      if (
        stays.state[slot] === GoState.waiting &&
        (again === NONE || (given !== 0 && this.tasks.descends(given, task)))
      )
        break
      stays.task[slot] = task.serial
      at = stays.previous[slot]
    }
  }

  /** The goroutine is about to wait: a worker that is done with a task lets go of it. */
  letGo(row: number): void {
    const taken = this.workers.takenUp(row)
    if (taken === null || this.workers.leaving[row] === 0) return
    this.workers.setTaken(row, null)
    this.workers.leaving[row] = 0
    const { states } = this
    this.left[row] = { goroutine: states.id[row], serial: taken.serial, stay: states.stay[row] }
    if (this.workers.serial[row] === taken.serial) this.workers.serial[row] = taken.before
  }
}
