// membership.ts: which goroutine works for which task, from when, and until when. `README.md` has the rules as a table.

import { GoState as goStates } from './breakdown.ts'
import type { GoroutineStates } from './goroutine-states.ts'
import {
  MOST_GENERATIONS,
  MOST_STAYS_RETURNED as mostStaysReturned,
  MOST_STAYS_TAKEN_UP as mostStaysTakenUp,
} from './states-layout.ts'
import { type Moves, NONE as none } from './stay-log.ts'
import { NO_REGION, type RegionTable } from './regions.ts'
import type { TaskState, TaskTable } from './tasks.ts'
import type { TakenUp, Workers } from './workers.ts'

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
    private readonly regions: RegionTable,
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
   * The task a goroutine works for now: the innermost that has not ended. One that was created for a task, or took it up, goes on for those above it, not
   * for what the one that began it did before.
   */
  currentTask(row: number): TaskState | null {
    return this.tasks.ofSerial(this.serialOf(row)) ?? null
  }

  /** Serial of the task that `currentTask` tells; 0 none. */
  serialOf(row: number): number {
    const { workers, tasks } = this
    let serial = workers.serial[row]
    if (serial === 0 || !workers.hasEnded(serial)) return serial
    const taken = workers.takenSerial[row]
    let generations = 0
    while (serial !== 0 && workers.hasEnded(serial)) {
      const isOthers = workers.onlyCreated[row] === 1 || (taken !== 0 && tasks.descendsFrom(taken, serial))
      serial = isOthers ? tasks.parentOf(serial) : tasks.outerOf(serial)
      if (!isOthers) continue
      // One that is only named as a parent may have ended before the capture; and a damaged one has any number of them.
      const began = workers.hasEnded(serial) || this.hasBegun(serial)
      if (!began || ++generations > MOST_GENERATIONS) serial = 0
    }
    return (workers.serial[row] = serial)
  }

  private hasBegun(serial: number): boolean {
    const task = this.tasks.ofSerial(serial)
    return task !== undefined && task.startNs !== null
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
    return this.tasks.descends(serial, task) || this.tasks.descendsFrom(task.serial, serial)
  }

  /**
   * As `join`; and a goroutine that worked for another task, or for one above it, took the task up: it works for it since it was last woken, and until it
   * waits after its last region of the task ended (at once after a log). What woke it before the task began was for something else, and the task lay
   * in a queue meanwhile: then it works for it from now on. One that comes back to the task it had worked for last worked
   * for it all the time, unless it was given it anew by a goroutine of the task.
   */
  workFor(task: TaskState, row: number, t: number, leaving: boolean): void {
    const { states, workers } = this
    const current = this.serialOf(row)
    const taken = workers.takenUp(row)
    const takesUp = task.id !== 0 && !task.ended && taken?.serial !== task.serial && !this.tasks.descends(current, task)
    const left = this.left[row]
    const again = left?.serial === task.serial && left.goroutine === states.id[row] ? left.stay : NONE
    const queued = takesUp && again === NONE && this.wasWokenBefore(row, task.startNs)
    if (queued) states.split(row, t, task.serial)
    this.join(task, row, t)
    if (!takesUp) {
      if (taken?.serial === task.serial && !leaving && !task.ended) workers.leaving[row] = 0
      return
    }
    // What it was done with it does not come back to.
    const isDone = taken !== null && workers.leaving[row] === 1
    let outer = isDone ? taken.outer : taken
    while (outer !== null && (outer.serial === task.serial || !this.tasks.descendsFrom(task.serial, outer.serial))) {
      outer = outer.outer
    }
    workers.setTaken(row, { serial: task.serial, before: isDone ? taken.before : current, outer })
    workers.leaving[row] = leaving ? 1 : 0
    workers.serial[row] = task.serial
    this.left[row] = null
    if (!queued) this.takeUpSince(again, task, row)
  }

  /** Whether a goroutine was last woken before a time, null for one that is not known, and has worked for no task since. */
  private wasWokenBefore(row: number, beforeNs: number | null): boolean {
    const { stays } = this.states
    let at = this.states.stay[row]
    for (let steps = 0; beforeNs !== null && steps < MOST_STAYS_TAKEN_UP && stays.has(at); steps++) {
      const slot = at & stays.mask
      if (stays.task[slot] !== 0) return false
      if (stays.state[slot] === GoState.waiting) return stays.endNs[slot] < beforeNs
      at = stays.previous[slot]
    }
    return false
  }

  /** What a goroutine did since it was last woken, or since a stay at which it let go of the task before, was for a task. */
  private takeUpSince(again: number, task: TaskState, row: number): void {
    const { stays } = this.states
    const most = again === NONE ? MOST_STAYS_TAKEN_UP : MOST_STAYS_RETURNED
    let at = this.states.stay[row]
    for (let steps = 0; steps < most && stays.has(at) && at > again; steps++) {
      const slot = at & stays.mask
      if (!this.isFree(stays.task[slot], task, row)) break
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

  /** Whether what a goroutine did for a task may have been for another one: it was for that, for none, or for one above it that it did not begin itself. */
  private isFree(held: number, task: TaskState, row: number): boolean {
    if (held === 0 || held === task.serial) return true
    if (!this.tasks.descendsFrom(task.serial, held)) return false
    return this.tasks.ofSerial(held)?.startGoroutine !== this.states.id[row]
  }

  /** A goroutine begins a task: that says of the one above it, while that is open, what a log of that one would say. */
  beginsBelow(task: TaskState, row: number, t: number): void {
    const above = this.tasks.ofSerial(this.tasks.parentOf(task.serial))
    if (above === undefined || above.startNs === null || above.ended) return
    if (!this.tasks.descends(this.serialOf(row), above)) this.workFor(above, row, t, true)
  }

  /**
   * The goroutine is about to wait: a worker that is done with a task lets go of it, and goes on with what it was at before; not in the middle of another
   * task that it began since.
   */
  letGo(row: number): void {
    const { states, tasks, workers } = this
    while (workers.leaving[row] === 1) {
      const taken = workers.takenUp(row)
      if (taken === null) return
      const current = this.serialOf(row)
      const isBetween = current === 0 || tasks.descendsFrom(taken.serial, current)
      if (!isBetween && !workers.hasEnded(taken.serial)) return
      workers.setTaken(row, taken.outer)
      workers.leaving[row] = taken.outer !== null && !this.hasRegion(row, taken.outer) ? 1 : 0
      this.left[row] = { goroutine: states.id[row], serial: taken.serial, stay: states.stay[row] }
      if (isBetween) workers.serial[row] = taken.before
    }
  }

  /** Whether a goroutine has a region of a task open. */
  private hasRegion(row: number, { serial }: TakenUp): boolean {
    let region = this.workers.innermostRegion[row]
    while (region !== NO_REGION && this.regions.task[region] !== serial) region = this.regions.outer[region]
    return region !== NO_REGION
  }
}
