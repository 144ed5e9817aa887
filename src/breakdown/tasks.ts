// tasks.ts: user tasks, their regions and logs, as the annotations come by.

import { IdTable } from '../base/id-table.ts'
import { TABLE_HEADER_BYTES } from '../base/id-table-layout.ts'
import type { ProblemList } from '../capture/problems.ts'
import type { CpuSample, LogRecord } from './breakdown.ts'
import { Lineage } from './lineage.ts'
import { MemberTable, NO_MEMBER } from './members.ts'
import { OWN_NAME, RecurringNames } from './recurring-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  HANDED_ON,
  HANDED_ON_ROOM,
  HIGHEST_HANDED_ON,
  LEAST_MEMBERS,
  MEMBERS_LOOKED_THROUGH,
  MOST_GENERATIONS as mostGenerations,
  TASK_IDS,
  TASK_SERIALS,
} from './states-layout.ts'
import { TaskColumns } from './task-columns.ts'

// Of its own, as in `analysis.ts`.
const MOST_GENERATIONS = mostGenerations

/** What comes to `LEAST_MEMBERS` for each stay. */
const MEMBERS_PER_STAY = 8
/** CPU samples kept of one task: at the usual hundred a second those of a processor for 40 seconds. */
const MOST_SAMPLES = 4_096

/**
 * A task of which something was seen: begun, ended, logged to, with regions, or named as a parent. Made only when somebody asks: what is known
 * of each lies in columns (`TaskColumns`), where it says so here.
 */
export class TaskState {
  /** What it is added up under where that is no name that recurs; empty where records are made. */
  ownKind = ''
  private text = ''
  precedingLog: LogRecord | null = null
  /** But for those in the `TaskLogs`, which came after them. */
  readonly logs: LogRecord[] = []
  /** Their regions are rows of the `RegionTable`. */
  readonly samples: CpuSample[] = []
  /** Its goroutines, once these are too many to be looked through. */
  memberIds: Set<number> | null = null

  constructor(
    private readonly columns: TaskColumns,
    readonly id: number,
    /** Number of the task in this capture, from 1; ids may be used again, serials are not. */
    readonly serial: number,
    /** Its row in the columns, until it is handed on. */
    readonly slot: number,
    private readonly textOfString: (string: number) => string,
  ) {}

  get name(): string {
    const string = this.columns.nameString[this.slot]
    return string < 0 ? this.text : this.textOfString(string)
  }

  set name(text: string) {
    this.text = text
  }

  /** Makes a text of the name, whose bytes hold only as long as their generation. */
  tellName(): void {
    this.text = this.name
    this.columns.nameString[this.slot] = -1
  }

  get ended(): boolean {
    return !Number.isNaN(this.columns.endNs[this.slot])
  }

  get parentId(): number | null {
    return known(this.columns.parentId[this.slot])
  }

  get startNs(): number | null {
    return known(this.columns.startNs[this.slot])
  }

  get endNs(): number | null {
    return known(this.columns.endNs[this.slot])
  }

  get startGoroutine(): number | null {
    return known(this.columns.startGoroutine[this.slot])
  }

  get endGoroutine(): number | null {
    return known(this.columns.endGoroutine[this.slot])
  }

  get startStay(): number {
    return this.columns.startStay[this.slot]
  }

  get endStay(): number {
    return this.columns.endStay[this.slot]
  }

  /** It begins. @param goroutine id of the one that begins it, in its `stay` */
  begin(timeNs: number, goroutine: number, stay: number): void {
    const { columns, slot } = this
    columns.startNs[slot] = timeNs
    columns.startGoroutine[slot] = goroutine
    columns.startStay[slot] = stay
  }

  /** It ends, as `begin`. */
  end(timeNs: number, goroutine: number, stay: number): void {
    const { columns, slot } = this
    columns.endNs[slot] = timeNs
    columns.endGoroutine[slot] = goroutine
    columns.endStay[slot] = stay
  }
}

/** A number of a column in which NaN says that there is none. */
function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

/**
 * All tasks of which something was seen and that were not handed on yet.
 *
 * Tables of our own instead of maps: a `Map` from which tasks are deleted as fast as they come leaves dead copies of itself behind,
 * which keep the tasks in them alive and cost the garbage collector a third of the whole time.
 */
