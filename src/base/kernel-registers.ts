// kernel-registers.ts: the begin of a kernel's memory, where it and TypeScript tell each other what lies where.

import { type Column, grown } from './columns.ts'
import type { KernelMemory } from './kernel-memory.ts'

/** Registers at fixed places of a memory; a kernel's layout file says which. Each is a whole number of four bytes or a double. */
export class KernelRegisters {
  /** A register as a whole number is `words[REGISTER >> 2]`, as a double `doubles[REGISTER >> 3]`. */
  readonly words: Int32Array
  readonly doubles: Float64Array

  /** @param end of the registers, bytes */
  constructor(
    readonly memory: KernelMemory,
    end: number,
  ) {
    this.words = new Int32Array(memory.buffer, 0, end >> 2)
    this.doubles = new Float64Array(memory.buffer, 0, end >> 3)
  }

  /**
   * Puts a column where the kernel finds it, with the values of the one in whose place it is, which is given back.
   *
   * @param old an empty one for the first
   * @param longer in the kernel's memory
   * @param register where its position is told
   */
  place<C extends Column>(old: C, longer: C, register: number): C {
    if (old.length > 0) grown(this.memory, old, longer)
    this.words[register >> 2] = longer.byteOffset
    return longer
  }
}
