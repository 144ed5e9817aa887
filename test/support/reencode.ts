// reencode.ts: decoded events back to the bytes of a capture.
//
// A decoder's output is complete when the input follows from it. Events, their order on each thread, their times, arguments and sequence numbers, strings,
// clock readings and samples are written from the decoded columns. From the capture itself come only the things that the columns leave open on purpose: where
// a batch begins and how long it is, which thread told of a state that is another's and which
// thread a state names that has none (a goroutine that waits), the last digits of heap goals beyond 2^53 (GOGC=off), in which order a table lists its entries, program counters and string
// ids of stack frames (their texts are compared), and the events of experiments, which are passed over.

import type { CaptureInfo } from '../../src/capture/capture.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import type { EventBlock } from '../../src/capture/event-block.ts'
import { Ev, FIRST_EXPERIMENTAL, GoStatus, ProcStatus } from '../../src/capture/event-types.ts'
import type { Frame } from '../../src/capture/stack-table.ts'
import {
  argumentCount,
  type Batch,
  HEADER_BYTES,
  joinBatches,
  NONE,
  readNumber,
  splitBatches,
  splitEvents,
  writeNumber,
} from './v2-wire.ts'

/** Clock units of 64 ns, as on every platform but Windows. */
const NS_PER_UNIT = 64
const FREQUENCY = 15_625_000n

/** One decoded event, copied from its block. */
interface Row {
  readonly kind: number
  readonly units: number
  readonly thread: number
  readonly processor: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly stack: number
  /** Id of the goroutine that `a` names, since rows are used again. */
  readonly named: number
  /** Sequence number of the goroutine or processor, where the event has one: it follows from the events before. */
  readonly sequence: number
  /** Row of the thread that a processor is stolen from. */
  readonly victim: number
}

/** What was decoded of one generation. */
interface Decoded {
  /** By thread row; -1 for what was written on behalf of nobody. */
  readonly rows: Map<number, Row[]>
  /** States told at the first mention in the generation, by goroutine id and processor row. */
  readonly goStatus: Map<number, Row>
  readonly procStatus: Map<number, Row>
  readonly samples: Row[]
  /** Tables by id, copied: a decoder's own hold while it tells the generation. */
  readonly strings: Map<number, { readonly text: string; readonly binary: Uint8Array | null }>
  readonly stacks: Map<number, readonly Frame[]>
}

function fail(what: string): never {
  throw new Error(what)
}

/** Decodes a capture and writes it anew. Throws where an event of the capture was not decoded, or one was decoded that is not in it. */
export function reencode(capture: Uint8Array): Uint8Array {
  const generations: Decoded[] = []
  const info = decode(capture, generations)
  const writer = new Writer(info, generations)
  const batches = splitBatches(capture)
  writer.bind(batches)
  const written = batches.map((batch) => ({ ...batch, payload: writer.payload(batch) }))
  writer.finish()
  return joinBatches(capture.subarray(0, HEADER_BYTES), written)
}

/** Copies the tables that the events of a generation come with, once. Ids have holes: the runtime gives one away for an entry that another thread wrote first. */
function keepTables({ strings, stacks }: Decoded, block: EventBlock): void {
  if (strings.size + stacks.size > 0) return
  for (let id = 1; strings.size < block.strings.size; id++) {
    if (!block.strings.has(id)) continue
    strings.set(id, {
      text: block.strings.get(id) ?? fail(`string ${id} has no text`),
      binary: block.strings.binary(id),
    })
  }
  for (let id = 1; stacks.size < block.stacks.size; id++) {
    if (block.stacks.has(id)) stacks.set(id, block.stacks.frames(id))
  }
}

