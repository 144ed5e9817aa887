// past.ts: thins the log of stays out: what no open task can ask for leaves it, what is left moves together. `../past.ts` says when.
//
// A task is followed from its end back over stays that goroutines spent for it or for tasks below it, over the goroutine that began it, and over
// waits that one who worked for it ended: those are kept as long as it is open. Of the others only what lies near the present can be asked for.

import {
  ABSENT,
  FIRST_MEMBER,
  INNERMOST_REGION,
  ANSWERS,
  MEMBER_NEXT,
  MEMBER_STAY,
  MOST_BEFORE_READY,
  MOST_FORWARD,
  MOST_STAYS_PASSED_ON,
  REGION_OUTER,
  REGION_START,
  REGION_TASK,
  ROW_ROOM,
  SLOT_ROOM,
  STATE,
  STAY,
  STAY_END,
  STAY_GOROUTINE,
  STAY_MASK,
  STAY_NEXT,
  STAY_PREVIOUS,
  STAY_RANGE,
  STAY_REASON,
  STAY_STACK,
  STAY_START,
  STAY_STATE,
  STAY_TAIL,
  STAY_TASK,
  STAY_TOP,
  STAY_VIA,
  STAY_WAKER,
  STAY_WAKER_TASK,
  STAYS_TOLD,
  TASK_END_STAY,
  TASK_SERIAL,
  TASK_START_STAY,
  VIA_UNSETTLED,
  WAITING,
} from '../states-layout.ts'
import { isPassedOn, stayBefore } from './passed-on.ts'
import { isOpenOrBelow } from './tasks.ts'
import { forgetVisits } from './visits.ts'

const NONE: i32 = -1

// Marks of stays: to go, to stay itself, to stay with who brought it about, and that along with all that its goroutine did since.
const GOES: i32 = 0
const STAYS: i32 = 1
const STAYS_WITH_WAKER: i32 = 2
const STAYS_FROM_HERE: i32 = 3

/** Stays before a task's begin, and after its end, for what is shown around it. */
const MOST_STAYS_AROUND: u32 = 32
/** Stays before one that began when it did: ready, and running at once. */
const MOST_WITHOUT_TIME: u32 = 4
/** Open regions of a goroutine, one in the other, that are looked at for how far they reach back. */
const MOST_REGIONS: u32 = 64

let tail: i32 = 0
let top: i32 = 0
/** Stays from this on stay, and stay where they are. */
let whole: i32 = 0
let mask: u32 = 0
/** Column by place of the ring: first the mark, then the index to which a stay moves; of one that goes the complement of that of the next one kept. */
let places: usize = 0
/** Answers of `isOpen` that are remembered, by serial modulo their number: the serial and a bit for the answer. */
let answers: usize = 0

/**
 * Drops the stays that nobody can ask for any more. The latest keeps its index, so that the number of stays ever taken stands.
 *
 * @param wholeFrom stays from this on are kept all
 * @param mostReturned as many of the latest stays of each goroutine that lives as are kept
 * @param column as many whole numbers as the ring has places: where each stay moved
 * @param scratch `ANSWERS` whole numbers, all 0
 */
export function thin(wholeFrom: i32, mostReturned: i32, column: usize, scratch: usize): void {
  tail = load<i32>(STAY_TAIL)
  top = load<i32>(STAY_TOP)
  mask = load<u32>(STAY_MASK)
  whole = max(wholeFrom, tail)
  places = column
  answers = scratch
  for (let stay = tail; stay < whole; stay++) {
    store<i32>(placeOf(stay), isAskedFor(stay & mask) ? STAYS_WITH_WAKER : GOES)
  }
  for (let stay = whole; stay < top; stay++) store<i32>(placeOf(stay), STAYS_WITH_WAKER)
  markGoroutines(mostReturned)
  markTasks()
  markWakers()
  const oldest = findPlaces()
  skipGone()
  moveLinks()
  moveStays()
  forgetVisits()
  store<i32>(STAY_TAIL, oldest)
}

