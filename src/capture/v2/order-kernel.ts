// order-kernel.ts: the kernel that decodes and orders events (`kernel/order.ts`), as TypeScript sees it.

import { NO_BYTES } from '../../base/columns.ts'
import { TABLE_HEADER_BYTES } from '../../base/id-table-layout.ts'
import { compileKernel, type KernelMemory } from '../../base/kernel-memory.ts'
import { KernelRegisters } from '../../base/kernel-registers.ts'
import { ARGUMENT_COUNTS, GOROUTINES, MOVED_PLACES, PROCESSORS, REGISTERS_END } from './order-layout.ts'
import { orderKernel } from './order-kernel.wasm.ts'
import type { WireFormat } from './wire-format.ts'

let compiled: WebAssembly.Module | null = null

/** What the kernel exports. */
interface Exports {
  /** See `kernel/order.ts`. Truth values are 0 and 1. */
  readonly run: (first: number, index: number, given: number) => number
  /** See `kernel/tables.ts`. All are positions. */
  readonly readStrings: (from: number, to: number, base: number) => number
  readonly readStacks: (from: number, to: number, base: number) => number
}

/** The kernel started in a memory; `call` is what it exports. */
export class OrderKernel extends KernelRegisters {
  /** Headers of the tables of goroutines and processors. */
  readonly goroutines: Int32Array
  readonly processors: Int32Array
  readonly call: Exports

  constructor(
    memory: KernelMemory,
    readonly format: WireFormat,
  ) {
    super(memory, REGISTERS_END)
    const { buffer } = memory
    this.goroutines = new Int32Array(buffer, GOROUTINES, TABLE_HEADER_BYTES >> 2)
    this.processors = new Int32Array(buffer, PROCESSORS, TABLE_HEADER_BYTES >> 2)
    const { argumentCounts, movedArguments } = format
    new Uint8Array(buffer, ARGUMENT_COUNTS, argumentCounts.length).set(argumentCounts)
    if (movedArguments !== null)
      this.place(NO_BYTES, memory.uint8(movedArguments.length), MOVED_PLACES).set(movedArguments)
    compiled ??= compileKernel(orderKernel)
    this.call = memory.start(compiled) as Exports
  }
}
