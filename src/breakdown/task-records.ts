// task-records.ts: a task that is complete, as what is told of it: its path and work, its regions, its waits.

import type { EventSource } from '../capture/event-source.ts'
import {
  type Breakdown,
  type CpuSample,
  emptyBreakdown,
  type LogRecord,
  type LongWait,
  type RegionRecord,
} from './breakdown.ts'
import { type CompactMore, CompactTask, type CompactNames } from './compact-task.ts'
import type { GenerationNames } from './generation-names.ts'
import type { GoroutineStates } from './goroutine-states.ts'
import type { KeptRanges, KeptTask, KeptTimeline } from './kept-columns.ts'
import type { LockPlaces } from './lock-places.ts'
import { explainWaits, type PathPiece } from './long-waits.ts'
import { NO_MEMBER } from './members.ts'
import type { NameKind } from './name-kinds.ts'
import { type PathTask, walkPath, walkPieces } from './path.ts'
import { forRangesOf } from './path-ranges.ts'
import { PathScratch } from './path-scratch.ts'
import { PathTables } from './path-tables.ts'
import { longPieces } from './path-timeline.ts'
import { NO_REGION as noRegion, type RegionTable } from './regions.ts'
import { NONE as none } from './stay-log.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  ASKED_STACK,
  ASKS,
  HANDED_OVER,
  HEAD_BYTES,
  LOST_COUNT,
  MOST_STAYS_UNNOTED,
  MOST_STEPS,
  STAY_TOP,
  STEPS,
} from './states-layout.ts'
import type { TaskLogs } from './task-logs.ts'
import { groupPieces, noParts, TaskSums } from './task-sums.ts'
import type { TaskState, TaskTable } from './tasks.ts'
import { Visits } from './visits.ts'
import { addPart, addTo, breakDownWindow } from './window.ts'

// Of its own, as in `analysis.ts`.
const NONE = none
const NO_REGION = noRegion

/** Takes what an analysis finds: tasks as records, or added up. */
export type AnalysisSink = TaskSink | SumsSink

/** Takes tasks as records. */
export interface TaskSink {
  /** A task, when it ended and its surroundings are decoded, or at the capture's end. Task 0 comes last. */
  task(task: KeptTask): void
  /** Everything that ended a little before this time was handed over. */
  decodedUntil?(traceNs: number): void
}

/** Has tasks added up (`TaskSums`); no record is made, and no text decoded, that this does not need. */
export interface SumsSink {
  /** The kind under which tasks of a name are added up, for the first name of a shape (`name-kinds.ts`), and those whose shapes do not tell it. */
  readonly kindOf: (name: string) => NameKind
  decodedUntil?(traceNs: number): void
}

/** Steps that the paths of all tasks may take together, a fixed number and so many for each stay: a stay lies on the paths of a few tasks. */
const LEAST_STEPS = 1_000_000
const STEPS_PER_STAY = 100

/** Stacks that the kernel is told of one by one for a task; where it needs more, it is told of all there are. */
const STACKS_ASKED_SINGLY = 32

const NO_LOGS: readonly LogRecord[] = []
const NO_WAITS: readonly LongWait[] = []
const NO_SAMPLES: readonly CpuSample[] = []

/** Lost stretches that are told one by one. */
const STRETCHES_TOLD = 8

/** What is told of each task. */
export interface RecordOptions {
  readonly goTimes: boolean
  readonly timelines: boolean
  readonly stacks: boolean
}

