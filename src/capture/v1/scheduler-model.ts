// scheduler-model.ts: which event of a capture of Go 1.11 to 1.21 may follow which, and what each becomes in the newer model.
//
// Only goroutines are modelled: each has a sequence number, and events that can be of several processors name the number they follow.
// `kernel/order.ts` has the most frequent events once more, for WebAssembly.
// Source of the rules: internal/trace/internal/tracev1/order.go, of what becomes of an event: internal/trace/tracev1.go, both Go 1.26.

import { grown, NO_BYTES, NO_DOUBLES, ownColumns } from '../../base/columns.ts'
import { IdTable } from '../../base/id-table.ts'
import { type EventRow, NOTHING } from '../block-writer.ts'
import { Ev, GoStatus, ProcStatus } from '../event-types.ts'
import type { ProblemList } from '../problems.ts'
import { EvV1, eventNameV1, reasonsV1, stwKindsV1 } from './event-types.ts'
import type { OrderKernelV1 } from './order-kernel.ts'
import {
  CALL_BEGUN,
  CALL_BLOCKED,
  CALL_NONE,
  CALL_RETURNED,
  G_CALL,
  G_ID,
  G_ROOM,
  G_SEQUENCE,
  G_STATUS,
  REASONS,
} from './order-layout.ts'
import type { StringTableV1 } from './string-table.ts'

/** What an event may do. */
export const AdvanceV1 = {
  /** It has to wait for an event of another processor; `waitsFor` says for whose. */
  wait: 0,
  /** It happened; `extra`, then `row`, say what to tell. */
  tell: 1,
  /** It happened, or was left out; nothing is to be told. */
  silent: 2,
} as const

/** What is known of a goroutine's blocking system call. */
export const InCall = {
  none: CALL_NONE,
  /** It began, and will lose its processor. */
  begun: CALL_BEGUN,
  /** The processor was taken: it returns at a time that is known from elsewhere. */
  blocked: CALL_BLOCKED,
  /** Its return was told; the event of it is still to come. */
  returned: CALL_RETURNED,
} as const

/** Rows of goroutines that there is room for at first. */
const GOROUTINE_ROOM = 1024

/** Key of the collector among the goroutines that events wait for. */
export const COLLECTOR = -1

/** State of the goroutines as far as the events so far say. Public arrays are indexed by row. */
export class SchedulerModelV1 {
  readonly goroutines: IdTable
  /** A `GoStatus`: runnable, running or waiting (in system calls too). */
  gStatus: Uint8Array = NO_BYTES
  gSequence: Float64Array = NO_DOUBLES
  gId: Float64Array = NO_DOUBLES
  /** An `InCall`. */
  gCall: Uint8Array = NO_BYTES
  /** When its processor was taken, ticks. */
  gCallTicks: Float64Array = NO_DOUBLES

  readonly threads: IdTable
  /** The capture begins with a list of the goroutines there are, up to the first Gomaxprocs. */
  listing = true
  private readonly listed = new Set<number>()
  private collections = 0
  private stwKind = 0
  private readonly stwKinds: readonly number[]
  private readonly reasons: ReadonlyMap<number, number>

  /** What the event that advanced last is to be told as; of which processor and thread, its reader knows. */
  readonly row: EventRow = { ...NOTHING }
  /** Rows to be told before it (or alone when it is silent), likewise. */
  readonly extra: EventRow[] = []
  /** String of a label that the goroutine starts with; -1 none. */
  label = -1
  /** When the processor of the call that returned last was taken, ticks. */
  callTicks = 0
  /** Goroutine that runs on the processor from now on; -1 none. */
  current = -1
  /** Goroutine id that an event which has to wait waits for, or `COLLECTOR`. */
  waitsFor = 0

  /** @param kernel which uses the columns of the most frequent events */
  constructor(
    private readonly kernel: OrderKernelV1,
    strings: StringTableV1,
    private readonly version: number,
    private readonly goTimes: boolean,
    private readonly problems: ProblemList,
  ) {
    const { memory, words } = kernel
    this.goroutines = new IdTable(GOROUTINE_ROOM, memory, kernel.goroutines)
    this.makeRoom(GOROUTINE_ROOM)
    this.threads = new IdTable(64, memory, kernel.threads)
    this.stwKinds = stwKindsV1.map((kind) => strings.addWord(kind))
    this.reasons = new Map([...reasonsV1].map(([kind, reason]) => [kind, strings.addWord(reason)]))
    const reasonOfKind = memory.float64(64)
    for (const [kind, reason] of this.reasons) reasonOfKind[kind] = reason
    words[REASONS >> 2] = reasonOfKind.byteOffset
  }

