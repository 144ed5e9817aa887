// tasks.ts: user tasks, their regions and logs, as the annotations come by.

import { textOf } from '../base/bytes.ts'
import { grown, ownColumns } from '../base/columns.ts'
import { IdTable } from '../base/id-table.ts'
import { TABLE_HEADER_BYTES } from '../base/id-table-layout.ts'
import type { ProblemList } from '../capture/problems.ts'
import type { CpuSample, LogRecord } from './breakdown.ts'
import { MemberTable, NO_MEMBER } from './members.ts'
import { NO_REGION } from './regions.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  FIRST_MEMBER,
  FIRST_REGION,
  HAS_PARENT,
  LAST_MEMBER,
  LAST_REGION,
  MEMBER_COUNT,
  MEMBERS_LOOKED_THROUGH,
  OPEN_REGIONS,
  SLOT_OF_ID,
  TASK_IDS,
  TASK_SERIAL,
  TASK_SERIALS,
  WAITS_FOR_REGIONS,
} from './states-layout.ts'

/** Ids of tasks handed on that are remembered. */
const HANDED_ON = 1 << 16
/** Goroutines of all tasks together, those that count for a task above as well, a fixed number and so many for each stay. */
const LEAST_MEMBERS = 100_000
const MEMBERS_PER_STAY = 8
/** Generations of tasks that are followed up; a longer line of parents is a program's mistake or hostile. */
const MOST_GENERATIONS = 256
/** CPU samples kept of one task: at the usual hundred a second those of a processor for 40 seconds. */
const MOST_SAMPLES = 4_096
/** Serials whose id and parent are remembered at most: at ten thousand tasks a second the last two minutes. */
const MOST_SERIALS = 1 << 20

/** A task of which something was seen: begun, ended, logged to, with regions, or named as a parent. */
export class TaskState {
  parentId: number | null = null
  /** What it is added up under; empty where records are made. */
  kind = ''
  /** Its name as UTF-8 while that did not become a text: of most tasks that are added up, none is ever asked for. */
  nameUntold: Uint8Array | null = null
  private text = ''
  startNs: number | null = null
  endNs: number | null = null
  startGoroutine: number | null = null
  startStay = -1
  endStay = -1
  endGoroutine: number | null = null
  precedingLog: LogRecord | null = null
  readonly logs: LogRecord[] = []
  /** Their regions are rows of the `RegionTable`. */
  readonly samples: CpuSample[] = []
  /** Its goroutines, once these are too many to be looked through. */
  memberIds: Set<number> | null = null

  constructor(
    readonly id: number,
    /** Number of the task in this capture, from 1; ids may be used again, serials are not. */
    readonly serial: number,
    /** Its row in the columns of the `TaskTable`, until it is handed on. */
    readonly slot: number,
  ) {}

  get name(): string {
    this.tellName()
    return this.text
  }

  set name(text: string) {
    this.text = text
  }

  /** Makes a text of the name, whose bytes hold only as long as their generation. */
  tellName(): void {
    if (this.nameUntold === null) return
    this.text = textOf(this.nameUntold)
    this.nameUntold = null
  }

  get ended(): boolean {
    return this.endNs !== null
  }
}

/**
 * Id, parent and surroundings of the latest tasks by serial, those handed on included: a long task still asks which of its descendants a
 * goroutine worked for, and whose goroutine ended a wait, when these are long gone.
 */
class Lineage {
  private latest = 0
  private ids = new Float64Array(256)
  private parents = new Int32Array(256)
  private outers = new Int32Array(256)

  /** Serials come in order. */
  add(serial: number, id: number): void {
    if (serial >= this.ids.length && this.ids.length < MOST_SERIALS) {
      const size = this.ids.length * 2
      this.ids = grown(ownColumns, this.ids, new Float64Array(size))
      this.parents = grown(ownColumns, this.parents, new Int32Array(size))
      this.outers = grown(ownColumns, this.outers, new Int32Array(size))
    }
    this.latest = serial
    this.ids[serial & (this.ids.length - 1)] = id
    this.parents[serial & (this.ids.length - 1)] = 0
    this.outers[serial & (this.ids.length - 1)] = 0
  }

  setParent(serial: number, parent: number): void {
    if (this.has(serial)) this.parents[serial & (this.ids.length - 1)] = parent
  }

  /** Id of the task; -1 when it is not remembered. */
  idOf(serial: number): number {
    return this.has(serial) ? this.ids[serial & (this.ids.length - 1)] : -1
  }