function decode(capture: Uint8Array, generations: Decoded[]): CaptureInfo {
  const ids: number[] = []
  const holder = new Map<number, number>()
  let goSequence = new Map<number, number>()
  let procSequence = new Map<number, number>()
  const next = (sequence: Map<number, number>, of: number): number => {
    const number = (sequence.get(of) ?? fail(`${of} goes on before it was announced`)) + 1
    sequence.set(of, number)
    return number
  }
  const decoder = new CaptureDecoder({}, { events: consume })
  decoder.push(capture)
  return decoder.end()

  function consume(block: EventBlock): void {
    const { thread, processor, a, b, c, stack, timeNs } = block
    for (let i = 0; i < block.length; i++) {
      let kind = block.kind[i]
      if (kind === Ev.Sync) {
        generations.push({
          rows: new Map(),
          goStatus: new Map(),
          procStatus: new Map(),
          samples: [],
          strings: new Map(),
          stacks: new Map(),
        })
        goSequence = new Map()
        procSequence = new Map()
        continue
      }
      const here = generations[generations.length - 1]
      keepTables(here, block)
      const row = i
      const together = (ahead: number): boolean =>
        i + ahead < block.length && timeNs[i + ahead] === timeNs[row] && thread[i + ahead] === thread[row]
      // Some events are told as several, at one time: a coroutine switch as three, the end of a goroutine in a system call as two.
      if (kind === Ev.GoUnblock && together(2) && block.kind[i + 2] === Ev.GoStart && a[i + 2] === a[row]) {
        kind = block.kind[i + 1] === Ev.GoDestroy ? Ev.GoSwitchDestroy : Ev.GoSwitch
        i += 2
      } else if (kind === Ev.ProcSteal && together(1) && block.kind[i + 1] === Ev.GoDestroySyscall) {
        holder.delete(a[row])
        continue
      }
      if (kind === Ev.GoCreate || kind === Ev.GoCreateBlocked || kind === Ev.GoCreateSyscall) ids[a[row]] = c[row]
      if (kind === Ev.GoStatus) ids[a[row]] = c[row] >= 0 ? c[row] : -1 - c[row]
      const named = ids[a[row]] ?? 0
      let sequence = 0
      let victim = -1
      switch (kind) {
        case Ev.GoStatus:
        case Ev.GoCreate:
        case Ev.GoCreateBlocked:
        case Ev.GoCreateSyscall:
          goSequence.set(named, 0)
          break
        case Ev.GoStart:
        case Ev.GoUnblock:
        case Ev.GoSwitch:
        case Ev.GoSwitchDestroy:
          sequence = next(goSequence, named)
          break
        case Ev.ProcStatus:
          procSequence.set(a[row], 0)
          if (b[row] === ProcStatus.running || b[row] === ProcStatus.syscall) holder.set(a[row], thread[row])
          break
        case Ev.ProcStart:
          sequence = next(procSequence, a[row])
          holder.set(a[row], thread[row])
          break
        case Ev.ProcStop:
          holder.delete(processor[row])
          break
        case Ev.ProcSteal:
          sequence = next(procSequence, a[row])
          victim = holder.get(a[row]) ?? -1
          holder.delete(a[row])
          break
        case Ev.GoSyscallBegin:
          sequence = next(procSequence, processor[row])
          break
      }
      const decoded: Row = {
        kind,
        units: timeNs[row] / NS_PER_UNIT,
        thread: thread[row],
        processor: processor[row],
        a: a[row],
        b: b[row],
        c: c[row],
        stack: stack[row],
        named,
        sequence,
        victim,
      }
      if (kind === Ev.CPUSample) here.samples.push(decoded)
      else if (kind === Ev.GoStatus) here.goStatus.set(named, decoded)
      else if (kind === Ev.ProcStatus) here.procStatus.set(a[row], decoded)
      else {
        const list = here.rows.get(thread[row])
        if (list === undefined) here.rows.set(thread[row], [decoded])
        else list.push(decoded)
      }
    }
  }
}

/** Rows of processors or threads, and the ids in the capture: one for one. */
class Ids {
  private readonly rowOf = new Map<bigint, number>([[NONE, -1]])
  private readonly idOf = new Map<number, bigint>([[-1, NONE]])

  knows(id: bigint): boolean {
    return this.rowOf.has(id)
  }

  bind(id: bigint, row: number): void {
    if ((this.rowOf.get(id) ?? row) !== row || (this.idOf.get(row) ?? id) !== id) fail(`row ${row} is not ${id} alone`)
    this.rowOf.set(id, row)
    this.idOf.set(row, id)
  }

