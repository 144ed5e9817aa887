// states-kernel.ts: the kernel that brings goroutines from state to state (`kernel/states.ts`), as TypeScript sees it.

import { grown } from '../base/columns.ts'
import { compileKernel, type KernelMemory } from '../base/kernel-memory.ts'
import { statesKernel } from './states-kernel.wasm.ts'
import { STATES_REGISTERS_END } from './states-layout.ts'

const compiled = compileKernel(statesKernel)

/** What the kernel exports. */
interface Exports {
  /** See `kernel/states.ts`. */
  readonly run: (from: number, to: number) => number
  /** See `kernel/via.ts`. */
  readonly ofWaker: (waker: number, ownReason: number, sinceNs: number, nowNs: number) => number
  /** See `kernel/runners.ts`. */
  readonly runnersOf: (waiting: number, fromNs: number, toNs: number, tail: number, top: number) => number
  /** See `kernel/sums.ts`. */
  readonly settle: (beforeNs: number) => void
  /** See `kernel/name-kinds.ts`. */
  readonly findKinds: (from: number, to: number) => number
  readonly kindOfName: (name: number, length: number) => number
  readonly keepShape: (name: number, length: number, kind: number) => number
  /** See `kernel/kept.ts`. */
  readonly keepTask: (slot: number, tells: boolean, signed: boolean, knownNs: number) => number
  readonly keptEnd: () => number
  /** See `kernel/past.ts`. */
  readonly thin: (whole: number, mostReturned: number, column: number, scratch: number) => void
}

/** The kernel started in the memory of the decoder, whose blocks it reads, and its registers (`states-layout.ts`) as whole numbers and as doubles. */
export class StatesKernel {
  readonly words: Int32Array
  readonly doubles: Float64Array
  readonly run: Exports['run']
  readonly ofWaker: Exports['ofWaker']
  readonly runnersOf: Exports['runnersOf']
  readonly settle: Exports['settle']
  readonly findKinds: Exports['findKinds']
  readonly kindOfName: Exports['kindOfName']
  readonly keepShape: Exports['keepShape']
  readonly keepTask: Exports['keepTask']
  readonly keptEnd: Exports['keptEnd']
  readonly thin: Exports['thin']

  constructor(readonly memory: KernelMemory) {
    this.words = new Int32Array(memory.buffer, 0, STATES_REGISTERS_END >> 2)
    this.doubles = new Float64Array(memory.buffer, 0, STATES_REGISTERS_END >> 3)
    const exports = memory.start(compiled) as Exports
    this.run = exports.run
    this.ofWaker = exports.ofWaker
    this.runnersOf = exports.runnersOf
    this.settle = exports.settle
    this.findKinds = exports.findKinds
    this.kindOfName = exports.kindOfName
    this.keepShape = exports.keepShape
    this.keepTask = exports.keepTask
    this.keptEnd = exports.keptEnd
    this.thin = exports.thin
  }

  /**
   * Puts a column where the kernel finds it, with the values of the one in whose place it is, which is given back.
   *
   * @param old an empty one for the first
   * @param register where the position is told
   */
  place<Column extends Uint8Array | Uint16Array | Int32Array | Float64Array>(
    old: Column,
    longer: Column,
    register: number,
  ): Column {
    if (old.length > 0) grown(this.memory, old, longer)
    this.words[register >> 2] = longer.byteOffset
    return longer
  }

  /**
   * A row to be filled, of columns whose rows are used again: one given back, or a new one, for which there may be no room yet.
   *
   * @param rows register of the rows ever given out
   * @param freeCount register of the number of those given back, which `free` holds
   */
  takeRow(rows: number, freeCount: number, free: Int32Array): number {
    const { words } = this
    const count = words[freeCount >> 2]
    if (count === 0) return words[rows >> 2]++
    words[freeCount >> 2] = count - 1
    return free[count - 1]
  }
}