  /** Serial of the parent; 0 when it has none or none is remembered. */
  parentOf(serial: number): number {
    return this.has(serial) ? this.parents[serial & (this.ids.length - 1)] : 0
  }

  setOuter(serial: number, outer: number): void {
    if (this.has(serial)) this.outers[serial & (this.ids.length - 1)] = outer
  }

  outerOf(serial: number): number {
    return this.has(serial) ? this.outers[serial & (this.ids.length - 1)] : 0
  }

  private has(serial: number): boolean {
    return serial > 0 && serial <= this.latest && this.latest - serial < this.ids.length
  }
}

/**
 * All tasks of which something was seen and that were not handed on yet.
 *
 * Tables of our own instead of maps: a `Map` from which tasks are deleted as fast as they come leaves dead copies of itself behind,
 * which keep the tasks in them alive and cost the garbage collector a third of the whole time.
 */
export class TaskTable {
  /** Rows of live ids, and the slot of the task of each row. */
  private readonly ids: IdTable
  private slotOfId: Int32Array
  /** Slots of live serials, and the task of each slot. */
  private readonly serials: IdTable
  private readonly ofSlot: (TaskState | null)[] = []
  // --- by slot, for the kernel as well ---
  private serialOfSlot: Int32Array
  /** First and last of its regions in the `RegionTable`. */
  firstRegion: Int32Array
  lastRegion: Int32Array
  /** Regions begun and not ended. */
  openRegions: Int32Array
  /** 1: it would have been handed over but for these. */
  waitsForRegions: Uint8Array
  /** 1: it names a parent, or is the background task, whose goroutines nobody counts. */
  private hasParent: Uint8Array
  /** First and last of its goroutines in `members`, and how many there are. */
  readonly members: MemberTable
  firstMember: Int32Array
  private lastMember: Int32Array
  memberCount: Int32Array
  private readonly lineage = new Lineage()
  private lastSerial = 0
  /** Names of tasks up to this serial are texts, or become so at once. */
  private toldTo = 0
  /** Ids handed on lately, each at its own number modulo the size: a parent named after its end makes no second record. */
  private readonly handedOn = new Float64Array(HANDED_ON).fill(-1)

  /**
   * @param kernel which looks tasks up as well
   * @param membersChanged called when a task is found to lie below another after goroutines were noted for it
   */
  constructor(
    private readonly problems: ProblemList,
    private readonly kernel: StatesKernel,
    private readonly membersChanged: () => void,
  ) {
    const { memory } = kernel
    const table = (header: number) =>
      new IdTable(256, memory, new Int32Array(memory.buffer, header, TABLE_HEADER_BYTES >> 2))
    this.ids = table(TASK_IDS)
    this.serials = table(TASK_SERIALS)
    this.slotOfId = memory.int32(256)
    this.serialOfSlot = memory.int32(256)
    this.firstRegion = memory.int32(256)
    this.lastRegion = memory.int32(256)
    this.openRegions = memory.int32(256)
    this.waitsForRegions = memory.uint8(256)
    this.hasParent = memory.uint8(256)
    this.members = new MemberTable(kernel)
    this.firstMember = memory.int32(256)
    this.lastMember = memory.int32(256)
    this.memberCount = memory.int32(256)
    this.tellKernel()
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
    const serial = ++this.lastSerial
    const slot = this.serials.insert(serial)
    const row = this.ids.insert(id)
    if (Math.max(slot, row) >= this.slotOfId.length) this.grow()
    const task = new TaskState(id, serial, slot)
    this.lineage.add(serial, id)
    // Its children of before count their goroutines for it from now on.
    if (this.handedOn[id % HANDED_ON] === id) this.membersChanged()
    this.slotOfId[row] = slot
    this.ofSlot[slot] = task
    this.serialOfSlot[slot] = serial
    this.firstRegion[slot] = this.lastRegion[slot] = NO_REGION
    this.openRegions[slot] = 0
    this.waitsForRegions[slot] = 0
    this.hasParent[slot] = id === 0 ? 1 : 0
    this.firstMember[slot] = this.lastMember[slot] = NO_MEMBER
    this.memberCount[slot] = 0
    return task
  }

  private ofId(id: number): TaskState | undefined {
    const row = this.ids.find(id)
    return row < 0 ? undefined : (this.ofSlot[this.slotOfId[row]] ?? undefined)
  }

