// ranges.ts: mark assists and sweeps that begin and end as they should. `../goroutine-states.ts` has the rules, and all that is odd.

import { BLOCK_PROCESSOR, BLOCK_TIME } from '../../capture/block-layout.ts'
import * as Ev from '../../capture/event-numbers.ts'
import {
  ASSIST_RANGE,
  ASSIST_SINCE,
  LAST_RANGE,
  PROCESSOR_ROOM,
  RANGE_ASSIST,
  RANGE_END,
  RANGE_MASK,
  RANGE_NAME,
  RANGE_PREVIOUS,
  RANGE_SLOT,
  RANGE_START,
  RANGE_SWEEP,
  RANGE_TAIL,
  RANGE_TOP,
  STAY,
  STAY_MASK,
  STAY_RANGE,
  STAY_TAIL,
  STAYS_TOLD,
  STRIDE,
  SUMS,
  SWEEP_GOROUTINE,
  SWEEP_RANGE,
  SWEEP_SINCE,
  TOLD,
} from '../states-layout.ts'

const NONE: i32 = -1

/** Whether a range of a goroutine could be begun or ended by an event. Nothing is changed where it could not. */
export function beginOrEndRange(event: u32, row: u32, kind: u32): bool {
  const timeNs = load<f64>(event << 3, BLOCK_TIME)
  if (timeNs < load<f64>(load<u32>(TOLD) + (row << 3))) return false
  let done: bool
  if (kind === Ev.GCMarkAssistBegin) {
    done = begin(row, timeNs, RANGE_ASSIST, load<u32>(ASSIST_SINCE), load<u32>(ASSIST_RANGE))
  } else if (kind === Ev.GCMarkAssistEnd) {
    done = end(row, timeNs, RANGE_ASSIST, load<u32>(ASSIST_SINCE), load<u32>(ASSIST_RANGE))
  } else {
    const processor = load<i32>(event << 2, BLOCK_PROCESSOR)
    done = processor >= 0 && processor < load<i32>(PROCESSOR_ROOM) && sweep(row, timeNs, kind, processor)
  }
  if (done) store<f64>(load<u32>(TOLD) + (row << 3), timeNs)
  return done
}

/** A sweep belongs to a processor, on which no other goroutine may have begun one. */
function sweep(row: u32, timeNs: f64, kind: u32, processor: i32): bool {
  const place: usize = load<u32>(SWEEP_GOROUTINE) + (processor << 2)
  const began = load<i32>(place)
  if (kind === Ev.GCSweepBegin) {
    if (began !== NONE || !begin(row, timeNs, RANGE_SWEEP, load<u32>(SWEEP_SINCE), load<u32>(SWEEP_RANGE))) return false
    store<u32>(place, row)
    return true
  }
  if (began === NONE) return true
  if (began !== row || !end(row, timeNs, RANGE_SWEEP, load<u32>(SWEEP_SINCE), load<u32>(SWEEP_RANGE))) return false
  store<i32>(place, NONE)
  return true
}

/** @param sinces begins of ranges of a kind by goroutine row, and `opens` those that are open */
function begin(row: u32, timeNs: f64, name: u32, sinces: usize, opens: usize): bool {
  const since = sinces + (row << 3)
  const open = opens + (row << 2)
  if (load<f64>(since) >= 0 || load<i32>(open) !== NONE) return false
  const range = load<i32>(RANGE_TOP)
  const mask = load<u32>(RANGE_MASK)
  if (range - load<i32>(RANGE_TAIL) > <i32>mask) return false

  // ---- It is begun. ----
  const at: u32 = range & mask
  const last: usize = load<u32>(LAST_RANGE) + (row << 2)
  store<i32>(RANGE_TOP, range + 1)
  store<f64>(load<u32>(RANGE_START) + (at << 3), timeNs)
  store<f64>(load<u32>(RANGE_END) + (at << 3), Infinity)
  store<u16>(load<u32>(RANGE_NAME) + (at << 1), name)
  store<i32>(load<u32>(RANGE_PREVIOUS) + (at << 2), load<i32>(last))
  store<i32>(last, range)
  store<f64>(since, timeNs)
  store<i32>(open, range)
  const stay = load<i32>(load<u32>(STAY) + (row << 2))
  if (load<u32>(STAYS_TOLD) !== 0 && stay >= load<i32>(STAY_TAIL) && stay >= 0) {
    store<i32>(load<u32>(STAY_RANGE) + ((stay & load<u32>(STAY_MASK)) << 2), range)
  }
  return true
}

function end(row: u32, timeNs: f64, name: u32, sinces: usize, opens: usize): bool {
  const since = sinces + (row << 3)
  const open = opens + (row << 2)
  const sinceNs = load<f64>(since)
  const range = load<i32>(open)
  if (sinceNs < 0) return range === NONE
  const slot = load<i32>(load<u32>(RANGE_SLOT) + (name << 2))
  if (slot === 0) return false

  // ---- It is ended. ----
  const sum: usize = load<u32>(SUMS) + ((row * load<u32>(STRIDE) + slot) << 3)
  if (timeNs > sinceNs) store<f64>(sum, load<f64>(sum) + (timeNs - sinceNs))
  store<f64>(since, -1)
  store<i32>(open, NONE)
  if (range >= load<i32>(RANGE_TAIL) && range >= 0) {
    const at: u32 = range & load<u32>(RANGE_MASK)
    const startNs = load<f64>(load<u32>(RANGE_START) + (at << 3))
    store<f64>(load<u32>(RANGE_END) + (at << 3), timeNs > startNs ? timeNs : startNs)
  }
  return true
}