// ---- What is kept. ----

/** Whether a stay was spent for a task that is open, or brought about by one who worked for such a task. */
/* @inline */ function isAskedFor(at: u32): bool {
  const task = load<i32>(load<u32>(STAY_TASK) + (at << 2))
  const wakerTask = load<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2))
  return (task !== 0 && isOpen(task)) || (wakerTask !== 0 && isOpen(wakerTask))
}

/** As `isOpenOrBelow`: a few tasks have most of the stays that follow each other. */
/* @inline */ function isOpen(serial: i32): bool {
  const known = load<i32>(answers + ((serial & (ANSWERS - 1)) << 2))
  return known >>> 1 === serial ? (known & 1) !== 0 : findOpen(serial)
}

function findOpen(serial: i32): bool {
  const open = isOpenOrBelow(serial)
  store<i32>(answers + ((serial & (ANSWERS - 1)) << 2), (serial << 1) | (open ? 1 : 0))
  return open
}

/** Of goroutines that live: what is looked back over where one takes a task up or ends a wait, and regions that are open. */
function markGoroutines(mostReturned: i32): void {
  const rows = load<u32>(ROW_ROOM)
  const told = load<u32>(STAYS_TOLD) !== 0
  for (let row: u32 = 0; row < rows; row++) {
    if (load<u8>(load<u32>(STATE) + row) === ABSENT) continue
    let sinceNs: f64 = Infinity
    let region = load<i32>(load<u32>(INNERMOST_REGION) + (row << 2))
    for (let depth: u32 = 0; depth < MOST_REGIONS && region !== NONE; depth++) {
      const startNs = load<f64>(load<u32>(REGION_START) + (region << 3))
      if (startNs < sinceNs && isOpen(load<i32>(load<u32>(REGION_TASK) + (region << 2)))) sinceNs = startNs
      region = load<i32>(load<u32>(REGION_OUTER) + (region << 2))
    }
    let stay = load<i32>(load<u32>(STAY) + (row << 2))
    for (let count: i32 = 0; isKept(stay); count++) {
      const at: u32 = stay & mask
      if (count >= mostReturned && load<f64>(load<u32>(STAY_END) + (at << 3)) <= sinceNs) break
      const unsettled = load<u16>(load<u32>(STAY_VIA) + (at << 1)) === VIA_UNSETTLED
      mark(stay, told || unsettled ? STAYS_WITH_WAKER : STAYS)
      stay = load<i32>(load<u32>(STAY_PREVIOUS) + (at << 2))
    }
  }
}

/** Of tasks: where they began and ended, what the goroutine that began them did since, and where others were first seen working for them. */
function markTasks(): void {
  const slots = load<u32>(SLOT_ROOM)
  for (let slot: u32 = 0; slot < slots; slot++) {
    if (load<i32>(load<u32>(TASK_SERIAL) + (slot << 2)) === 0) continue
    let after = load<i32>(load<u32>(TASK_END_STAY) + (slot << 2))
    for (let count: u32 = 0; count < MOST_STAYS_AROUND && isKept(after); count++) {
      mark(after, STAYS_WITH_WAKER)
      after = load<i32>(load<u32>(STAY_NEXT) + ((after & mask) << 2))
    }
    let member = load<i32>(load<u32>(FIRST_MEMBER) + (slot << 2))
    while (member !== NONE) {
      mark(load<i32>(load<u32>(MEMBER_STAY) + (member << 2)), STAYS)
      member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))
    }
    const start = load<i32>(load<u32>(TASK_START_STAY) + (slot << 2))
    let stay = start
    for (let count: u32 = 0; count < MOST_STAYS_AROUND && isKept(stay); count++) {
      mark(stay, STAYS_WITH_WAKER)
      stay = load<i32>(load<u32>(STAY_PREVIOUS) + ((stay & mask) << 2))
    }
    stay = start
    while (isKept(stay) && load<i32>(placeOf(stay)) !== STAYS_FROM_HERE) {
      store<i32>(placeOf(stay), STAYS_FROM_HERE)
      stay = load<i32>(load<u32>(STAY_NEXT) + ((stay & mask) << 2))
    }
  }
}

