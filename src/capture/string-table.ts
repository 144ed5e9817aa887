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
  private readonly ids: number[] = []
  private readonly froms: number[] = []
  private readonly tos: number[] = []
  private readonly bytesOf: Uint8Array[] = []
  private dense: Int32Array | null = null
  private sparse: Map<number, number> | null = null
  private texts: (string | undefined)[] = []

  /** Adds a string; the first of an id wins. */
  add(id: number, bytes: Uint8Array, from: number, to: number): void {
    this.ids.push(id)
    this.bytesOf.push(bytes)
    this.froms.push(from)
    this.tos.push(to)
    this.dense = null
    this.sparse = null
  }

  get size(): number {
    return this.ids.length
  }

  /** The string, or undefined when the id is not in the table. */
  get(id: number): string | undefined {
    if (id === 0) return ''
    const row = this.rowOf(id)
    if (row < 0) return undefined
    return (this.texts[row] ??= textOf(this.bytesOf[row], this.froms[row], this.tos[row]))
  }

  has(id: number): boolean {
    return id === 0 || this.rowOf(id) >= 0
  }

  /** The raw bytes when they are not valid UTF-8, else null. */
  binary(id: number): Uint8Array | null {
    const row = id === 0 ? -1 : this.rowOf(id)
    if (row < 0) return null
    return binaryOf(this.bytesOf[row].subarray(this.froms[row], this.tos[row]))
  }

  private rowOf(id: number): number {
    if (this.dense === null && this.sparse === null) this.index()
    if (this.dense !== null) return id < this.dense.length ? this.dense[id] - 1 : -1
    return this.sparse?.get(id) ?? -1
  }

  private index(): void {
    let max = 0
    for (const id of this.ids) if (id > max) max = id
    // A hostile id near 2^63 must not size an array (Go's fuzz find "large-id").
    if (max <= this.ids.length * 2 + 16) {
      this.dense = new Int32Array(max + 1)
      for (let row = this.ids.length - 1; row >= 0; row--) this.dense[this.ids[row]] = row + 1
    } else {
      this.sparse = new Map()
      for (let row = this.ids.length - 1; row >= 0; row--) this.sparse.set(this.ids[row], row)
    }
    this.texts = new Array<string | undefined>(this.ids.length)
  }
}