export class TaskTable {
  /** Rows of live ids, whose slots `columns.slotOfId` tells. */
  private readonly ids: IdTable
  /** Slots of live serials. */
  private readonly serials: IdTable
  readonly columns: TaskColumns
  /** What was made of the task of each slot, where somebody asked. */
  private readonly ofSlot: (TaskState | null)[] = []
  /** What tasks are added up under. */
  readonly kinds = new RecurringNames()
  readonly members: MemberTable
  readonly lineage: Lineage
  /** Names of tasks up to this serial are texts, or become so at once. */
  private toldTo = 0
  /** Ids handed on lately, each at its own number modulo the size: a parent named after its end makes no second record. */
  private readonly handedOn: Float64Array

  /**
   * @param kernel which begins and ends tasks as well
   * @param textOfString the text of a string of the generation in hand
   * @param membersChanged called when a task is found to lie below another after goroutines were noted for it
   */
  constructor(
    private readonly problems: ProblemList,
    private readonly kernel: StatesKernel,
    private readonly textOfString: (string: number) => string,
    private readonly membersChanged: () => void,
  ) {
    const { memory, words } = kernel
    const table = (header: number) =>
      new IdTable(256, memory, new Int32Array(memory.buffer, header, TABLE_HEADER_BYTES >> 2))
    this.ids = table(TASK_IDS)
    this.serials = table(TASK_SERIALS)
    this.columns = new TaskColumns(kernel)
    this.members = new MemberTable(kernel)
    this.lineage = new Lineage(kernel)
    this.handedOn = memory.float64(HANDED_ON_ROOM).fill(-1)
    words[HANDED_ON >> 2] = this.handedOn.byteOffset
  }

  /** The task of an id, made on first mention. */
  mention(id: number): TaskState {
    const known = this.ofId(id)
    if (known !== undefined) return known
    if (id > Number.MAX_SAFE_INTEGER) {
      this.problems.add(
        'LIMIT',
        null,
        () =>
          `a task has an id of about ${id.toExponential(3)}, beyond 2^53: ids so large are not told apart exactly. The runtime counts tasks from 1, so this is damage or no Go runtime's capture.`,
      )
    }
    const serial = this.lineage.add(id)
    const slot = this.serials.insert(serial)
    const row = this.ids.insert(id)
    this.columns.makeRoom(Math.max(slot, row))
    this.columns.slotOfId[row] = slot
    this.columns.take(slot, serial, id)
    // Its id may have been another task's, whose children count their goroutines for this one from now on.
    if (id <= this.kernel.doubles[HIGHEST_HANDED_ON >> 3]) this.membersChanged()
    return this.ofSlotNow(slot)
  }

  private ofId(id: number): TaskState | undefined {
    const row = this.ids.find(id)
    return row < 0 ? undefined : this.ofSlotNow(this.columns.slotOfId[row])
  }

  /** Slot of the task of a serial; -1 when it was handed on. */
  slotOfSerial(serial: number): number {
    return this.serials.find(serial)
  }

  ofSerial(serial: number): TaskState | undefined {
    const slot = this.serials.find(serial)
    return slot < 0 ? undefined : this.ofSlotNow(slot)
  }

  /** The task that has a slot. */
  ofSlotNow(slot: number): TaskState {
    const { columns } = this
    const made = this.madeOf(slot)
    if (made !== null) return made
    const task = new TaskState(columns, columns.id[slot], columns.serial[slot], slot, this.textOfString)
    while (this.ofSlot.length <= slot) this.ofSlot.push(null)
    this.ofSlot[slot] = task
    columns.made[slot] = 1
    return task
  }

  /** What was made of the task that has a slot; null where nobody asked. What was made of one that the kernel handed on is no longer it. */
  madeOf(slot: number): TaskState | null {
    const made = slot < this.ofSlot.length ? this.ofSlot[slot] : null
    return made !== null && made.serial === this.columns.serial[slot] ? made : null
  }

  /** The name of the task that has a slot. */
  nameOf(slot: number): string {
    const made = this.madeOf(slot)
    if (made !== null) return made.name
    const string = this.columns.nameString[slot]
    return string < 0 ? '' : this.textOfString(string)
  }

