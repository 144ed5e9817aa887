// task-columns.ts: what is known of tasks that were not handed on, in columns that the kernel fills as well.

import { NO_BYTES, NO_DOUBLES, NO_NUMBERS } from '../base/columns.ts'
import { NO_MEMBER } from './members.ts'
import { NO_REGION } from './regions.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  FIRST_LOG,
  FIRST_MEMBER,
  FIRST_REGION,
  LAST_LOG,
  LAST_MEMBER,
  LAST_REGION,
  MEMBER_COUNT,
  OPEN_REGIONS,
  SETTLING,
  SETTLING_COUNT,
  SETTLING_FIRST,
  SLOT_OF_ID,
  SLOT_ROOM,
  TASK_END,
  TASK_END_GOROUTINE,
  TASK_END_STAY,
  TASK_ID,
  TASK_KIND,
  TASK_MADE,
  TASK_NAME,
  TASK_PARENT,
  TASK_SERIAL,
  TASK_START,
  TASK_START_GOROUTINE,
  TASK_START_STAY,
  WAITS_FOR_REGIONS,
} from './states-layout.ts'

/** In a column of whole numbers: nothing. */
const NONE = -1

/** By slot, which is a task's until it is handed on and another's then. */
export class TaskColumns {
  /** Slot of the task of each row of the table of ids. */
  slotOfId = NO_NUMBERS
  id = NO_DOUBLES
  /** 0: no task has the slot. */
  serial = NO_NUMBERS
  /** Id that it names as its parent; NaN none. */
  parentId = NO_DOUBLES
  /** Nanoseconds from the origin, and ids of goroutines; NaN what is not known, or not yet. */
  startNs = NO_DOUBLES
  endNs = NO_DOUBLES
  startGoroutine = NO_DOUBLES
  endGoroutine = NO_DOUBLES
  /** Stay of that goroutine then. */
  startStay = NO_NUMBERS
  endStay = NO_NUMBERS
  /** Row of what it is added up under; -1 none, or none that recurs. */
  kind = NO_NUMBERS
  /** String of its name in the generation in hand, while that did not become a text; -1 none. */
  nameString = NO_DOUBLES
  /** 1: something was made of it that may have to be told with it (`TaskTable.madeOf`, `TaskRecords.stopsOfRegion`). */
  made = NO_BYTES
  /** First and last of its logs in the `TaskLogs`. */
  firstLog = NO_NUMBERS
  lastLog = NO_NUMBERS
  /** First and last of its regions in the `RegionTable`. */
  firstRegion = NO_NUMBERS
  lastRegion = NO_NUMBERS
  /** Regions begun and not ended. */
  openRegions = NO_NUMBERS
  /** 1: it would have been handed over but for these. */
  waitsForRegions = NO_BYTES
  /** First and last of its goroutines in the `MemberTable`, and how many there are. */
  firstMember = NO_NUMBERS
  lastMember = NO_NUMBERS
  memberCount = NO_NUMBERS
  /** Slots of the tasks that ended and wait for their surroundings, in the order of their ends: a ring. No task is in it twice. */
  private settling = NO_NUMBERS

  constructor(private readonly kernel: StatesKernel) {
    this.lay(256)
  }

  /** Slots that there is room for. */
  get room(): number {
    return this.serial.length
  }

  /** Makes room for a slot. */
  makeRoom(slot: number): void {
    if (slot >= this.room) this.lay(this.room * 2)
  }

  /** A task that nothing is known of has a slot from now on. */
  take(slot: number, serial: number, id: number): void {
    this.id[slot] = id
    this.serial[slot] = serial
    this.parentId[slot] = NaN
    this.startNs[slot] = this.endNs[slot] = NaN
    this.startGoroutine[slot] = this.endGoroutine[slot] = NaN
    this.startStay[slot] = this.endStay[slot] = NONE
    this.kind[slot] = NONE
    this.nameString[slot] = NONE
    this.made[slot] = 0
    this.firstLog[slot] = this.lastLog[slot] = NONE
    this.firstRegion[slot] = this.lastRegion[slot] = NO_REGION
    this.openRegions[slot] = 0
    this.waitsForRegions[slot] = 0
    this.firstMember[slot] = this.lastMember[slot] = NO_MEMBER
    this.memberCount[slot] = 0
  }

  /** Adds a task to those that wait for their surroundings. */
  settle(slot: number): void {
    const { words } = this.kernel
    const at = words[SETTLING_FIRST >> 2] + words[SETTLING_COUNT >> 2]++
    this.settling[at & (this.settling.length - 1)] = slot
  }

  /** The first of those that wait; -1 when none does. */
  get firstSettling(): number {
    const { words } = this.kernel
    return words[SETTLING_COUNT >> 2] === 0 ? NONE : this.settling[words[SETTLING_FIRST >> 2]]
  }

  /** Takes the first of those that wait out. */
  dropSettling(): void {
    const { words } = this.kernel
    words[SETTLING_COUNT >> 2]--
    words[SETTLING_FIRST >> 2] = (words[SETTLING_FIRST >> 2] + 1) & (this.settling.length - 1)
  }

  /** Makes the columns, or longer ones. */
  private lay(size: number): void {
    const { kernel } = this
    const { memory, words } = kernel
    const f64 = (old: Float64Array, register: number) => kernel.place(old, memory.float64(size), register)
    const i32 = (old: Int32Array, register: number) => kernel.place(old, memory.int32(size), register)
    // What lies before the first of the ring comes after what lay at its end.
    this.settling = i32(this.settling, SETTLING)
    const half = size >> 1
    this.settling.copyWithin(half, 0, words[SETTLING_FIRST >> 2])
    this.slotOfId = i32(this.slotOfId, SLOT_OF_ID)
    this.id = f64(this.id, TASK_ID)
    this.serial = i32(this.serial, TASK_SERIAL)
    this.parentId = f64(this.parentId, TASK_PARENT)
    this.startNs = f64(this.startNs, TASK_START)
    this.endNs = f64(this.endNs, TASK_END)
    this.startGoroutine = f64(this.startGoroutine, TASK_START_GOROUTINE)
    this.endGoroutine = f64(this.endGoroutine, TASK_END_GOROUTINE)
    this.startStay = i32(this.startStay, TASK_START_STAY)
    this.endStay = i32(this.endStay, TASK_END_STAY)
    this.kind = i32(this.kind, TASK_KIND)
    this.nameString = f64(this.nameString, TASK_NAME)
    this.made = kernel.place(this.made, memory.uint8(size), TASK_MADE)
    this.firstLog = i32(this.firstLog, FIRST_LOG)
    this.lastLog = i32(this.lastLog, LAST_LOG)
    this.firstRegion = i32(this.firstRegion, FIRST_REGION)
    this.lastRegion = i32(this.lastRegion, LAST_REGION)
    this.openRegions = i32(this.openRegions, OPEN_REGIONS)
    this.waitsForRegions = kernel.place(this.waitsForRegions, memory.uint8(size), WAITS_FOR_REGIONS)
    this.firstMember = i32(this.firstMember, FIRST_MEMBER)
    this.lastMember = i32(this.lastMember, LAST_MEMBER)
    this.memberCount = i32(this.memberCount, MEMBER_COUNT)
    words[SLOT_ROOM >> 2] = size
  }
}
