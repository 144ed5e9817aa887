// string-table.ts: the strings of one generation, decoded from their bytes only when somebody asks.

import { textOf } from '../base/bytes.ts'
import { type PlaceColumns, Places } from './places.ts'

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

/** Strings by id. Id 0 is the empty string. */
export class StringTable {
  /**
   * @param bytes what all strings are parts of
   * @param places where in them: from and to
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly places: Places = new Places(),
  ) {}

  /** Number of strings. */
  get size(): number {
    return this.places.size
  }

  /** Adds the string `bytes[from, to)`; the first of an id wins. */
  add(id: number, from: number, to: number): void {
    this.places.add(id, from, to)
  }

  /** All strings from 1 to this are in the table. */
  get denseTo(): number {
    return this.places.denseTo
  }

  /** The string, or undefined when the id is not in the table. */
  get(id: number): string | undefined {
    if (id === 0) return ''
    const from = this.places.fromOf(id)
    return from < 0 ? undefined : textOf(this.bytes, from, this.places.extentOf(id))
  }

  has(id: number): boolean {
    return id === 0 || this.places.has(id)
  }

  /** The raw bytes, which hold as long as the table does; null when the id is not in the table. */
  raw(id: number): Uint8Array | null {
    const from = id === 0 ? -1 : this.places.fromOf(id)
    return from < 0 ? null : this.bytes.subarray(from, this.places.extentOf(id))
  }

  /** Where kernels find the strings of low ids: bytes and places in their memory; null when these lie elsewhere. */
  get kernelColumns(): (PlaceColumns & { readonly bytes: Uint8Array }) | null {
    const { columns } = this.places
    return columns === null ? null : { bytes: this.bytes, ...columns }
  }

  /** The raw bytes when they are not valid UTF-8, else null. */
  binary(id: number): Uint8Array | null {
    const raw = this.raw(id)
    return raw === null ? null : binaryOf(raw)
  }
}
