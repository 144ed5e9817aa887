// columns.ts: where typed-array columns come from: the engine's own memory, or one that kernels see as well (`kernel-memory.ts`).

/** A column of rows: numbers of one size. */
export type Column = Uint8Array | Uint16Array | Int32Array | Float64Array

/** Hands out columns of zeros. */
export interface Columns {
  uint8(length: number): Uint8Array
  uint16(length: number): Uint16Array
  int32(length: number): Int32Array
  float64(length: number): Float64Array
  /** Takes a column back that nobody will touch any more. */
  release(column: Column): void
}

/** Columns in memory of their own, which the engine takes back by itself. */
export const ownColumns: Columns = {
  uint8: (length) => new Uint8Array(length),
  uint16: (length) => new Uint16Array(length),
  int32: (length) => new Int32Array(length),
  float64: (length) => new Float64Array(length),
  release: () => undefined,
}

/** A longer column with the values of an old one, which is given back. */
export function grown<C extends Column>(columns: Columns, old: C, longer: C): C {
  longer.set(old)
  columns.release(old)
  return longer
}

/** So many bytes up to the next multiple of eight: columns of any kind may begin there. */
export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** Columns of nothing, in whose place the first are put. */
export const NO_NUMBERS: Int32Array = new Int32Array(0)
export const NO_DOUBLES: Float64Array = new Float64Array(0)
export const NO_BYTES: Uint8Array = new Uint8Array(0)
