// order-kernel.ts: the kernel that decodes and orders events (`kernel/order.ts`), as TypeScript sees it.

import { TABLE_HEADER_BYTES } from '../../base/id-table-layout.ts'
import { compileKernel, type KernelMemory } from '../../base/kernel-memory.ts'
import { timedArgumentCount } from '../event-types.ts'
import { ARGUMENT_COUNTS, GOROUTINES, PROCESSORS, REGISTERS_END } from './order-layout.ts'
import { orderKernel } from './order-kernel.wasm.ts'

let compiled: WebAssembly.Module | null = null

/** What the kernel exports. */
interface Exports {
  /** See `kernel/order.ts`. Truth values are 0 and 1. */
  readonly run: (first: number, index: number, given: number) => number
  /** See `kernel/tables.ts`. All are positions. */
  readonly readStrings: (from: number, to: number, base: number) => number
  readonly readStacks: (from: number, to: number, base: number) => number
}

/** The kernel started in a memory, and its registers (`order-layout.ts`) as whole numbers and as doubles. */
export class OrderKernel {
  readonly words: Int32Array
  readonly doubles: Float64Array
  /** Headers of the tables of goroutines and processors. */
  readonly goroutines: Int32Array
  readonly processors: Int32Array
  readonly run: Exports['run']
  readonly readStrings: Exports['readStrings']
  readonly readStacks: Exports['readStacks']

  constructor(readonly memory: KernelMemory) {
    const { buffer } = memory
    this.words = new Int32Array(buffer, 0, REGISTERS_END >> 2)
    this.doubles = new Float64Array(buffer, 0, REGISTERS_END >> 3)
    this.goroutines = new Int32Array(buffer, GOROUTINES, TABLE_HEADER_BYTES >> 2)
    this.processors = new Int32Array(buffer, PROCESSORS, TABLE_HEADER_BYTES >> 2)
    new Uint8Array(buffer, ARGUMENT_COUNTS, timedArgumentCount.length).set(timedArgumentCount)
    compiled ??= compileKernel(orderKernel)
    const { run, readStrings, readStacks } = memory.start(compiled) as Exports
    this.run = run
    this.readStrings = readStrings
    this.readStacks = readStacks
  }
}
