// runners.ts: who ran while a goroutine waited for a processor, of which `../runners.ts` makes objects when somebody asks.

import { findRow } from '../../base/kernel/id-table.ts'
import { wholeOf } from '../../base/kernel/whole.ts'
import {
  CARRIED,
  CARRIED_COUNT,
  LEFT_RUN_COUNT,
  LEFT_RUN_END,
  LEFT_RUN_FIELDS,
  LEFT_RUN_GOROUTINE,
  LEFT_RUN_START,
  LEFT_RUN_STAY,
  LEFT_RUN_TASK,
  LEFT_RUNS,
  MAYBE_RUNTIME,
  MAYBE_RUNTIME_IDS,
  MOST_LEFT_RUNS,
  MOST_RUNNER_STAYS,
  MOST_RUNNERS,
  MOST_RUNS_FOUND,
  RUNNER_FIELDS,
  RUNNER_FILLED,
  RUNNER_IS_RUNTIME,
  RUNNER_NS,
  RUNNER_OF_TASK,
  RUNNER_PLACE_BITS,
  RUNNER_PLACES,
  RUNNER_STAYS,
  RUNNER_TABLE,
  RUNNER_TASK,
  RUNNER_TIME,
  RUNNER_WAIT,
  RUNNERS_TOLD,
  RUNS_FOUND,
  RUNTIME_IDS,
  STAY_BLOCK_BITS,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_START,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  STAY_WHOLE_FROM,
} from '../states-layout.ts'
import { runningIn, runsBefore, STAY_BLOCK, within } from './latest-ends.ts'
import { idOfSerial } from './tasks.ts'

/** Stands for the runtime's own goroutines among tasks; 0 for others that run for no task. */
const OF_RUNTIME: i32 = -1
const MOST_COUNTED: u32 = MOST_RUNNER_STAYS + MOST_RUNS_FOUND + MOST_LEFT_RUNS
const RUNNER_BYTES: u32 = RUNNER_FIELDS << 3

/** The wait in hand: from, to, and a number that no other has; how many are counted that ran meanwhile. */
let waitFromNs: f64 = 0
let waitToNs: f64 = 0
let wait: i32 = 0
let count: u32 = 0
/** Time of those that ran for no task. */
let idleNs: f64 = 0

/** The waits of another task come next: as many stays as ever may be looked through for them. */
export function beginRunners(): void {
  store<i32>(RUNNER_STAYS, MOST_RUNNER_STAYS)
}

/**
 * Finds those that ran while a goroutine was runnable and writes who had most of the time, the longest first, in `RUNNERS_TOLD`. All that ran
 * for no task are told as one, and so are the runtime's own. None are of a wait of which less than half could be looked through. Those that ran when the wait began are told however long they had; stays after it that are
 * looked at are counted down in `RUNNER_STAYS`.
 *
 * @param waiting the stay that waits
 * @returns how many are told
 */
export function runnersOf(waiting: i32, fromNs: f64, toNs: f64): u32 {
  // Of the stays before that only those of open tasks are left: shares of them would be none of what ran.
  const from = max(max(load<i32>(STAY_WHOLE_FROM), load<i32>(STAY_TAIL)), 0)
  if (waiting < from) return 0
  waitFromNs = fromNs
  waitToNs = toNs
  wait++
  count = 0
  idleNs = 0
  addBefore(from, waiting)
  const next = addAfter(waiting)
  if (isMostlyUnseen(next)) return 0
  addLeft(from, next)
  if (idleNs > 0) store<f64>(load<u32>(RUNNER_TABLE), idleNs, RUNNER_NS)
  return tellMost()
}

/** Counts those that began to run before a stay and ran on into the wait, the latest first. @param from oldest stay that is there to be looked at */
function addBefore(from: i32, waiting: i32): void {
  const count = runsBefore(from, waiting, waitFromNs)
  const mask = load<u32>(STAY_MASK)
  for (let row: u32 = 0; row < count; row++) addStay((<u32>load<i32>(load<u32>(RUNS_FOUND) + (row << 2))) & mask)
}

/**
 * Counts those that ran when the log was let go of so far (`../left-runs.ts`), unless they were come by in it.
 *
 * @param from stays from this on and before `to` were looked at
 */
