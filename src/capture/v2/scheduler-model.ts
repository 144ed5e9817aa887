// scheduler-model.ts: what goroutines (G), processors (P) and threads (M) can do next, and which event may follow which.
//
// This is the whole rule book of the order in which events can have happened; `kernel/order.ts` has the most common cases once more,
// for WebAssembly. Rules, and which of them wait and which fail, are those of Go's reader (internal/trace/order.go, Go 1.26).
// Where Go's reader stops at a contradiction, this one notes it and takes the event's own word for the new state.

import { grown, ownColumns } from '../../base/columns.ts'
import { IdTable, NONE_U64 } from '../../base/id-table.ts'
import { Ev, eventSpecs, GoStatus as goStatuses, ProcStatus as procStatuses } from '../event-types.ts'
import type { ProblemList } from '../problems.ts'
import type { Generation } from './generation.ts'
import {
  G_GENERATION,
  G_ID,
  G_OPEN,
  G_ROOM,
  G_SEQUENCE,
  G_STATUS,
  M_G,
  M_P,
  OPEN_ASSIST,
  ORDINAL,
  P_GENERATION,
  P_SEQUENCE,
  P_STATUS,
  P_SWEEPING,
} from './order-layout.ts'
import type { OrderKernel } from './order-kernel.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const GoStatus = goStatuses
const ProcStatus = procStatuses

/** What an event may do. */
export const Advance = {
  /** It has to wait for an event of another thread. */
  wait: 0,
  /** It happened; the `row…` fields say what to tell. */
  tell: 1,
  /** It happened, or was left out; nothing is to be told. */
  silent: 2,
  /** It says what no runtime writes: the rest of its batch cannot be trusted. */
  damaged: 3,
} as const

/** What the collector's cycle is known to be. */
const Gc = { undetermined: 0, notRunning: 1, running: 2 } as const

/** Bits of ranges open on a goroutine. */
const OPEN_STW = 2

/** Threads looked at for contradictions, over a whole capture: a fixed number and so many for each. */
const LEAST_LOOKS = 1 << 24
const LOOKS_PER_UNBINDING = 256

/** Columns of one event told before the one that told it (a coroutine switch is three events, an abandoned processor two). */
export interface ExtraRow {
  readonly kind: number
  readonly goroutine: number
  readonly processor: number
  readonly a: number
  readonly b: number
}

/** State of the scheduler as far as the events so far say; carried over generations. Public arrays are indexed by row. */
export class SchedulerModel {
  readonly goroutines: IdTable
  gStatus: Uint8Array
  /** Ordinal of the generation in which the goroutine was last announced, and its sequence number there. */
  gGeneration: Int32Array
  gSequence: Float64Array
  private gOpen: Uint8Array
  private gStwKind = new Float64Array(1024)
  private gId: Float64Array

  readonly processors: IdTable
  pStatus: Uint8Array
  pGeneration: Int32Array
  pSequence: Float64Array
  private pSweeping: Uint8Array

  readonly threads = new IdTable(64)
  /** Goroutine and processor rows that a thread holds; -1 none. */
  mG: Int32Array
  mP: Int32Array

  /** How often something was taken off all threads, and how many of these were looked at for it. */
  private unbound = 0
  private looked = 0
  private gcState: number = Gc.undetermined
  private gcSequence = 0

  // What the event that advanced last is to be told as.
  rowKind = 0
  rowG = 0
  rowP = 0
  rowM = 0
  rowA = 0
  rowB = 0
  rowC = 0
  rowStack = 0
  readonly extra: ExtraRow[] = []

  private generation: Generation | null = null
  private ordinal = 0
  private at = 0

