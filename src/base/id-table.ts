// id-table.ts: numbers of any size to small dense rows, without an object or a hash-map entry each.

import { type Columns, ownColumns } from './columns.ts'
import {
  TABLE_FREE,
  TABLE_FREE_COUNT,
  TABLE_HEADER_BYTES,
  TABLE_KEYS,
  TABLE_MASK,
  TABLE_ROW_COUNT,
  TABLE_ROWS,
  TABLE_USED,
} from './id-table-layout.ts'

const USED = TABLE_USED >> 2
const ROW_COUNT = TABLE_ROW_COUNT >> 2
const FREE_COUNT = TABLE_FREE_COUNT >> 2

/** 2^64 - 1 as a double rounds to 2^64: how "none" (thread, processor) reads after `readUvarint`. */
export const NONE_U64 = 18446744073709551616

/**
 * Gives each id (a non-negative whole number, exact below 2^53) a row 0, 1, 2…; rows of removed ids are given out again.
 *
 * Open addressing with linear probing: goroutine ids are looked up for every start and unblock event, and a probe in two
 * typed arrays costs about a fifth of a `Map` lookup. Half-full at most, so chains stay short.
 */
export class IdTable {
  private keys: Float64Array
  private rows: Int32Array
  /** Rows to be given out again. There are never more rows than half the places. */
  private free: Int32Array

  /**
   * @param columns where its columns come from: a kernel's memory when it is to use the table as well
   * @param header where its numbers lie, see `id-table-layout.ts`
   */
  constructor(
    capacity = 64,
    private readonly columns: Columns = ownColumns,
    private readonly header: Int32Array = new Int32Array(TABLE_HEADER_BYTES >> 2),
  ) {
    let size = 8
    while (size < capacity) size *= 2
    this.keys = columns.float64(size).fill(-1)
    this.rows = columns.int32(size)
    this.free = columns.int32(size >> 1)
    // Grown once at once: the engine takes a field that never changed for a constant, and throws away all code compiled so when it does.
    this.grow()
  }

  /** Number of ids present. */
  get size(): number {
    return this.header[USED]
  }

  /** Rows ever given out: every row is below this. */
  get rowCount(): number {
    return this.header[ROW_COUNT]
  }

  /** The row of `id`, or -1. */
  find(id: number): number {
    const { keys } = this
    const mask = keys.length - 1
    // The step to the next place comes first, for the first place as well: written behind the comparison it would be reached only once two ids
    // meet, and all code that this was inlined into would be compiled again.
    for (let at = hashId(id) - 1; ;) {
      at = (at + 1) & mask
      const key = keys[at]
      if (key === id) return this.rows[at]
      if (key === -1) return -1
    }
  }

  /** The row of `id`, which must not be present yet. */
  insert(id: number): number {
    const { header } = this
    if ((header[USED] + 1) * 2 > this.keys.length) this.grow()
    const row = header[FREE_COUNT] > 0 ? this.free[--header[FREE_COUNT]] : header[ROW_COUNT]++
    this.place(id, row)
    header[USED]++
    return row
  }

  /** Forgets `id`; its row may be given out again. Does nothing when it is absent. */
  remove(id: number): void {
    const { keys, rows, header } = this
    const mask = keys.length - 1
    let at = hashId(id) & mask
    while (keys[at] !== id) {
      if (keys[at] === -1) return
      at = (at + 1) & mask
    }
    this.free[header[FREE_COUNT]++] = rows[at]
    header[USED]--
    // Backward-shift deletion: move later members of the probe chain up, so that no tombstones pile up.
    let hole = at
    let next = (at + 1) & mask
    while (keys[next] !== -1) {
      const home = hashId(keys[next]) & mask
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        keys[hole] = keys[next]
        rows[hole] = rows[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    keys[hole] = -1
  }

  /** Calls `visit` with every id and its row, in no order. */
  forEach(visit: (id: number, row: number) => void): void {
    for (let at = 0; at < this.keys.length; at++) if (this.keys[at] !== -1) visit(this.keys[at], this.rows[at])
  }

  /** Gives its columns back: it is not to be used any more. */
  release(): void {
    for (const column of [this.keys, this.rows, this.free]) this.columns.release(column)
  }

  private place(id: number, row: number): void {
    const mask = this.keys.length - 1
    let at = hashId(id) - 1
    do at = (at + 1) & mask
    while (this.keys[at] !== -1)
    this.keys[at] = id
    this.rows[at] = row
  }

  private grow(): void {
    const { keys, rows, free, columns, header } = this
    this.keys = columns.float64(keys.length * 2).fill(-1)
    this.rows = columns.int32(keys.length * 2)
    this.free = columns.int32(keys.length)
    this.free.set(free)
    for (let at = 0; at < keys.length; at++) if (keys[at] !== -1) this.place(keys[at], rows[at])
    for (const column of [keys, rows, free]) columns.release(column)
    header[TABLE_KEYS >> 2] = this.keys.byteOffset
    header[TABLE_ROWS >> 2] = this.rows.byteOffset
    header[TABLE_FREE >> 2] = this.free.byteOffset
    header[TABLE_MASK >> 2] = this.keys.length - 1
  }
}

/** Spreads consecutive ids (goroutines are numbered) over the table; only the low 32 bits and the next 21 count. */
function hashId(id: number): number {
  if (id < 0x80000000) return Math.imul(id | 0, 0x9e3779b1) >>> 7
  return (Math.imul(id >>> 0, 0x9e3779b1) ^ Math.imul((id / 4294967296) >>> 0, 0x85ebca6b)) >>> 7
}
