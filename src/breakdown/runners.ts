// runners.ts: who ran on the processors while a goroutine waited for one.

import type { Runner } from './breakdown.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  MOST_RUNNER_STAYS,
  MOST_STAYS_BEFORE,
  RUNNER_GOROUTINE,
  RUNNER_NS,
  RUNNER_PLACES,
  RUNNER_STAYS,
  RUNNER_TABLE,
  RUNNER_TASK,
} from './states-layout.ts'
import { NONE, type StayLog } from './stay-log.ts'

/** Runners told of one wait. */
const MOST_RUNNERS = 4

/** Finds those that ran during waits, in columns that the kernel fills (`kernel/runners.ts`). */
export class Runners {
  // --- by row ---
  /** Serial of the task that was run for; 0 none. */
  private readonly task: Int32Array
  /** Id of the goroutine that ran for no task. */
  private readonly goroutine: Float64Array
  private readonly ns: Float64Array

  constructor(private readonly kernel: StatesKernel) {
    const { memory, words } = kernel
    const rows = MOST_RUNNER_STAYS + MOST_STAYS_BEFORE
    this.task = memory.int32(rows)
    this.goroutine = memory.float64(rows)
    this.ns = memory.float64(rows)
    words[RUNNER_TASK >> 2] = this.task.byteOffset
    words[RUNNER_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[RUNNER_NS >> 2] = this.ns.byteOffset
    words[RUNNER_TABLE >> 2] = memory.int32(RUNNER_PLACES).byteOffset
  }

  /** The waits of another task come next: as many stays as ever may be looked through for them. */
  beginTask(): void {
    this.kernel.words[RUNNER_STAYS >> 2] = MOST_RUNNER_STAYS
  }

  /**
   * Who ran while a goroutine was runnable, most time first.
   *
   * @param waiting the stay that waits
   * @param taskIdOf id of a task serial, -1 when it is not known any more
   * @param isRuntime whether a goroutine, by its id, is one of the runtime's own
   */
  of(
    stays: StayLog,
    waiting: number,
    fromNs: number,
    toNs: number,
    taskIdOf: (serial: number) => number,
    isRuntime: (goroutine: number) => boolean,
  ): Runner[] {
    const count = this.kernel.call.runnersOf(waiting, fromNs, toNs, stays.tail, stays.top)
    const { task, ns } = this
    // All that ran for no task are told as one, and so are the runtime's own: each in its first row.
    let idle = NONE
    let runtime = NONE
    for (let row = 0; row < count; row++) {
      if (task[row] !== 0) continue
      const isOwn = isRuntime(this.goroutine[row])
      const first = isOwn ? runtime : idle
      if (first !== NONE) {
        ns[first] += ns[row]
        ns[row] = 0
      } else if (isOwn) {
        runtime = row
      } else {
        idle = row
      }
    }
    const runners: Runner[] = []
    while (runners.length < MOST_RUNNERS) {
      let most = NONE
      for (let row = 0; row < count; row++) if (ns[row] > (most === NONE ? 0 : ns[most])) most = row
      if (most === NONE) break
      runners.push({ taskId: task[most] === 0 ? 0 : taskIdOf(task[most]), runtime: most === runtime, ns: ns[most] })
      ns[most] = 0
    }
    return runners
  }
}
