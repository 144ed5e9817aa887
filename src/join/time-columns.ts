// time-columns.ts: spans and tasks as columns of numbers, in the order in which joining by name and time walks them.
//
// Times of spans are nanoseconds from a base near them, times of tasks nanoseconds from the capture's origin: both are exact in a
// double. An offset here is a number too: span time - task time, that is Unix ns of the origin minus the base.

import type { JoinSpan, JoinTask } from './match.ts'

/** Numbers for names; equal names have equal numbers. */
export class NameTable {
  private readonly rows = new Map<string, number>()

  get length(): number {
    return this.rows.size
  }

  /** The number of a name, given on first sight. */
  add(name: string): number {
    let row = this.rows.get(name)
    if (row === undefined) this.rows.set(name, (row = this.rows.size))
    return row
  }

  /** The number of a name; -1 when it has none. */
  find(name: string): number {
    return this.rows.get(name) ?? -1
  }
}

/** Rows put together by their groups: those of group n are `rows[from[n]]` up to, without, `rows[from[n + 1]]`. */
export interface GroupedRows {
  readonly from: Int32Array
  readonly rows: Int32Array
}

/** The tasks of a capture that may be found by name and time. Rows are those of the capture's tasks. */
export interface TaskColumns {
  readonly length: number
  /** Number of the name; -1 for tasks that take no part (they name their span, or their start is not in the capture). */
  readonly name: Int32Array
  readonly startNs: Float64Array
  /** NaN while open at the capture's end. */
  readonly endNs: Float64Array
  /** Ids in the runtime; 0 for the parent where there is none. */
  readonly id: Float64Array
  readonly parentId: Float64Array
  readonly names: NameTable
  /** By name, and by start within each. */
  readonly byStart: GroupedRows
  /** Tasks that take part and whose start and end both lie in the capture. */
  readonly whole: number
  /** Longest time from start to end of the tasks that take part. */
  readonly durationNs: number
}

/**
 * What is made of the tasks of a capture once, for all the requests that are asked for one by one: none of these may walk all tasks.
 *
 * @returns what was made of these columns before, or else now
 */
export function oncePerTasks<Made extends object>(make: (tasks: TaskColumns) => Made): (tasks: TaskColumns) => Made {
  const all = new WeakMap<TaskColumns, Made>()
  return (tasks) => {
    let made = all.get(tasks)
    if (made === undefined) all.set(tasks, (made = make(tasks)))
    return made
  }
}

/** The tasks that take part as if all had one name: those with this number. */
export const ANY_NAME = 0

/** Numbers of names by which the tasks that take part have one and the same. */
export const anyNameOf = oncePerTasks(({ name }) => name.map((one) => (one < 0 ? -1 : ANY_NAME)))

/** The tasks that take part, whatever their names. */
export const byStartOfAnyName = oncePerTasks((tasks) => rowsByName(anyNameOf(tasks), 1, tasks.startNs))

/**
 * When the first and the last task began. The tracer begins after the capture's first event and ends before its last, by milliseconds where the
 * processors are busy: spans from before the first task had theirs before it, mostly, and spans from after the last have none.
 */
export const begunWithin = oncePerTasks((tasks): readonly [number, number] => {
  const { rows } = byStartOfAnyName(tasks)
  return rows.length === 0 ? [Infinity, -Infinity] : [tasks.startNs[rows[0]], tasks.startNs[rows[rows.length - 1]]]
})

/** Shares of the starts that are multiples of a unit where it is no chance: of exact times one in a thousand is a whole microsecond. */
const MICROSECONDS_SHARE = 0.1
/** Nothing is told of times in whole milliseconds: that nearly all of them have to be. */
const MILLISECONDS_SHARE = 0.9
/** Starts that are multiples, where others are not: of a request of few spans one or two may be by chance. */
const FEWEST_MULTIPLES = 3

/** Spans of one process. */
export interface SpanColumns {
  readonly length: number
  /** Unix nanoseconds that the times below count from. */
  readonly baseUnixNs: bigint
  /** Number of the name among those of the tasks; -1 when no task has it. */
  readonly name: Int32Array
  readonly startNs: Float64Array
  readonly endNs: Float64Array
  /** How coarse the times of many are: 1, 1,000 or 1,000,000 nanoseconds. */
  readonly granularityNs: number
}

/**
 * @param takesPart whether the task at a row may be found by name and time
 * @param durationNs time up to which the capture is known
 */
export function taskColumns(
  tasks: readonly JoinTask[],
  takesPart: (row: number) => boolean,
  durationNs: number,
): TaskColumns {
  const { length } = tasks
  const names = new NameTable()
  const name = new Int32Array(length).fill(-1)
  const startNs = new Float64Array(length)
  const endNs = new Float64Array(length)
  const id = new Float64Array(length)
  const parentId = new Float64Array(length)
  let whole = 0
  for (let row = 0; row < length; row++) {
    const task = tasks[row]
    id[row] = task.id
    parentId[row] = task.parentId ?? 0
    startNs[row] = task.startNs ?? NaN
    endNs[row] = task.endNs ?? NaN
    if (task.startNs === null || task.id === 0 || task.name === '' || !takesPart(row)) continue
    name[row] = names.add(task.name)
    if (task.endNs !== null) whole++
  }
  const byStart = rowsByName(name, names.length, startNs)
  return { length, name, startNs, endNs, id, parentId, names, byStart, whole, durationNs }
}