/**
 * Who brought a stay about, where that one is followed or told; where its cause is told by what it did next, that too. Where goroutines wait is told
 * of stays one by one only. And what its goroutine did before.
 */
function markWakers(): void {
  const told = load<u32>(STAYS_TOLD) !== 0
  for (let stay = tail; stay < top; stay++) {
    if (load<i32>(placeOf(stay)) < STAYS_WITH_WAKER) continue
    const at: u32 = stay & mask
    let waker = load<i32>(load<u32>(STAY_WAKER) + (at << 2))
    if (load<u16>(load<u32>(STAY_VIA) + (at << 1)) === VIA_UNSETTLED) {
      for (let step: i32 = 0; step < MOST_FORWARD && isKept(waker); step++) {
        mark(waker, STAYS)
        waker = load<i32>(load<u32>(STAY_NEXT) + ((waker & mask) << 2))
      }
    } else if (waker < whole && (told || isOpen(load<i32>(load<u32>(STAY_WAKER_TASK) + (at << 2))))) {
      mark(waker, STAYS)
    }
    if (load<u8>(load<u32>(STAY_STATE) + at) === WAITING && isPassedOn(at)) markPassedOn(at, waker)
    // What a goroutine did before it took a task up says whether that lay in a queue; where stays are told of, more is asked of what was before.
    // One without any time says nothing: what was before it does.
    const most: u32 = told ? MOST_BEFORE_READY : 1
    const startNs = load<f64>(load<u32>(STAY_START) + (at << 3))
    let before = load<i32>(load<u32>(STAY_PREVIOUS) + (at << 2))
    let took = false
    for (let step: u32 = 0; (step < most || (!took && step < most + MOST_WITHOUT_TIME)) && isKept(before); step++) {
      mark(before, STAYS)
      took = load<f64>(load<u32>(STAY_START) + ((before & mask) << 3)) < startNs
      before = load<i32>(load<u32>(STAY_PREVIOUS) + ((before & mask) << 2))
    }
  }
}

/** Those without a task that passed on what ended a wait of an open task, as far as one of its own goroutines that gave it to them. */
function markPassedOn(at: u32, waker: i32): void {
  const task = load<i32>(load<u32>(STAY_TASK) + (at << 2))
  if (task === 0 || !isOpen(task)) return
  const sinceNs = load<f64>(load<u32>(STAY_START) + (at << 3))
  let stay = waker
  for (let n: i32 = 0; n < MOST_STAYS_PASSED_ON && isKept(stay); n++) {
    mark(stay, STAYS)
    stay = stayBefore(stay, sinceNs)
  }
}

function isKept(stay: i32): bool {
  return stay >= tail && stay >= 0
}

/* @inline */ function placeOf(stay: i32): usize {
  return places + ((stay & mask) << 2)
}

/** Marks a stay, unless it is marked for more already. */
function mark(stay: i32, as: i32): void {
  if (isKept(stay) && load<i32>(placeOf(stay)) < as) store<i32>(placeOf(stay), as)
}

// ---- Where it moves. ----

/** Turns marks into places. @returns the index of the oldest kept */
function findPlaces(): i32 {
  for (let stay = whole; stay < top; stay++) store<i32>(placeOf(stay), stay)
  let to = whole
  for (let stay = whole - 1; stay >= tail; stay--) {
    const place = placeOf(stay)
    store<i32>(place, load<i32>(place) === GOES ? ~to : --to)
  }
  return to
}

