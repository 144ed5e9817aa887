// path-tables.ts: where the kernel writes a task as it is kept (`kernel/kept.ts`), with what it needs for that.

import type { StatesKernel } from './states-kernel.ts'
import {
  CAUSE_SUMS,
  FOUND_FIELDS,
  FOUND_RANGES,
  HOLD_FIELDS,
  HOLDER_FIELDS,
  HOLDER_PLACES,
  HOLDER_PLACES_ROOM,
  HOLDERS,
  HOLDS,
  HOLDS_ROOM,
  LONG_PIECE_FIELDS,
  LONG_PIECES,
  MAX_NAMES,
  MOST_WAITS,
  NAMED_SLOTS,
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
  TASK_BATCH_BYTES,
  TASK_BLOCK,
  TASK_BLOCK_BYTES,
  WALKED_FIELDS,
  WALKED_RANGES,
  WALKED_ROOM,
} from './states-layout.ts'

/** The tables that the kernel fills for one task after another. */
export class PathTables {
  /** Tasks as they are kept, one after the other. */
  readonly block: Int32Array
  /** The same. */
  readonly doubles: Float64Array
  constructor(private readonly kernel: StatesKernel) {
    const { memory, words } = kernel
    this.doubles = memory.float64((TASK_BATCH_BYTES + TASK_BLOCK_BYTES) >> 3)
    this.block = new Int32Array(this.doubles.buffer, this.doubles.byteOffset, this.doubles.length * 2)
    words[TASK_BLOCK >> 2] = this.block.byteOffset
    words[LONG_PIECES >> 2] = memory.float64(MOST_WAITS * LONG_PIECE_FIELDS).byteOffset
    words[STATE_SUMS >> 2] = memory.float64(STATE_ROOM).byteOffset
    words[REASON_SUMS >> 2] = memory.float64(MAX_NAMES).byteOffset
    words[CAUSE_SUMS >> 2] = memory.float64(MAX_NAMES).byteOffset
    words[RANGE_SUMS >> 2] = memory.float64(MAX_NAMES).byteOffset
    words[STOP_SUMS >> 2] = memory.float64(MAX_NAMES).byteOffset
    words[PIECE_FROM >> 2] = memory.float64(PIECE_ROOM).byteOffset
    words[PIECE_TO >> 2] = memory.float64(PIECE_ROOM).byteOffset
    words[PIECE_STAY >> 2] = memory.int32(PIECE_ROOM).byteOffset
    words[FOUND_RANGES >> 2] = memory.float64(RANGES_ROOM * FOUND_FIELDS).byteOffset
    words[HOLDS >> 2] = memory.float64(HOLDS_ROOM * HOLD_FIELDS).byteOffset
    words[HOLDERS >> 2] = memory.float64(HOLDS_ROOM * HOLDER_FIELDS).byteOffset
    words[HOLDER_PLACES >> 2] = memory.int32(HOLDER_PLACES_ROOM).byteOffset
    words[NAMED_SLOTS >> 2] = memory.int32(2 * 2 * MAX_NAMES).byteOffset
    words[WALKED_RANGES >> 2] = memory.float64(WALKED_ROOM * WALKED_FIELDS).byteOffset
  }

  /** Bytes of the tasks that were written last. */
  get bytes(): number {
    return this.kernel.call.keptEnd() - this.block.byteOffset
  }
}
