// annotations.ts: tasks, regions, logs and samples as goroutines tell them, odd ones included. Those in order the kernel takes
// (`kernel/annotations.ts`, `kernel/regions.ts`).

import type { ProblemList } from '../capture/problems.ts'
import { GoState as goStates, type LogRecord } from './breakdown.ts'
import type { GenerationNames } from './generation-names.ts'
import type { GoroutineStates } from './goroutine-states.ts'
import type { Membership } from './membership.ts'
import type { NameKinds } from './name-kinds.ts'
import { NO_REGION as noRegion, type RegionTable } from './regions.ts'
import { MAX_OPEN_REGIONS } from './states-layout.ts'
import { NONE as none } from './stay-log.ts'
import type { TaskLogs } from './task-logs.ts'
import type { TaskRecords } from './task-records.ts'
import type { TaskState, TaskTable } from './tasks.ts'
import { addTo } from './window.ts'
import { Born, type Workers } from './workers.ts'

// Of its own, as in `analysis.ts`.
const GoState = goStates
const NONE = none
const NO_REGION = noRegion

/** Takes what goroutines, by their rows, say of tasks. Times are never before the latest that was told of the goroutine. */
export class Annotations {
  /** What tasks up to this serial are added up under is known. */
  private kindsTo = 0
  private readonly recordOfLog = (row: number, timeNs: number, category: number, message: number): LogRecord =>
    this.names.logRecord(timeNs, this.states.id[row], category, message)

  /** @param nameKinds null where records are made */
  constructor(
    private readonly states: GoroutineStates,
    private readonly tasks: TaskTable,
    private readonly regions: RegionTable,
    private readonly workers: Workers,
    private readonly membership: Membership,
    private readonly names: GenerationNames,
    private readonly logs: TaskLogs,
    private readonly records: TaskRecords,
    private readonly problems: ProblemList,
    private readonly nameKinds: NameKinds | null,
  ) {}

  /** A task begins. @param name string of the generation in hand */
  beginTask(row: number, t: number, id: number, parentId: number, name: number): void {
    const { states } = this
    if (this.isNoTask(id, t, 'begins')) return
    const task = this.tasks.begin(id, t)
    this.nameTask(task, name)
    task.precedingLog = this.workers.pendingLog(row, this.recordOfLog)
    this.workers.setPendingLog(row, null)
    if (parentId !== 0) this.tasks.setParent(task, parentId)
    this.membership.beginsBelow(task, row, t)
    task.begin(t, states.id[row], states.stay[row])
    // A task that was worked for before it begins may be what the goroutine works for already, or lie outside of that: a ring has no end.
    if (this.tasks.columns.memberCount[task.slot] === 0) this.tasks.setOuter(task, this.membership.serialOf(row))
    this.workers.serial[row] = task.serial
    this.membership.join(task, row, t)
  }

  /** Whether an id stands for no task, which neither begins nor ends: what says so is damaged, and left out. */
  private isNoTask(id: number, t: number, does: 'begins' | 'ends'): boolean {
    if (id !== 0) return false
    this.problems.add(
      'TASK_MISUSE',
      null,
      () =>
        `a task of id 0, which stands for no task, ${does} at ${(t / 1e6).toFixed(3)} ms: it is left out. The runtime counts tasks from 1, so this is damage, or a trace.Task that NewTask did not make.`,
    )
    return true
  }

  private nameTask(task: TaskState, name: number): void {
    if (this.nameKinds === null) {
      task.name = this.names.text(name, 'task name')
      return
    }
    this.names.check(name, 'task name')
    this.nameKinds.tell(task.slot, this.names.bytes(name))
    this.tasks.name(task, name)
  }

  /** Finds out what the tasks that the kernel began since are added up under. */
  findKinds(): void {
    const { nameKinds, tasks, names } = this
    if (nameKinds === null) return
    const { latest } = tasks.lineage
    const { nameString } = tasks.columns
    for (;;) {
      const serial = nameKinds.findKinds(this.kindsTo + 1, latest)
      this.kindsTo = Math.min(serial, latest)
      if (serial > latest) return
      const slot = tasks.slotOfSerial(serial)
      nameKinds.tell(slot, names.bytes(nameString[slot]))
    }
  }

