// runners.ts: who ran on the processors while a goroutine waited for one.

import { IdTable } from '../base/id-table.ts'
import { TABLE_HEADER_BYTES } from '../base/id-table-layout.ts'
import type { Runner } from './breakdown.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  MAYBE_RUNTIME,
  MAYBE_RUNTIME_IDS,
  MOST_LEFT_RUNS,
  MOST_RUNNER_STAYS,
  MOST_RUNNERS,
  MOST_RUNS_FOUND,
  RUNNER_FIELDS,
  RUNNER_FILLED,
  RUNNER_IS_RUNTIME,
  RUNNER_OF_TASK,
  RUNNER_PLACE_BITS,
  RUNNER_PLACES,
  RUNNER_TABLE,
  RUNNER_TIME,
  RUNNERS_TOLD,
  RUNTIME_IDS,
  STAY_TOP,
} from './states-layout.ts'
import type { StayLog } from './stay-log.ts'

/** Finds those that ran during waits, in columns that the kernel fills (`kernel/runners.ts`), which also asks by itself. */
export class Runners {
  private readonly told: Float64Array
  /** Ids of the runtime's own goroutines that were seen, and bits of those that may be some. */
  private readonly runtime: IdTable
  private readonly maybeRuntime: Uint8Array

  constructor(private readonly kernel: StatesKernel) {
    const { memory, words } = kernel
    const rows = MOST_RUNNER_STAYS + MOST_RUNS_FOUND + MOST_LEFT_RUNS
    this.told = memory.float64(MOST_RUNNERS * RUNNER_FIELDS)
    words[RUNNERS_TOLD >> 2] = this.told.byteOffset
    words[RUNNER_FILLED >> 2] = memory.int32(rows).byteOffset
    words[RUNNER_TABLE >> 2] = memory.float64((RUNNER_PLACES << RUNNER_PLACE_BITS) >> 3).byteOffset
    this.maybeRuntime = memory.uint8(MAYBE_RUNTIME_IDS >> 3)
    words[MAYBE_RUNTIME >> 2] = this.maybeRuntime.byteOffset
    this.runtime = new IdTable(64, memory, new Int32Array(memory.buffer, RUNTIME_IDS, TABLE_HEADER_BYTES >> 2))
  }

  /** A goroutine, by its id, is one of the runtime's own. */
  addRuntime(goroutine: number): void {
    if (this.runtime.find(goroutine) < 0) this.runtime.insert(goroutine)
    const bit = goroutine % MAYBE_RUNTIME_IDS
    this.maybeRuntime[bit >> 3] |= 1 << (bit & 7)
  }

  /** It ended. */
  removeRuntime(goroutine: number): void {
    this.runtime.remove(goroutine)
  }

  /** The waits of another task come next: as many stays as ever may be looked through for them. */
  beginTask(): void {
    this.kernel.call.beginRunners()
  }

  /**
   * Who ran while a goroutine was runnable, most time first.
   *
   * @param waiting the stay that waits
   */
  of(stays: StayLog, waiting: number, fromNs: number, toNs: number): Runner[] {
    const { kernel } = this
    kernel.words[STAY_TOP >> 2] = stays.top
    return runnersAt(this.told, 0, kernel.call.runnersOf(waiting, fromNs, toNs))
  }
}

/** So many runners that are written in doubles from a place on. */
export function runnersAt(doubles: Float64Array, from: number, count: number): Runner[] {
  return Array.from({ length: count }, (_, row) => {
    const at = from + row * RUNNER_FIELDS
    return {
      taskId: doubles[at + RUNNER_OF_TASK],
      runtime: doubles[at + RUNNER_IS_RUNTIME] === 1,
      ns: doubles[at + RUNNER_TIME],
    }
  })
}
