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
  LEAST_NS,
  LONG_PIECE_FIELDS,
  LONG_PIECES,
  MAX_NAMES,
  MOST_NS,
  MOST_WAITS,
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
  TASK_BLOCK,
  TASK_BLOCK_BYTES,
  WALKED_FIELDS,
  WALKED_RANGES,
  WALKED_ROOM,
} from './states-layout.ts'

/** The tables that the kernel fills for one task after another. */
export class PathTables {
  /** The task as it is kept, from the first word on. */
  readonly block: Int32Array
  constructor(private readonly kernel: StatesKernel) {
    const { memory, words } = kernel
    this.block = memory.int32(TASK_BLOCK_BYTES >> 2)
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
    words[WALKED_RANGES >> 2] = memory.float64(WALKED_ROOM * WALKED_FIELDS).byteOffset
  }

  /** Bytes of the block. */
  get bytes(): number {
    return this.kernel.call.keptEnd() - this.block.byteOffset
  }

  /** The stretch that the task and its regions lie in. */
  get fromNs(): number {
    return this.kernel.doubles[LEAST_NS >> 3]
  }

  get toNs(): number {
    return this.kernel.doubles[MOST_NS >> 3]
  }
}