  /** A task ends; a second end counts for nothing. */
  endTask(row: number, t: number, id: number): void {
    const { states } = this
    if (this.isNoTask(id, t, 'ends')) return
    const task = this.tasks.mention(id)
    this.workers.setPendingLog(row, null)
    if (task.ended) {
      this.problems.add(
        'TASK_MISUSE',
        null,
        () =>
          `task ${id} ("${task.name}") ends a second time at ${(t / 1e6).toFixed(3)} ms: its first end, at ${((task.endNs ?? 0) / 1e6).toFixed(3)} ms, counts (OpenCensus ends client tasks twice).`,
      )
      return
    }
    this.membership.workFor(task, row, t, true)
    // Times of two processors can cross by some nanoseconds.
    task.end(task.startNs === null ? t : Math.max(t, task.startNs), states.id[row], states.stay[row])
    this.workers.noteEnd(task.serial)
    this.tasks.lineage.setEnd(task.serial, t)
    this.tasks.columns.settle(task.slot)
  }

  /** A region begins. @param name string of the generation in hand, as `stack` is a stack of it */
  beginRegion(row: number, t: number, taskId: number, name: number, stack: number): void {
    const { states, regions } = this
    this.workers.setPendingLog(row, null)
    const task = this.tasks.mention(taskId)
    if (this.workers.regionsOpen[row] >= MAX_OPEN_REGIONS) {
      this.problems.add(
        'LIMIT',
        null,
        () =>
          `goroutine ${states.id[row]} has ${MAX_OPEN_REGIONS.toLocaleString('en-US')} regions open at ${(t / 1e6).toFixed(3)} ms: further ones are left out. A region is begun in a loop and never ended.`,
      )
      return
    }
    const region = this.addRegion(task, this.names.regionName(name), row, t, this.names.stackRow(stack))
    states.snapshot(row, t, regions, region)
    this.workers.innermostRegion[row] = region
    this.workers.regionsOpen[row]++
    this.tasks.columns.openRegions[task.slot]++
    this.membership.workFor(task, row, t, false)
  }

  /** A row for a region, at the end of its task's. */
  private addRegion(task: TaskState, name: string, row: number, startNs: number, stack: number): number {
    const { regions } = this
    const { slot } = task
    const region = regions.take(
      name,
      task.serial,
      this.states.id[row],
      startNs,
      stack,
      this.workers.innermostRegion[row],
    )
    const { firstRegion, lastRegion } = this.tasks.columns
    if (lastRegion[slot] === NO_REGION) firstRegion[slot] = region
    else regions.nextOfTask[lastRegion[slot]] = region
    lastRegion[slot] = region
    return region
  }

  /** A region ends: the innermost of its task and name. */
  endRegion(row: number, t: number, taskId: number, name: number): void {
    const { states, regions } = this
    this.workers.setPendingLog(row, null)
    const text = this.names.regionName(name)
    const innermost = this.workers.innermostRegion[row]
    const task = this.tasks.mention(taskId)
    if (innermost === NO_REGION) {
      if (this.workers.born[row] !== Born.before) {
        const leftOut = this.workers.born[row] === Born.insideRegion
        this.problems.add(
          'REGION_MISUSE',
          null,
          () =>
            `goroutine ${states.id[row]} ends region "${text}" of task ${taskId} at ${(t / 1e6).toFixed(3)} ms, which it did not begin, or ended before: ${leftOut ? 'the end is left out' : 'a region without a start is told'}. A region begins and ends on one goroutine, once.`,
        )
        this.workers.born[row] = Born.here
        if (leftOut) return
      }
      // Begun before the capture: the goroutine's whole record is all that is known of it.
      this.membership.workFor(task, row, t, true)
      const region = this.addRegion(task, text, row, NaN, NONE)
      states.snapshot(row, t, regions, region)
      regions.endNs[region] = t
      regions.totalNs[region] = t - states.createdNs[row]
      regions.gcOverlapNs[region] = states.gcOverlap(states.createdNs[row], t)
      return
    }
    let region = innermost
    let inner = NO_REGION
    while (region !== NO_REGION && (regions.task[region] !== task.serial || regions.name(region) !== text)) {
      inner = region
      region = regions.outer[region]
    }
    if (region !== innermost) {
      this.problems.add(
        'REGION_MISUSE',
        null,
        () =>
          `goroutine ${states.id[row]} ends region "${text}" of task ${taskId} at ${(t / 1e6).toFixed(3)} ms while "${regions.name(innermost)}" of task ${this.tasks.ofSerial(regions.task[innermost])?.id ?? '?'} is the innermost open one: ${region !== NO_REGION ? 'the one meant is closed, the others stay open' : 'no such region is open, the end is left out'}.`,
      )
      if (region === NO_REGION) return
      regions.outer[inner] = regions.outer[region]
    } else {
      this.workers.innermostRegion[row] = regions.outer[region]
    }
    this.closeRegion(row, region, t, true)
    const taken = this.workers.takenUp(row)
    if (taken?.serial === task.serial) {
      let other = this.workers.innermostRegion[row]
      while (other !== NO_REGION && regions.task[other] !== task.serial) other = regions.outer[other]
      if (other === NO_REGION) this.workers.leaving[row] = 1
    }
  }

