// visits.ts: what a goroutine did for which task, noted for the few whose past is asked for again and again.
//
// A dispatcher begins tasks that lie in a queue until others take them up. Each of them is followed back over all that the dispatcher did for the
// others since, and of a thousand tasks in a queue each would take thousands of steps. So the stays of such a goroutine are gone through once, forward, and
// its visits are noted: stretches for one task. Where it was at a time, and when it worked for a task last, is then found without looking at what
// lies between.

import { hashOf } from '../../base/kernel/id-table.ts'
import {
  LINEAGE_PARENT,
  MENTION_BYTES,
  MENTION_HEAD_ROOM,
  MENTION_HEADS,
  MENTIONS,
  MENTIONS_PER_VISIT,
  MOST_STAYS_UNNOTED,
  MOST_VISIT_ROOM,
  VISIT_BYTES,
  VISIT_ROOM,
  VISITOR_BYTES,
  VISITOR_ROOM,
  VISITORS,
  VISITS,
  VISITS_LACK,
} from '../states-layout.ts'
import { endOf, has, nextOf, previousOf, startOf, taskOf } from './stay.ts'
import { lineage, slotOfSerial } from './tasks.ts'

const NONE: i32 = -1

// Of a visit: its first and last stay, its task, the one before it, the latest for no task up to it, and the first that was noted of the goroutine.
const FIRST: usize = 0
const LAST: usize = 4
const TASK: usize = 8
const BEFORE: usize = 12
const IDLE: usize = 16
const ORIGIN: usize = 20
// And how many are before it, and one of these, from which on it is as far again: so that any is found in few steps.
const DEPTH: usize = 24
const JUMP: usize = 28
// The latest up to it whose task lies below more than are mentioned with it; and the first of its own mentions.
const DEEP: usize = 32
const MENTIONED: usize = 36

// Of a mention: a task that a visit was for, itself or one below it; the visit; the mention before it at the same place.
const SERIAL: usize = 0
const VISIT: usize = 4
const EARLIER: usize = 8

/** Tasks above one that are mentioned with it. */
const MOST_MENTIONED: u32 = 16

/** Number of the next visit and of the next mention; of those before `oldest` the stays have moved. */
let visits: i32 = 0
let oldestVisit: i32 = 0
let mentions: i32 = 0
/** Visit in which the last answer lies; none where it was found without. */
let current: i32 = NONE
/** Rows looked at since `stepsTaken` was asked. */
let steps: f64 = 0

/** Steps taken since this was asked last. */
export function stepsTaken(): f64 {
  const taken = steps
  steps = 0
  return taken
}

/** Stays have moved, or are gone: what was noted of them holds no more. */
export function forgetVisits(): void {
  oldestVisit = visits
}

/** Whether there is room to note visits in: it is made when it is first needed. */
function hasVisits(): bool {
  return load<u32>(VISITS) !== 0
}

/** Whether room has to be made before it is asked where a goroutine was at a time. */
export function lacksRoom(from: i32, timeNs: f64): bool {
  return !hasVisits() && isFar(from, timeNs)
}

/** Whether visits were forgotten for others, of which more room would have kept them: what was found since may not be all. */
export function lackedRoom(): bool {
  return load<u32>(VISITS_LACK) !== 0
}

/** Whether it takes more steps than few to find where a goroutine was at a time, from an earlier stay of it. */
export function isFar(from: i32, timeNs: f64): bool {
  let stay = from
  for (let n: i32 = 0; n < MOST_STAYS_UNNOTED && has(stay); n++) {
    if (endOf(stay) >= timeNs) return false
    stay = nextOf(stay)
  }
  return has(stay)
}

/**
 * The stay of a goroutine at a time, from an earlier one; its last where it had ended by then, -1 when what it did is forgotten.
 *
 * @param goroutine its id
 */
export function stayAt(from: i32, timeNs: f64, goroutine: f64): i32 {
  current = NONE
  if (!hasVisits() || !isFar(from, timeNs)) return walkForward(from, timeNs)
  const place: usize = load<u32>(VISITORS) + (hashOf(goroutine) & (VISITOR_ROOM - 1)) * VISITOR_BYTES
  let visit: i32 = load<f64>(place) === goroutine ? load<i32>(place, 8) : NONE
  if (isNoted(visit) && hasStays(visit)) visit = extend(visit, timeNs)
  else visit = NONE
  // One that has another life since, after events were lost, has other stays.
  if (visit === NONE || lastOf(visit) < from) visit = extend(begin(from), timeNs)
  store<f64>(place, goroutine)
  store<i32>(place, visit, 8)
  while (isNoted(visit) && startOf(firstOf(visit)) >= timeNs) {
    const jump = fieldOf(visit, JUMP)
    const isAfter = isNoted(jump) && hasStays(jump) && startOf(firstOf(jump)) >= timeNs
    visit = isAfter && jump !== visit ? jump : fieldOf(visit, BEFORE)
    steps++
  }
  if (!isNoted(visit) || !hasStays(visit)) return walkForward(from, timeNs)
  current = visit
  let stay = lastOf(visit)
  while (startOf(stay) >= timeNs && stay !== firstOf(visit)) {
    stay = before(stay, firstOf(visit))
    steps++
  }
  return stay
}

