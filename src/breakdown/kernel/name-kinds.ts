// name-kinds.ts: what tasks are added up under, by the shapes of their names. `../name-kinds.ts` says what a shape is, and asks about new ones.

import { wholeOf } from '../../base/kernel/whole.ts'
import {
  LETTER_LOOKS,
  LOOKS_LIKE_ID,
  MOST_RUNS,
  MOST_SHAPES,
  NAME_BYTES,
  NAME_EXTENT,
  NAME_FROM,
  NAME_ROOM,
  NAME_RUNS,
  SHAPE_COUNT,
  SHAPE_HASH,
  SHAPE_KIND,
  SHAPE_LENGTH,
  SHAPE_NAME,
  SHAPE_PLACES,
  SHAPE_PLACES_BITS,
  SHAPE_RUN_COUNT,
  SHAPE_RUNS,
  SHAPE_BYTES,
  SHAPE_TABLE,
  SHAPES,
  TASK_KIND,
  TASK_NAME,
} from '../states-layout.ts'
import { slotOfSerial } from './tasks.ts'

const NONE: i32 = -1

/** Stand for a run in the hash of a shape; no byte has these values. */
const SPAN_RUN: u32 = 0x100
const TRACE_RUN: u32 = 0x101

/** Begins and ends of the runs of the name that was looked through last, in `NAME_RUNS`: how many. */
let runCount: u32 = 0

/**
 * Finds the kinds of tasks that have none yet.
 *
 * @param from serial of the first, `to` that of the last
 * @returns the first whose kind is not known; the one after the last when all are
 */
export function findKinds(from: i32, to: i32): i32 {
  const froms: usize = load<u32>(NAME_FROM)
  const extents: usize = load<u32>(NAME_EXTENT)
  const bytes: usize = load<u32>(NAME_BYTES)
  const room: f64 = load<u32>(NAME_ROOM)
  for (let serial = from; serial <= to; serial++) {
    const slot = slotOfSerial(serial)
    if (slot < 0) continue
    const kindOf: usize = load<u32>(TASK_KIND) + (slot << 2)
    const name = load<f64>(load<u32>(TASK_NAME) + (slot << 3))
    if (load<i32>(kindOf) >= 0 || !(name >= 0)) continue
    if (!(name < room)) return serial
    const of4 = wholeOf(name) << 2
    const begin = load<u32>(froms + of4)
    if (begin === 0) return serial
    const kind = kindOfName(bytes + begin - 1, load<u32>(extents + of4) - (begin - 1))
    if (kind < 0) return serial
    store<i32>(kindOf, kind)
  }
  return to + 1
}

/** The kind of the name at a position, by its shape; -1 when that is not known. */
export function kindOfName(name: usize, length: u32): i32 {
  const hash = lookThrough(name, length)
  const shape = shapeOf(hash)
  return shape !== 0 && isOfShape(name, length, shape) ? load<i32>(shape, SHAPE_KIND) : NONE
}

/**
 * Remembers the kind of all names of the shape of one. The first shape of a hash counts.
 *
 * @returns row of the shape, which is to be told where the name will lie; -1 when it is not kept
 */
export function keepShape(name: usize, length: u32, kind: i32): i32 {
  const hash = lookThrough(name, length)
  const count = load<u32>(SHAPE_COUNT)
  if (count === MOST_SHAPES || shapeOf(hash) !== 0) return NONE
  store<u32>(SHAPE_COUNT, count + 1)
  const shape: usize = load<u32>(SHAPES) + count * SHAPE_BYTES
  store<u32>(shape, hash, SHAPE_HASH)
  store<i32>(shape, kind, SHAPE_KIND)
  store<u32>(shape, length, SHAPE_LENGTH)
  store<u32>(shape, runCount, SHAPE_RUN_COUNT)
  memory.copy(shape + SHAPE_RUNS, NAME_RUNS, runCount << 2)
  store<u32>(placeOf(hash), <u32>shape)
  return count
}

/** Finds the runs of a name. @returns the hash of its shape */
function lookThrough(name: usize, length: u32): u32 {
  const looks: usize = load<u32>(LETTER_LOOKS)
  let runs: u32 = 0
  let hash: u32 = 0
  let before: u32 = 0
  let from: i32 = NONE
  let seen: u32 = 0
  for (let at: u32 = 0; at <= length; at++) {
    const byte: u32 = at < length ? load<u8>(name + at) : 0
    const look: u32 = load<u8>(looks + byte)
    if (look !== 0) {
      if (from < 0) {
        from = at
        before = hash
        seen = 0
      }
      seen |= look
    } else if (from >= 0) {
      const digits: u32 = at - from
      if (seen === LOOKS_LIKE_ID && (digits === 16 || digits === 32) && runs < <u32>(MOST_RUNS * 2)) {
        store<u32>(NAME_RUNS + (runs << 2), from)
        store<u32>(NAME_RUNS + (runs << 2), at, 4)
        runs += 2
        hash = before * 31 + (digits === 16 ? SPAN_RUN : TRACE_RUN)
      }
      from = NONE
    }
    hash = hash * 31 + byte
  }
  runCount = runs
  return hash
}

/** Whether the name that was looked through last is that of a shape but for the digits in its runs. */
function isOfShape(name: usize, length: u32, shape: usize): bool {
  if (length !== load<u32>(shape, SHAPE_LENGTH) || runCount !== load<u32>(shape, SHAPE_RUN_COUNT)) return false
  const other: usize = load<u32>(shape, SHAPE_NAME)
  const runs = shape + SHAPE_RUNS
  let at: u32 = 0
  for (let run: u32 = 0; run < runCount; run += 2) {
    const from = load<u32>(NAME_RUNS + (run << 2))
    const to = load<u32>(NAME_RUNS + (run << 2), 4)
    if (from !== load<u32>(runs + (run << 2)) || to !== load<u32>(runs + (run << 2), 4)) return false
    if (!isSame(name + at, other + at, from - at)) return false
    at = to
  }
  return isSame(name + at, other + at, length - at)
}

function isSame(bytes: usize, others: usize, count: u32): bool {
  for (let at: u32 = 0; at < count; at++) if (load<u8>(bytes + at) !== load<u8>(others + at)) return false
  return true
}

/** The shape of a hash; 0 when there is none. */
function shapeOf(hash: u32): usize {
  return load<u32>(placeOf(hash))
}

/** The place of a hash in the table, or the one that it would get. There are always free ones. */
function placeOf(hash: u32): usize {
  const first: usize = load<u32>(SHAPE_TABLE)
  // What names are alike in comes out in the low bits alone.
  let at = first + (((hash * 0x9e3779b1) >>> (32 - SHAPE_PLACES_BITS)) << 2)
  let shape: usize = load<u32>(at)
  while (shape !== 0 && load<u32>(shape, SHAPE_HASH) !== hash) {
    at = first + ((at + 4 - first) & (SHAPE_PLACES * 4 - 1))
    shape = load<u32>(at)
  }
  return at
}