  /** @param kernel which uses the columns of the most common events */
  constructor(
    private readonly problems: ProblemList,
    private readonly kernel: OrderKernel,
  ) {
    const { memory } = kernel
    this.goroutines = new IdTable(1024, memory, kernel.goroutines)
    this.gStatus = memory.uint8(1024)
    this.gGeneration = memory.int32(1024)
    this.gSequence = memory.float64(1024)
    this.gOpen = memory.uint8(1024)
    this.gId = memory.float64(1024)
    this.processors = new IdTable(64, memory, kernel.processors)
    this.pStatus = memory.uint8(64)
    this.pGeneration = memory.int32(64)
    this.pSequence = memory.float64(64)
    this.pSweeping = memory.uint8(64)
    this.mG = memory.int32(64).fill(-1)
    this.mP = memory.int32(64).fill(-1)
    this.tellKernel()
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[G_STATUS >> 2] = this.gStatus.byteOffset
    words[G_GENERATION >> 2] = this.gGeneration.byteOffset
    words[G_SEQUENCE >> 2] = this.gSequence.byteOffset
    words[G_OPEN >> 2] = this.gOpen.byteOffset
    words[G_ID >> 2] = this.gId.byteOffset
    words[G_ROOM >> 2] = this.gStatus.length
    words[P_STATUS >> 2] = this.pStatus.byteOffset
    words[P_GENERATION >> 2] = this.pGeneration.byteOffset
    words[P_SEQUENCE >> 2] = this.pSequence.byteOffset
    words[P_SWEEPING >> 2] = this.pSweeping.byteOffset
    words[M_G >> 2] = this.mG.byteOffset
    words[M_P >> 2] = this.mP.byteOffset
  }

  /** A new generation begins: sequence numbers start again. `ordinal` counts generations from 1. */
  enter(generation: Generation, ordinal: number): void {
    this.generation = generation
    this.ordinal = ordinal
    this.kernel.words[ORDINAL >> 2] = ordinal
  }

