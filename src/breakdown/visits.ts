// visits.ts: what a goroutine did for which task, noted for those that begin tasks for others to take up (`kernel/visits.ts`).

import type { StatesKernel } from './states-kernel.ts'
import {
  MENTION_BYTES,
  MENTION_HEAD_ROOM,
  MENTION_HEADS,
  MENTION_ROOM,
  MENTIONS,
  VISIT_BYTES,
  VISIT_ROOM,
  VISITOR_BYTES,
  VISITOR_ROOM,
  VISITORS,
  VISITS,
} from './states-layout.ts'

/** Finds where a goroutine was, and when it worked for a task last, without looking at all that lies between. */
export class Visits {
  constructor(private readonly kernel: StatesKernel) {}

  /**
   * The stay of a goroutine at a time, from an earlier one; its last where it had ended by then, -1 when what it did is forgotten.
   *
   * @param goroutine its id
   */
  stayAt(from: number, timeNs: number, goroutine: number): number {
    const { call, words } = this.kernel
    // Most captures need no room for them.
    if (words[VISITS >> 2] === 0 && call.isFar(from, timeNs) !== 0) this.makeRoom()
    return call.stayAt(from, timeNs, goroutine)
  }

  /**
   * The latest stay before one of a goroutine that was for others than a task, at which it was for that task, one below it, or for none; -1 where that is
   * not known. Between both all are for others.
   *
   * @param stay at or before the last answer of `stayAt`
   * @param idle whether what was for none is asked for too
   */
  beforeOthers(stay: number, serial: number, idle: boolean): number {
    return this.kernel.call.beforeOthers(stay, serial, idle)
  }

  /**
   * The stay of a goroutine before another, of those that are left: others between them may have left the log. -1 where none is left.
   *
   * @param stay at or before the last answer of `stayAt`
   * @param first an earlier one that is left
   */
  before(stay: number, first: number): number {
    return this.kernel.call.before(stay, first)
  }

  /** Steps taken since this was asked last. */
  stepsTaken(): number {
    return this.kernel.call.stepsTaken()
  }

  private makeRoom(): void {
    const { memory, words } = this.kernel
    words[VISITS >> 2] = memory.uint8(VISIT_ROOM * VISIT_BYTES).byteOffset
    words[MENTIONS >> 2] = memory.uint8(MENTION_ROOM * MENTION_BYTES).byteOffset
    words[MENTION_HEADS >> 2] = memory.int32(MENTION_HEAD_ROOM).byteOffset
    words[VISITORS >> 2] = memory.uint8(VISITOR_ROOM * VISITOR_BYTES).byteOffset
  }
}