  /** A sample of the CPU profiler hit a goroutine: it belongs to the task that it works for, and to those above. */
  sample(row: number, t: number, stack: number): void {
    const at = { timeNs: t, goroutine: this.states.id[row], stack: this.names.stackRow(stack) }
    this.tasks.addSample(this.membership.currentTask(row), (task) => {
      let region = this.workers.innermostRegion[row]
      while (region !== NO_REGION && this.regions.task[region] !== task.serial) region = this.regions.outer[region]
      return { ...at, region }
    })
  }

  /** Something is logged to a task. @param category string of the generation in hand, as `message` */
  log(row: number, t: number, taskId: number, category: number, message: number): void {
    const task = this.tasks.mention(taskId)
    if (this.nameKinds !== null) {
      this.names.sharedText(category, 'log category')
      this.names.check(message, 'log message')
      this.membership.workFor(task, row, t, true)
      return
    }
    const record = this.recordOfLog(row, t, category, message)
    this.logs.tell(task)
    this.logs.makeRoom()
    task.logs.push(record)
    this.membership.workFor(task, row, t, true)
    this.workers.setPendingLog(row, record)
  }

  /** Makes records of the logs of which there are none yet: their generation is about to go. */
  tellLogs(): void {
    this.logs.tellAll()
    this.workers.tellPendingLogs(this.recordOfLog)
  }

  /** All regions of a goroutine end with it, or with the capture (`known` false: their ends lie outside). */
  closeRegions(row: number, t: number, known: boolean): void {
    if (row >= this.workers.rows) return
    for (let region = this.workers.innermostRegion[row]; region !== NO_REGION; region = this.regions.outer[region]) {
      this.closeRegion(row, region, t, known)
    }
    this.workers.innermostRegion[row] = NO_REGION
  }

  /** Turns the sums at a region's begin into the difference to its end. */
  private closeRegion(row: number, region: number, t: number, known: boolean): void {
    const { states, regions } = this
    const start = regions.startNs[region]
    const end = t > start ? t : start
    states.snapshotMinus(row, end, regions, region)
    regions.endNs[region] = known ? end : NaN
    regions.totalNs[region] = end - start
    this.workers.regionsOpen[row]--
    const slot = this.tasks.slotOfSerial(regions.task[region])
    const { columns } = this.tasks
    if (states.stops.lastEndNs > start && this.nameKinds === null) {
      const stops = this.stopsWhileRunnable(row, start, end)
      if (stops !== null) {
        this.records.stopsOfRegion.set(region, stops)
        if (slot >= 0) columns.made[slot] = 1
      }
    }
    if (slot >= 0 && --columns.openRegions[slot] === 0 && columns.waitsForRegions[slot] === 1) {
      columns.waitsForRegions[slot] = 0
      columns.settle(slot)
    }
  }

  /** For how long others had stopped the world while a goroutine waited for a processor in a stretch that ends now, by the names of the stops; null: never. */
  private stopsWhileRunnable(row: number, fromNs: number, toNs: number): Record<string, number> | null {
    const { stays, stops, tables, id } = this.states
    const pieces = this.records.allowSteps()
    let sums: Record<string, number> | null = null
    let stay = this.states.stay[row]
    let stop = stops.length - 1
    while (stop >= 0 && stops.endNs[stop] > fromNs && stays.has(stay) && ++pieces.steps <= pieces.mostSteps) {
      const at = stay & stays.mask
      const startNs = Math.max(stays.startNs[at], fromNs)
      if (stays.state[at] === GoState.runnable && stops.goroutine[stop] !== id[row]) {
        const ns = Math.min(stays.endNs[at], stops.endNs[stop], toNs) - Math.max(startNs, stops.startNs[stop])
        if (ns > 0) addTo((sums ??= {}), tables.rangeNames[stops.name[stop]], ns)
      }
      // Of the two the one that began later is done with.
      if (stops.startNs[stop] >= startNs) stop--
      else if (startNs === fromNs) break
      else stay = stays.previous[at]
    }
    return sums
  }
}
