// tables.ts: finds where the strings and stacks of a generation lie. `../tables.ts` has the rules, and all that is odd: these stop before an
// entry that they do not take, with nothing changed for it.

import * as Ev from '../../event-numbers.ts'
import {
  PLACES_COUNT,
  PLACES_EXTENT,
  PLACES_FROM,
  PLACES_HIGHEST,
  PLACES_ROOM,
  STACK_PLACES,
  STRING_PLACES,
} from '../order-layout.ts'
import { longEnd, readLong } from './varint.ts'

/** The highest bit of each of eight bytes: that of the last byte of a number is not set. */
const LAST_BYTES: u64 = 0x8080808080808080
/** A stack's frame is four numbers. */
const NUMBERS_OF_FRAME = 4

/**
 * Takes the strings of a batch.
 *
 * @param from where the entries begin, `to` where they end
 * @param base where the generation's bytes begin, from which places are counted
 * @returns the place of the first entry that was not taken; `to` when all were
 */
export function readStrings(from: usize, to: usize, base: usize): usize {
  const room = load<u32>(STRING_PLACES + PLACES_ROOM)
  let at = from
  while (at < to) {
    const entry = at
    if (load<u8>(at) !== Ev.String) return entry
    const id = numberAt(at + 1, to)
    const length = numberAt(numberEnd, to)
    at = numberEnd
    if (at === 0 || length > to - at || id >= room) return entry
    note(STRING_PLACES, <u32>id, at - base, at + <usize>length - base)
    at += <usize>length
  }
  return to
}

/** As `readStrings`, of stacks, whose frames are passed over. */
export function readStacks(from: usize, to: usize, base: usize): usize {
  const room = load<u32>(STACK_PLACES + PLACES_ROOM)
  let at = from
  while (at < to) {
    const entry = at
    if (load<u8>(at) !== Ev.Stack) return entry
    const id = numberAt(at + 1, to)
    const frames = numberAt(numberEnd, to)
    at = numberEnd
    // Each number takes a byte at least.
    if (at === 0 || frames > (to - at) / NUMBERS_OF_FRAME || id >= room) return entry
    const begin = at
    at = afterNumbers(at, to, <u32>frames * NUMBERS_OF_FRAME)
    if (at === 0) return entry
    note(STACK_PLACES, <u32>id, begin - base, <u32>frames)
  }
  return to
}

/** Notes an entry in one of the two tables, unless its id has one. */
function note(table: usize, id: u32, from: usize, extent: usize): void {
  const place: usize = load<u32>(table, PLACES_FROM) + (id << 2)
  if (load<u32>(place) !== 0) return
  store<u32>(place, <u32>from + 1)
  store<u32>(load<u32>(table, PLACES_EXTENT) + (id << 2), <u32>extent)
  store<u32>(table, load<u32>(table, PLACES_COUNT) + 1, PLACES_COUNT)
  if (id > load<u32>(table, PLACES_HIGHEST)) store<u32>(table, id, PLACES_HIGHEST)
}

/** Place after the number that `numberAt` read last; 0 when it does not end before `to`. */
let numberEnd: usize = 0

/** The number at a place; 0 with `numberEnd` 0 when there is none, or the one before was none. */
function numberAt(at: usize, to: usize): u64 {
  if (at === 0 || at >= to) {
    numberEnd = 0
    return 0
  }
  const first: u32 = load<u8>(at)
  if (first < 0x80) {
    numberEnd = at + 1
    return first
  }
  const value = readLong(at + 1, first)
  numberEnd = longEnd > to ? 0 : longEnd
  return value
}

/** Place after so many numbers, however long; 0 when they do not end before `to`. Eight bytes at a time: most stacks are some hundred bytes. */
function afterNumbers(from: usize, to: usize, count: u32): usize {
  let at = from
  let left = count
  while (left >= 8 && at + 8 <= to) {
    left -= <u32>popcnt(~load<u64>(at) & LAST_BYTES)
    at += 8
  }
  while (left > 0) {
    if (at >= to) return 0
    if (load<u8>(at) < 0x80) left--
    at++
  }
  return at
}
