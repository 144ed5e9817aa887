// string-table.ts: the strings of a capture of Go 1.11 to 1.21: its dictionary, the messages that stand in the logs themselves, and the
// words that newer versions of Go write into captures and these did not.

import { textOf } from '../../base/bytes.ts'
import { VarintReader } from '../../base/varint.ts'
import { binaryOf, StringTable } from '../string-table.ts'

/** Ids from here on are places in the capture; no dictionary counts so far. */
const FIRST_INLINE = 2 ** 40
/** Ids from here on are words of ours. */
const FIRST_WORD = 2 ** 39
/** The runtime's own strings are shorter; Go's reader takes no longer ones. */
const LONGEST_STRING = 1_000_000

/** Strings by id, as `StringTable`; ids of messages are their places, so that hundreds of thousands of them need no table. */
export class StringTableV1 extends StringTable {
  private readonly words: string[] = []

  /** @param bytes the whole capture */
  constructor(bytes: Uint8Array) {
    super(bytes)
  }

  /** Id of the message whose length stands at `offset` of the capture, its bytes after it. */
  static idOfMessage(offset: number): number {
    return FIRST_INLINE + offset
  }

  /** Id for a word that does not stand in the capture. */
  addWord(word: string): number {
    if (word === '') return 0
    let row = this.words.indexOf(word)
    if (row < 0) row = this.words.push(word) - 1
    return FIRST_WORD + row
  }

  override get(id: number): string | undefined {
    if (id < FIRST_WORD) return super.get(id)
    if (id < FIRST_INLINE) return this.words[id - FIRST_WORD]
    const message = this.messageAt(id - FIRST_INLINE)
    return message === null ? undefined : textOf(this.bytes, message.from, message.to)
  }

  override has(id: number): boolean {
    return id < FIRST_WORD ? super.has(id) : this.get(id) !== undefined
  }

  override binary(id: number): Uint8Array | null {
    if (id < FIRST_WORD) return super.binary(id)
    if (id < FIRST_INLINE) return null
    const message = this.messageAt(id - FIRST_INLINE)
    return message === null ? null : binaryOf(this.bytes.subarray(message.from, message.to))
  }

  private messageAt(offset: number): { readonly from: number; readonly to: number } | null {
    const reader = new VarintReader(this.bytes, offset, this.bytes.length)
    const length = reader.read()
    if (reader.failed || length > LONGEST_STRING || length > this.bytes.length - reader.offset) return null
    return { from: reader.offset, to: reader.offset + length }
  }
}
