// runners.ts: who ran while a goroutine waited for a processor, of which `../runners.ts` makes objects when somebody asks.

import { hashOfLow, hasRow } from '../../base/kernel/id-table.ts'
import {
  MOST_RUNNER_STAYS,
  MOST_RUNNERS,
  MOST_STAYS_BEFORE,
  RUNNER_FIELDS,
  RUNNER_IS_RUNTIME,
  RUNNER_NS,
  RUNNER_OF_TASK,
  RUNNER_PLACES,
  RUNNER_STAYS,
  RUNNER_TABLE,
  RUNNER_TASK,
  RUNNER_TIME,
  RUNNERS_TOLD,
  RUNNING,
  RUNTIME_IDS,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  STAY_WHOLE_FROM,
} from '../states-layout.ts'
import { idOfSerial } from './tasks.ts'

/** Stands for the runtime's own goroutines in the column of tasks; 0 for others that run for no task. */
const OF_RUNTIME: i32 = -1
const RUNNER_BYTES: u32 = RUNNER_FIELDS << 3

const NONE: i32 = -1
/** Tasks with serials that follow each other are in one line of the processor's cache: those that run together mostly are. */
const TASKS_PER_LINE_BITS: i32 = 4
const TASK_IN_LINE: u32 = (1 << TASKS_PER_LINE_BITS) - 1

/** Rows that are filled. */
let count: u32 = 0
/** Rows of those that ran for no task, and of the runtime's own; -1 none yet. */
let idle: i32 = NONE
let runtime: i32 = NONE

/** The waits of another task come next: as many stays as ever may be looked through for them. */
export function beginRunners(): void {
  store<i32>(RUNNER_STAYS, MOST_RUNNER_STAYS)
}

/**
 * Finds those that ran while a goroutine was runnable and writes who had most of the time, the longest first, in `RUNNERS_TOLD`. All that ran
 * for no task are told as one, and so are the runtime's own. Stays before the wait that are looked at are few, those after it are counted down in
 * `RUNNER_STAYS`.
 *
 * @param waiting the stay that waits
 * @returns how many are told
 */
export function runnersOf(waiting: i32, fromNs: f64, toNs: f64): u32 {
  // Of the stays before that only those of open tasks are left: shares of them would be none of what ran.
  const wholeFrom = load<i32>(STAY_WHOLE_FROM)
  if (wholeFrom > 0 && waiting - MOST_STAYS_BEFORE < wholeFrom) return 0
  const mask = load<u32>(STAY_MASK)
  const states: usize = load<u32>(STAY_STATE)
  const starts: usize = load<u32>(STAY_START)
  const ends: usize = load<u32>(STAY_END)
  const top = load<i32>(STAY_TOP)
  count = 0
  idle = runtime = NONE
  const oldest = max(max(waiting - MOST_STAYS_BEFORE, load<i32>(STAY_TAIL)), 0)
  for (let stay = waiting - 1; stay >= oldest; stay--) {
    const at: u32 = stay & mask
    if (load<u8>(states + at) !== RUNNING) continue
    const endNs = load<f64>(ends + (at << 3))
    if (endNs > fromNs) add(at, min(endNs, toNs) - max(load<f64>(starts + (at << 3)), fromNs))
  }
  let left = load<i32>(RUNNER_STAYS)
  for (let stay = waiting + 1; stay < top && left > 0; stay++, left--) {
    const at: u32 = stay & mask
    const startNs = load<f64>(starts + (at << 3))
    if (startNs >= toNs) break
    if (load<u8>(states + at) === RUNNING) add(at, min(load<f64>(ends + (at << 3)), toNs) - max(startNs, fromNs))
  }
  store<i32>(RUNNER_STAYS, left)
  clearTable()
  return tellMost()
}

/** Adds time to the row of who ran in a stay. */
function add(at: u32, ns: f64): void {
  if (ns <= 0) return
  const task = load<i32>(load<u32>(STAY_TASK) + (at << 2))
  if (task === 0) {
    if (hasRow(RUNTIME_IDS, load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3)))) {
      if (runtime === NONE) runtime = newRow(OF_RUNTIME)
      addTo(runtime, ns)
    } else {
      if (idle === NONE) idle = newRow(0)
      addTo(idle, ns)
    }
    return
  }
  const table: usize = load<u32>(RUNNER_TABLE)
  const tasks: usize = load<u32>(RUNNER_TASK)
  let place = placeOf(task)
  let row = load<i32>(table + (place << 2))
  while (row !== 0) {
    if (load<i32>(tasks + ((row - 1) << 2)) === task) {
      addTo(row - 1, ns)
      return
    }
    place = (place + 1) & (RUNNER_PLACES - 1)
    row = load<i32>(table + (place << 2))
  }
  row = newRow(task)
  addTo(row, ns)
  store<i32>(table + (place << 2), row + 1)
}

/** A row without time. */
function newRow(task: i32): i32 {
  const row = count++
  store<i32>(load<u32>(RUNNER_TASK) + (row << 2), task)
  store<f64>(load<u32>(RUNNER_NS) + (row << 3), 0)
  return row
}

/* @inline */ function addTo(row: i32, ns: f64): void {
  const sum: usize = load<u32>(RUNNER_NS) + (row << 3)
  store<f64>(sum, load<f64>(sum) + ns)
}

/** Place of the table where a task is looked for first. */
/* @inline */ function placeOf(task: i32): u32 {
  const line = hashOfLow((<u32>task) >> TASKS_PER_LINE_BITS) << TASKS_PER_LINE_BITS
  return (line | ((<u32>task) & TASK_IN_LINE)) & (RUNNER_PLACES - 1)
}

/** Empties the table. One after the other in a row of places are all cleared, whichever of them comes first. */
function clearTable(): void {
  const table: usize = load<u32>(RUNNER_TABLE)
  for (let row: u32 = 0; row < count; row++) {
    const task = load<i32>(load<u32>(RUNNER_TASK) + (row << 2))
    if (task <= 0) continue
    let place = placeOf(task)
    while (load<i32>(table + (place << 2)) !== 0) {
      store<i32>(table + (place << 2), 0)
      place = (place + 1) & (RUNNER_PLACES - 1)
    }
  }
}

/** Writes the rows with most time, of which the first met comes first where they are alike. */
function tellMost(): u32 {
  const sums: usize = load<u32>(RUNNER_NS)
  let told: u32 = 0
  for (let runner: usize = load<u32>(RUNNERS_TOLD); told < <u32>MOST_RUNNERS; told++, runner += RUNNER_BYTES) {
    let most: u32 = 0
    let mostNs: f64 = 0
    for (let row: u32 = 0; row < count; row++) {
      const ns = load<f64>(sums + (row << 3))
      if (ns <= mostNs) continue
      most = row
      mostNs = ns
    }
    if (mostNs === 0) break
    const task = load<i32>(load<u32>(RUNNER_TASK) + (most << 2))
    store<f64>(runner, task > 0 ? idOfSerial(task) : 0, RUNNER_OF_TASK << 3)
    store<f64>(runner, task === OF_RUNTIME ? 1 : 0, RUNNER_IS_RUNTIME << 3)
    store<f64>(runner, mostNs, RUNNER_TIME << 3)
    store<f64>(sums + (most << 3), 0)
  }
  return told
}
