// moved.ts: reads an event that the version of Go which wrote the capture gives other arguments, or another order of them, than the model knows. Apart from
// the loop, so that the loop costs no more for it: no version has one so far (`../wire-format.ts`).

import { MOST_ARGUMENTS, MOVED_ARGUMENTS, MOVED_PLACES, MOVED_ROW_BYTES, NOWHERE } from '../order-layout.ts'
import { longEnd, readLong } from './varint.ts'

/**
 * Reads the time since the event before and the arguments of an event into `MOVED_ARGUMENTS`, in the model's order; those that it does not know are passed
 * over, those that are not there are 0.
 *
 * @param from position after the event's number
 * @returns position after the event; 0, which no batch lies at, when it does not end within its batch
 */
export function readMoved(kind: u32, from: usize, end: usize): usize {
  const row: usize = load<u32>(MOVED_PLACES) + kind * MOVED_ROW_BYTES
  const count: u32 = load<u8>(row)
  for (let place: usize = 0; place <= <usize>MOST_ARGUMENTS; place++)
    store<u64>(<usize>MOVED_ARGUMENTS + (place << 3), 0)
  let at = from
  for (let i: u32 = 0; i <= count; i++) {
    if (at >= end) return 0
    const first: u32 = load<u8>(at)
    at++
    let value: u64 = first
    if (first >= 0x80) {
      value = readLong(at, first)
      at = longEnd
      if (at === 0 || at > end) return 0
    }
    const place: usize = i === 0 ? 0 : load<u8>(row + i)
    if (place !== NOWHERE) store<u64>(<usize>MOVED_ARGUMENTS + (place << 3), value)
  }
  return at
}