  /**
   * Tries an event of a processor against the model.
   *
   * @param g row of the goroutine on the processor, -1 none
   * @param processor row of the processor, -1 none
   * @param told whether the processor was told of before
   * @param ticks time of the event
   * @param at position after the event in the capture, for messages
   */
  advance(
    kind: number,
    g: number,
    processor: number,
    told: boolean,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    ticks: number,
    at: number,
  ): number {
    const { row } = this
    row.goroutine = this.current = g
    row.a = a0
    row.b = row.c = row.stack = 0
    this.label = -1
    if (this.extra.length > 0) this.extra.length = 0
    switch (kind) {
      case EvV1.Gomaxprocs:
        if (this.listing) {
          this.endListing()
          return AdvanceV1.silent
        }
        this.row.stack = a1
        return this.tell(Ev.ProcsChange)
      case EvV1.ProcStart:
      case EvV1.ProcStop: {
        const starts = kind === EvV1.ProcStart
        this.row.a = processor
        if (told) return this.tell(starts ? Ev.ProcStart : Ev.ProcStop)
        this.row.b = starts ? ProcStatus.running : ProcStatus.idle
        return this.tell(Ev.ProcStatus)
      }
      case EvV1.GCStart:
        if (a0 !== this.collections) return this.wait(COLLECTOR)
        this.collections++
        this.row.stack = a1
        return this.tell(Ev.GCBegin)
      case EvV1.GCDone:
        this.row.a = this.collections
        return this.tell(Ev.GCEnd)
      case EvV1.STWStart:
        this.stwKind = this.stwKinds[this.version >= 21 ? a0 : a0 <= 1 ? a0 + 1 : 0] ?? 0
        this.row.a = this.stwKind
        return this.tell(Ev.STWBegin)
      case EvV1.STWDone:
        this.row.a = this.stwKind
        return this.tell(Ev.STWEnd)
      case EvV1.GCSweepStart:
      case EvV1.GCMarkAssistStart:
        this.row.a = 0
        this.row.stack = a0
        return this.tell(kind === EvV1.GCSweepStart ? Ev.GCSweepBegin : Ev.GCMarkAssistBegin)
      case EvV1.GCSweepDone:
        this.row.b = a1
        return this.tell(Ev.GCSweepEnd)
      case EvV1.GCMarkAssistDone:
        return this.tell(Ev.GCMarkAssistEnd)
      case EvV1.HeapAlloc:
      case EvV1.HeapGoal:
        return this.tell(kind === EvV1.HeapAlloc ? Ev.HeapAlloc : Ev.HeapGoal)
      case EvV1.FutileWakeup:
        return AdvanceV1.silent
      case EvV1.GoCreate:
        return this.create(a0, a1, a2, at)
      case EvV1.GoWaiting:
      case EvV1.GoInSyscall:
        return this.announce(kind, a0, ticks, at)
      case EvV1.GoStart:
      case EvV1.GoStartLabel:
      case EvV1.GoStartLocal:
        return this.start(kind, a0, a1, a2)
      case EvV1.GoUnblock:
      case EvV1.GoUnblockLocal: {
        const local = kind === EvV1.GoUnblockLocal
        const row = this.ready(a0, GoStatus.waiting, local ? -1 : a1)
        if (row < 0) return this.wait(a0)
        this.gStatus[row] = GoStatus.runnable
        this.gSequence[row]++
        this.row.a = row
        this.row.stack = local ? a1 : a2
        return this.tell(Ev.GoUnblock)
      }
      case EvV1.GoSysExit:
      case EvV1.GoSysExitLocal:
        return this.sysExit(a0, kind === EvV1.GoSysExit ? a1 : -1)
      default:
        return this.ofCurrent(kind, g, a0, a1, a2, a3, ticks, at)
    }
  }