  /**
   * Tries an event of a thread against the model.
   *
   * @param thread row of the thread, -1 for events written on behalf of nobody
   * @param at position after the event in the generation's bytes, for messages
   * @param forcing take the event although it should wait: what it waits for was lost
   */
  advance(
    kind: number,
    thread: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    at: number,
    forcing: boolean,
  ): number {
    this.at = at
    const g = thread < 0 ? -1 : this.mG[thread]
    const p = thread < 0 ? -1 : this.mP[thread]
    this.rowKind = kind
    this.rowG = g
    this.rowP = p
    this.rowM = thread
    this.rowA = a0
    this.rowB = 0
    this.rowC = 0
    this.rowStack = 0
    if (this.extra.length > 0) this.extra.length = 0
    switch (kind) {
      case Ev.ProcStatus:
        return this.procStatus(a0, a1, thread)
      case Ev.ProcStart:
        return this.procStart(a0, a1, thread, p, forcing)
      case Ev.ProcStop:
        if (p < 0 || (this.pStatus[p] !== ProcStatus.running && this.pStatus[p] !== ProcStatus.syscall)) {
          this.conflict(kind, lack(thread, p, 0, ''))
          if (p < 0) return Advance.silent
        }
        this.pStatus[p] = ProcStatus.idle
        this.mP[thread] = -1
        this.rowA = p
        return Advance.tell
      case Ev.ProcSteal:
        return this.procSteal(a0, a1, a2, forcing)
      case Ev.GoStatus:
      case Ev.GoStatusStack:
        return this.goStatus(kind, a0, a1, a2, kind === Ev.GoStatusStack ? a3 : 0, thread)
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
      case Ev.GoCreateSyscall:
        return this.goCreate(kind, a0, a1, a2, thread, g, p)
      case Ev.GoStart:
        return this.goStart(a0, a1, thread, g, p, forcing)
      case Ev.GoUnblock: {
        const row = this.goroutines.find(a0)
        if (!forcing && !(row >= 0 && this.gStatus[row] === GoStatus.waiting && this.goFollows(row, a1))) {
          return Advance.wait
        }
        this.rowA = this.settleGoroutine(a0, a1, GoStatus.runnable)
        this.rowStack = a2
        return Advance.tell
      }
      case Ev.GoStop:
      case Ev.GoBlock:
        if (!this.runs(kind, thread, g, p)) return Advance.silent
        this.gStatus[g] = kind === Ev.GoStop ? GoStatus.runnable : GoStatus.waiting
        this.mG[thread] = -1
        this.rowStack = a1
        return Advance.tell
      case Ev.GoDestroy:
        if (!this.runs(kind, thread, g, p)) return Advance.silent
        this.goroutines.remove(this.gId[g])
        this.mG[thread] = -1
        return Advance.tell
      case Ev.GoDestroySyscall:
        return this.goDestroySyscall(kind, thread, g, p)
      case Ev.GoSwitch:
      case Ev.GoSwitchDestroy:
        return this.goSwitch(kind, a0, a1, thread, g, p, forcing)
      case Ev.GoSyscallBegin:
        if (!this.runs(kind, thread, g, p)) return Advance.silent
        this.gStatus[g] = GoStatus.syscall
        if (p >= 0) {
          if (this.pGeneration[p] !== this.ordinal || this.pSequence[p] + 1 !== a0) {
            this.conflict(kind, `processor sequence ${a0} does not follow ${this.pSequence[p]}`)
          }
          this.pStatus[p] = ProcStatus.syscall
          this.pGeneration[p] = this.ordinal
          this.pSequence[p] = a0
        }
        this.rowStack = a1
        return Advance.tell
      case Ev.GoSyscallEnd:
        if (g < 0 || p < 0 || this.gStatus[g] !== GoStatus.syscall || this.pStatus[p] !== ProcStatus.syscall) {
          this.conflict(kind, lack(thread, p, g, 'in a system call'))
          if (g < 0) return Advance.silent
        }
        this.gStatus[g] = GoStatus.running
        if (p >= 0) this.pStatus[p] = ProcStatus.running
        return Advance.tell
      case Ev.GoSyscallEndBlocked:
        if (p >= 0 && this.pStatus[p] === ProcStatus.syscall) {
          if (!forcing) return Advance.wait
          // The steal that freed the processor is lost.
          this.pStatus[p] = ProcStatus.idle
          this.mP[thread] = -1
        }
        if (g < 0 || this.gStatus[g] !== GoStatus.syscall) {
          this.conflict(kind, lack(thread, 0, g, 'in a system call'))
          if (g < 0) return Advance.silent
        }
        this.gStatus[g] = GoStatus.runnable
        this.mG[thread] = -1
        return Advance.tell
      case Ev.STWBegin:
      case Ev.STWEnd:
      case Ev.GCMarkAssistBegin:
      case Ev.GCMarkAssistEnd:
        return this.goroutineRange(kind, a0, a1, thread, g, p)
      case Ev.GCMarkAssistActive: {
        const row = this.goroutines.find(a0)
        if (row < 0) {
          this.conflict(kind, `goroutine ${a0} is unknown`)
          return Advance.silent
        }
        this.checkActive(kind, (this.gOpen[row] & OPEN_ASSIST) !== 0)
        this.gOpen[row] |= OPEN_ASSIST
        this.rowA = row
        return Advance.tell
      }
      case Ev.GCSweepActive: {
        const row = this.processors.find(a0)
        if (row < 0) {
          this.conflict(kind, `processor ${a0} is unknown`)
          return Advance.silent
        }
        this.checkActive(kind, this.pSweeping[row] === 1)
        this.pSweeping[row] = 1
        this.rowA = row
        return Advance.tell
      }
      case Ev.GCSweepBegin:
      case Ev.GCSweepEnd: {
        const begins = kind === Ev.GCSweepBegin
        if (p < 0) {
          this.conflict(kind, lack(thread, p, 0, ''))
          return Advance.silent
        }
        if ((this.pSweeping[p] === 1) === begins) {
          this.conflict(kind, begins ? 'a sweep is open already' : 'no sweep is open')
          if (!begins) return Advance.silent
        }
        this.pSweeping[p] = begins ? 1 : 0
        this.rowA = begins ? 0 : a0
        this.rowB = begins ? 0 : a1
        this.rowStack = begins ? a0 : 0
        return Advance.tell
      }
      case Ev.GCActive:
      case Ev.GCBegin:
      case Ev.GCEnd:
        return this.collection(kind, a0, a1, forcing)
      case Ev.HeapAlloc:
      case Ev.HeapGoal:
        if (p >= 0) return Advance.tell
        this.conflict(kind, lack(thread, p, 0, ''))
        return Advance.silent
      case Ev.ProcsChange:
      case Ev.GoLabel:
      case Ev.UserTaskBegin:
      case Ev.UserTaskEnd:
      case Ev.UserRegionBegin:
      case Ev.UserRegionEnd:
      case Ev.UserLog:
        if (g < 0 || p < 0) {
          this.conflict(kind, lack(thread, p, g, ''))
          if (g < 0) return Advance.silent
        }
        if (kind === Ev.UserTaskBegin || kind === Ev.UserLog) {
          this.rowB = a1
          this.rowC = a2
          this.rowStack = a3
        } else if (kind === Ev.UserRegionBegin || kind === Ev.UserRegionEnd) {
          this.rowB = a1
          this.rowStack = a2
        } else if (kind !== Ev.GoLabel) {
          this.rowStack = a1
        }
        return Advance.tell
      default:
        // Experimental events are counted by the caller and passed over.
        if (thread < 0) this.conflict(kind, lack(thread, 0, 0, ''))
        return Advance.silent
    }
  }