/**
 * The latest stay of a goroutine before another, at which it was for others than a task, that was for that task, one below it, or for none, as far as that
 * is known: it is looked at again; -1 where nothing is. Between both all are for others.
 *
 * @param stay at or before the last answer of `stayAt`
 * @param idle whether what was for none is asked for too
 */
export function beforeOthers(stay: i32, serial: i32, idle: bool): i32 {
  while (current !== NONE && firstOf(current) > stay) {
    current = fieldOf(current, BEFORE)
    if (!isNoted(current) || !hasStays(current)) current = NONE
    steps++
  }
  if (current === NONE) return NONE
  const origin = fieldOf(current, ORIGIN)
  let found = fieldOf(current, DEEP)
  if (idle) found = max(found, fieldOf(current, IDLE))
  let mention = load<i32>(headOf(serial)) - 1
  for (; isMentioned(mention); mention = load<i32>(mentionAt(mention) + EARLIER)) {
    steps++
    const at = mentionAt(mention)
    const visit = load<i32>(at + VISIT)
    if (!isNoted(visit)) break
    if (load<i32>(at + SERIAL) !== serial || visit > current || fieldOf(visit, ORIGIN) !== origin) continue
    found = max(found, visit)
    break
  }
  let last: i32 = NONE
  if (found !== NONE && isNoted(found)) last = lastOf(found)
  else {
    // Nothing of what is noted: on before that.
    const oldest = oldestNoted(current)
    if (oldest !== NONE) last = previousOf(firstOf(oldest))
  }
  if (last >= stay || !has(last)) return NONE
  // It is asked from there next.
  current = found !== NONE && isNoted(found) ? found : NONE
  return last
}

/**
 * The stay of a goroutine before another, of those that are left: when the log is thinned out, others between them leave it, and only the links forward pass
 * over these.
 *
 * @param first an earlier one that is left
 * @returns -1 where none is left
 */
export function before(stay: i32, first: i32): i32 {
  const last = previousOf(stay)
  if (has(last)) return last
  let from = first
  while (current !== NONE && firstOf(current) > stay) {
    current = fieldOf(current, BEFORE)
    if (!isNoted(current) || !hasStays(current)) current = NONE
    steps++
  }
  if (current !== NONE && firstOf(current) === stay) {
    const visit = fieldOf(current, BEFORE)
    if (isNoted(visit) && hasStays(visit)) return lastOf(visit)
  } else if (current !== NONE) from = max(from, firstOf(current))
  if (!has(from) || from >= stay) return NONE
  for (let next = nextOf(from); next !== stay; next = nextOf(from)) {
    if (!has(next) || next > stay) return NONE
    from = next
    steps++
  }
  return from
}

/** The oldest visit of a goroutine up to one that is noted with all that is between; -1 where that one is not. */
function oldestNoted(from: i32): i32 {
  let oldest: i32 = NONE
  for (let visit = from; isNoted(visit) && hasStays(visit); steps++) {
    oldest = visit
    const jump = fieldOf(visit, JUMP)
    visit = jump !== visit && isNoted(jump) && hasStays(jump) ? jump : fieldOf(visit, BEFORE)
  }
  return oldest
}

/** Notes what a goroutine did up to a time, from its last visit on. @returns its last visit then */
function extend(from: i32, timeNs: f64): i32 {
  let visit = from
  let last = lastOf(visit)
  for (let next = nextOf(last); endOf(last) < timeNs && has(next); next = nextOf(last)) {
    last = next
    steps++
    if (taskOf(last) === fieldOf(visit, TASK)) store<i32>(visitAt(visit) + LAST, last)
    else visit = add(last, visit, fieldOf(visit, ORIGIN))
  }
  return visit
}

function begin(stay: i32): i32 {
  return add(stay, NONE, visits)
}