  /** Events that only a running goroutine can have. */
  private ofCurrent(
    kind: number,
    g: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    ticks: number,
    at: number,
  ): number {
    if (g < 0) {
      this.conflict(kind, at, 'no goroutine runs on its processor')
      return AdvanceV1.silent
    }
    if (this.gStatus[g] !== GoStatus.running) {
      this.conflict(kind, at, `goroutine ${this.gId[g]} does not run`)
      this.gStatus[g] = GoStatus.running
      this.extra.push(this.statusRow(g, GoStatus.running))
    }
    switch (kind) {
      case EvV1.GoEnd:
        this.goroutines.remove(this.gId[g])
        this.current = -1
        return this.tell(Ev.GoDestroy)
      case EvV1.GoSched:
      case EvV1.GoPreempt:
        this.gStatus[g] = GoStatus.runnable
        this.current = -1
        this.row.a = this.reasons.get(kind) ?? 0
        this.row.stack = a0
        return this.tell(Ev.GoStop)
      case EvV1.GoSysCall:
        // It blocks when the next event of its processor says so; `order.ts` looks.
        this.row.a = 0
        this.row.stack = a0
        return this.tell(Ev.GoSyscallBegin)
      case EvV1.GoSysBlock: {
        const begun = this.gCall[g] === InCall.begun
        this.gStatus[g] = GoStatus.waiting
        this.gCall[g] = InCall.blocked
        this.gCallTicks[g] = ticks
        this.current = -1
        // Go's reader leaves out the call whose begin it has not seen.
        return begun || this.goTimes ? AdvanceV1.silent : this.tell(Ev.GoSyscallBegin)
      }
      case EvV1.UserTaskCreate:
        this.row.b = a1
        this.row.c = a2
        this.row.stack = a3
        return this.tell(Ev.UserTaskBegin)
      case EvV1.UserTaskEnd:
        this.row.stack = a1
        return this.tell(Ev.UserTaskEnd)
      case EvV1.UserRegion:
        if (a1 > 1) {
          this.conflict(kind, at, `mode ${a1} (0, begin, and 1, end, exist)`)
          return AdvanceV1.silent
        }
        this.row.b = a2
        this.row.stack = a3
        return this.tell(a1 === 0 ? Ev.UserRegionBegin : Ev.UserRegionEnd)
      case EvV1.UserLog:
        this.row.b = a1
        this.row.c = a3
        this.row.stack = a2
        return this.tell(Ev.UserLog)
      default:
        if (!this.reasons.has(kind)) return AdvanceV1.silent
        this.gStatus[g] = GoStatus.waiting
        this.current = -1
        this.row.a = this.reasons.get(kind) ?? 0
        this.row.stack = a0
        return this.tell(Ev.GoBlock)
    }
  }

  /** The row of a thread, made when it is new. */
  threadRow(id: number): number {
    const known = this.threads.find(id)
    return known >= 0 ? known : this.threads.insert(id)
  }

  /** The row of a new goroutine. */
  newGoroutine(id: number): number {
    const row = this.goroutines.insert(id)
    if (row >= this.gStatus.length) this.makeRoom(row * 2)
    this.gStatus[row] = GoStatus.runnable
    this.gSequence[row] = 1
    this.gId[row] = id
    this.gCall[row] = InCall.none
    return row
  }

  private makeRoom(rows: number): void {
    const { kernel } = this
    const { memory, words } = kernel
    this.gStatus = kernel.place(this.gStatus, memory.uint8(rows), G_STATUS)
    this.gSequence = kernel.place(this.gSequence, memory.float64(rows), G_SEQUENCE)
    this.gId = kernel.place(this.gId, memory.float64(rows), G_ID)
    this.gCall = kernel.place(this.gCall, memory.uint8(rows), G_CALL)
    this.gCallTicks = grown(ownColumns, this.gCallTicks, new Float64Array(rows))
    words[G_ROOM >> 2] = rows
  }

  /**
   * Makes an event that waits for what never comes ready: takes its word for the state of its goroutine. What was known of the goroutine
   * before may be incomplete; `extra` says so.
   *
   * @returns row of the goroutine, -1 for the collector
   */
  force(kind: number, a0: number, a1: number): number {
    this.extra.length = 0
    if (kind === EvV1.GCStart) {
      this.collections = a0
      return -1
    }
    const starts = kind === EvV1.GoStart || kind === EvV1.GoStartLabel || kind === EvV1.GoStartLocal
    const exits = kind === EvV1.GoSysExit || kind === EvV1.GoSysExitLocal
    const known = this.goroutines.find(a0)
    const row = known >= 0 ? known : this.newGoroutine(a0)
    this.gStatus[row] = starts ? GoStatus.runnable : GoStatus.waiting
    if (kind !== EvV1.GoStartLocal && kind !== EvV1.GoUnblockLocal && kind !== EvV1.GoSysExitLocal) {
      this.gSequence[row] = a1
    }
    if (exits && this.gCall[row] !== InCall.returned) {
      this.gCall[row] = InCall.blocked
      this.gCallTicks[row] = 0
    }
    if (known >= 0) {
      this.extra.push(this.statusRow(row, exits ? GoStatus.syscall : this.gStatus[row]))
    } else {
      const as = exits ? Ev.GoCreateSyscall : starts ? Ev.GoCreate : Ev.GoCreateBlocked
      this.extra.push({ ...NOTHING, kind: as, a: row, c: a0 })
    }
    return row
  }