/** Columns of the spans at some rows, or of all. Spans that end before they start count as ending there. */
export function spanColumns(spans: readonly JoinSpan[], names: NameTable): SpanColumns {
  const { length } = spans
  let baseUnixNs = spans[0]?.startUnixNs ?? 0n
  for (const { startUnixNs } of spans) if (startUnixNs < baseUnixNs) baseUnixNs = startUnixNs
  const name = new Int32Array(length)
  const startNs = new Float64Array(length)
  const endNs = new Float64Array(length)
  let wholeMicroseconds = 0
  let wholeMilliseconds = 0
  for (let row = 0; row < length; row++) {
    const span = spans[row]
    name[row] = names.find(span.name)
    startNs[row] = Number(span.startUnixNs - baseUnixNs)
    endNs[row] = Math.max(startNs[row], Number(span.endUnixNs - baseUnixNs))
    if (span.startUnixNs % 1_000n === 0n) wholeMicroseconds++
    if (span.startUnixNs % 1_000_000n === 0n) wholeMilliseconds++
  }
  const granularityNs = isCut(wholeMilliseconds, length, MILLISECONDS_SHARE)
    ? 1_000_000
    : isCut(wholeMicroseconds, length, MICROSECONDS_SHARE)
      ? 1_000
      : 1
  return { length, baseUnixNs, name, startNs, endNs, granularityNs }
}

/**
 * Whether spans count as cut to a unit of which so many starts are multiples. One span of another's making among them changes nothing; and what
 * is allowed for times cut to microseconds is allowed for exact ones too, so that few are enough.
 */
function isCut(multiples: number, length: number, share: number): boolean {
  return multiples > share * length && (multiples === length || multiples >= FEWEST_MULTIPLES)
}

/**
 * Where rows that are put together by their groups begin: those of group n are from `[n]` up to, without, `[n + 1]`.
 *
 * @param group of each row, from 0 on; rows with -1 are in none
 * @param length rows that are looked at
 */
export function groupStarts(group: Int32Array, groups: number, length = group.length): Int32Array {
  const from = new Int32Array(groups + 1)
  for (let row = 0; row < length; row++) if (group[row] >= 0) from[group[row] + 1]++
  for (let i = 0; i < groups; i++) from[i + 1] += from[i]
  return from
}

/** Rows put together by their groups, ascending within each. Arguments as of `groupStarts`. */
export function groupRows(group: Int32Array, groups: number, length = group.length): GroupedRows {
  const from = groupStarts(group, groups, length)
  const next = from.slice()
  const rows = new Int32Array(from[groups])
  for (let row = 0; row < length; row++) if (group[row] >= 0) rows[next[group[row]]++] = row
  return { from, rows }
}

/** Groups the rows that have a name (not -1) by it, sorted by a key. */
export function rowsByName(name: Int32Array, names: number, key: Float64Array): GroupedRows {
  const from = groupStarts(name, names)
  const named = new Int32Array(from[names])
  let length = 0
  for (let row = 0; row < name.length; row++) if (name[row] >= 0) named[length++] = row
  const next = from.slice(0, names)
  const rows = new Int32Array(length)
  for (const row of sortRows(named, key)) rows[next[name[row]]++] = row
  return { from, rows }
}

/** All rows in the order of their keys, or the first ones. */
export function sortedRows(key: Float64Array, length = key.length): Int32Array {
  const rows = new Int32Array(length)
  for (let i = 0; i < length; i++) rows[i] = i
  return sortRows(rows, key)
}

/**
 * Rows in the order of their keys, none of which is NaN; equal keys in the order in which they came. A merge sort over typed arrays:
 * `TypedArray.sort` with a comparison by callback takes ten times as long for half a million rows.
 */
function sortRows(unsorted: Int32Array, key: Float64Array): Int32Array {
  const { length } = unsorted
  let rows: Int32Array = unsorted
  let other: Int32Array = new Int32Array(length)
  for (let width = 1; width < length; width *= 2) {
    for (let from = 0; from < length; from += 2 * width) {
      const middle = Math.min(from + width, length)
      const to = Math.min(from + 2 * width, length)
      let left = from
      let right = middle
      for (let at = from; at < to; at++) {
        if (left < middle && (right >= to || key[rows[left]] <= key[rows[right]])) other[at] = rows[left++]
        else other[at] = rows[right++]
      }
    }
    const sorted = other
    other = rows
    rows = sorted
  }
  return rows
}

/** First place between `from` and `to` whose row has a key of at least `value`; `to` when none has. Rows are sorted by the key. */
export function firstAtLeast(rows: Int32Array, key: Float64Array, value: number, from: number, to: number): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >>> 1
    if (key[rows[middle]] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The value at a share of the way from the lowest to the highest; NaN of none. */
export function percentile(values: Float64Array, share: number): number {
  const sorted = values.slice().sort()
  return sorted.length === 0 ? NaN : sorted[Math.round((sorted.length - 1) * share)]
}