function addLeft(from: i32, to: i32): void {
  const count = load<u32>(LEFT_RUN_COUNT)
  for (let row: u32 = 0; row < count; row++) {
    const run: usize = load<u32>(LEFT_RUNS) + row * (LEFT_RUN_FIELDS << 3)
    const stay = <i32>load<f64>(run, LEFT_RUN_STAY << 3)
    if (stay < 0) {
      const startNs = load<f64>(run, LEFT_RUN_START << 3)
      const endNs = load<f64>(run, LEFT_RUN_END << 3)
      addRun(startNs, endNs, <i32>load<f64>(run, LEFT_RUN_TASK << 3), load<f64>(run, LEFT_RUN_GOROUTINE << 3))
    } else if (stay < from || stay >= to) addStay((<u32>stay) & load<u32>(STAY_MASK))
  }
}

/* @inline */ function addStay(at: u32): void {
  const startNs = load<f64>(load<u32>(STAY_START) + (at << 3))
  const endNs = load<f64>(load<u32>(STAY_END) + (at << 3))
  const goroutine = load<f64>(load<u32>(STAY_GOROUTINE) + (at << 3))
  addRun(startNs, endNs, load<i32>(load<u32>(STAY_TASK) + (at << 2)), goroutine)
}

/** Counts what of a run lies in the wait. */
function addRun(startNs: f64, endNs: f64, task: i32, goroutine: f64): void {
  const ns = min(endNs, waitToNs) - max(startNs, waitFromNs)
  if (!(ns > 0)) return
  if (task !== 0) addTo(task, ns)
  else if (isRuntime(load<u32>(MAYBE_RUNTIME), goroutine)) addTo(OF_RUNTIME, ns)
  else {
    if (idleNs === 0) addTo(0, 0)
    idleNs += ns
  }
}

/** Counts those that began to run during the wait, and the stays that were looked through for them. @returns the first that was not */
function addAfter(waiting: i32): i32 {
  const left = load<i32>(RUNNER_STAYS)
  const from = waiting + 1
  const to = firstAfter(from, min(load<i32>(STAY_TOP), from + left + carriedWithin(from, from + left, true)))
  store<i32>(RUNNER_STAYS, left - (to - from - carriedWithin(from, to, false)))
  const starts: usize = load<u32>(STAY_START)
  const ends: usize = load<u32>(STAY_END)
  const tasks: usize = load<u32>(STAY_TASK)
  const goroutines: usize = load<u32>(STAY_GOROUTINE)
  const maybeRuntime: usize = load<u32>(MAYBE_RUNTIME)
  const waitFrom = waitFromNs
  const waitTo = waitToNs
  let idle = idleNs
  for (let block = from >> STAY_BLOCK_BITS; block * STAY_BLOCK < to; block++) {
    const first: u32 = (block * STAY_BLOCK) & load<u32>(STAY_MASK)
    for (let running = runningIn(block) & within(block, from, to); running !== 0; running &= running - 1) {
      const at = first + <u32>ctz(running)
      let fromNs = load<f64>(starts + (at << 3))
      let toNs = load<f64>(ends + (at << 3))
      if (fromNs < waitFrom) fromNs = waitFrom
      if (toNs > waitTo) toNs = waitTo
      if (toNs <= fromNs) continue
      const task = load<i32>(tasks + (at << 2))
      if (task !== 0) addTo(task, toNs - fromNs)
      else if (isRuntime(maybeRuntime, load<f64>(goroutines + (at << 3)))) addTo(OF_RUNTIME, toNs - fromNs)
      else {
        if (idle === 0) addTo(0, 0)
        idle += toNs - fromNs
      }
    }
  }
  idleNs = idle
  return to
}

/**
 * Whether less than half of the wait was looked through, since no more stays may be: who ran then says little of who ran in all of it.
 *
 * @param next the first stay that was not
 */
function isMostlyUnseen(next: i32): bool {
  if (next >= load<i32>(STAY_TOP)) return false
  const untilNs = load<f64>(load<u32>(STAY_START) + ((next & load<u32>(STAY_MASK)) << 3))
  return untilNs - waitFromNs < (waitToNs - waitFromNs) / 2
}

/**
 * How many stays of a stretch were carried over from before it when the log was let go of: they are not looked at for it, and when that is says nothing of
 * the wait.
 *
 * @param widens whether the stretch ends so much later
 */
function carriedWithin(from: i32, to: i32, widens: bool): i32 {
  const carried: usize = load<u32>(CARRIED)
  const count = load<u32>(CARRIED_COUNT)
  let end = to
  let within: i32 = 0
  for (let row: u32 = 0; row < count; row++) {
    const first = max(load<i32>(carried + (row << 3)), from)
    const next = load<i32>(carried + (row << 3), 4)
    const some = (widens ? next : min(next, end)) - first
    if (first >= end || some <= 0) continue
    within += some
    if (widens) end += some
  }
  return within
}