  /** The task of a slot is handed on. */
  unmake(slot: number): void {
    if (slot < this.ofSlot.length) this.ofSlot[slot] = null
    this.columns.made[slot] = 0
  }

  /** Notes which task the goroutine that begins one worked for before: serials, 0 none. */
  setOuter(task: TaskState, outer: number): void {
    this.lineage.setOuter(task.serial, outer)
  }

  /** Serial of the task that the goroutine which began a task worked for before, also when that was handed on; 0 none. */
  outerOf(serial: number): number {
    return this.lineage.outerOf(serial)
  }

  /** Serial of the task that one names as its parent, also when both were handed on; 0 none. */
  parentOf(serial: number): number {
    return this.lineage.parentOf(serial)
  }

  /** Id of the task of a serial, also when it was handed on; -1 when it is not known any more. */
  idOfSerial(serial: number): number {
    return this.lineage.idOf(serial)
  }

  /** A task names its parent, which is made on first mention unless it was handed on lately. */
  setParent(task: TaskState, parentId: number): void {
    const known = this.ofId(parentId)
    if (known !== undefined && this.descends(known.serial, task)) {
      this.problems.add(
        'TASK_MISUSE',
        null,
        () =>
          `task ${task.id} ("${task.name}") names task ${parentId} as its parent, which is itself or descends from it: it is read as a task without one.`,
      )
      return
    }
    const { columns } = this
    columns.parentId[task.slot] = parentId
    if (columns.memberCount[task.slot] > 0) this.membersChanged()
    if (known === undefined && this.handedOn[parentId % HANDED_ON_ROOM] === parentId) return
    this.lineage.setParent(task.serial, (known ?? this.mention(parentId)).serial)
  }

  /** The task as it begins: a new one, or one that was only mentioned so far. */
  begin(id: number, timeNs: number): TaskState {
    const known = this.ofId(id)
    if (known === undefined || (known.startNs === null && !known.ended)) return this.mention(id)
    if (!known.ended) {
      this.problems.add(
        'TASK_MISUSE',
        null,
        () =>
          `task ${id} ("${known.name}") begins again at ${(timeNs / 1e6).toFixed(3)} ms before it ended: it is read as two tasks of one id.`,
      )
    }
    // An id may be used again after its end; the earlier task stays reachable by its serial.
    this.ids.remove(id)
    this.membersChanged()
    return this.mention(id)
  }

  /** The name of a task, as a string of the generation in hand. */
  name(task: TaskState, string: number): void {
    this.columns.nameString[task.slot] = string
    if (task.serial <= this.toldTo) task.tellName()
  }

  /** What a task is added up under, by its name. @returns its row among those that recur, or `OWN_NAME` */
  setKind(slot: number, kind: string): number {
    const row = this.kinds.rowOf(kind)
    this.columns.kind[slot] = row
    if (row === OWN_NAME) this.ofSlotNow(slot).ownKind = kind
    return row
  }

  /** What a task is added up under; empty where nobody said so. */
  kindOf(task: TaskState): string {
    const row = this.columns.kind[task.slot]
    return row === OWN_NAME ? task.ownKind : this.kinds.nameOf(row)
  }

  /** Makes texts of the names that are still strings of the generation in hand, which is about to go. */
  tellNames(): void {
    const { latest } = this.lineage
    const { nameString } = this.columns
    const tell = (slot: number): void => {
      if (nameString[slot] >= 0) this.ofSlotNow(slot).tellName()
    }
    // Most of the tasks since the last time were handed on, as a rule; where there are more old ones than new, the new ones are gone through.
    if (this.serials.rowCount < latest - this.toldTo) {
      this.forEachSlot(tell)
      this.toldTo = latest
    }
    while (this.toldTo < latest) {
      const slot = this.serials.find(++this.toldTo)
      if (slot >= 0) tell(slot)
    }
  }

  /** Tasks not handed on yet. */
  get count(): number {
    return this.serials.size
  }

  /** Whether `serial` is `task` or descends from it. */
  descends(serial: number, task: TaskState): boolean {
    return this.descendsFrom(serial, task.serial)
  }

  /** As `descends`, for a task that may have been handed on. */
  descendsFrom(serial: number, above: number): boolean {
    for (let at = serial, depth = 0; at !== 0 && depth < MOST_GENERATIONS; depth++) {
      if (at === above) return true
      at = this.lineage.parentOf(at)
    }
    return false
  }

