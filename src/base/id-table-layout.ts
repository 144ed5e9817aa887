// id-table-layout.ts: the header of an `IdTable`: byte positions of its whole numbers of 32 bits. Plain numbers: the kernels' compiler reads it too.

/** Where the columns lie in the memory that they share with the table: keys, their rows, and rows to be given out again. */
export const TABLE_KEYS = 0
export const TABLE_ROWS = 4
export const TABLE_FREE = 8
/** Places less one: a power of two less one. */
export const TABLE_MASK = 12
/** Ids present. */
export const TABLE_USED = 16
/** Rows ever given out. */
export const TABLE_ROW_COUNT = 20
export const TABLE_FREE_COUNT = 24
export const TABLE_HEADER_BYTES = 32
