// path-tables.ts: what the kernel tells of the path of a task and of the work for it (`kernel/timeline.ts`), made into what is told of the task.

import { type Breakdown, emptyBreakdown, GoState, type TaskTables } from './breakdown.ts'
import { KeptRanges, type KeptRoom, KeptTimeline, rangeBytes, timelineBytes } from './kept-columns.ts'
import type { PathPiece } from './long-waits.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  CAUSE_SUMS,
  FOUND_FIELDS,
  FOUND_RANGES,
  LONG_PIECE_COUNT,
  LONG_PIECE_FIELDS,
  LONG_PIECES,
  MAX_NAMES,
  PATH_RANGE_COUNT,
  PATH_RANGES,
  PATH_TIMELINE,
  PIECE_FROM,
  PIECE_ROOM,
  PIECE_STAY,
  PIECE_TO,
  RANGE_SUMS,
  RANGES_ROOM,
  REASON_SUMS,
  STATE_ROOM,
  STATE_SUMS,
  STOP_SUMS,
  WALKED_FIELDS,
  WALKED_RANGES,
  WALKED_ROOM,
} from './states-layout.ts'
import { addTo } from './window.ts'

/** The tables that the kernel fills for one task after another. */
export class PathTables {
  private readonly words: Int32Array
  private readonly timelineWords: Int32Array
  private readonly rangesWords: Int32Array
  private readonly longPieces: Float64Array
  /** By `GoState`. */
  private readonly sums: Float64Array
  private readonly reasonSums: Float64Array
  private readonly causeSums: Float64Array
  private readonly rangeSums: Float64Array
  private readonly stopSums: Float64Array

  constructor({ memory, words }: StatesKernel) {
    this.words = words
    this.timelineWords = memory.int32((timelineBytes(PIECE_ROOM) + 3) >> 2)
    this.rangesWords = memory.int32((rangeBytes(RANGES_ROOM) + 3) >> 2)
    this.longPieces = memory.float64(PIECE_ROOM * LONG_PIECE_FIELDS)
    this.sums = memory.float64(STATE_ROOM)
    this.reasonSums = memory.float64(MAX_NAMES)
    this.causeSums = memory.float64(MAX_NAMES)
    this.rangeSums = memory.float64(MAX_NAMES)
    this.stopSums = memory.float64(MAX_NAMES)
    words[PATH_TIMELINE >> 2] = this.timelineWords.byteOffset
    words[PATH_RANGES >> 2] = this.rangesWords.byteOffset
    words[LONG_PIECES >> 2] = this.longPieces.byteOffset
    words[STATE_SUMS >> 2] = this.sums.byteOffset
    words[REASON_SUMS >> 2] = this.reasonSums.byteOffset
    words[CAUSE_SUMS >> 2] = this.causeSums.byteOffset
    words[RANGE_SUMS >> 2] = this.rangeSums.byteOffset
    words[STOP_SUMS >> 2] = this.stopSums.byteOffset
    words[PIECE_FROM >> 2] = memory.float64(PIECE_ROOM).byteOffset
    words[PIECE_TO >> 2] = memory.float64(PIECE_ROOM).byteOffset
    words[PIECE_STAY >> 2] = memory.int32(PIECE_ROOM).byteOffset
    words[FOUND_RANGES >> 2] = memory.float64(RANGES_ROOM * FOUND_FIELDS).byteOffset
    words[WALKED_RANGES >> 2] = memory.float64(WALKED_ROOM * WALKED_FIELDS).byteOffset
  }

  /** The timeline of so many rows, as a task keeps it. */
  timeline(rows: number, room: KeptRoom): KeptTimeline {
    return rows === 0 ? KeptTimeline.none : new KeptTimeline(rows, room.block(this.timelineWords, timelineBytes(rows)))
  }

  /** Its ranges. */
  ranges(room: KeptRoom): KeptRanges {
    const rows = this.words[PATH_RANGE_COUNT >> 2]
    return rows === 0 ? KeptRanges.none : new KeptRanges(rows, room.block(this.rangesWords, rangeBytes(rows)))
  }

  /** Whether any of its waits is long. */
  get hasLongPieces(): boolean {
    return this.words[LONG_PIECE_COUNT >> 2] > 0
  }

  /** Its long waits, the latest first. */
  longWaits(): PathPiece[] {
    const pieces: PathPiece[] = []
    const { longPieces } = this
    const end = this.words[LONG_PIECE_COUNT >> 2] * LONG_PIECE_FIELDS
    for (let at = 0; at < end; at += LONG_PIECE_FIELDS) {
      pieces.push({
        fromNs: longPieces[at],
        toNs: longPieces[at + 1],
        stay: longPieces[at + 2],
        row: longPieces[at + 3],
        via: longPieces[at + 4],
      })
    }
    return pieces
  }

  /**
   * What was added up.
   *
   * @param totalNs what is more than the parts is unknown; null: all of it is in the sums
   */
  breakdown({ reasons, rangeNames }: TaskTables, totalNs: number | null, gcOverlapNs: number): Breakdown {
    const { sums, reasonSums, causeSums, rangeSums, stopSums } = this
    const result = emptyBreakdown()
    result.execNs = sums[GoState.running]
    result.schedWaitNs = sums[GoState.runnable]
    result.syscallNs = sums[GoState.syscall]
    result.syscallBlockNs = sums[GoState.syscallBlocked]
    for (let row = 0; row < reasons.length; row++) {
      if (reasonSums[row] > 0) addTo(result.blockNs, reasons[row], reasonSums[row])
      if (causeSums[row] > 0) addTo(result.viaNs, reasons[row], causeSums[row])
    }
    for (let row = 0; row < rangeNames.length; row++) {
      if (rangeSums[row] >= 0) addTo(result.rangeNs, rangeNames[row], rangeSums[row])
      if (stopSums[row] >= 0) addTo(result.stwWaitNs, rangeNames[row], stopSums[row])
    }
    const knownNs =
      result.execNs + result.schedWaitNs + result.syscallNs + result.syscallBlockNs + sums[GoState.waiting]
    result.totalNs = totalNs ?? knownNs + sums[GoState.unknown]
    result.unknownNs = result.totalNs - knownNs
    result.gcOverlapNs = gcOverlapNs
    return result
  }
}
