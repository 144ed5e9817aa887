// analysis-text.ts: a capture's tasks and regions as tables for people: by type, the slowest, where the time went.

import { emptyParts, type Group, type GroupedParts, GROUPS } from '../breakdown/groups.ts'
import { GROUP_COUNT, type TaskSummary } from '../breakdown/summary.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import { TaskTypes } from '../join/task-name.ts'
import { Durations } from './durations.ts'
import { bar, counted, duration, fitted, largestParts, legend, size, table } from './human.ts'
import { escapeName, type Style } from './terminal.ts'

const TYPES_SHOWN = 20
const REGIONS_SHOWN = 15
const SLOWEST_SHOWN = 10
const NAME_WIDTH = 36
const BAR_CELLS = 24
/** Kinds of task or region that are told apart; names with ids that no pattern knows would be without end. */
const MOST_KINDS = 10_000

/** Everything of one kind. */
interface Kind {
  readonly name: string
  readonly durations: Durations
  /** Nanoseconds by group, in the order of `GROUPS`. */
  readonly parts: Float64Array
}

interface SlowTask {
  readonly id: number
  readonly name: string
  readonly startNs: number
  readonly durationNs: number
  readonly parts: GroupedParts
}

/** Gathers tasks one by one and renders the whole at the end; keeps sums by kind, nothing per task. */
export class AnalysisText {
  private readonly types = new Map<string, Kind>()
  private readonly regions = new Map<string, Kind>()
  private readonly slowest: SlowTask[] = []
  private readonly taskTypes = new TaskTypes()
  private tasks = 0
  private whole = 0
  private regionCount = 0

  /** The type of a task by its name in UTF-8, under which it is added up. */
  typeOf(name: Uint8Array): string {
    return this.taskTypes.of(name)
  }

  add(task: TaskSummary): void {
    if (task.id !== 0) this.tasks++
    for (let region = 0; region < task.regionCount; region++) {
      const kind = kindOf(this.regions, task.regionNames[region])
      addTo(kind, task.regionTotalNs[region], task.regionParts, region * GROUP_COUNT)
    }
    this.regionCount += task.regionCount
    if (task.startNs === null || task.endNs === null) return
    this.whole++
    const durationNs = task.endNs - task.startNs
    const { kind: name } = task
    addTo(kindOf(this.types, name), durationNs, task.parts, 0)
    if (this.slowest.length < SLOWEST_SHOWN || durationNs > (this.slowest.at(-1)?.durationNs ?? 0)) {
      this.slowest.push({ id: task.id, name, startNs: task.startNs, durationNs, parts: groupedParts(task.parts) })
      this.slowest.sort((one, other) => other.durationNs - one.durationNs)
      this.slowest.length = Math.min(this.slowest.length, SLOWEST_SHOWN)
    }
  }

  render(file: string, info: CaptureInfo, style: Style): string {
    const text: string[] = [`${style.bold(escapeName(file))}\n`, `  ${this.summary(info)}\n`]
    if (this.tasks === 0) {
      text.push(
        '\n  No user tasks in this capture: the program calls neither runtime/trace.NewTask nor an SDK that does (OpenTelemetry Go and\n' +
          '  OpenCensus Go make a task for each sampled span), or nothing happened while it was recorded.\n',
      )
    }
    const groups = new Set<Group>()
    if (this.types.size > 0)
      text.push(`\n${style.bold('Tasks by type')}\n`, kindTable('task', this.types, TYPES_SHOWN, groups, style))
    if (this.slowest.length > 0) text.push(`\n${style.bold('Slowest tasks')}\n`, this.slowestTable(groups, style))
    if (this.regions.size > 0) {
      text.push(`\n${style.bold('Regions')}\n`, kindTable('region', this.regions, REGIONS_SHOWN, groups, style))
    }
    if (groups.size > 0) text.push(`\n  ${legend(groups, style)}\n`)
    return text.join('')
  }

  private summary(info: CaptureInfo): string {
    const wall = info.wallOffsetNs === null ? '' : wallClock(info.wallOffsetNs)
    const problems = info.problems.reduce((sum, { count }) => sum + count, 0)
    return [
      info.header,
      size(info.bytes),
      counted(info.events, 'event'),
      `${duration(info.durationNs)}${wall}`,
      `${counted(this.tasks, 'task')} (${this.whole.toLocaleString('en-US')} whole)`,
      counted(this.regionCount, 'region'),
      counted(problems, 'problem'),
    ].join(' · ')
  }

  private slowestTable(groups: Set<Group>, style: Style): string {
    const rows = this.slowest.map(({ id, name, startNs, durationNs, parts }) => [
      fitted(escapeName(name), NAME_WIDTH),
      String(id),
      duration(startNs),
      duration(durationNs),
      shares(parts, groups, style),
    ])
    return table(
      ['task', 'id', 'begins at', 'duration', 'where the time went'],
      [false, true, true, true, false],
      rows,
      style,
    )
  }
}

/** ` from 2026-…`; nothing where a damaged capture's clock is beyond what a date can say. */
function wallClock(unixNs: bigint): string {
  const date = new Date(Number(unixNs / 1_000_000n))
  return Number.isNaN(date.getTime()) ? '' : ` from ${date.toISOString()}`
}

function kindOf(kinds: Map<string, Kind>, name: string): Kind {
  const known = kinds.get(name)
  if (known !== undefined) return known
  const key = kinds.size < MOST_KINDS ? name : '(other names)'
  let kind = kinds.get(key)
  if (kind === undefined) {
    kind = { name: key, durations: new Durations(), parts: new Float64Array(GROUP_COUNT) }
    kinds.set(key, kind)
  }
  return kind
}

/** @param at where the parts begin in `parts` */
function addTo(kind: Kind, durationNs: number, parts: Float64Array, at: number): void {
  kind.durations.add(durationNs)
  for (let group = 0; group < GROUP_COUNT; group++) kind.parts[group] += parts[at + group]
}

function groupedParts(columns: Float64Array): GroupedParts {
  const parts = emptyParts()
  GROUPS.forEach((group, index) => (parts[group] = columns[index]))
  return parts
}

function kindTable(
  title: string,
  kinds: ReadonlyMap<string, Kind>,
  most: number,
  groups: Set<Group>,
  style: Style,
): string {
  const all = [...kinds.values()].sort((one, other) => other.durations.totalNs - one.durations.totalNs)
  const rows = all
    .slice(0, most)
    .map(({ name, durations, parts }) => [
      fitted(escapeName(name === '' ? '(no name)' : name), NAME_WIDTH),
      durations.count.toLocaleString('en-US'),
      duration(durations.percentile(0.5)),
      duration(durations.percentile(0.99)),
      duration(durations.maxNs),
      duration(durations.totalNs),
      shares(groupedParts(parts), groups, style),
    ])
  const text = table(
    [title, 'count', 'median', 'p99', 'max', 'total', 'where the time went'],
    [false, true, true, true, true, true, false],
    rows,
    style,
  )
  const more = all.length - rows.length
  return more > 0 ? `${text}  … and ${counted(more, `more kind`)}; --format json has every one\n` : text
}

function shares(parts: GroupedParts, groups: Set<Group>, style: Style): string {
  for (const group of GROUPS) if (parts[group] > 0) groups.add(group)
  return `${bar(parts, BAR_CELLS, style)}  ${largestParts(parts, 3)}`
}