/** Has the links to the next stays of goroutines pass over those that go. */
function skipGone(): void {
  for (let stay = tail; stay < whole; stay++) {
    if (load<i32>(placeOf(stay)) < 0) continue
    const link: usize = load<u32>(STAY_NEXT) + ((stay & mask) << 2)
    let next = load<i32>(link)
    while (next >= 0 && load<i32>(placeOf(next)) < 0) next = load<i32>(load<u32>(STAY_NEXT) + ((next & mask) << 2))
    store<i32>(link, next)
  }
}

/** Where a link leads now. What went is forgotten as what is older than the log is: there is always something before the oldest then. */
function moved(stay: i32): i32 {
  if (!isKept(stay) || stay >= whole) return stay
  const place = load<i32>(placeOf(stay))
  return place < 0 ? 0 : place
}

function moveLink(link: usize): void {
  store<i32>(link, moved(load<i32>(link)))
}

/** Links of goroutines and of tasks. */
function moveLinks(): void {
  const rows = load<u32>(ROW_ROOM)
  for (let row: u32 = 0; row < rows; row++) {
    if (load<u8>(load<u32>(STATE) + row) !== ABSENT) moveLink(load<u32>(STAY) + (row << 2))
  }
  const slots = load<u32>(SLOT_ROOM)
  for (let slot: u32 = 0; slot < slots; slot++) {
    if (load<i32>(load<u32>(TASK_SERIAL) + (slot << 2)) === 0) continue
    moveLink(load<u32>(TASK_START_STAY) + (slot << 2))
    moveLink(load<u32>(TASK_END_STAY) + (slot << 2))
    let member = load<i32>(load<u32>(FIRST_MEMBER) + (slot << 2))
    while (member !== NONE) {
      moveLink(load<u32>(MEMBER_STAY) + (member << 2))
      member = load<i32>(load<u32>(MEMBER_NEXT) + (member << 2))
    }
  }
}

/** The latest first, towards the top: none is written over before it moved. */
function moveStays(): void {
  const told = load<u32>(STAYS_TOLD) !== 0
  for (let stay = top - 1; stay >= whole; stay--) {
    moveLink(load<u32>(STAY_PREVIOUS) + ((stay & mask) << 2))
    moveLink(load<u32>(STAY_WAKER) + ((stay & mask) << 2))
  }
  for (let stay = whole - 1; stay >= tail; stay--) {
    const place = load<i32>(placeOf(stay))
    if (place < 0) continue
    const from: u32 = stay & mask
    const to: u32 = place & mask
    move4(STAY_PREVIOUS, from, to, true)
    move4(STAY_NEXT, from, to, true)
    move4(STAY_WAKER, from, to, true)
    if (from === to) continue
    move8(STAY_START, from, to)
    move8(STAY_END, from, to)
    store<u8>(load<u32>(STAY_STATE) + to, load<u8>(load<u32>(STAY_STATE) + from))
    move2(STAY_REASON, from, to)
    move2(STAY_VIA, from, to)
    move4(STAY_WAKER_TASK, from, to, false)
    move4(STAY_TASK, from, to, false)
    if (!told) continue
    move4(STAY_RANGE, from, to, false)
    move4(STAY_STACK, from, to, false)
    move8(STAY_GOROUTINE, from, to)
  }
}

/* @inline */ function move8(column: usize, from: u32, to: u32): void {
  store<f64>(load<u32>(column) + (to << 3), load<f64>(load<u32>(column) + (from << 3)))
}

/* @inline */ function move4(column: usize, from: u32, to: u32, link: bool): void {
  const value = load<i32>(load<u32>(column) + (from << 2))
  store<i32>(load<u32>(column) + (to << 2), link ? moved(value) : value)
}

/* @inline */ function move2(column: usize, from: u32, to: u32): void {
  store<u16>(load<u32>(column) + (to << 1), load<u16>(load<u32>(column) + (from << 1)))
}
