// states-kernel.ts: the kernel that brings goroutines from state to state (`kernel/states.ts`), as TypeScript sees it.

import { compileKernel, type KernelMemory } from '../base/kernel-memory.ts'
import { KernelRegisters } from '../base/kernel-registers.ts'
import { statesKernel } from './states-kernel.wasm.ts'
import { STATES_REGISTERS_END } from './states-layout.ts'

const compiled = compileKernel(statesKernel)

/** What the kernel exports. */
interface Exports {
  /** See `kernel/states.ts`. */
  readonly run: (from: number, to: number) => number
  /** See `kernel/via.ts`. */
  readonly ofWaker: (waker: number, ownReason: number, sinceNs: number, nowNs: number, annotates: number) => number
  readonly isTimers: (stay: number) => number
  /** See `kernel/workers.ts`. */
  readonly isOnlyCreated: (stay: number, task: number, otherwise: number) => number
  /** See `kernel/runners.ts`. */
  readonly beginRunners: () => void
  readonly runnersOf: (waiting: number, fromNs: number, toNs: number) => number
  /** See `kernel/latest-ends.ts`. */
  readonly runsBefore: (from: number, before: number, ns: number) => number
  /** See `kernel/sums.ts`. */
  readonly settle: (beforeNs: number) => void
  /** See `kernel/name-kinds.ts`. */
  readonly findKinds: (from: number, to: number) => number
  readonly kindOfName: (name: number, length: number) => number
  readonly keepShape: (name: number, length: number, kind: number) => number
  /** See `kernel/kept.ts`. */
  readonly keepTask: (slot: number, tells: boolean, explains: boolean, signed: boolean, knownNs: number) => number
  readonly keepSettled: (
    beforeNs: number,
    tells: boolean,
    explains: boolean,
    signed: boolean,
    knownNs: number,
  ) => number
  readonly keptEnd: () => number
  /** See `kernel/visits.ts`. */
  readonly isFar: (from: number, timeNs: number) => number
  readonly stayAt: (from: number, timeNs: number, goroutine: number) => number
  readonly beforeOthers: (stay: number, serial: number, idle: boolean) => number
  readonly before: (stay: number, first: number) => number
  readonly stepsTaken: () => number
  readonly forgetVisits: () => void
  /** See `kernel/passed-on.ts`. */
  readonly giverOf: (at: number, sinceNs: number, serial: number) => number
  readonly lastGivenNs: () => number
  /** See `kernel/past.ts`. */
  readonly thin: (whole: number, mostReturned: number, column: number, scratch: number) => void
}

/** The kernel started in the memory of the decoder, whose blocks it reads, with its registers (`states-layout.ts`); `call` is what it exports. */
export class StatesKernel extends KernelRegisters {
  readonly call: Exports

  constructor(memory: KernelMemory) {
    super(memory, STATES_REGISTERS_END)
    this.call = memory.start(compiled) as Exports
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
