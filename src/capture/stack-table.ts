// stack-table.ts: the stacks of one generation, kept as bytes and decoded only when somebody asks for one.

import { VarintReader } from '../base/varint.ts'
import { Places } from './places.ts'
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
  /** Texts of names, which recur from stack to stack. */
  private readonly names = new Map<number, string>()
  private readonly cache = new Map<number, readonly Frame[]>()

  /**
   * @param bytes what all stacks are parts of
   * @param places where in them: where the first frame begins, and how many there are
   */
  constructor(
    private readonly strings: StringTable,
    private readonly bytes: Uint8Array,
    readonly places: Places = new Places(),
  ) {}

  get size(): number {
    return this.places.size
  }

  /** Adds the stack whose frames (pc, function, file, line each) begin at `from`; the first of an id wins. */
  add(id: number, from: number, frameCount: number): void {
    this.places.add(id, from, frameCount)
  }

  has(id: number): boolean {
    return id === 0 || this.places.has(id)
  }

  /** Frames of a stack, leaf first; empty for id 0 and for ids that are not in the table. */
  frames(id: number): readonly Frame[] {
    const known = this.cache.get(id)
    if (known !== undefined) return known
    const from = this.places.fromOf(id)
    if (from < 0) return []
    const reader = new VarintReader(this.bytes, from, this.bytes.length)
    const frames: Frame[] = []
    for (let i = 0; i < Math.min(this.places.extentOf(id), MOST_FRAMES); i++) {
      reader.read() // program counter
      const name = this.nameOf(reader.read())
      const file = this.nameOf(reader.read())
      frames.push({ function: name, file, line: reader.read() })
    }
    this.cache.set(id, frames)
    return frames
  }

  private nameOf(string: number): string {
    let name = this.names.get(string)
    if (name === undefined) {
      name = (this.strings.get(string) ?? '').slice(0, LONGEST_NAME)
      this.names.set(string, name)
    }
    return name
  }

  /** Name of the outermost function (the goroutine's entry) of a stack; empty when unknown. */
  rootFunction(id: number): string {
    const frames = this.frames(id)
    return frames.length === 0 ? '' : frames[frames.length - 1].function
  }
}
