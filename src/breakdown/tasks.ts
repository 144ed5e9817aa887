// tasks.ts: user tasks, their regions and logs, as the annotations come by.

import { textOf } from '../base/bytes.ts'
import type { ProblemList } from '../capture/problems.ts'
import { IdTable } from '../base/id-table.ts'
import type { CpuSample, LogRecord } from './breakdown.ts'
import { NO_REGION } from './regions.ts'

/** Ids of tasks handed on that are remembered. */
const HANDED_ON = 1 << 16
/** Goroutines of a task beyond which a set is kept of them. */
const MEMBERS_LOOKED_THROUGH = 8
/** Goroutines of all tasks together, those that count for a task above as well, a fixed number and so many for each stay. */
const LEAST_MEMBERS = 100_000
const MEMBERS_PER_STAY = 8
/** Generations of tasks that are followed up; a longer line of parents is a program's mistake or hostile. */
const MOST_GENERATIONS = 256
/** CPU samples kept of one task: at the usual hundred a second those of a processor for 40 seconds. */
const MOST_SAMPLES = 4_096
/** Serials whose id and parent are remembered at most: at ten thousand tasks a second the last two minutes. */
const MOST_SERIALS = 1 << 20

/** A goroutine that worked for a task. */
export interface TaskMember {
  readonly goroutine: number
  /** Its stay when it was first seen working for the task. */
  readonly firstStay: number
  readonly fromNs: number
}

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
  /** First and last of its regions in the `RegionTable`. */
  firstRegion = NO_REGION
  lastRegion = NO_REGION
  /** Regions begun and not ended. */
  openRegions = 0
  /** It would have been handed over but for these. */
  waitsForRegions = false
  readonly members: TaskMember[] = []
  /** Their regions are rows of the `RegionTable`. */
  readonly samples: CpuSample[] = []
  /** Task that the starting goroutine worked for before. */
  outer: TaskState | null = null

  constructor(
    readonly id: number,
    /** Number of the task in this capture, from 1; ids may be used again, serials are not. */
    readonly serial: number,
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

  /** Goroutines of `members`, once these are too many to be looked through. */
  private memberIds: Set<number> | null = null

  /** Notes that a goroutine works for the task; false when that was known. The background task is worked for by all, which says nothing. */
  addMember(goroutine: number, stay: number, atNs: number): boolean {
    if (this.id === 0) return false
    const { members } = this
    if (this.memberIds === null) {
      for (const member of members) if (member.goroutine === goroutine) return false
      if (members.length >= MEMBERS_LOOKED_THROUGH) this.memberIds = new Set(members.map((member) => member.goroutine))
    } else if (this.memberIds.has(goroutine)) {
      return false
    }
    members.push({ goroutine, firstStay: stay, fromNs: atNs })
    this.memberIds?.add(goroutine)
    return true
  }
}

/**
 * Id and parent of the latest tasks by serial, those handed on included: a long task still asks which of its descendants a goroutine
 * worked for, and whose goroutine ended a wait, when these are long gone.
 */
class Lineage {
  private latest = 0
  private ids = new Float64Array(256)
  private parents = new Int32Array(256)

  /** Serials come in order. */
  add(serial: number, id: number): void {
    if (serial >= this.ids.length && this.ids.length < MOST_SERIALS) {
      const ids = new Float64Array(this.ids.length * 2)
      ids.set(this.ids)
      const parents = new Int32Array(ids.length)
      parents.set(this.parents)
      this.ids = ids
      this.parents = parents
    }
    this.latest = serial
    this.ids[serial & (this.ids.length - 1)] = id
    this.parents[serial & (this.ids.length - 1)] = 0
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
  /** Rows of live ids, and the task of each row. */
  private readonly ids = new IdTable(256)
  private readonly ofRow: (TaskState | null)[] = []
  private readonly serials = new IdTable(256)
  private readonly ofSerialRow: (TaskState | null)[] = []
  private readonly lineage = new Lineage()
  private lastSerial = 0
  /** Names of tasks up to this serial are texts, or become so at once. */
  private toldTo = 0
  /** Goroutines of all tasks not handed on yet. */
  private members = 0
  /** Ids handed on lately, each at its own number modulo the size: a parent named after its end makes no second record. */
  private readonly handedOn = new Float64Array(HANDED_ON).fill(-1)

  constructor(private readonly problems: ProblemList) {}

  /** The task of an id, made on first mention. */
  mention(id: number): TaskState {
    const row = this.ids.find(id)
    if (row >= 0) {
      const known = this.ofRow[row]
      if (known !== null) return known
    }
    if (id > Number.MAX_SAFE_INTEGER) {
      this.problems.add(
        'LIMIT',
        null,
        () =>
          `a task has an id of about ${id.toExponential(3)}, beyond 2^53: ids so large are not told apart exactly. The runtime counts tasks from 1, so this is damage or no Go runtime's capture.`,
      )
    }
    const task = new TaskState(id, ++this.lastSerial)
    this.lineage.add(task.serial, id)
    this.ofRow[row >= 0 ? row : this.ids.insert(id)] = task
    this.ofSerialRow[this.serials.insert(task.serial)] = task
    return task
  }

  private ofId(id: number): TaskState | undefined {
    const row = this.ids.find(id)
    return row < 0 ? undefined : (this.ofRow[row] ?? undefined)
  }

  ofSerial(serial: number): TaskState | undefined {
    const row = this.serials.find(serial)
    return row < 0 ? undefined : (this.ofSerialRow[row] ?? undefined)
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
    this.forgetId(id)
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
    for (let at = serial, depth = 0; at !== 0 && depth < MOST_GENERATIONS; depth++) {
      if (at === task.serial) return true
      at = this.lineage.parentOf(at)
    }
    return false
  }

  /** Notes that a goroutine works for a task and for those above it, as far as they are still known. */
  addMember(task: TaskState, goroutine: number, stay: number, atNs: number): void {
    let up: TaskState | undefined = task
    for (let depth = 0; up !== undefined && depth < MOST_GENERATIONS; depth++) {
      if (depth > 0 && this.members > LEAST_MEMBERS + MEMBERS_PER_STAY * stay) return this.tellLimit(up)
      if (up.addMember(goroutine, stay, atNs)) this.members++
      up = up.parentId === null || up.parentId === 0 ? undefined : this.ofId(up.parentId)
    }
  }

  private tellLimit(task: TaskState): void {
    this.problems.add(
      'LIMIT',
      null,
      () =>
        `tasks have ${this.members.toLocaleString('en-US')} goroutines, those of the tasks below them included, when task ${task.id} ("${task.name}") gets another: further ones count for the task itself only. Hundreds of tasks lie in each other.`,
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
    this.members -= task.members.length
    const row = this.serials.find(task.serial)
    if (row >= 0) {
      this.ofSerialRow[row] = null
      this.serials.remove(task.serial)
    }
    if (this.ofId(task.id) === task) this.forgetId(task.id)
    this.handedOn[task.id % HANDED_ON] = task.id
  }

  private forgetId(id: number): void {
    const row = this.ids.find(id)
    if (row < 0) return
    this.ofRow[row] = null
    this.ids.remove(id)
  }

  /** All tasks not handed on yet, by serial: in the order of their first mention. */
  all(): TaskState[] {
    const tasks: TaskState[] = []
    for (const task of this.ofSerialRow) if (task !== null) tasks.push(task)
    return tasks.sort((x, y) => x.serial - y.serial)
  }
}