function add(stay: i32, before: i32, origin: i32): i32 {
  noteLack()
  const visit = visits++
  const at = visitAt(visit)
  const task = taskOf(stay)
  store<i32>(at + FIRST, stay)
  store<i32>(at + LAST, stay)
  store<i32>(at + TASK, task)
  store<i32>(at + BEFORE, before)
  store<i32>(at + IDLE, task === 0 ? visit : before === NONE ? NONE : fieldOf(before, IDLE))
  store<i32>(at + ORIGIN, origin)
  store<i32>(at + DEPTH, before === NONE ? 0 : fieldOf(before, DEPTH) + 1)
  store<i32>(at + JUMP, before === NONE ? visit : jumpAfter(before))
  store<i32>(at + MENTIONED, mentions)
  let serial = task
  for (let depth: u32 = 0; serial !== 0 && depth < MOST_MENTIONED; depth++) {
    const mention = mentions++
    const head = headOf(serial)
    store<i32>(mentionAt(mention) + SERIAL, serial)
    store<i32>(mentionAt(mention) + VISIT, visit)
    store<i32>(mentionAt(mention) + EARLIER, load<i32>(head) - 1)
    store<i32>(head, mention + 1)
    serial = lineage(LINEAGE_PARENT, serial)
  }
  store<i32>(at + DEEP, serial !== 0 ? visit : before === NONE ? NONE : fieldOf(before, DEEP))
  return visit
}

/** Whether the next visit takes the place of one whose task is still to be told, or its mentions that of some of such a one. */
function noteLack(): void {
  const room = load<i32>(VISIT_ROOM)
  if (room === MOST_VISIT_ROOM) return
  let oldest = visits - room
  if (mentions + <i32>MOST_MENTIONED > room * MENTIONS_PER_VISIT) {
    // That of the latest mention that goes.
    oldest = max(oldest, load<i32>(mentionAt(mentions + <i32>MOST_MENTIONED) + VISIT))
  }
  if (oldest < max(oldestVisit, visits - room)) return
  const task = fieldOf(oldest, TASK)
  if (task !== 0 && slotOfSerial(task) >= 0 && hasStays(oldest)) store<u32>(VISITS_LACK, 1)
}

/** Where one after a visit jumps to: as far as two jumps from there, where these are as long as each other. */
function jumpAfter(before: i32): i32 {
  const one = fieldOf(before, JUMP)
  if (!isNoted(one)) return before
  const other = fieldOf(one, JUMP)
  if (!isNoted(other)) return before
  const depth = fieldOf(one, DEPTH)
  return fieldOf(before, DEPTH) - depth === depth - fieldOf(other, DEPTH) ? other : before
}

/** The stay of a goroutine at a time, stay by stay. */
function walkForward(from: i32, timeNs: f64): i32 {
  if (!has(from)) return NONE
  let stay = from
  for (let next = nextOf(stay); endOf(stay) < timeNs && has(next); next = nextOf(stay)) {
    stay = next
    steps++
  }
  return stay
}

// ---- Rows. ----

/* @inline */ function visitAt(visit: i32): usize {
  return load<u32>(VISITS) + (visit & (load<i32>(VISIT_ROOM) - 1)) * VISIT_BYTES
}

/** Whether a visit is one of the latest, whose stays have not moved, with all its mentions. */
/* @inline */ function isNoted(visit: i32): bool {
  const room = load<i32>(VISIT_ROOM)
  if (visit < oldestVisit || visit < visits - room) return false
  return fieldOf(visit, MENTIONED) >= mentions - room * MENTIONS_PER_VISIT
}

/* @inline */ function fieldOf(visit: i32, field: usize): i32 {
  return load<i32>(visitAt(visit) + field)
}

/* @inline */ function firstOf(visit: i32): i32 {
  return fieldOf(visit, FIRST)
}

/* @inline */ function lastOf(visit: i32): i32 {
  return fieldOf(visit, LAST)
}

/** Whether all stays of a visit are in the log. */
/* @inline */ function hasStays(visit: i32): bool {
  return has(firstOf(visit))
}

/* @inline */ function mentionAt(mention: i32): usize {
  return load<u32>(MENTIONS) + (mention & (load<i32>(VISIT_ROOM) * MENTIONS_PER_VISIT - 1)) * MENTION_BYTES
}

/* @inline */ function isMentioned(mention: i32): bool {
  return mention >= 0 && mention >= mentions - load<i32>(VISIT_ROOM) * MENTIONS_PER_VISIT
}

/** Where the number of the latest mention of a serial is, plus 1: 0 there is none. */
/* @inline */ function headOf(serial: i32): usize {
  return load<u32>(MENTION_HEADS) + ((serial & (MENTION_HEAD_ROOM - 1)) << 2)
}
