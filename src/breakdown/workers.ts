// workers.ts: which task each goroutine works for, and what it annotates, in columns that the kernel uses as well.

import { grown } from '../base/columns.ts'
import type { LogRecord } from './breakdown.ts'
import { NO_REGION } from './regions.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  BORN,
  BORN_BEFORE,
  BORN_HERE,
  BORN_INSIDE_REGION,
  ENDED,
  ENDED_ROOM,
  INNERMOST_REGION,
  LEAVING,
  LOG_PENDING,
  MEMBER_OF,
  MEMBER_SINCE,
  MEMBERSHIP_CHANGES,
  ONLY_CREATED,
  REGIONS_OPEN,
  TAKEN,
  TASK,
} from './states-layout.ts'

/** A task that a goroutine neither began nor was created for, but has regions or logs of. */
interface TakenUp {
  readonly serial: number
  /** Serial of the one that it worked for before; 0 none. */
  readonly before: number
}

/** How a goroutine came to be known. */
export const Born = {
  /** It was there before the capture, or before events of it were lost: it may end regions whose begin nobody saw. */
  before: BORN_BEFORE,
  here: BORN_HERE,
  /** Created inside a region of its creator: Go's Summarizer lets it end that one, unseen. */
  insideRegion: BORN_INSIDE_REGION,
} as const

/** By goroutine row. */
export class Workers {
  /** Serial of the task that the goroutine works for, which may have ended meanwhile; 0 none. */
  serial: Int32Array
  /** 1: it works for its task only because it was created for it: it has annotated none itself. */
  onlyCreated: Uint8Array
  /** 1: its last region of a task that it had taken up ended: it stops working for that task when it next waits. */
  leaving: Uint8Array
  /** Task that was taken up by an annotation, until the goroutine next waits after its last one; and its serial, 0 none. */
  private readonly taken: (TakenUp | null)[] = []
  private takenSerial: Int32Array
  /** Serial of a task that the goroutine counts for already, and for those above it, 0 none; and of how many changes of membership that knows. */
  private memberOf: Int32Array
  private memberSince: Int32Array
  /** Log written with no other annotation after it, while the byte is 1. */
  private readonly logs: (LogRecord | null)[] = []
  private logPending: Uint8Array
  /** Innermost open region, and how many are open. */
  innermostRegion: Int32Array
  regionsOpen: Int32Array
  /** What its creation says of regions that it ends without having begun them: a `Born`. */
  born: Uint8Array
  /** By serial of a task: 1 when it ended. Those beyond have not. */
  private ended: Uint8Array

  constructor(
    private readonly kernel: StatesKernel,
    rows: number,
  ) {
    const { memory } = kernel
    this.serial = memory.int32(rows)
    this.onlyCreated = memory.uint8(rows)
    this.leaving = memory.uint8(rows)
    this.takenSerial = memory.int32(rows)
    this.memberOf = memory.int32(rows)
    this.memberSince = memory.int32(rows)
    this.logPending = memory.uint8(rows)
    this.innermostRegion = memory.int32(rows).fill(NO_REGION)
    this.regionsOpen = memory.int32(rows)
    this.born = memory.uint8(rows)
    this.ended = memory.uint8(1024)
    this.tellKernel()
  }

  /** Rows that there is room for. */
  get rows(): number {
    return this.serial.length
  }

  /** Another goroutine has the row from now on: it works for nobody and has annotated nothing. */
  reset(row: number): void {
    this.serial[row] = 0
    this.born[row] = Born.before
    this.onlyCreated[row] = 0
    this.leaving[row] = 0
    this.setTaken(row, null)
    this.memberOf[row] = 0
    this.logPending[row] = 0
    this.innermostRegion[row] = NO_REGION
    this.regionsOpen[row] = 0
  }

  /** Makes room for so many rows. */
  grow(rows: number): void {
    const { memory } = this.kernel
    this.serial = grown(memory, this.serial, memory.int32(rows))
    this.onlyCreated = grown(memory, this.onlyCreated, memory.uint8(rows))
    this.leaving = grown(memory, this.leaving, memory.uint8(rows))
    this.takenSerial = grown(memory, this.takenSerial, memory.int32(rows))
    this.memberOf = grown(memory, this.memberOf, memory.int32(rows))
    this.memberSince = grown(memory, this.memberSince, memory.int32(rows))
    this.logPending = grown(memory, this.logPending, memory.uint8(rows))
    this.innermostRegion = grown(memory, this.innermostRegion, memory.int32(rows).fill(NO_REGION))
    this.regionsOpen = grown(memory, this.regionsOpen, memory.int32(rows))
    this.born = grown(memory, this.born, memory.uint8(rows))
    this.tellKernel()
  }

  takenUp(row: number): TakenUp | null {
    return this.takenSerial[row] === 0 ? null : this.taken[row]
  }

  setTaken(row: number, taken: TakenUp | null): void {
    this.taken[row] = taken
    this.takenSerial[row] = taken === null ? 0 : taken.serial
  }

  /** The goroutine counts for the task and for those above it: until membership changes it need not be noted again. */
  noteMember(row: number, serial: number): void {
    this.memberOf[row] = serial
    this.memberSince[row] = this.kernel.words[MEMBERSHIP_CHANGES >> 2]
  }

  /** Whether the goroutine counts for the task and for those above it already. */
  counts(row: number, serial: number): boolean {
    return this.memberOf[row] === serial && this.memberSince[row] === this.kernel.words[MEMBERSHIP_CHANGES >> 2]
  }

  /** A task lies below another, or its id is another's, since goroutines were noted for it: all are to be noted again. */
  membershipChanged(): void {
    this.kernel.words[MEMBERSHIP_CHANGES >> 2]++
  }

  /** The log that the goroutine wrote last, unless it annotated something since. */
  pendingLog(row: number): LogRecord | null {
    return this.logPending[row] === 1 ? this.logs[row] : null
  }

  setPendingLog(row: number, log: LogRecord | null): void {
    if (log !== null) this.logs[row] = log
    this.logPending[row] = log === null ? 0 : 1
  }

  /** Whether the task of a serial ended. */
  hasEnded(serial: number): boolean {
    return serial < this.ended.length && this.ended[serial] === 1
  }

  /** A task ended: who works for it works for one above it, if any. */
  noteEnd(serial: number): void {
    if (serial >= this.ended.length) {
      const { memory } = this.kernel
      let size = this.ended.length
      while (size <= serial) size *= 2
      this.ended = grown(memory, this.ended, memory.uint8(size))
      this.tellKernel()
    }
    this.ended[serial] = 1
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[TASK >> 2] = this.serial.byteOffset
    words[ONLY_CREATED >> 2] = this.onlyCreated.byteOffset
    words[LEAVING >> 2] = this.leaving.byteOffset
    words[TAKEN >> 2] = this.takenSerial.byteOffset
    words[MEMBER_OF >> 2] = this.memberOf.byteOffset
    words[MEMBER_SINCE >> 2] = this.memberSince.byteOffset
    words[LOG_PENDING >> 2] = this.logPending.byteOffset
    words[INNERMOST_REGION >> 2] = this.innermostRegion.byteOffset
    words[BORN >> 2] = this.born.byteOffset
    words[REGIONS_OPEN >> 2] = this.regionsOpen.byteOffset
    words[ENDED >> 2] = this.ended.byteOffset
    words[ENDED_ROOM >> 2] = this.ended.length
  }
}
