// block-layout.ts: the memory that TypeScript and the kernels share, up to where columns are handed out. Plain numbers: both compilers read it.

/** Rows of a block of events: small enough to stay in the second-level cache between the writer and its reader. */
export const BLOCK_ROWS = 4096

/** Where the kernel of this room keeps what it is told and what it tells; where that of the next room does. */
export const ORDER_REGISTERS = 0
export const STATES_REGISTERS = 1024

// ---- The columns of an `EventBlock`. ----

export const BLOCK_TIME = 2048
export const BLOCK_A = BLOCK_TIME + BLOCK_ROWS * 8
export const BLOCK_B = BLOCK_A + BLOCK_ROWS * 8
export const BLOCK_C = BLOCK_B + BLOCK_ROWS * 8
export const BLOCK_STACK = BLOCK_C + BLOCK_ROWS * 8
export const BLOCK_GOROUTINE = BLOCK_STACK + BLOCK_ROWS * 8
export const BLOCK_PROCESSOR = BLOCK_GOROUTINE + BLOCK_ROWS * 4
export const BLOCK_THREAD = BLOCK_PROCESSOR + BLOCK_ROWS * 4
export const BLOCK_KIND = BLOCK_THREAD + BLOCK_ROWS * 4

/** Here the columns begin that `KernelMemory` hands out. */
export const BLOCK_END = BLOCK_KIND + BLOCK_ROWS
