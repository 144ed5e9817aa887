// states-kernel.ts: the kernel that brings goroutines from state to state (`kernel/states.ts`), as TypeScript sees it.

import { compileKernel, type KernelMemory } from '../base/kernel-memory.ts'
import { statesKernel } from './states-kernel.wasm.ts'
import { STATES_REGISTERS_END } from './states-layout.ts'

const compiled = compileKernel(statesKernel)

/** What the kernel exports. */
interface Exports {
  /** See `kernel/states.ts`. */
  readonly run: (from: number, to: number) => number
}

/** The kernel started in the memory of the decoder, whose blocks it reads, and its registers (`states-layout.ts`) as whole numbers. */
export class StatesKernel {
  readonly words: Int32Array
  readonly run: Exports['run']

  constructor(readonly memory: KernelMemory) {
    this.words = new Int32Array(memory.buffer, 0, STATES_REGISTERS_END >> 2)
    this.run = (memory.start(compiled) as Exports).run
  }
}