/** Makes what is told of tasks from what is known of goroutines, and hands it over. */
export class TaskRecords {
  /** Stops of the world by others in the regions that had any, until their tasks are handed over. */
  readonly stopsOfRegion = new Map<number, Record<string, number>>()
  private readonly scratch = new PathScratch()
  private readonly visits: Visits
  /** What the kernel tells of a task's path. */
  private readonly tables: PathTables
  /** Tasks handed over, task 0 aside, that lie in lost stretches. */
  partialTasks = 0
  private nowNs = -0
  /** Serial of the task whose path is walked, and what the walk asks of it: one function for all tasks, so that none is made for each. */
  private walked = 0
  private readonly asked = {
    firstMember: NO_MEMBER,
    serial: 0,
    startGoroutine: -0,
    startNs: -0,
    endNs: -0,
    startStay: NONE,
    endStay: NONE,
    sameGoroutine: false,
    knownNs: -0,
  }
  private readonly worksForWalked = (serial: number): boolean => this.tasks.descendsFrom(serial, this.walked)
  private readonly isAboveWalked = (serial: number): boolean =>
    serial !== 0 && serial !== this.walked && this.tasks.descendsFrom(this.walked, serial)
  private readonly idOfSerial = (serial: number): number => this.tasks.idOfSerial(serial)
  private readonly endNsOfTask = (serial: number): number => this.tasks.lineage.endNsOf(serial)
  /** One that ended meanwhile was a helper of the task's, unless the one that waits had given it something itself: workers that others use stay. */
  private readonly isOthers = (waker: number, task: number, giver: number): boolean =>
    !this.tasks.descendsFrom(giver, task) &&
    this.kernel.call.isOnlyCreated(waker, task, this.worksForWalked(giver) ? 1 : 0) !== 0
  /** Where tasks are only added up. */
  readonly sums: TaskSums | null
  private readonly parts = noParts()
  private readonly names: CompactNames

  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
    private readonly regions: RegionTable,
    private readonly lockPlaces: LockPlaces,
    private readonly decoder: EventSource,
    private readonly logs: TaskLogs,
    private readonly generation: GenerationNames,
    private readonly kernel: StatesKernel,
    private readonly sink: AnalysisSink,
    private readonly options: RecordOptions,
  ) {
    const { reasons, rangeNames } = states.tables
    this.names = { reasons, rangeNames, regionNames: regions.recurringNames }
    this.tables = new PathTables(kernel)
    this.visits = new Visits(kernel)
    this.sums = 'kindOf' in sink ? new TaskSums(kernel) : null
  }

  /** Tasks handed over, task 0 aside. */
  get handedOver(): number {
    return this.kernel.words[HANDED_OVER >> 2]
  }

  /** Pieces that count steps over the past, with as many allowed as go with what was told so far. */
  allowSteps(): PathScratch['pieces'] {
    const { pieces } = this.scratch
    pieces.mostSteps = LEAST_STEPS + STEPS_PER_STAY * this.states.stays.top
    return pieces
  }

  /** Has the kernel add up the tasks that ended before a time, up to the first that is for TypeScript; nothing where records are made. */
  addUp(beforeNs: number): void {
    if (this.sums === null) return
    const { kernel } = this
    this.widenRegions()
    const pieces = this.allowSteps()
    kernel.words[LOST_COUNT >> 2] = this.decoder.lost.length
    this.passSteps()
    kernel.call.settle(beforeNs)
    pieces.steps = kernel.doubles[STEPS >> 3]
  }

  /** Hands over the tasks that ended before a time as the kernel writes them, up to the first that is to be told singly; nothing where they are added up. */
  keepSettled(beforeNs: number, nowNs: number): void {
    const { kernel, sink } = this
    const { goTimes, timelines, stacks } = this.options
    if (!('task' in sink)) return
    // What is told of tasks in lost stretches is told singly.
    while (this.decoder.lost.length === 0) {
      this.widenRegions()
      const pieces = this.allowSteps()
      kernel.words[STAY_TOP >> 2] = this.states.stays.top
      this.passSteps()
      const count = kernel.call.keepSettled(beforeNs, timelines, stacks && timelines, goTimes, nowNs)
      pieces.steps = kernel.doubles[STEPS >> 3]
      if (count === 0) return
      this.handOn(sink)
    }
  }

  /** Copies the tasks that the kernel wrote, as many at once as go into a chunk, and hands them over. */
  private handOn(sink: TaskSink): void {
    const { kept } = this.scratch
    const { block, doubles, bytes } = this.tables
    const bytesAt = (at: number): number => doubles[(at >> 3) + HEAD_BYTES]
    for (let begin = 0; begin < bytes;) {
      let end = begin + bytesAt(begin)
      let count = 1
      for (; end < bytes && end + bytesAt(end) - begin <= kept.left; count++) end += bytesAt(end)
      let from = kept.copy(block, begin, end - begin, count)
      const { chunk } = kept
      for (; begin < end; begin += bytesAt(begin)) {
        sink.task(new CompactTask(null, this.names, chunk, from))
        from += bytesAt(begin)
      }
    }
  }

  /**
   * Hands the task of a slot over, with its regions, and forgets it.
   *
   * @param nowNs end of what is known
   */
  handOver(slot: number, nowNs: number): void {
    this.widenRegions()
    if (this.sums === null && 'task' in this.sink && this.keep(slot, nowNs, this.sink)) return
    this.tell(this.tasks.ofSlotNow(slot), nowNs)
  }

  /** Regions have no sums for reasons and ranges that came first since any of them began or ended; what asks for these must find room for them. */
  private widenRegions(): void {
    this.regions.widen(this.states.sums.stride)
  }

  /** Whether the kernel could write a task as it is kept, and it was handed over. */
  private keep(slot: number, nowNs: number, sink: TaskSink): boolean {
    const { tasks, tables, kernel, scratch } = this
    const { columns } = tasks
    const { goTimes, timelines, stacks } = this.options
    const pieces = this.allowSteps()
    const made = tasks.madeOf(slot)
    // What the kernel writes needs no text.
    const name = this.generation.isReadable(columns.nameString[slot]) ? null : tasks.nameOf(slot)
    const samples = made === null ? NO_SAMPLES : this.samplesOf(made)
    const stops = this.stopsOfRegion.size === 0 ? null : this.stopsOf(columns.firstRegion[slot])
    kernel.words[STAY_TOP >> 2] = this.states.stays.top
    const explains = stacks && timelines
    let rows: number
    for (let asked = 1; ; asked++) {
      this.passSteps()
      rows = kernel.call.keepTask(slot, timelines, explains, goTimes, nowNs)
      if (rows !== ASKS) break
      // Each time all of the task is gone through once more.
      if (asked < STACKS_ASKED_SINGLY) this.lockPlaces.learn(kernel.words[ASKED_STACK >> 2])
      else this.lockPlaces.learnAll()
    }
    // Where it is for TypeScript, that takes the same steps once more: the kernel's count for nothing.
    if (rows === NONE) return false
    pieces.steps = kernel.doubles[STEPS >> 3]
    tasks.unmake(slot)
    if (stops !== null) this.forgetStops(columns.firstRegion[slot])
    const partial = this.isPartial(columns.startNs[slot], columns.endNs[slot])
    if (partial) this.partialTasks++
    const from = scratch.kept.copy(tables.block, 0, tables.bytes)
    const more: CompactMore | null =
      made === null && name === null && stops === null && !partial
        ? null
        : {
            name,
            logs: made === null ? NO_LOGS : made.logs,
            precedingLog: made === null ? null : made.precedingLog,
            samples,
            partial,
            stops,
          }
    const task = new CompactTask(more, this.names, scratch.kept.chunk, from)
    sink.task(task)
    if (pieces.steps > pieces.mostSteps) this.tellLimit(pieces.mostSteps, task)
    return true
  }

  /** Stops of the world by others in the regions of a task, by their order; null where there were none. */
  private stopsOf(firstRegion: number): Map<number, Record<string, number>> | null {
    let found: Map<number, Record<string, number>> | null = null
    let row = 0
    for (let region = firstRegion; region !== NO_REGION; region = this.regions.nextOfTask[region]) {
      const stops = this.stopsOfRegion.get(region)
      if (stops !== undefined) (found ??= new Map<number, Record<string, number>>()).set(row, stops)
      row++
    }
    return found
  }

  private forgetStops(firstRegion: number): void {
    for (let region = firstRegion; region !== NO_REGION; region = this.regions.nextOfTask[region])
      this.stopsOfRegion.delete(region)
  }

  /** Hands a task over that is not for the kernel, and forgets it. */
  private tell(task: TaskState, nowNs: number): void {
    this.nowNs = nowNs
    this.logs.tell(task)
    const pieces = this.allowSteps()
    if (task.id !== 0) {
      this.kernel.words[HANDED_OVER >> 2]++
      if (this.isPartial(task.startNs, task.endNs)) this.partialTasks++
    }
    if (this.sums !== null) {
      this.sum(task, this.sums)
    } else if ('task' in this.sink) {
      this.sink.task(this.recordOf(task))
    }
    if (pieces.steps > pieces.mostSteps) this.tellLimit(pieces.mostSteps, task)
    this.forgetStops(this.tasks.columns.firstRegion[task.slot])
    for (let region = this.tasks.columns.firstRegion[task.slot]; region !== NO_REGION;) {
      const next = this.regions.nextOfTask[region]
      this.regions.release(region)
      region = next
    }
    this.tasks.forget(task)
  }

  /** What the walk asks of a task; one that is open at the end of the capture is followed as far as the capture goes. */
  private pathTask(task: TaskState, startNs: number): PathTask {
    const { endNs } = task
    const { asked } = this
    asked.serial = task.serial
    asked.firstMember = this.tasks.columns.firstMember[task.slot]
    asked.startGoroutine = this.tasks.columns.startGoroutine[task.slot]
    asked.startNs = startNs
    asked.endNs = endNs ?? this.nowNs
    asked.startStay = task.startStay
    asked.endStay = endNs === null ? this.latestStay(task.startStay) : task.endStay
    asked.knownNs = this.nowNs
    asked.sameGoroutine = endNs === null || task.endGoroutine === task.startGoroutine
    return asked
  }

  private sum(task: TaskState, sums: TaskSums): void {
    const { states, scratch, regions, tasks, parts } = this
    const { startNs, endNs } = task
    if (startNs !== null && endNs !== null) {
      this.walked = task.serial
      walkPieces(
        states.stays,
        this.visits,
        this.tasks.members,
        this.pathTask(task, startNs),
        false,
        this.worksForWalked,
        states.causes,
        states.groupOfReason,
        scratch,
      )
      parts.fill(0)
      groupPieces(states.stays, scratch, states.groupOfReason, states.causes, parts)
      sums.addTask(task.id, tasks.columns.kind[task.slot], tasks.kindOf(task), startNs, endNs - startNs, parts)
    }
    for (let region = tasks.columns.firstRegion[task.slot]; region !== NO_REGION; region = regions.nextOfTask[region]) {
      const totalNs = regions.totalNs[region]
      parts.fill(0)
      states.sums.groupSums(regions.sums, Math.imul(region, regions.stride), totalNs, parts)
      sums.addRegion(regions.nameRow[region], regions.name(region), totalNs, parts)
    }
  }

  private recordOf(task: TaskState): KeptTask {
    const { states, scratch } = this
    const { timelines, stacks } = this.options
    const { startNs, endNs } = task
    let path: Breakdown | null = null
    let work: Breakdown | null = null
    let timeline: KeptTimeline | null = null
    let ranges: KeptRanges | null = null
    let longWaits: readonly LongWait[] = NO_WAITS
    // Of a task open at the end of the capture only the timeline is told; its path stays unknown.
    if (startNs !== null && (endNs !== null || timelines)) {
      this.walked = task.serial
      walkPath(
        states.stays,
        this.visits,
        this.tasks.members,
        states.ranges,
        states.stops,
        this.pathTask(task, startNs),
        timelines,
        this.worksForWalked,
        this.idOfSerial,
        states.causes,
        states.groupOfReason,
        scratch,
      )
      if (endNs !== null) path = breakDownWindow(scratch, states.tables, states.tables.gcPhases, startNs, endNs)
      if (timelines) {
        timeline = scratch.kept.timeline(scratch.timeline)
        ranges = scratch.kept.ranges(scratch.ranges)
        if (stacks)
          longWaits = this.explain(task.serial, longPieces(scratch, states.stays, startNs, endNs ?? this.nowNs))
      }
    }
    if (path !== null && startNs !== null && endNs !== null)
      work = this.tasks.columns.memberCount[task.slot] === 1 ? path : this.workOf(task, path, startNs, endNs)
    return {
      id: task.id,
      parentId: task.parentId,
      name: task.name,
      startNs,
      endNs,
      startGoroutine: task.startGoroutine,
      goroutines: this.tasks.goroutinesOf(task).sort((x, y) => x - y),
      logs: task.logs,
      precedingLog: task.precedingLog,
      regions: this.regionRecords(task),
      path,
      work,
      timeline,
      ranges,
      longWaits,
      samples: this.samplesOf(task),
      partial: this.isPartial(startNs, endNs),
    }
  }

  /** Tells the kernel of the steps taken and allowed. */
  private passSteps(): void {
    const { doubles } = this.kernel
    const { steps, mostSteps } = this.scratch.pieces
    doubles[STEPS >> 3] = steps
    doubles[MOST_STEPS >> 3] = mostSteps
  }

  private explain(serial: number, pieces: PathPiece[]): LongWait[] {
    const { states } = this
    this.walked = serial
    return explainWaits(
      states.stays,
      states.tables.reasons,
      this.lockPlaces,
      states.causes,
      states.runners,
      this.worksForWalked,
      this.isAboveWalked,
      pieces,
      this.idOfSerial,
      this.isOthers,
      this.endNsOfTask,
    )
  }

  /** Whether some of a time (null: open at that side) lies in a stretch of the capture that was lost. */
  private isPartial(startNs: number | null, endNs: number | null): boolean {
    for (const lost of this.decoder.lost) {
      if (lost.startNs < (endNs ?? Infinity) && lost.endNs > (startNs ?? -Infinity)) return true
    }
    return false
  }

  private regionRecords(task: TaskState): RegionRecord[] {
    const { regions, states } = this
    const records: RegionRecord[] = []
    for (
      let region = this.tasks.columns.firstRegion[task.slot];
      region !== NO_REGION;
      region = regions.nextOfTask[region]
    ) {
      const breakdown = states.sums.breakdownOf(regions.sums, region * regions.stride, regions.totalNs[region])
      breakdown.gcOverlapNs = this.gcOverlapOf(region)
      breakdown.stwWaitNs = this.stopsOfRegion.get(region) ?? breakdown.stwWaitNs
      records.push({
        name: regions.name(region),
        goroutine: regions.goroutine[region],
        startNs: Number.isNaN(regions.startNs[region]) ? null : regions.startNs[region],
        endNs: Number.isNaN(regions.endNs[region]) ? null : regions.endNs[region],
        stack: regions.stack[region],
        breakdown,
      })
    }
    return records
  }

  /** Time of mark phases within a region that is over. */
  private gcOverlapOf(region: number): number {
    const { startNs, totalNs, gcOverlapNs } = this.regions
    const known = gcOverlapNs[region]
    return Number.isNaN(known) ? this.states.gcOverlap(startNs[region], startNs[region] + totalNs[region]) : known
  }

  /** The task's samples, their regions as rows of its own. */
  private samplesOf(task: TaskState): readonly CpuSample[] {
    if (task.samples.length === 0) return NO_SAMPLES
    const rows = new Map<number, number>()
    for (
      let region = this.tasks.columns.firstRegion[task.slot];
      region !== NO_REGION;
      region = this.regions.nextOfTask[region]
    ) {
      rows.set(region, rows.size)
    }
    return task.samples.map((sample) => ({ ...sample, region: rows.get(sample.region) ?? NONE }))
  }

  /** Tasks that overlap without end would be walked over for ever: what lies beyond the bound is unknown. */
  private tellLimit(steps: number, task: Pick<KeptTask, 'id' | 'name'>): void {
    this.decoder.problems.add(
      'LIMIT',
      null,
      () =>
        `the tasks up to task ${task.id} ("${task.name}") took ${steps.toLocaleString('en-US')} steps over ${this.states.stays.top.toLocaleString('en-US')} changes of goroutines' states: thousands of tasks are open on one goroutine at a time. What further ones did is told as unknown.`,
    )
  }

  /** Sums up what is missing: when, and of how many tasks. */
  tellLost(nowNs: number): void {
    const { lost, problems } = this.decoder
    if (lost.length === 0) return
    problems.add('EVENTS_LOST', null, () => {
      const first = lost.slice(0, STRETCHES_TOLD).map(({ startNs, endNs }) => {
        const end = Math.max(startNs, Math.min(endNs, nowNs))
        return `${(startNs / 1e6).toFixed(3)} to ${(end / 1e6).toFixed(3)} ms`
      })
      const more = lost.length > first.length ? ` and ${lost.length - first.length} more stretches` : ''
      return `events are missing from ${first.join(', ')}${more} of ${(nowNs / 1e6).toFixed(3)} ms: ${this.partialTasks.toLocaleString('en-US')} of ${this.handedOver.toLocaleString('en-US')} tasks lie in them, wholly or in part, and are marked as partial; what others say is whole.`
    })
  }

  /** The stay a goroutine is in at the end of what is known, from an earlier one. */
  private latestStay(from: number): number {
    const { stays } = this.states
    const { pieces } = this.scratch
    let stay = from
    while (stays.has(stay) && ++pieces.steps <= pieces.mostSteps) {
      const next = stays.next[stay & stays.mask]
      if (next === NONE) break
      stay = next
    }
    return stay
  }

  /** Goroutine time: the states of every goroutine while it worked for the task. */
  private workOf(task: TaskState, path: Breakdown, startNs: number, endNs: number): Breakdown {
    const { pieces } = this.scratch
    const first = this.tasks.columns.firstMember[task.slot]
    const { stays, ranges, tables, causes } = this.states
    const work = emptyBreakdown()
    const addRange = (name: number, ns: number): void => addTo(work.rangeNs, tables.rangeNames[name], ns)
    const add = (stay: number): void => {
      const at = stay & stays.mask
      const from = Math.max(stays.startNs[at], startNs)
      const to = Math.min(stays.endNs[at], endNs)
      if (to <= from) return
      work.totalNs += to - from
      if (!addPart(work, stays.state[at], tables.reasons[stays.reason[at]], to - from)) work.unknownNs += to - from
      const cause = causes.settled(stays, at)
      if (cause !== 0) addTo(work.viaNs, tables.reasons[cause], to - from)
      forRangesOf(stays, ranges, stay, from, to, addRange)
    }
    const { members } = this.tasks
    for (let member = first; member !== NO_MEMBER; member = members.next[member]) {
      const goroutine = members.goroutine[member]
      const all = goroutine === task.startGoroutine && task.endGoroutine === task.startGoroutine
      let others = 0
      let stay = members.firstStay[member]
      while (stays.has(stay) && ++pieces.steps <= pieces.mostSteps) {
        const at = stay & stays.mask
        if (stays.startNs[at] >= endNs) break
        if (all || this.tasks.descends(stays.task[at], task)) {
          add(stay)
          others = 0
        } else if (++others > MOST_STAYS_UNNOTED) {
          this.addWorkAfter(task, stay, goroutine, startNs, endNs, add)
          break
        }
        stay = stays.next[at]
      }
    }
    // The collector marked while it marked, however many goroutines ran meanwhile.
    work.gcOverlapNs = path.gcOverlapNs
    return work
  }

  /** Adds the stays after one of a goroutine at which it worked for a task, where it does many things for others as well. */
  private addWorkAfter(
    task: TaskState,
    from: number,
    goroutine: number,
    startNs: number,
    endNs: number,
    add: (stay: number) => void,
  ): void {
    const { visits } = this
    const { stays } = this.states
    const { pieces } = this.scratch
    let stay = visits.stayAt(from, endNs, goroutine)
    while (stays.has(stay) && stay > from && ++pieces.steps <= pieces.mostSteps) {
      const at = stay & stays.mask
      if (stays.endNs[at] <= startNs) break
      let before = -1
      if (this.tasks.descends(stays.task[at], task)) add(stay)
      else before = visits.beforeOthers(stay, task.serial, false)
      stay = before >= 0 ? before : visits.before(stay, from)
    }
    pieces.steps += visits.stepsTaken()
  }
}
