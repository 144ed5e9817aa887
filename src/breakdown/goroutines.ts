// goroutines.ts: goroutines that come and go, odd ones included. Those in order the kernel takes (`kernel/goroutines.ts`).

import { GoStatus } from '../capture/event-types.ts'
import type { Annotations } from './annotations.ts'
import { GoState as goStates } from './breakdown.ts'
import type { GenerationNames } from './generation-names.ts'
import { type GoroutineStates, SystemKind } from './goroutine-states.ts'
import type { Membership } from './membership.ts'
import { NO_REGION as noRegion } from './regions.ts'
import type { TaskTable } from './tasks.ts'
import { Born, type Workers } from './workers.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates
type GoState = goStates
const NO_REGION = noRegion

/** Begins and ends goroutines, and knows the runtime's own. */
export class Goroutines {
  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
    private readonly workers: Workers,
    private readonly membership: Membership,
    private readonly annotations: Annotations,
    private readonly names: GenerationNames,
    private readonly goTimes: boolean,
  ) {}

  /**
   * A goroutine begins.
   *
   * @param creator row of the one that created it; below 0 none did
   * @param state a `GoState`
   */
  create(row: number, id: number, timeNs: number, creator: number, state: number, entryStack: number): void {
    const { states } = this
    let t = timeNs
    if (states.has(row)) {
      // Its end was lost.
      t = states.hold(row, timeNs)
      this.finish(row, t)
    }
    const kind = this.names.systemKind(entryStack)
    const runtime = kind >= SystemKind.runtime
    let task = creator >= 0 && !runtime ? this.membership.currentTask(creator) : null
    if (task !== null && this.names.servesAll(entryStack)) task = null
    states.begin(row, id, state, t, 0, task === null ? 0 : task.serial)
    states.system[row] = kind
    if (runtime) states.runners.addRuntime(id)
    this.resetRow(row)
    this.workers.born[row] =
      creator >= 0 && this.workers.innermostRegion[creator] !== NO_REGION ? Born.insideRegion : Born.here
    this.workers.coroutine[row] = state === GoState.waiting ? 1 : 0
    this.workers.serial[row] = task === null ? 0 : task.serial
    this.workers.onlyCreated[row] = task === null ? 0 : 1
    const { stays } = states
    const stay = states.stay[row]
    // Where it begins: what it runs is known by it, before it waits anywhere.
    stays.stack[stay & stays.mask] = this.names.stackRow(entryStack)
    if (creator >= 0 && states.has(creator)) {
      stays.waker[stay & stays.mask] = states.stay[creator]
      stays.wakerTask[stay & stays.mask] = task === null ? 0 : task.serial
    } else if (state === GoState.runnable) {
      // Only a timer starts a goroutine without being one (time.AfterFunc, the deadline of a context).
      stays.via[stay & stays.mask] = states.causes.sleep
    }
    if (task !== null && this.tasks.addMember(task, id, stay)) this.workers.noteMember(row, task.serial)
  }

  /**
   * A goroutine that existed before the capture, or before events of it were lost, is named for the first time.
   *
   * @param status a `GoStatus`
   * @param syncNs start of the generation
   */
  status(row: number, id: number, t: number, status: number, processor: number, stack: number, syncNs: number): void {
    const { states } = this
    const known = states.has(row)
    const from = known ? t : Math.min(syncNs, t)
    if (known) {
      states.distrust(row, syncNs)
      states.enter(row, goStateOf(status), t, 0, this.workers.serial[row])
      states.leaveSyscall(row)
    } else {
      states.begin(row, id, goStateOf(status), from, 0, 0)
      this.resetRow(row)
      if (status === GoStatus.syscall && processor < 0) {
        // Parked in its system call since before the capture: the processor is long gone.
        states.state[row] = GoState.syscallBlocked
        const { stays } = states
        stays.state[states.stay[row] & stays.mask] = GoState.syscallBlocked
        // Go's Summarizer counts only the time until the announcement so, and the rest as executing the call.
        if (this.goTimes) states.enter(row, GoState.syscall, t, 0, 0)
      } else if (this.goTimes) {
        states.enter(row, goStateOf(status), t, 0, 0)
      }
    }
    if (status === GoStatus.syscall && (this.goTimes || processor >= 0)) states.bindSyscall(row, processor)
    if (stack !== 0) this.name(row, stack)
  }

  /** A goroutine ends, with all that is open on it. */
  finish(row: number, timeNs: number): void {
    const { states } = this
    if (!states.has(row)) return
    const t = states.hold(row, timeNs)
    this.annotations.closeRegions(row, t, true)
    states.finish(row, t)
    if (states.system[row] >= SystemKind.runtime) states.runners.removeRuntime(states.id[row])
    this.resetRow(row)
  }

  /** A goroutine row is about to be used for another goroutine. */
  private resetRow(row: number): void {
    if (row >= this.workers.rows) {
      // As many as the kernel takes there to be.
      this.workers.grow(this.states.rowCount)
    }
    this.membership.reset(row)
  }

  /** Remembers from a stack whether the goroutine is one of the runtime's own. */
  name(row: number, stack: number): void {
    if (stack === 0) return
    const { system, id, runners } = this.states
    const kind = this.names.systemKind(stack)
    if (kind !== SystemKind.program) runners.addRuntime(id[row])
    // Damage can make one of both.
    else if (system[row] >= SystemKind.runtime) runners.removeRuntime(id[row])
    system[row] = kind
  }
}

function goStateOf(status: number): GoState {
  switch (status) {
    case GoStatus.runnable:
      return GoState.runnable
    case GoStatus.running:
      return GoState.running
    case GoStatus.syscall:
      return GoState.syscall
    case GoStatus.waiting:
      return GoState.waiting
    default:
      return GoState.unknown
  }
}
