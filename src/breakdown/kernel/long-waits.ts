// long-waits.ts: the longest waits of a task, and of those for a processor who ran meanwhile, written as it is kept. `blame.ts` has the others.

import {
  HOLDER_FIELDS,
  KEPT_BLAME,
  LONG_PIECE_COUNT,
  LONG_PIECE_FIELDS,
  LONG_PIECES,
  MOST_HOLDERS_TOLD,
  MOST_WAITS,
  RUNNABLE,
  RUNNER_FIELDS,
  RUNNERS_TOLD,
} from '../states-layout.ts'
import { MOST_BLOCKED_BYTES, put, putAll } from './block.ts'
import { beginRunners, runnersOf } from './runners.ts'
import { stateOf } from './stay.ts'

const PIECE_BYTES: usize = LONG_PIECE_FIELDS << 3
const RUNNER_BYTES: usize = RUNNER_FIELDS << 3

/** Most that the waits of a task take: those for a processor take less than others. */
export const MOST_WAIT_BYTES: u32 =
  MOST_WAITS * (((KEPT_BLAME + MOST_HOLDERS_TOLD * HOLDER_FIELDS) << 3) + MOST_BLOCKED_BYTES)

/**
 * Puts a wait of a path among the longest, these in order, as far as it is one; of those as long as each other the latest of the task come first.
 *
 * @param row of the timeline
 * @param via row of its cause
 * @param queued whether the task lay in a queue, from which the goroutine of the stay took it
 */
export function addLongPiece(fromNs: f64, toNs: f64, stay: i32, row: u32, via: u32, queued: bool): void {
  const pieces: usize = load<u32>(LONG_PIECES)
  const count = load<u32>(LONG_PIECE_COUNT)
  const end = pieces + count * PIECE_BYTES
  let piece = end
  while (piece > pieces && load<f64>(piece - PIECE_BYTES, 8) - load<f64>(piece - PIECE_BYTES) < toNs - fromNs)
    piece -= PIECE_BYTES
  const full = count === MOST_WAITS
  if (full && piece === end) return
  memory.copy(piece + PIECE_BYTES, piece, end - piece - (full ? PIECE_BYTES : 0))
  store<f64>(piece, fromNs)
  store<f64>(piece, toNs, 8)
  store<f64>(piece, stay, 16)
  store<f64>(piece, row, 24)
  store<f64>(piece, via, 32)
  store<f64>(piece, queued ? 1 : 0, 40)
  if (!full) store<u32>(LONG_PIECE_COUNT, count + 1)
}

/** How many waits `keepReadyWaits` wrote. */
export let readyWaits: u32 = 0

/** Writes the waits for a processor among the longest, with those that ran meanwhile. The others are left in the columns of long pieces. */
export function keepReadyWaits(): void {
  const pieces: usize = load<u32>(LONG_PIECES)
  const end = pieces + load<u32>(LONG_PIECE_COUNT) * PIECE_BYTES
  let left: u32 = 0
  readyWaits = 0
  beginRunners()
  for (let piece = pieces; piece < end; piece += PIECE_BYTES) {
    const stay = <i32>load<f64>(piece, 16)
    const queued = load<f64>(piece, 40) !== 0
    if (queued || stateOf(stay) !== RUNNABLE) {
      memory.copy(pieces + left * PIECE_BYTES, piece, PIECE_BYTES)
      left++
      continue
    }
    const runners = runnersOf(stay, load<f64>(piece), load<f64>(piece, 8))
    if (runners === 0) continue
    put(load<f64>(piece, 24))
    put(runners)
    putAll(load<u32>(RUNNERS_TOLD), runners * RUNNER_BYTES)
    readyWaits++
  }
  store<u32>(LONG_PIECE_COUNT, left)
}
