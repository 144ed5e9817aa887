// columns.ts: the columns of a SpanTable in one piece of memory: a dozen small pieces would each be work for the collector of garbage.

import type { SpanTable } from './span.ts'

/** Bytes of all columns of one span. */
export const SPAN_ROW_BYTES = 12 * 4 + 1

/** The columns of a table, without the bytes they speak of. */
export type SpanColumns = Omit<SpanTable, 'bytes' | 'length' | 'resources'>

/**
 * Columns of `length` rows in `memory`, as what lies there says.
 *
 * @param from where they begin, a multiple of four; they take `SPAN_ROW_BYTES * length` bytes
 */
export function spanColumns(memory: ArrayBuffer, from: number, length: number): SpanColumns {
  const whole = (column: number): Int32Array => new Int32Array(memory, from + column * 4 * length, length)
  const half = (column: number): Uint32Array => new Uint32Array(memory, from + column * 4 * length, length)
  return {
    spanFrom: whole(0),
    spanTo: whole(1),
    traceIdAt: whole(2),
    spanIdAt: whole(3),
    parentIdAt: whole(4),
    nameFrom: whole(5),
    nameTo: whole(6),
    resource: whole(7),
    startLow: half(8),
    startHigh: half(9),
    endLow: half(10),
    endHigh: half(11),
    enriched: new Uint8Array(memory, from + 48 * length, length),
  }
}

/** Copies the columns of a table, which `spanColumns` made, to memory where it finds them again. */
export function copySpanColumns({ spanFrom, length }: SpanTable, memory: ArrayBuffer, from: number): void {
  const columns = new Uint8Array(spanFrom.buffer, spanFrom.byteOffset, SPAN_ROW_BYTES * length)
  new Uint8Array(memory, from, columns.length).set(columns)
}