  ofSerial(serial: number): TaskState | undefined {
    const slot = this.serials.find(serial)
    return slot < 0 ? undefined : (this.ofSlot[slot] ?? undefined)
  }

  /** Notes which task the goroutine that begins one worked for before: serials, 0 none. */
  setOuter(task: TaskState, outer: number): void {
    this.lineage.setOuter(task.serial, outer)
  }

  /** Serial of the task that the goroutine which began a task worked for before, also when that was handed on; 0 none. */
  outerOf(serial: number): number {
    return this.lineage.outerOf(serial)
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
    task.parentId = parentId
    this.hasParent[task.slot] = 1
    if (this.memberCount[task.slot] > 0) this.membersChanged()
    if (known === undefined && this.handedOn[parentId % HANDED_ON] === parentId) return
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

  /** The name of a task, as UTF-8 that holds until the next `tellNames`. */
  name(task: TaskState, name: Uint8Array): void {
    task.nameUntold = name
    if (task.serial <= this.toldTo) task.tellName()
  }

  /** Makes texts of the names that are still bytes. */
  tellNames(): void {
    while (this.toldTo < this.lastSerial) this.ofSerial(++this.toldTo)?.tellName()
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
    const { slot } = task
    if (task.memberIds === null) {
      for (let member = this.firstMember[slot]; member !== NO_MEMBER; member = members.next[member]) {
        if (members.goroutine[member] === goroutine) return
      }
      if (this.memberCount[slot] >= MEMBERS_LOOKED_THROUGH) task.memberIds = new Set(this.goroutinesOf(task))
    } else if (task.memberIds.has(goroutine)) {
      return
    }
    task.memberIds?.add(goroutine)
    const member = members.take(goroutine, stay)
    if (this.memberCount[slot]++ === 0) this.firstMember[slot] = member
    else members.next[this.lastMember[slot]] = member
    this.lastMember[slot] = member
  }

  /** Ids of the goroutines that worked for a task, in the order in which they were first seen doing so. */
  goroutinesOf(task: TaskState): number[] {
    const ids: number[] = []
    const { goroutine, next } = this.members
    for (let row = this.firstMember[task.slot]; row !== NO_MEMBER; row = next[row]) ids.push(goroutine[row])
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
    this.members.release(this.firstMember[task.slot])
    // While it still lies in its slot, which is another task's soon.
    if (this.ofId(task.id) === task) this.ids.remove(task.id)
    this.ofSlot[task.slot] = null
    this.serials.remove(task.serial)
    this.handedOn[task.id % HANDED_ON] = task.id
  }

  private grow(): void {
    const { memory } = this.kernel
    const size = this.slotOfId.length * 2
    const i32 = (old: Int32Array) => grown(memory, old, memory.int32(size))
    this.slotOfId = i32(this.slotOfId)
    this.serialOfSlot = i32(this.serialOfSlot)
    this.firstRegion = i32(this.firstRegion)
    this.lastRegion = i32(this.lastRegion)
    this.openRegions = i32(this.openRegions)
    this.waitsForRegions = grown(memory, this.waitsForRegions, memory.uint8(size))
    this.hasParent = grown(memory, this.hasParent, memory.uint8(size))
    this.firstMember = i32(this.firstMember)
    this.lastMember = i32(this.lastMember)
    this.memberCount = i32(this.memberCount)
    this.tellKernel()
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[SLOT_OF_ID >> 2] = this.slotOfId.byteOffset
    words[TASK_SERIAL >> 2] = this.serialOfSlot.byteOffset
    words[FIRST_REGION >> 2] = this.firstRegion.byteOffset
    words[LAST_REGION >> 2] = this.lastRegion.byteOffset
    words[OPEN_REGIONS >> 2] = this.openRegions.byteOffset
    words[WAITS_FOR_REGIONS >> 2] = this.waitsForRegions.byteOffset
    words[HAS_PARENT >> 2] = this.hasParent.byteOffset
    words[FIRST_MEMBER >> 2] = this.firstMember.byteOffset
    words[LAST_MEMBER >> 2] = this.lastMember.byteOffset
    words[MEMBER_COUNT >> 2] = this.memberCount.byteOffset
  }

  /** All tasks not handed on yet, by serial: in the order of their first mention. */
  all(): TaskState[] {
    const tasks: TaskState[] = []
    for (const task of this.ofSlot) if (task !== null) tasks.push(task)
    return tasks.sort((x, y) => x.serial - y.serial)
  }
}
