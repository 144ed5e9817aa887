// order-kernel.ts: the kernel that decodes and orders events of Go 1.11 to 1.21 (`kernel/order.ts`), as TypeScript sees it.

import { TABLE_HEADER_BYTES } from '../../base/id-table-layout.ts'
import { compileKernel, type KernelMemory } from '../../base/kernel-memory.ts'
import { KernelRegisters } from '../../base/kernel-registers.ts'
import { shapesOf, timedNumbers } from './event-types.ts'
import { orderKernelV1 } from './order-kernel.wasm.ts'
import { GOROUTINES, NUMBERS, REGISTERS_END, SHAPES, THREADS } from './order-layout.ts'

/** Compiled for the first capture: most are of newer versions of Go. */
let compiled: WebAssembly.Module | null = null

/** What the kernel exports. */
interface Exports {
  /** See `kernel/order.ts`. Truth values are 0 and 1. */
  readonly run: (first: number, begins: number, given: number) => number
}

/** The kernel started in a memory; `call` is what it exports. */
export class OrderKernelV1 extends KernelRegisters {
  /** Headers of the tables of goroutines and threads. */
  readonly goroutines: Int32Array
  readonly threads: Int32Array
  readonly call: Exports

  /** @param version of the capture's header */
  constructor(memory: KernelMemory, version: number) {
    super(memory, REGISTERS_END)
    const { buffer } = memory
    this.goroutines = new Int32Array(buffer, GOROUTINES, TABLE_HEADER_BYTES >> 2)
    this.threads = new Int32Array(buffer, THREADS, TABLE_HEADER_BYTES >> 2)
    new Uint8Array(buffer, SHAPES, 256).set(shapesOf(version))
    new Uint8Array(buffer, NUMBERS, timedNumbers.length).set(timedNumbers)
    compiled ??= compileKernel(orderKernelV1)
    this.call = memory.start(compiled) as Exports
  }
}