  /** The row of a thread, made when it is new. */
  threadRow(id: number): number {
    const known = this.threads.find(id)
    if (known >= 0) return known
    const row = this.threads.insert(id)
    if (row >= this.mG.length) {
      const { memory } = this.kernel
      this.mG = grown(memory, this.mG, memory.int32(row * 2))
      this.mP = grown(memory, this.mP, memory.int32(row * 2))
      this.tellKernel()
    }
    this.mG[row] = -1
    this.mP[row] = -1
    return row
  }

  /** After damage nothing is known of what a thread runs. */
  forgetThread(thread: number): void {
    if (thread < 0) return
    this.mG[thread] = -1
    this.mP[thread] = -1
  }

  // ---- processors ----

  private procStatus(id: number, stated: number, thread: number): number {
    if (stated < 1 || stated > 4) return this.nonsense(Ev.ProcStatus, `state ${stated} for processor ${id}`)
    let row = this.processors.find(id)
    let before = 0
    let status = stated
    if (row >= 0) {
      before = this.pStatus[row]
      if (status === ProcStatus.syscallAbandoned && before === ProcStatus.syscall) {
        // Nothing was lost: the model still knows which thread holds it. The event belongs to that thread.
        status = ProcStatus.syscall
        const holder = this.mP.indexOf(row)
        if (holder < 0) this.conflict(Ev.ProcStatus, `no thread holds processor ${id}, which is about to be stolen`)
        else {
          this.rowM = holder
          this.rowG = this.mG[holder]
        }
        this.rowP = row
      } else if (before !== status) {
        this.conflict(Ev.ProcStatus, `processor ${id} is in state ${before}, not ${status}`)
        this.unbindProcessor(row)
      }
    } else {
      row = this.newProcessor(id)
    }
    this.pStatus[row] = status
    this.pGeneration[row] = this.ordinal
    this.pSequence[row] = 0
    if ((stated === ProcStatus.running || stated === ProcStatus.syscall) && thread >= 0) this.mP[thread] = row
    this.rowA = row
    this.rowB = status
    this.rowC = before
    return Advance.tell
  }

  private procStart(id: number, sequence: number, thread: number, p: number, forcing: boolean): number {
    const known = this.processors.find(id)
    const ready = known >= 0 && this.pStatus[known] === ProcStatus.idle && this.procFollows(known, sequence) && p < 0
    if (!ready && !forcing) return Advance.wait
    const row = this.settleProcessor(id, sequence, ProcStatus.running, !ready)
    if (thread >= 0) this.mP[thread] = row
    this.rowA = row
    return Advance.tell
  }

  private procSteal(id: number, sequence: number, victimId: number, forcing: boolean): number {
    const known = this.processors.find(id)
    const before = known >= 0 ? this.pStatus[known] : ProcStatus.bad
    const ready =
      known >= 0 &&
      (before === ProcStatus.syscall || before === ProcStatus.syscallAbandoned) &&
      this.procFollows(known, sequence)
    if (!ready && !forcing) return Advance.wait
    const row = this.settleProcessor(id, sequence, ProcStatus.idle, !ready)
    this.rowA = row
    this.rowB = ready ? before : ProcStatus.syscall
    if (!ready || before === ProcStatus.syscallAbandoned) return Advance.tell
    const victim = victimId === NONE_U64 ? -1 : this.threads.find(victimId)
    if (victim >= 0 && this.mP[victim] === row) {
      this.mP[victim] = -1
    } else {
      this.conflict(Ev.ProcSteal, `thread ${victimId} does not hold processor ${id}`)
      this.unbindProcessor(row)
    }
    return Advance.tell
  }

  private procFollows(row: number, sequence: number): boolean {
    return this.pGeneration[row] === this.ordinal && this.pSequence[row] + 1 === sequence
  }

  private settleProcessor(id: number, sequence: number, status: number, forced: boolean): number {
    const known = this.processors.find(id)
    const row = known >= 0 ? known : this.newProcessor(id)
    if (forced) this.unbindProcessor(row)
    this.pStatus[row] = status
    this.pGeneration[row] = this.ordinal
    this.pSequence[row] = sequence
    return row
  }