  row(id: bigint): number {
    return this.rowOf.get(id) ?? fail(`${id} was not decoded`)
  }

  id(row: number): bigint {
    return this.idOf.get(row) ?? fail(`row ${row} has no id`)
  }

  has(row: number): boolean {
    return this.idOf.has(row)
  }
}

class Writer {
  private readonly threads = new Ids()
  private readonly processors = new Ids()
  private readonly originUnits: bigint
  private index = -1
  private number = -1n
  /** Rows of the generation in hand that were written, by thread row. */
  private written = new Map<number, number>()
  private snapshots = 0
  private readonly out: number[] = []

  constructor(
    private readonly info: CaptureInfo,
    private readonly generations: readonly Decoded[],
  ) {
    this.originUnits = info.originNs / BigInt(NS_PER_UNIT)
  }

  /** The payload of a batch, from what was decoded. */
  payload(batch: Batch): Uint8Array {
    if (batch.generation !== this.number) {
      if (this.index >= 0) this.finish()
      this.index++
      this.number = batch.generation
      this.written = new Map()
    }
    // Batches of experiments are passed over.
    if (batch.experiment >= 0 || batch.payload.length === 0) return batch.payload
    this.out.length = 0
    const { payload } = batch
    switch (payload[0]) {
      case Ev.Strings:
        this.strings(payload)
        break
      case Ev.Stacks:
        this.stacks(payload)
        break
      case Ev.CPUSamples:
        this.samples(payload)
        break
      case Ev.Frequency:
        this.number8(Ev.Frequency, FREQUENCY)
        break
      case Ev.Sync:
        this.sync(batch)
        break
      default:
        this.events(batch)
    }
    return Uint8Array.from(this.out)
  }

  /** Everything that was decoded of the generation must have been written. */
  finish(): void {
    const { rows, samples, goStatus, procStatus } = this.here
    for (const [thread, list] of rows) {
      const left = list.length - (this.written.get(thread) ?? 0)
      if (left !== 0) fail(`${left} decoded events of a thread are not in the capture`)
    }
    const left = samples.length + goStatus.size + procStatus.size
    if (left !== 0) fail(`${left} decoded samples or states are not in the capture`)
  }

  private get here(): Decoded {
    return this.generations[this.index] ?? fail(`generation ${this.number} was not decoded`)
  }

  private number8(kind: number, ...values: readonly bigint[]): void {
    this.out.push(kind)
    for (const value of values) writeNumber(this.out, value)
  }

  private strings(payload: Uint8Array): void {
    const { strings } = this.here
    this.out.push(Ev.Strings)
    for (let at = 1; at < payload.length;) {
      const { value: id } = readNumber(payload, at + 1)
      const bytes =
        strings.get(Number(id))?.binary ??
        new TextEncoder().encode(strings.get(Number(id))?.text ?? fail(`string ${id} was not decoded`))
      this.number8(Ev.String, id, BigInt(bytes.length))
      for (const byte of bytes) this.out.push(byte)
      at = this.out.length
    }
  }

  private stacks(payload: Uint8Array): void {
    const { stacks, strings } = this.here
    const textOf = (id: bigint): string | undefined => (id === 0n ? '' : strings.get(Number(id))?.text)
    this.out.push(Ev.Stacks)
    let at = 1
    const next = (): bigint => {
      const { value, next: after } = readNumber(payload, at)
      at = after
      return value
    }
    while (at < payload.length) {
      at++
      const id = next()
      const frames = stacks.get(Number(id)) ?? []
      this.number8(Ev.Stack, id, BigInt(frames.length))
      next()
      for (const frame of frames) {
        const [counter, name, file] = [next(), next(), next()]
        next()
        if (textOf(name) !== frame.function || textOf(file) !== frame.file) fail(`a frame of stack ${id} is another`)
        for (const value of [counter, name, file, BigInt(frame.line)]) writeNumber(this.out, value)
      }
    }
  }

