// stack-table.ts: the stacks of one generation, kept as bytes and decoded only when somebody asks for one.

import { VarintReader } from '../base/varint.ts'
import type { StringTable } from './string-table.ts'

/** Frames and characters of names that are kept; the runtime writes at most 128 frames, and names of 1,024 bytes. */
const MOST_FRAMES = 128
const LONGEST_NAME = 1_024

/** One frame; the leaf (where it waited) is frame 0 of a stack, the goroutine's entry function the last. */
export interface Frame {
  readonly function: string
  readonly file: string
  readonly line: number
}

/**
 * Stacks by id. Id 0 is "no stack".
 *
 * Only the position of each stack is found while reading (its frames are passed over), since most stacks are never shown:
 * decoding all of them would cost about a tenth of the whole time.
 */
export class StackTable {
  private readonly at = new Map<number, number>()
  private readonly froms: number[] = []
  private readonly frameCounts: number[] = []
  private readonly cache = new Map<number, readonly Frame[]>()

  /** @param bytes what all stacks are parts of */
  constructor(
    private readonly strings: StringTable,
    private readonly bytes: Uint8Array,
  ) {}

  get size(): number {
    return this.at.size
  }

  /** Adds the stack whose frames (pc, function, file, line each) begin at `from`; the first of an id wins. */
  add(id: number, from: number, frameCount: number): void {
    if (this.at.has(id)) return
    this.at.set(id, this.froms.length)
    this.froms.push(from)
    this.frameCounts.push(frameCount)
  }

  has(id: number): boolean {
    return id === 0 || this.at.has(id)
  }

  /** Frames of a stack, leaf first; empty for id 0 and for ids that are not in the table. */
  frames(id: number): readonly Frame[] {
    const known = this.cache.get(id)
    if (known !== undefined) return known
    const row = this.at.get(id)
    if (row === undefined) return []
    const reader = new VarintReader(this.bytes, this.froms[row], this.bytes.length)
    const frames: Frame[] = []
    for (let i = 0; i < Math.min(this.frameCounts[row], MOST_FRAMES); i++) {
      reader.read() // program counter
      const name = (this.strings.get(reader.read()) ?? '').slice(0, LONGEST_NAME)
      const file = (this.strings.get(reader.read()) ?? '').slice(0, LONGEST_NAME)
      frames.push({ function: name, file, line: reader.read() })
    }
    this.cache.set(id, frames)
    return frames
  }

  /** Name of the outermost function (the goroutine's entry) of a stack; empty when unknown. */
  rootFunction(id: number): string {
    const frames = this.frames(id)
    return frames.length === 0 ? '' : frames[frames.length - 1].function
  }
}