/** The first of a stretch of stays that did not begin before the end of the wait, or the end of the stretch. */
function firstAfter(from: i32, end: i32): i32 {
  const mask = load<u32>(STAY_MASK)
  const starts: usize = load<u32>(STAY_START)
  const toNs = waitToNs
  let stay = from
  for (; stay < end; stay++) {
    const at: u32 = stay & mask
    if ((at & 7) === 0) {
      while (stay + 8 <= end && allBegan(starts + ((stay & mask) << 3), toNs)) stay += 8
      if (stay === end) break
    }
    if (load<f64>(starts + ((stay & mask) << 3)) >= toNs) break
  }
  return stay
}

/** Whether eight stays began before a time. @param starts of the first of them */
/* @inline */ function allBegan(starts: usize, ns: f64): bool {
  return (
    load<f64>(starts) < ns &&
    load<f64>(starts, 8) < ns &&
    load<f64>(starts, 16) < ns &&
    load<f64>(starts, 24) < ns &&
    load<f64>(starts, 32) < ns &&
    load<f64>(starts, 40) < ns &&
    load<f64>(starts, 48) < ns &&
    load<f64>(starts, 56) < ns
  )
}

/** Whether a goroutine is one of the runtime's own: of most that are not a bit tells. */
/* @inline */ function isRuntime(maybeRuntime: usize, goroutine: f64): bool {
  if (goroutine < 0x80000000) {
    const id = wholeOf(goroutine)
    const bits: u32 = load<u8>(maybeRuntime + ((id & (MAYBE_RUNTIME_IDS - 1)) >> 3))
    if (((bits >> (id & 7)) & 1) === 0) return false
  }
  return findRow(RUNTIME_IDS, goroutine) >= 0
}

/** Adds time of a task, of the runtime's own, or (0, whose time is put in at the end) makes a place for those of none. */
function addTo(task: i32, ns: f64): void {
  // Tasks that run together have serials that follow each other: so do their places. The first is for those that run for none.
  let place: u32 = task
  for (;;) {
    place &= RUNNER_PLACES - 1
    const runner: usize = load<u32>(RUNNER_TABLE) + (place << RUNNER_PLACE_BITS)
    if (load<i32>(runner, RUNNER_WAIT) !== wait && (place !== 0 || task === 0)) {
      // Of those that were carried over a broken capture may have any number run.
      if (count === MOST_COUNTED) return
      store<i32>(runner, task, RUNNER_TASK)
      store<i32>(runner, wait, RUNNER_WAIT)
      store<f64>(runner, ns, RUNNER_NS)
      store<u32>(load<u32>(RUNNER_FILLED) + (count++ << 2), runner)
      return
    }
    if (load<i32>(runner, RUNNER_TASK) === task && place !== 0) {
      store<f64>(runner, load<f64>(runner, RUNNER_NS) + ns, RUNNER_NS)
      return
    }
    place++
  }
}

/** Writes those with most time, of which the first met comes first where they are alike. @returns how many */
function tellMost(): u32 {
  const filled: usize = load<u32>(RUNNER_FILLED)
  const told: usize = load<u32>(RUNNERS_TOLD)
  let end = told
  for (let row: u32 = 0; row < count; row++) {
    const runner: usize = load<u32>(filled + (row << 2))
    const ns = load<f64>(runner, RUNNER_NS)
    const full = end === told + MOST_RUNNERS * RUNNER_BYTES
    if (full && load<f64>(end - RUNNER_BYTES, RUNNER_TIME << 3) >= ns) continue
    // The last of those is the one that falls out.
    let to = full ? end - RUNNER_BYTES : end
    if (!full) end += RUNNER_BYTES
    for (; to > told && load<f64>(to - RUNNER_BYTES, RUNNER_TIME << 3) < ns; to -= RUNNER_BYTES)
      memory.copy(to, to - RUNNER_BYTES, RUNNER_BYTES)
    store<f64>(to, load<i32>(runner, RUNNER_TASK), RUNNER_OF_TASK << 3)
    store<f64>(to, ns, RUNNER_TIME << 3)
  }
  for (let runner = told; runner < end; runner += RUNNER_BYTES) {
    const task = <i32>load<f64>(runner, RUNNER_OF_TASK << 3)
    store<f64>(runner, task > 0 ? idOfSerial(task) : 0, RUNNER_OF_TASK << 3)
    store<f64>(runner, task === OF_RUNTIME ? 1 : 0, RUNNER_IS_RUNTIME << 3)
  }
  return (end - told) / RUNNER_BYTES
}
