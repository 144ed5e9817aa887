// block-layout.ts: the memory that TypeScript and the kernels share, up to where columns are handed out. Plain numbers: both compilers read it.

/** Rows of a block of events: small enough to stay in the second-level cache between the writer and its reader. */
export const BLOCK_ROWS = 4096
/**
 * Blocks that there is room for, one after another in the same columns: where events are decoded in a thread of their own, that thread fills some
 * while another one is read. Else the first is all that is used, and the room for the others is never touched.
 */
export const BLOCKS = 16
const ROWS = BLOCKS * BLOCK_ROWS

/** Where the kernel of this room keeps what it is told and what it tells; where that of the next room does. */
export const ORDER_REGISTERS = 0
export const STATES_REGISTERS = 1024

// ---- The columns of all blocks (`EventBlock`). ----

export const BLOCK_TIME = 4096
export const BLOCK_A = BLOCK_TIME + ROWS * 8
export const BLOCK_B = BLOCK_A + ROWS * 8
export const BLOCK_C = BLOCK_B + ROWS * 8
export const BLOCK_STACK = BLOCK_C + ROWS * 8
export const BLOCK_GOROUTINE = BLOCK_STACK + ROWS * 8
export const BLOCK_PROCESSOR = BLOCK_GOROUTINE + ROWS * 4
export const BLOCK_THREAD = BLOCK_PROCESSOR + ROWS * 4
export const BLOCK_KIND = BLOCK_THREAD + ROWS * 4

/** Here the columns begin that `KernelMemory` hands out. */
export const BLOCK_END = BLOCK_KIND + ROWS
