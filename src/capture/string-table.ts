// string-table.ts: the strings of one generation, decoded from their bytes only when somebody asks.

import { textOf } from '../base/bytes.ts'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** A copy of the bytes when they are not valid UTF-8, else null. */
export function binaryOf(bytes: Uint8Array): Uint8Array | null {
  let ascii = true
  for (const byte of bytes) if (byte >= 0x80) ascii = false
  if (ascii) return null
  try {
    strictUtf8.decode(bytes)
    return null
  } catch {
    return bytes.slice()
  }
}

/** Strings by id. Id 0 is the empty string. Ids are dense in real captures; anything else goes to a map. */
export class StringTable {
  /** Number of strings. */
  size = 0
  private ids = new Float64Array(256)
  private froms = new Int32Array(256)
  private tos = new Int32Array(256)
  private dense: Int32Array | null = null
  private sparse: Map<number, number> | null = null
  private texts: (string | undefined)[] = []

  /** @param bytes what all strings are parts of */
  constructor(protected readonly bytes: Uint8Array) {}

  /** Adds the string `bytes[from, to)`; the first of an id wins. */
  add(id: number, from: number, to: number): void {
    const row = this.size++
    if (row === this.ids.length) this.grow()
    this.ids[row] = id
    this.froms[row] = from
    this.tos[row] = to
    this.dense = null
    this.sparse = null
  }

  /** All strings from 1 to this are in the table. */
  get denseTo(): number {
    if (this.dense === null && this.sparse === null) this.index()
    const { dense } = this
    if (dense === null) return 0
    let to = 0
    while (to + 1 < dense.length && dense[to + 1] !== 0) to++
    return to
  }

  /** The string, or undefined when the id is not in the table. */
  get(id: number): string | undefined {
    if (id === 0) return ''
    const row = this.rowOf(id)
    if (row < 0) return undefined
    return (this.texts[row] ??= textOf(this.bytes, this.froms[row], this.tos[row]))
  }

  has(id: number): boolean {
    return id === 0 || this.rowOf(id) >= 0
  }

  /** The raw bytes, which hold as long as the table does; null when the id is not in the table. */
  raw(id: number): Uint8Array | null {
    const row = id === 0 ? -1 : this.rowOf(id)
    return row < 0 ? null : this.bytes.subarray(this.froms[row], this.tos[row])
  }

  /** What `use` makes of the bytes of a string, which are a part of `bytes`; undefined when the id is not in the table. No object is made for it. */
  useBytes<Result>(id: number, use: (bytes: Uint8Array, from: number, to: number) => Result): Result | undefined {
    const row = id === 0 ? -1 : this.rowOf(id)
    return row < 0 ? undefined : use(this.bytes, this.froms[row], this.tos[row])
  }

  /** The raw bytes when they are not valid UTF-8, else null. */
  binary(id: number): Uint8Array | null {
    const row = id === 0 ? -1 : this.rowOf(id)
    if (row < 0) return null
    return binaryOf(this.bytes.subarray(this.froms[row], this.tos[row]))
  }

  private rowOf(id: number): number {
    if (this.dense === null && this.sparse === null) this.index()
    if (this.dense !== null) return id < this.dense.length ? this.dense[id] - 1 : -1
    return this.sparse?.get(id) ?? -1
  }

  private index(): void {
    const { ids, size } = this
    let max = 0
    for (let row = 0; row < size; row++) if (ids[row] > max) max = ids[row]
    // A hostile id near 2^63 must not size an array (Go's fuzz find "large-id").
    if (max <= size * 2 + 16) {
      const dense = new Int32Array(max + 1)
      for (let row = size - 1; row >= 0; row--) dense[ids[row]] = row + 1
      this.dense = dense
    } else {
      const sparse = new Map<number, number>()
      for (let row = size - 1; row >= 0; row--) sparse.set(ids[row], row)
      this.sparse = sparse
    }
    this.texts = new Array<string | undefined>(size)
  }

  private grow(): void {
    const ids = new Float64Array(this.ids.length * 2)
    ids.set(this.ids)
    this.ids = ids
    const froms = new Int32Array(ids.length)
    froms.set(this.froms)
    this.froms = froms
    const tos = new Int32Array(ids.length)
    tos.set(this.tos)
    this.tos = tos
  }
}