  // ---- goroutines ----

  private create(id: number, newStack: number, stack: number, at: number): number {
    const known = this.goroutines.find(id)
    if (known >= 0) {
      this.conflict(EvV1.GoCreate, at, `goroutine ${id} exists already`)
      this.goroutines.remove(id)
    }
    const row = this.newGoroutine(id)
    if (this.listing) {
      this.listed.add(row)
      return AdvanceV1.silent
    }
    this.row.a = row
    this.row.b = newStack
    this.row.c = id
    this.row.stack = stack
    return this.tell(Ev.GoCreate)
  }

  /** A goroutine of the list waits, or is in a system call. */
  private announce(kind: number, id: number, ticks: number, at: number): number {
    let row = this.ready(id, GoStatus.runnable, 1)
    if (row < 0) {
      this.conflict(kind, at, `goroutine ${id} is not known as new`)
      row = this.goroutines.find(id)
      if (row < 0) row = this.newGoroutine(id)
    }
    this.gStatus[row] = GoStatus.waiting
    this.gSequence[row] = 2
    const inCall = kind === EvV1.GoInSyscall
    if (inCall) {
      this.gCall[row] = InCall.blocked
      this.gCallTicks[row] = ticks
    }
    this.listed.delete(row)
    this.row.goroutine = -1
    this.row.a = row
    this.row.b = inCall ? GoStatus.syscall : GoStatus.waiting
    this.row.c = id
    return this.tell(Ev.GoStatus)
  }

  private start(kind: number, id: number, sequence: number, label: number): number {
    const row = this.ready(id, GoStatus.runnable, kind === EvV1.GoStartLocal ? -1 : sequence)
    if (row < 0) return this.wait(id)
    this.gStatus[row] = GoStatus.running
    this.gSequence[row]++
    this.current = row
    this.row.goroutine = -1
    this.row.a = row
    if (this.listing && this.listed.delete(row)) {
      // The goroutine that started the tracer.
      this.row.b = GoStatus.running
      this.row.c = id
      return this.tell(Ev.GoStatus)
    }
    if (this.listing) this.endListing()
    if (kind === EvV1.GoStartLabel) this.label = label
    return this.tell(Ev.GoStart)
  }

  private sysExit(id: number, sequence: number): number {
    const row = this.ready(id, GoStatus.waiting, sequence)
    if (row < 0) return this.wait(id)
    const call = this.gCall[row]
    this.callTicks = this.gCallTicks[row]
    this.gStatus[row] = GoStatus.runnable
    this.gSequence[row]++
    this.gCall[row] = InCall.none
    this.row.goroutine = row
    this.row.a = 0
    return call === InCall.returned ? AdvanceV1.silent : this.tell(Ev.GoSyscallEndBlocked)
  }

  /** Row of a goroutine in a state and, unless -1, with a sequence number; -1 when it is not (yet) so. */
  private ready(id: number, status: number, sequence: number): number {
    const row = this.goroutines.find(id)
    if (row < 0 || this.gStatus[row] !== status) return -1
    return sequence < 0 || this.gSequence[row] === sequence ? row : -1
  }

  /** The list of goroutines is over: those of which nothing else was said can run. */
  private endListing(): void {
    this.listing = false
    for (const row of this.listed) this.extra.push(this.statusRow(row, GoStatus.runnable))
    this.listed.clear()
  }

  private statusRow(row: number, status: number): EventRow {
    return { ...NOTHING, kind: Ev.GoStatus, a: row, b: status, c: this.gId[row] }
  }

  private tell(kind: number): number {
    this.row.kind = kind
    return AdvanceV1.tell
  }

  private wait(goroutine: number): number {
    this.waitsFor = goroutine
    return AdvanceV1.wait
  }

  /** Notes that an event contradicts what came before. */
  private conflict(kind: number, at: number, what: string): void {
    this.problems.add(
      'STATE_CONFLICT',
      at,
      () =>
        `${eventNameV1(kind)} before byte ${at.toLocaleString('en-US')} contradicts what came before: ${what}. Events before it may be missing.`,
    )
  }
}