  private newProcessor(id: number): number {
    const row = this.processors.insert(id)
    if (row >= this.pStatus.length) {
      const { memory } = this.kernel
      this.pStatus = grown(memory, this.pStatus, memory.uint8(row * 2))
      this.pGeneration = grown(memory, this.pGeneration, memory.int32(row * 2))
      this.pSequence = grown(memory, this.pSequence, memory.float64(row * 2))
      this.pSweeping = grown(memory, this.pSweeping, memory.uint8(row * 2))
      this.tellKernel()
    }
    this.pSweeping[row] = 0
    return row
  }

  /**
   * Takes a row off all threads that hold it. In a capture of thousands of threads and as many contradictions, which no program makes, some may
   * keep it; what they do next contradicts that in turn.
   */
  private unbind(held: Int32Array, row: number): void {
    const { rowCount } = this.threads
    this.unbound++
    this.looked += rowCount
    if (this.looked > LEAST_LOOKS + LOOKS_PER_UNBINDING * this.unbound) return
    for (let thread = 0; thread < rowCount; thread++) if (held[thread] === row) held[thread] = -1
  }

  /** Takes a processor off whatever thread holds it. */
  private unbindProcessor(row: number): void {
    this.unbind(this.mP, row)
  }

  // ---- goroutines ----

  private goStatus(kind: number, id: number, threadId: number, status: number, stack: number, thread: number): number {
    if (status < 1 || status > 4) return this.nonsense(kind, `state ${status} for goroutine ${id}`)
    let row = this.goroutines.find(id)
    this.rowC = id
    if (row < 0) {
      if (this.ordinal > 1) this.conflict(kind, `goroutine ${id} was never created`)
      row = this.newGoroutine(id)
    } else if (this.gStatus[row] === status) {
      this.rowC = -1 - id
    } else {
      this.conflict(kind, `goroutine ${id} is in state ${this.gStatus[row]}, not ${status}`)
      this.unbindGoroutine(row)
    }
    this.gStatus[row] = status
    this.gGeneration[row] = this.ordinal
    this.gSequence[row] = 0
    this.rowKind = Ev.GoStatus
    this.rowA = row
    this.rowB = status
    this.rowStack = stack
    if (status === GoStatus.running) {
      if (thread >= 0) this.mG[thread] = row
    } else if (status === GoStatus.syscall) {
      if (threadId === NONE_U64) {
        this.conflict(kind, `goroutine ${id} is in a system call without a thread`)
        return Advance.tell
      }
      const other = this.threadRow(threadId)
      if (other === thread) {
        this.mG[thread] = row
        return Advance.tell
      }
      // A thread that has been in this call for the whole generation is spoken of by another.
      if (this.mG[other] === row) this.rowG = row
      else if (this.mG[other] >= 0) this.conflict(kind, `thread ${threadId} runs another goroutine than ${id}`)
      this.mG[other] = row
      this.rowM = other
    }
    return Advance.tell
  }

  private goCreate(
    kind: number,
    id: number,
    newStack: number,
    stack: number,
    thread: number,
    g: number,
    p: number,
  ): number {
    const inSyscall = kind === Ev.GoCreateSyscall
    if (inSyscall) {
      if (thread < 0 || g >= 0) this.conflict(kind, lack(thread, 0, g, 'none'))
    } else if (p < 0 || (g >= 0 && this.gStatus[g] !== GoStatus.running)) {
      this.conflict(kind, lack(thread, p, g, 'running'))
    }
    let row = this.goroutines.find(id)
    if (row >= 0) {
      this.conflict(kind, `goroutine ${id} exists already`)
      this.unbindGoroutine(row)
    } else {
      row = this.newGoroutine(id)
    }
    this.gGeneration[row] = this.ordinal
    this.gSequence[row] = 0
    this.rowA = row
    this.rowC = id
    if (inSyscall) {
      this.gStatus[row] = GoStatus.syscall
      if (thread >= 0) this.mG[thread] = row
    } else {
      this.gStatus[row] = kind === Ev.GoCreate ? GoStatus.runnable : GoStatus.waiting
      this.rowB = newStack
      this.rowStack = stack
    }
    return Advance.tell
  }