  /** Samples lie in the order in which they were taken from the profiler's buffer; they are decoded in the order of their times. */
  private samples(payload: Uint8Array): void {
    const { samples } = this.here
    this.out.push(Ev.CPUSamples)
    for (let at = 1; at < payload.length; at = this.out.length) {
      const wanted: bigint[] = []
      let next = at + 1
      for (let i = 0; i < 5; i++) {
        const read = readNumber(payload, next)
        wanted.push(read.value)
        next = read.next
      }
      const found = samples.findIndex((row) => {
        const values = [
          this.absolute(row.units),
          this.threads.id(row.thread),
          this.processors.id(row.processor),
          BigInt(Math.max(0, row.c)),
          BigInt(row.stack),
        ]
        return values.every((value, i) => value === wanted[i])
      })
      if (found < 0) fail(`a CPU sample was not decoded: ${wanted.join(' ')}`)
      samples.splice(found, 1)
      this.number8(Ev.CPUSample, ...wanted)
    }
  }

  private sync(batch: Batch): void {
    const snapshot = this.info.clockSnapshots[this.snapshots++]
    this.out.push(Ev.Sync)
    this.number8(Ev.Frequency, FREQUENCY)
    this.number8(
      Ev.ClockSnapshot,
      this.absolute(snapshot.traceNs / NS_PER_UNIT) - batch.time,
      snapshot.monotonicNs,
      snapshot.unixNs / 1_000_000_000n,
      snapshot.unixNs % 1_000_000_000n,
    )
  }

  private absolute(units: number): bigint {
    return this.originUnits + BigInt(units)
  }

  private events({ thread: id, time, payload }: Batch): void {
    const thread = this.threads.row(id)
    const list = this.here.rows.get(thread) ?? []
    let clock = time
    while (this.out.length < payload.length) {
      const at = this.out.length
      const kind = payload[at]
      if (kind >= FIRST_EXPERIMENTAL) {
        clock += this.copy(payload, at)
        continue
      }
      let row: Row
      let stated = NONE
      if (kind === Ev.GoStatus || kind === Ev.GoStatusStack) {
        const { next } = readNumber(payload, at + 1)
        const { value, next: after } = readNumber(payload, next)
        const goroutine = Number(value)
        stated = readNumber(payload, after).value
        row = this.here.goStatus.get(goroutine) ?? fail(`the state of goroutine ${goroutine} was not decoded`)
        this.here.goStatus.delete(goroutine)
      } else if (kind === Ev.ProcStatus) {
        const { next } = readNumber(payload, at + 1)
        const { value } = readNumber(payload, next)
        row =
          this.here.procStatus.get(this.processors.row(value)) ??
          fail(`the state of processor ${value} was not decoded`)
        this.here.procStatus.delete(row.a)
      } else {
        let index = this.written.get(thread) ?? 0
        if (index >= list.length) fail(`an event of thread ${id} was not decoded`)
        row = list[index++]
        this.written.set(thread, index)
      }
      const now = this.absolute(row.units)
      this.out.push(row.kind === Ev.GoStatus && row.stack !== 0 ? Ev.GoStatusStack : row.kind)
      writeNumber(this.out, now - clock)
      clock = now
      const values = this.argumentsOf(row, id, stated)
      if (row.kind === Ev.HeapGoal && row.a > Number.MAX_SAFE_INTEGER) {
        const { value } = readNumber(payload, readNumber(payload, at + 1).next)
        if (Number(value) === row.a) values[0] = value
      }
      for (const value of values) writeNumber(this.out, value)
      // Said here, where it can be told what it is: from the first wrong byte on nothing else could be right.
      if (this.out.some((byte, i) => i >= at && byte !== payload[i])) {
        fail(
          `thread ${id} in generation ${this.number}: event ${row.kind} with ${values.join(' ')} is another at byte ${at} of its batch: ${payload.subarray(at, at + 16).join(' ')}`,
        )
      }
    }
  }

  /** Passes an event of an experiment over; its time counts. */
  private copy(payload: Uint8Array, from: number): bigint {
    const count = argumentCount(payload[from])
    if (count === null) fail(`event ${payload[from]} is none`)
    const { value: elapsed } = readNumber(payload, from + 1)
    let at = from + 1
    for (let i = 0; i <= count; i++) at = readNumber(payload, at).next
    for (let i = from; i < at; i++) this.out.push(payload[i])
    return elapsed
  }

