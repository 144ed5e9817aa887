// workers.ts: which task each goroutine works for, and what it annotates, in columns that the kernel uses as well.

import { NO_BYTES, NO_DOUBLES, NO_NUMBERS } from '../base/columns.ts'
import type { LogRecord } from './breakdown.ts'
import { NO_REGION } from './regions.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  BORN,
  BORN_BEFORE,
  BORN_HERE,
  BORN_INSIDE_REGION,
  COROUTINE,
  ENDED,
  ENDED_ROOM,
  INNERMOST_REGION,
  LEAVING,
  LOG_PENDING,
  MEMBER_OF,
  MEMBER_SINCE,
  MEMBERSHIP_CHANGES,
  ONLY_CREATED,
  PENDING_CATEGORY,
  PENDING_MESSAGE,
  PENDING_NUMBERS,
  PENDING_RECORD,
  PENDING_TIME,
  REGIONS_OPEN,
  ROWS_FOUND,
  ROWS_FOUND_ROOM,
  TAKEN,
  TASK,
} from './states-layout.ts'

/** A task that a goroutine neither began nor was created for, but has regions or logs of. */
export interface TakenUp {
  readonly serial: number
  /** Serial of the one that it worked for before; 0 none. */
  readonly before: number
  /** One above it that it had taken up before, and is in the middle of. */
  readonly outer: TakenUp | null
}

/** Makes a record of a log of the goroutine of a row. @param category string of the generation in hand, as `message` */
type RecordOfLog = (row: number, timeNs: number, category: number, message: number) => LogRecord

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
  serial = NO_NUMBERS
  /** 1: it works for its task only because it was created for it: it has annotated none itself. */
  onlyCreated = NO_BYTES
  /** 1: its last region of a task that it had taken up ended: it stops working for that task when it next waits. */
  leaving = NO_BYTES
  /** Task that was taken up by an annotation, until the goroutine next waits after its last one; and its serial, 0 none. */
  private readonly taken: (TakenUp | null)[] = []
  takenSerial = NO_NUMBERS
  /** Serial of a task that the goroutine counts for already, and for those above it, 0 none; and of how many changes of membership that knows. */
  private memberOf = NO_NUMBERS
  private memberSince = NO_NUMBERS
  /** Log written with no other annotation after it: one of these while the byte is `PENDING_RECORD`, numbers while it is `PENDING_NUMBERS`. */
  private readonly logs: (LogRecord | null)[] = []
  private logPending = NO_BYTES
  private pendingNs = NO_DOUBLES
  /** Strings of the generation in hand. */
  private pendingCategory = NO_NUMBERS
  private pendingMessage = NO_NUMBERS
  /** Innermost open region, and how many are open. */
  innermostRegion = NO_NUMBERS
  regionsOpen = NO_NUMBERS
  /** What its creation says of regions that it ends without having begun them: a `Born`. */
  born = NO_BYTES
  /** 1: a coroutine (`iter.Pull`): it runs only when it is called, and works for whoever calls it. */
  coroutine = NO_BYTES
  /** By serial of a task: 1 when it ended. Those beyond have not. */
  private ended = NO_BYTES

  constructor(
    private readonly kernel: StatesKernel,
    rows: number,
  ) {
    this.grow(rows)
    this.growEnded(1024)
    kernel.words[ROWS_FOUND >> 2] = kernel.memory.int32(ROWS_FOUND_ROOM).byteOffset
  }

  /** Rows that there is room for. */
  get rows(): number {
    return this.serial.length
  }

  /** Another goroutine has the row from now on: it works for nobody and has annotated nothing. */
  reset(row: number): void {
    this.serial[row] = 0
    this.born[row] = Born.before
    this.coroutine[row] = 0
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
    const { kernel } = this
    const { memory } = kernel
    const i32 = (old: Int32Array, register: number) => kernel.place(old, memory.int32(rows), register)
    const u8 = (old: Uint8Array, register: number) => kernel.place(old, memory.uint8(rows), register)
    this.serial = i32(this.serial, TASK)
    this.onlyCreated = u8(this.onlyCreated, ONLY_CREATED)
    this.leaving = u8(this.leaving, LEAVING)
    this.takenSerial = i32(this.takenSerial, TAKEN)
    this.memberOf = i32(this.memberOf, MEMBER_OF)
    this.memberSince = i32(this.memberSince, MEMBER_SINCE)
    this.logPending = u8(this.logPending, LOG_PENDING)
    this.pendingNs = kernel.place(this.pendingNs, memory.float64(rows), PENDING_TIME)
    this.pendingCategory = i32(this.pendingCategory, PENDING_CATEGORY)
    this.pendingMessage = i32(this.pendingMessage, PENDING_MESSAGE)
    this.regionsOpen = i32(this.regionsOpen, REGIONS_OPEN)
    this.born = u8(this.born, BORN)
    this.coroutine = u8(this.coroutine, COROUTINE)
    this.innermostRegion = kernel.place(this.innermostRegion, memory.int32(rows).fill(NO_REGION), INNERMOST_REGION)
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
  pendingLog(row: number, recordOf: RecordOfLog): LogRecord | null {
    if (this.logPending[row] === PENDING_NUMBERS) this.tellPendingLog(row, recordOf)
    return this.logPending[row] === PENDING_RECORD ? this.logs[row] : null
  }

  setPendingLog(row: number, log: LogRecord | null): void {
    if (log !== null) this.logs[row] = log
    this.logPending[row] = log === null ? 0 : PENDING_RECORD
  }

  /** Makes records of all such logs, before the generation goes whose strings they are. */
  tellPendingLogs(recordOf: RecordOfLog): void {
    let row = this.logPending.indexOf(PENDING_NUMBERS)
    for (; row >= 0; row = this.logPending.indexOf(PENDING_NUMBERS, row + 1)) this.tellPendingLog(row, recordOf)
  }

  private tellPendingLog(row: number, recordOf: RecordOfLog): void {
    this.setPendingLog(row, recordOf(row, this.pendingNs[row], this.pendingCategory[row], this.pendingMessage[row]))
  }

  /** Whether the task of a serial ended. */
  hasEnded(serial: number): boolean {
    return serial < this.ended.length && this.ended[serial] === 1
  }

  /** A task ended: who works for it works for one above it, if any. */
  noteEnd(serial: number): void {
    if (serial >= this.ended.length) {
      let size = this.ended.length
      while (size <= serial) size *= 2
      this.growEnded(size)
    }
    this.ended[serial] = 1
  }

  private growEnded(size: number): void {
    const { kernel } = this
    this.ended = kernel.place(this.ended, kernel.memory.uint8(size), ENDED)
    kernel.words[ENDED_ROOM >> 2] = size
  }
}