  private goStart(id: number, sequence: number, thread: number, g: number, p: number, forcing: boolean): number {
    const known = this.goroutines.find(id)
    const ready = known >= 0 && this.gStatus[known] === GoStatus.runnable && this.goFollows(known, sequence)
    if (!ready && !forcing) return Advance.wait
    // Ready but for its own thread: nothing that others do can mend that.
    if (p < 0 || g >= 0) this.conflict(Ev.GoStart, p < 0 ? lack(thread, p, 0, '') : lack(thread, p, g, 'none'))
    const row = this.settleGoroutine(id, sequence, GoStatus.running)
    if (thread >= 0) this.mG[thread] = row
    this.rowA = row
    return Advance.tell
  }

  private goDestroySyscall(kind: number, thread: number, g: number, p: number): number {
    if (g < 0 || this.gStatus[g] !== GoStatus.syscall) {
      this.conflict(kind, lack(thread, 0, g, 'in a system call'))
      if (g < 0) return Advance.silent
    }
    if (p >= 0) {
      if (this.pStatus[p] !== ProcStatus.syscall) {
        this.conflict(kind, `its processor is in state ${this.pStatus[p]}, not in a system call`)
      }
      // The processor is left behind, since the thread's id may be used again: a steal of it from itself comes first.
      this.pStatus[p] = ProcStatus.syscallAbandoned
      this.mP[thread] = -1
      this.extra.push({ kind: Ev.ProcSteal, goroutine: g, processor: p, a: p, b: ProcStatus.syscall })
    }
    this.goroutines.remove(this.gId[g])
    this.mG[thread] = -1
    return Advance.tell
  }

  /** Three events in one: the target wakes, the current goroutine blocks or ends, the target starts. */
  private goSwitch(
    kind: number,
    id: number,
    sequence: number,
    thread: number,
    g: number,
    p: number,
    forcing: boolean,
  ): number {
    if (!this.runs(kind, thread, g, p)) return Advance.silent
    const known = this.goroutines.find(id)
    const ready = known >= 0 && this.gStatus[known] === GoStatus.waiting && this.goFollows(known, sequence)
    if (!ready && !forcing) return Advance.wait
    const row = this.settleGoroutine(id, sequence, GoStatus.running)
    const ends = kind === Ev.GoSwitchDestroy
    if (ends) this.goroutines.remove(this.gId[g])
    else this.gStatus[g] = GoStatus.waiting
    this.mG[thread] = row
    this.extra.push({ kind: Ev.GoUnblock, goroutine: g, processor: p, a: row, b: 0 })
    this.extra.push({ kind: ends ? Ev.GoDestroy : Ev.GoBlock, goroutine: g, processor: p, a: 0, b: 0 })
    this.rowKind = Ev.GoStart
    this.rowG = -1
    this.rowA = row
    return Advance.tell
  }

  private goFollows(row: number, sequence: number): boolean {
    return this.gGeneration[row] === this.ordinal && this.gSequence[row] + 1 === sequence
  }

  /** Brings a goroutine into a state by a sequenced event; one that did not expect it is made or taken off its thread. */
  private settleGoroutine(id: number, sequence: number, status: number): number {
    let row = this.goroutines.find(id)
    if (row < 0) row = this.newGoroutine(id)
    else if (this.gStatus[row] === GoStatus.running || this.gStatus[row] === GoStatus.syscall) this.unbindGoroutine(row)
    this.gStatus[row] = status
    this.gGeneration[row] = this.ordinal
    this.gSequence[row] = sequence
    return row
  }

  private newGoroutine(id: number): number {
    const row = this.goroutines.insert(id)
    if (row >= this.gStatus.length) {
      const { memory } = this.kernel
      this.gStatus = grown(memory, this.gStatus, memory.uint8(row * 2))
      this.gGeneration = grown(memory, this.gGeneration, memory.int32(row * 2))
      this.gSequence = grown(memory, this.gSequence, memory.float64(row * 2))
      this.gOpen = grown(memory, this.gOpen, memory.uint8(row * 2))
      this.gStwKind = grown(ownColumns, this.gStwKind, new Float64Array(row * 2))
      this.gId = grown(memory, this.gId, memory.float64(row * 2))
      this.tellKernel()
    }
    this.gId[row] = id
    this.gOpen[row] = 0
    return row
  }

  /** Takes a goroutine off whatever thread holds it. */
  private unbindGoroutine(row: number): void {
    this.unbind(this.mG, row)
  }

  /** Whether the thread runs a goroutine on a processor; notes when not. False when there is no goroutine to speak of. */
  private runs(kind: number, thread: number, g: number, p: number): boolean {
    if (g >= 0 && p >= 0 && this.gStatus[g] === GoStatus.running) return true
    this.conflict(kind, lack(thread, p, g, 'running'))
    return g >= 0
  }

