// runners.ts: who ran while a goroutine waited for a processor. `../runners.ts` makes of it what is told.

import { hashOf } from '../../base/kernel/id-table.ts'
import {
  MOST_STAYS_BEFORE,
  RUNNER_GOROUTINE,
  RUNNER_NS,
  RUNNER_PLACES,
  RUNNER_STAYS,
  RUNNER_TABLE,
  RUNNER_TASK,
  RUNNING,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_START,
  STAY_STATE,
  STAY_TASK,
} from '../states-layout.ts'

/** Rows that are filled. */
let count: u32 = 0

/**
 * Fills the columns of runners: one row for each task that goroutines ran for, and for each goroutine that ran for none, in the order in which
 * they are met. Stays before the wait that are looked at are few, those after it are counted down in `RUNNER_STAYS`.
 *
 * @param waiting the stay that waits
 * @param tail oldest stay that is kept
 * @param top the one after the latest
 * @returns rows that are filled
 */
export function runnersOf(waiting: i32, fromNs: f64, toNs: f64, tail: i32, top: i32): u32 {
  const mask = load<u32>(STAY_MASK)
  const states: usize = load<u32>(STAY_STATE)
  const starts: usize = load<u32>(STAY_START)
  const ends: usize = load<u32>(STAY_END)
  count = 0
  const oldest = max(max(waiting - MOST_STAYS_BEFORE, tail), 0)
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
  return count
}

/** Adds time to the row of who ran in a stay. */
function add(at: u32, ns: f64): void {
  if (ns <= 0) return
  const task = load<i32>(load<u32>(STAY_TASK) + (at << 2))
  const goroutine = load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3))
  const table: usize = load<u32>(RUNNER_TABLE)
  const tasks: usize = load<u32>(RUNNER_TASK)
  const goroutines: usize = load<u32>(RUNNER_GOROUTINE)
  let place = placeOf(task, goroutine)
  let row = load<i32>(table + (place << 2))
  while (row !== 0) {
    const held: u32 = row - 1
    if (load<i32>(tasks + (held << 2)) === task && (task !== 0 || load<f64>(goroutines + (held << 3)) === goroutine)) {
      const sum: usize = load<u32>(RUNNER_NS) + (held << 3)
      store<f64>(sum, load<f64>(sum) + ns)
      return
    }
    place = (place + 1) & (RUNNER_PLACES - 1)
    row = load<i32>(table + (place << 2))
  }
  store<i32>(tasks + (count << 2), task)
  store<f64>(goroutines + (count << 3), goroutine)
  store<f64>(load<u32>(RUNNER_NS) + (count << 3), ns)
  store<i32>(table + (place << 2), ++count)
}

/** Place of the table where one is looked for first. */
function placeOf(task: i32, goroutine: f64): u32 {
  return hashOf(task === 0 ? goroutine : <f64>task) & (RUNNER_PLACES - 1)
}

/** Empties the table. One after the other in a row of places are all cleared, whichever of them comes first. */
function clearTable(): void {
  const table: usize = load<u32>(RUNNER_TABLE)
  for (let row: u32 = 0; row < count; row++) {
    const task = load<i32>(load<u32>(RUNNER_TASK) + (row << 2))
    let place = placeOf(task, load<f64>(load<u32>(RUNNER_GOROUTINE) + (row << 3)))
    while (load<i32>(table + (place << 2)) !== 0) {
      store<i32>(table + (place << 2), 0)
      place = (place + 1) & (RUNNER_PLACES - 1)
    }
  }
}