  /** Finds out which row is which thread and processor: the one whose first event, or whose state, was told when the capture says. */
  bind(batches: readonly Batch[]): void {
    let index = -1
    let number = -1n
    for (const { experiment, generation, thread, time, payload } of batches) {
      if (generation !== number) index++
      number = generation
      const here = this.generations[index] ?? fail(`generation ${number} was not decoded`)
      if (experiment >= 0) continue
      let clock = time
      for (const { kind, args } of splitEvents(payload) ?? []) {
        clock += args[0]
        const at = clock
        if (kind === Ev.ProcStatus && !this.processors.knows(args[1])) {
          const rows = [...here.procStatus.values()]
          const row = rows.find((one) => !this.processors.has(one.a) && this.absolute(one.units) === at)
          this.processors.bind(args[1], row?.a ?? fail(`processor ${args[1]} was not decoded`))
        } else if (kind === Ev.GoStatus || kind === Ev.GoStatusStack) {
          const row = here.goStatus.get(Number(args[1]))
          if (row !== undefined && row.thread >= 0 && !this.threads.knows(args[2]))
            this.threads.bind(args[2], row.thread)
        } else if (kind < FIRST_EXPERIMENTAL && kind !== Ev.ProcStatus && !this.threads.knows(thread)) {
          const rows = [...here.rows].find(
            ([row, list]) => !this.threads.has(row) && this.absolute(list[0].units) === at,
          )
          this.threads.bind(thread, rows?.[0] ?? fail(`no event of thread ${thread} was decoded`))
        }
      }
    }
  }

  /** @param stated the thread that the capture states for a goroutine's state */
  private argumentsOf(row: Row, thread: bigint, stated: bigint): bigint[] {
    const big = (...values: readonly number[]): bigint[] => values.map(BigInt)
    const { kind, a, b, c, stack, named, sequence, victim } = row
    switch (kind) {
      case Ev.ProcsChange:
        return big(a, stack)
      case Ev.ProcStart:
        return [this.processors.id(a), BigInt(sequence)]
      case Ev.ProcSteal:
        return [this.processors.id(a), BigInt(sequence), this.threads.id(victim)]
      case Ev.ProcStatus: {
        // Told by another than the thread that is known to hold it: it says that the processor was left behind.
        const left = b === ProcStatus.syscall && this.threads.id(row.thread) !== thread
        return [this.processors.id(a), BigInt(left ? ProcStatus.syscallAbandoned : b)]
      }
      case Ev.GoStatus: {
        const on = b === GoStatus.running ? thread : b === GoStatus.syscall ? this.threads.id(row.thread) : stated
        return [BigInt(named), on, ...big(b), ...(stack === 0 ? [] : big(stack))]
      }
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
        return big(c, b, stack)
      case Ev.GoCreateSyscall:
        return big(c)
      case Ev.GoStart:
      case Ev.GoSwitch:
      case Ev.GoSwitchDestroy:
        return big(named, sequence)
      case Ev.GoUnblock:
        return big(named, sequence, stack)
      case Ev.GoSyscallBegin:
        return big(sequence, stack)
      case Ev.GoStop:
      case Ev.GoBlock:
      case Ev.STWBegin:
      case Ev.GCBegin:
      case Ev.UserTaskEnd:
        return big(a, stack)
      case Ev.GCActive:
      case Ev.GCEnd:
      case Ev.HeapAlloc:
      case Ev.HeapGoal:
      case Ev.GoLabel:
        return big(a)
      case Ev.GCSweepActive:
        return [this.processors.id(a)]
      case Ev.GCMarkAssistActive:
        return big(named)
      case Ev.GCSweepBegin:
      case Ev.GCMarkAssistBegin:
        return big(stack)
      case Ev.GCSweepEnd:
        return big(a, b)
      case Ev.UserTaskBegin:
      case Ev.UserLog:
        return big(a, b, c, stack)
      case Ev.UserRegionBegin:
      case Ev.UserRegionEnd:
        return big(a, b, stack)
      default:
        return []
    }
  }
}