  /**
   * Notes that a goroutine works for a task and for those above it, as far as they are still known.
   *
   * @returns whether it counts for all of them; until `membersChanged` it then need not be noted again
   */
  addMember(task: TaskState, goroutine: number, stay: number): boolean {
    let up: TaskState | undefined = task
    for (let depth = 0; up !== undefined && depth < MOST_GENERATIONS; depth++) {
      if (depth > 0 && this.members.size > LEAST_MEMBERS + MEMBERS_PER_STAY * stay) {
        this.tellLimit(up)
        return false
      }
      this.addOwnMember(up, goroutine, stay)
      up = up.parentId === null || up.parentId === 0 ? undefined : this.ofId(up.parentId)
    }
    return true
  }

  /** The background task is worked for by all, which says nothing. */
  private addOwnMember(task: TaskState, goroutine: number, stay: number): void {
    if (task.id === 0) return
    const { members } = this
    const { firstMember, lastMember, memberCount } = this.columns
    const { slot } = task
    if (task.memberIds === null) {
      for (let member = firstMember[slot]; member !== NO_MEMBER; member = members.next[member]) {
        if (members.goroutine[member] === goroutine) return
      }
      if (memberCount[slot] >= MEMBERS_LOOKED_THROUGH) task.memberIds = new Set(this.goroutinesOf(task))
    } else if (task.memberIds.has(goroutine)) {
      return
    }
    task.memberIds?.add(goroutine)
    const member = members.take(goroutine, stay)
    if (memberCount[slot]++ === 0) firstMember[slot] = member
    else members.next[lastMember[slot]] = member
    lastMember[slot] = member
  }

  /** Ids of the goroutines that worked for a task, in the order in which they were first seen doing so. */
  goroutinesOf(task: TaskState): number[] {
    const ids: number[] = []
    const { goroutine, next } = this.members
    for (let row = this.columns.firstMember[task.slot]; row !== NO_MEMBER; row = next[row]) ids.push(goroutine[row])
    return ids
  }

  private tellLimit(task: TaskState): void {
    this.problems.add(
      'LIMIT',
      null,
      () =>
        `tasks have ${this.members.size.toLocaleString('en-US')} goroutines, those of the tasks below them included, when task ${task.id} ("${task.name}") gets another: further ones count for the task itself only. Hundreds of tasks lie in each other.`,
    )
  }

  /** Notes a sample of the CPU profiler for a task and for those above it. */
  addSample(task: TaskState | null, sampleOf: (task: TaskState) => CpuSample): void {
    let up: TaskState | null | undefined = task
    for (let depth = 0; up !== null && up !== undefined && depth < MOST_GENERATIONS; depth++) {
      if (up.samples.length < MOST_SAMPLES) up.samples.push(sampleOf(up))
      up = up.parentId === null || up.parentId === 0 ? null : this.ofId(up.parentId)
    }
  }

  /** Forgets a task that was handed on. */
  forget(task: TaskState): void {
    const { slot, id } = task
    this.members.release(this.columns.firstMember[slot])
    // Another task may have its id by now.
    const row = this.ids.find(id)
    if (row >= 0 && this.columns.slotOfId[row] === slot) this.ids.remove(id)
    this.unmake(slot)
    this.columns.serial[slot] = 0
    this.serials.remove(task.serial)
    this.handedOn[id % HANDED_ON_ROOM] = id
    const { doubles } = this.kernel
    if (id > doubles[HIGHEST_HANDED_ON >> 3]) doubles[HIGHEST_HANDED_ON >> 3] = id
  }

  /** All tasks not handed on yet, by serial: in the order of their first mention. */
  all(): TaskState[] {
    const tasks: TaskState[] = []
    this.forEachSlot((slot) => tasks.push(this.ofSlotNow(slot)))
    return tasks.sort((x, y) => x.serial - y.serial)
  }

  /** Calls `visit` with the slot of each task not handed on yet. */
  forEachSlot(visit: (slot: number) => void): void {
    const { serial } = this.columns
    for (let slot = 0; slot < this.serials.rowCount; slot++) if (serial[slot] !== 0) visit(slot)
  }
}