  // ---- ranges ----

  private goroutineRange(kind: number, a0: number, a1: number, thread: number, g: number, p: number): number {
    if (g < 0 || p < 0) {
      this.conflict(kind, lack(thread, p, g, ''))
      if (g < 0) return Advance.silent
    }
    const stw = kind === Ev.STWBegin || kind === Ev.STWEnd
    const bit = stw ? OPEN_STW : OPEN_ASSIST
    const begins = kind === Ev.STWBegin || kind === Ev.GCMarkAssistBegin
    if (((this.gOpen[g] & bit) !== 0) === begins) {
      this.conflict(kind, begins ? 'such a range is open already' : 'no such range is open')
      if (!begins) return Advance.silent
    }
    if (begins) {
      this.gOpen[g] |= bit
      if (stw) this.gStwKind[g] = a0
      this.rowA = stw ? a0 : 0
      this.rowStack = stw ? a1 : a0
    } else {
      this.gOpen[g] &= ~bit
      this.rowA = stw ? this.gStwKind[g] : 0
    }
    return Advance.tell
  }

  /** "Active" says that a range was open when the generation began: news in the first, old in every other. */
  private checkActive(kind: number, open: boolean): void {
    const first = this.ordinal === 1
    if (open === first) this.conflict(kind, first ? 'the range is open already' : 'the range was never begun')
  }

  /** Cycles of the collector carry a number that every begin, end and "active" raises by one. */
  private collection(kind: number, sequence: number, stack: number, forcing: boolean): number {
    const undetermined = this.gcState === Gc.undetermined
    const free = kind === Ev.GCBegin ? undetermined : kind === Ev.GCActive && this.ordinal === 1
    if (!free && sequence !== this.gcSequence + 1 && !forcing) return Advance.wait
    if (kind === Ev.GCActive && this.ordinal === 1) {
      if (!undetermined) this.conflict(kind, 'a collection is known already in the first generation')
    } else if (kind === Ev.GCBegin) {
      if (this.gcState === Gc.running) this.conflict(kind, 'a collection is running already')
    } else if (this.gcState !== Gc.running) {
      this.conflict(kind, 'no collection is running')
    }
    this.gcSequence = sequence
    this.gcState = kind === Ev.GCEnd ? Gc.notRunning : Gc.running
    this.rowStack = kind === Ev.GCBegin ? stack : 0
    return Advance.tell
  }

  // ---- contradictions ----

  /**
   * Whether an event contradicted what came before, and where events must be missing: in its own generation, or, when the first word of it on a
   * goroutine or processor is at odds with the last word of an earlier one, before it. For the caller to clear.
   */
  contradicted: 'no' | 'here' | 'before' = 'no'

  /** Notes that an event contradicts what came before. */
  private conflict(kind: number, what: string): void {
    const { generation, at } = this
    if (generation === null) return
    const announces = kind === Ev.GoStatus || kind === Ev.GoStatusStack || kind === Ev.ProcStatus
    this.contradicted = announces || this.contradicted === 'before' ? 'before' : 'here'
    this.problems.add('STATE_CONFLICT', generation.byteOffset + at, () => {
      const offset = (generation.byteOffset + at).toLocaleString('en-US')
      return `${eventName(kind)} before byte ${offset} (generation ${generation.number}) contradicts what came before: ${what}. The event's own word is taken; events before it may be missing.`
    })
  }

  /** What is wrong with the event that was damaged last. */
  damage = ''

  private nonsense(kind: number, what: string): number {
    this.damage = `event ${eventName(kind)} states ${what} (1 to 4 exist)`
    return Advance.damaged
  }
}

/** Name of an event kind for messages. */
export function eventName(kind: number): string {
  return eventSpecs.find((spec) => spec.number === kind)?.name ?? `event ${kind}`
}

/** Says which part of an event's context is missing, in the words of Go's reader. */
function lack(thread: number, processor: number, goroutine: number, wanted: string): string {
  if (thread < 0) return "expected a thread but didn't have one"
  if (processor < 0) return "expected a proc but didn't have one"
  if (wanted === 'none') return 'expected no goroutine but had one'
  if (goroutine < 0) return "expected a goroutine but didn't have one"
  return `its goroutine is not ${wanted}`
}
