// analysis-text.ts: a capture's tasks and regions as tables for people: by type, the slowest, where the time went.

import { emptyParts, type Group, type GroupedParts, GROUPS } from '../breakdown/groups.ts'
import type { KindSums } from '../breakdown/kind-sums.ts'
import type { TaskSums } from '../breakdown/task-sums.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import { bar, counted, duration, fitted, grouped, largestParts, legend, size, table } from './human.ts'
import { escapeName, type Style } from './terminal.ts'

const TYPES_SHOWN = 20
const REGIONS_SHOWN = 15
const NAME_WIDTH = 36
const BAR_CELLS = 24

/**
 * The tasks of a capture as tables.
 *
 * @param tasks how many there are, those that are not whole included
 */
export function analysisText(file: string, info: CaptureInfo, sums: TaskSums, tasks: number, style: Style): string {
  const text: string[] = [`${style.bold(escapeName(file))}\n`, `  ${summary(info, sums, tasks)}\n`]
  if (tasks === 0) {
    text.push(
      '\n  No user tasks in this capture: the program calls neither runtime/trace.NewTask nor an SDK that does (OpenTelemetry Go and\n' +
        '  OpenCensus Go make a task for each sampled span), or nothing happened while it was recorded.\n',
    )
  }
  const groups = new Set<Group>()
  const { types, slowest, regions } = sums
  if (types.size > 0)
    text.push(`\n${style.bold('Tasks by type')}\n`, kindTable('task', types, TYPES_SHOWN, groups, style))
  if (slowest.length > 0) text.push(`\n${style.bold('Slowest tasks')}\n`, slowestTable(sums, groups, style))
  if (regions.size > 0) {
    text.push(`\n${style.bold('Regions')}\n`, kindTable('region', regions, REGIONS_SHOWN, groups, style))
  }
  if (groups.size > 0) text.push(`\n  ${legend(groups, style)}\n`)
  return text.join('')
}

function summary(info: CaptureInfo, sums: TaskSums, tasks: number): string {
  const wall = info.wallOffsetNs === null ? '' : wallClock(info.wallOffsetNs)
  const problems = info.problems.reduce((sum, { count }) => sum + count, 0)
  return [
    info.header,
    size(info.bytes),
    counted(info.events, 'event'),
    `${duration(info.durationNs)}${wall}`,
    `${counted(tasks, 'task')} (${grouped(sums.whole)} whole)`,
    counted(sums.regionCount, 'region'),
    counted(problems, 'problem'),
  ].join(' · ')
}

function slowestTable({ slowest }: TaskSums, groups: Set<Group>, style: Style): string {
  const rows = slowest.map(({ id, kind, startNs, durationNs, parts }) => [
    fitted(escapeName(kind), NAME_WIDTH),
    String(id),
    duration(startNs),
    duration(durationNs),
    shares(groupedParts(parts), groups, style),
  ])
  return table(
    ['task', 'id', 'begins at', 'duration', 'where the time went'],
    [false, true, true, true, false],
    rows,
    style,
  )
}

/** ` from 2026-…`; nothing where a damaged capture's clock is beyond what a date can say. */
function wallClock(unixNs: bigint): string {
  const date = new Date(Number(unixNs / 1_000_000n))
  return Number.isNaN(date.getTime()) ? '' : ` from ${date.toISOString()}`
}

function groupedParts(columns: Float64Array): GroupedParts {
  const parts = emptyParts()
  GROUPS.forEach((group, index) => (parts[group] = columns[index]))
  return parts
}

function kindTable(title: string, kinds: KindSums, most: number, groups: Set<Group>, style: Style): string {
  const all = Array.from({ length: kinds.size }, (_, row) => row)
  all.sort((one, other) => kinds.totalNsOf(other) - kinds.totalNsOf(one))
  const rows = all
    .slice(0, most)
    .map((row) => [
      fitted(escapeName(kinds.nameOf(row) || '(no name)'), NAME_WIDTH),
      grouped(kinds.countOf(row)),
      duration(kinds.percentile(row, 0.5)),
      duration(kinds.percentile(row, 0.99)),
      duration(kinds.longestNsOf(row)),
      duration(kinds.totalNsOf(row)),
      shares(groupedParts(kinds.partsOf(row)), groups, style),
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
