// visits.ts: what a goroutine did for which task, noted for those that begin tasks for others to take up (`kernel/visits.ts`).

import { NO_BYTES } from '../base/columns.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  LEAST_VISIT_ROOM,
  MENTION_BYTES,
  MENTION_HEAD_ROOM,
  MENTION_HEADS,
  MENTIONS,
  MENTIONS_PER_VISIT,
  VISIT_BYTES,
  VISIT_ROOM,
  VISITOR_BYTES,
  VISITOR_ROOM,
  VISITORS,
  VISITS,
  VISITS_LACK,
} from './states-layout.ts'

/** Finds where a goroutine was, and when it worked for a task last, without looking at all that lies between. */
export class Visits {
  private visits = NO_BYTES
  private mentions = NO_BYTES
  private heads: Int32Array | null = null

  constructor(private readonly kernel: StatesKernel) {}

  /**
   * The stay of a goroutine at a time, from an earlier one; its last where it had ended by then, -1 when what it did is forgotten.
   *
   * @param goroutine its id
   */
  stayAt(from: number, timeNs: number, goroutine: number): number {
    const { call, words } = this.kernel
    // Most captures need no room for them.
    if (words[VISITS >> 2] === 0 && call.isFar(from, timeNs) !== 0) this.makeRoom(LEAST_VISIT_ROOM)
    let stay = call.stayAt(from, timeNs, goroutine)
    while (words[VISITS_LACK >> 2] !== 0) {
      this.makeRoom(words[VISIT_ROOM >> 2] * 2)
      stay = call.stayAt(from, timeNs, goroutine)
    }
    return stay
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

  /** Makes room for so many visits. What was noted so far is forgotten, and noted anew when it is asked for. */
  private makeRoom(room: number): void {
    const { call, memory, words } = this.kernel
    memory.release(this.visits)
    memory.release(this.mentions)
    this.visits = memory.uint8(room * VISIT_BYTES)
    this.mentions = memory.uint8(room * MENTIONS_PER_VISIT * MENTION_BYTES)
    words[VISITS >> 2] = this.visits.byteOffset
    words[MENTIONS >> 2] = this.mentions.byteOffset
    words[VISIT_ROOM >> 2] = room
    if (this.heads === null) {
      words[VISITORS >> 2] = memory.uint8(VISITOR_ROOM * VISITOR_BYTES).byteOffset
      this.heads = memory.int32(MENTION_HEAD_ROOM)
      words[MENTION_HEADS >> 2] = this.heads.byteOffset
    } else this.heads.fill(0)
    words[VISITS_LACK >> 2] = 0
    call.forgetVisits()
  }
}
