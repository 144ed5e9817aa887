// tables.ts: passes over entries of tables and over texts, which stand among the events of a batch.

import { BLOCK_END } from '../../block-layout.ts'
import * as EvV1 from '../event-numbers.ts'
import { longEnd, readLong } from './varint.ts'

/** Position after a String, Stack, Frequency or TimerGoroutine whose first byte is before `at`; the batch's end at most. */
export function passTable(kind: u32, at: usize, end: usize): usize {
  if (kind === EvV1.Stack) return passText(at, end)
  const behind = passNumber(at, end)
  return kind === EvV1.String ? passText(behind, end) : behind
}

/** Position after a length and as many bytes; the batch's end at most. */
export function passText(at: usize, end: usize): usize {
  const first: u32 = load<u8>(at)
  let from = at + 1
  let length: f64 = first
  if (first >= 0x80) {
    length = readLong(from, first)
    from = longEnd
  }
  if (from < <usize>BLOCK_END || from > end || length > <f64>(end - from)) return end
  return from + <usize>length
}

/** Position after a number; the batch's end at most. */
function passNumber(at: usize, end: usize): usize {
  const first: u32 = load<u8>(at)
  if (first < 0x80) return at + 1
  readLong(at + 1, first)
  return longEnd < <usize>BLOCK_END || longEnd > end ? end : longEnd
}
