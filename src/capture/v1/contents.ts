// contents.ts: what a capture of Go 1.11 to 1.21 holds and where: the batches of each processor and the tables, events still undecoded.
//
// file  = header, batches and tables in the order in which buffers were full
// batch = 65 processor ticks { event }       it ends where the next one begins; nothing tells its length
// event = first byte (shape in `event-types.ts`), numbers as uvarints
// Strings stand anywhere, and may be used before they are defined; the clock's frequency, then the stacks, come last.
// Source: runtime/trace.go of Go 1.11 to 1.21.

import { NONE_U64 } from '../../base/id-table.ts'
import { VarintReader } from '../../base/varint.ts'
import type { ProblemList } from '../problems.ts'
import { StackTable } from '../stack-table.ts'
import { EvV1, eventNameV1, NO_EVENT, Shape, shapesOf, timedNumbers } from './event-types.ts'
import { StringTableV1 } from './string-table.ts'

/** First byte of a batch. */
const BATCH = (1 << 6) | EvV1.Batch
/** The writer's buffer: no text and no stack is longer. */
const BUFFER_BYTES = 65_536
/** The writer leaves one byte for the length of an event. */
const LONGEST_EVENT = 128
/** A first byte and three numbers. */
const LONGEST_SHORT = 31
/** Largest number of a processor that is believed where a lost batch is looked for; Go's reader takes any below 2^31. */
const MOST_PROCESSORS = 1 << 16
/** Ticks, a few minutes, by which a batch that is looked for may lie outside of those found before. */
const TICKS_AROUND = 2 ** 34
/** Events that must follow a header that is looked for. */
const EVENTS_AFTER_HEADER = 4

/** A batch: events of one processor, in order. */
export interface BatchV1 {
  /** Clock at the start. */
  readonly ticks: number
  /** Its events in the capture. */
  readonly from: number
  to: number
  /** Bytes after `to` could not be read. */
  damaged: boolean
  /** It holds CPU samples, which are written by whoever gathers them: its time says nothing of the processor's other batches. */
  samples: boolean
}

/** The batches of one processor, in the order in which they were written. */
export interface ProcessorV1 {
  /** `NONE_U64`: events written without a processor. */
  readonly id: number
  readonly batches: BatchV1[]
}

/** A CPU sample. */
export interface CpuSampleV1 {
  readonly ticks: number
  readonly processor: number
  readonly goroutine: number
  readonly stack: number
}

/** When a system call really returned: known only when its goroutine goes on, which may be much later. */
export interface SyscallReturn {
  readonly ticks: number
  readonly goroutine: number
}

/** A whole capture, its tables read. */
export interface ContentsV1 {
  readonly bytes: Uint8Array
  readonly processors: readonly ProcessorV1[]
  readonly strings: StringTableV1
  readonly stacks: StackTable
  /** By time. */
  readonly cpuSamples: readonly CpuSampleV1[]
  /** By time. */
  readonly syscallReturns: readonly SyscallReturn[]
  /** Ticks per second; 0 when the capture ends before it says so, and with it before its last events. */
  readonly frequency: number
}

/** Walks a whole capture once; what cannot be read is noted and passed over. */
export function readContents(
  bytes: Uint8Array,
  headerBytes: number,
  version: number,
  problems: ProblemList,
): ContentsV1 {
  return new ContentsReader(bytes, headerBytes, version, problems).read()
}

class ContentsReader {
  private readonly shapes: Uint8Array
  private readonly strings: StringTableV1
  private readonly stacks: StackTable
  private readonly processors = new Map<number, ProcessorV1>()
  private readonly cpuSamples: CpuSampleV1[] = []
  private readonly syscallReturns: SyscallReturn[] = []
  private frequency = 0
  private batch: BatchV1 | null = null
  private batchAt = 0
  private mostStack = 0
  private leastTicks = Infinity
  private mostTicks = -Infinity
  /** Bytes before were looked through for a batch already. */
  private searchedTo = 0

  constructor(
    private readonly bytes: Uint8Array,
    private readonly headerBytes: number,
    version: number,
    private readonly problems: ProblemList,
  ) {
    this.shapes = shapesOf(version)
    this.strings = new StringTableV1(bytes)
    this.stacks = new StackTable(this.strings, bytes)
  }

  read(): ContentsV1 {
    const { bytes } = this
    let at = this.headerBytes
    while (at < bytes.length) {
      at = this.walk(at)
      if (at < bytes.length) at = this.resynchronise(at)
    }
    this.closeBatch(bytes.length)
    this.checkStacks()
    this.cpuSamples.sort((one, other) => one.ticks - other.ticks)
    this.syscallReturns.sort((one, other) => one.ticks - other.ticks)
    return {
      bytes,
      processors: [...this.processors.values()].filter(({ batches }) => batches.length > 0),
      strings: this.strings,
      stacks: this.stacks,
      cpuSamples: this.cpuSamples,
      syscallReturns: this.syscallReturns,
      frequency: this.frequency,
    }
  }

  /**
   * Passes over events from `from` on. Nine of ten are decided by their first byte alone and are passed over in this loop.
   *
   * @returns where it stopped: the end of the capture, or the first byte of what is no event
   */
  private walk(from: number): number {
    const { bytes, shapes } = this
    const { length } = bytes
    let at = from
    if (bytes[at] !== BATCH) return at
    while (at < length) {
      const start = at
      const first = bytes[at++]
      const shape = shapes[first]
      if (shape === Shape.short) {
        const kind = first & 63
        if (kind === EvV1.GoSysExitLocal) this.addReturn(at, false)
        for (let left = timedNumbers[kind]; left > 0; left--) {
          while (at < length && bytes[at] >= 0x80) at++
          at++
        }
        if (at - start > LONGEST_SHORT) return start
        if (at > length) return this.cutAt(start)
      } else if (shape === Shape.long || shape === Shape.log) {
        if (at >= length) return this.cutAt(start)
        const size = bytes[at++]
        if (size >= LONGEST_EVENT) return start
        const kind = first & 63
        if (kind === EvV1.GoSysExit) this.addReturn(at, true)
        else if (kind === EvV1.CPUSample) this.addSample(at, at + size)
        at += size
        if (shape === Shape.log) {
          const reader = new VarintReader(bytes, at, length)
          const size = reader.read()
          if (reader.failed && length - at < 10) return this.cutAt(start)
          if (reader.failed || size > BUFFER_BYTES) return start
          at = reader.offset + size
        }
        if (at > length) return this.cutAt(start)
      } else if (shape === NO_EVENT) {
        return start
      } else {
        const end = this.readUntimed(first & 63, start, at)
        if (end < 0) return start
        if (end > length) return this.cutAt(start)
        at = end
      }
    }
    return at
  }

  /**
   * Reads a batch's header or an entry of a table.
   *
   * @returns where it ends, beyond the capture when the capture ends first; -1 when it is none
   */
  private readUntimed(kind: number, start: number, from: number): number {
    const { bytes } = this
    const { length } = bytes
    const reader = new VarintReader(bytes, from, length)
    const first = reader.read()
    const second = kind === EvV1.Batch || kind === EvV1.String ? reader.read() : 0
    if (reader.failed) return length - from < 20 ? length + 1 : -1
    switch (kind) {
      case EvV1.Batch:
        if (first > 0x7fffffff && first !== NONE_U64) return -1
        this.openBatch(start, first, second, reader.offset)
        return reader.offset
      case EvV1.String:
        if (first === 0 || second > BUFFER_BYTES) return -1
        if (second <= length - reader.offset) this.strings.add(first, reader.offset, reader.offset + second)
        return reader.offset + second
      case EvV1.Stack: {
        const end = reader.offset + first
        if (first > BUFFER_BYTES) return -1
        if (end > length) return end
        const id = reader.read()
        const frames = reader.read()
        // Each frame takes four bytes at least.
        if (reader.failed || frames * 4 > end - reader.offset) return -1
        this.stacks.add(id, reader.offset, frames)
        if (id > this.mostStack) this.mostStack = id
        return end
      }
      case EvV1.Frequency:
        this.frequency = first
        return reader.offset
      default:
        return reader.offset
    }
  }

  /** Stacks come last, numbered from 1 without gaps but in no order: a cut between two of them shows by those that are not there. */
  private checkStacks(): void {
    const { size } = this.stacks
    if (this.frequency === 0 || (size > 0 && this.mostStack === size)) return
    this.problems.add(
      'UNKNOWN_STACK',
      this.bytes.length,
      () =>
        `${size.toLocaleString('en-US')} stacks are there${size === 0 ? '' : `, of ${this.mostStack.toLocaleString('en-US')} or more`}: the capture was cut while its stacks were written, which come last (byte ${this.bytes.length.toLocaleString('en-US')} is its end). All events are there; some goroutines and waits stay without a name or a stack, waits for the runtime's own semaphores read as locks, and the loops of a connection count for the task that dialled it.`,
    )
  }

  private openBatch(start: number, id: number, ticks: number, from: number): void {
    this.closeBatch(start)
    this.batch = { ticks, from, to: from, damaged: false, samples: false }
    this.batchAt = start
    let processor = this.processors.get(id)
    if (processor === undefined) {
      processor = { id, batches: [] }
      this.processors.set(id, processor)
    }
    processor.batches.push(this.batch)
    if (ticks < this.leastTicks) this.leastTicks = ticks
    if (ticks > this.mostTicks) this.mostTicks = ticks
  }

  private closeBatch(at: number): void {
    if (this.batch !== null && !this.batch.damaged) this.batch.to = at
  }

  /** The capture ends inside the event at `start`. @returns the end of the capture */
  private cutAt(start: number): number {
    const { bytes, frequency } = this
    const kind = eventNameV1(bytes[start] & 63)
    this.problems.add('CAPTURE_TRUNCATED', start, () => {
      const left = (bytes.length - start).toLocaleString('en-US')
      const lost =
        frequency > 0
          ? 'all events are there, stacks are missing'
          : 'everything before is kept, what was still in the buffers of each processor is missing'
      return `the capture ends inside an event (${kind}) at byte ${start.toLocaleString('en-US')}, ${left} bytes of it are there: ${lost}. A pull cut by its deadline looks like this: allow it more time than the capture is long.`
    })
    this.closeBatch(start)
    if (this.batch !== null) this.batch.damaged = true
    return bytes.length
  }

  /**
   * What stands at `at` is no event: ends the batch there and looks for the next header of one. It may stand before `at`, when damage led
   * the walk past it; bytes are never looked through twice.
   *
   * @returns where the next batch begins, or the end of the capture
   */
  private resynchronise(at: number): number {
    const { bytes, batch } = this
    const behind = batch === null ? this.headerBytes : Math.max(this.batchAt + 1, at - BUFFER_BYTES)
    let next = Math.max(behind, this.searchedTo)
    while (next < bytes.length && !(bytes[next] === BATCH && this.isHeader(next))) next++
    this.searchedTo = Math.max(at + 1, next)
    const end = Math.min(at, next)
    const found = bytes[at]
    this.problems.add('BATCH_DAMAGED', at, () => {
      const from = at.toLocaleString('en-US')
      const what =
        this.shapes[found] === NO_EVENT
          ? `event number ${found & 63} does not exist in this form`
          : `${eventNameV1(found & 63)} makes no sense`
      const skipped = (Math.max(at, next) - end).toLocaleString('en-US')
      return `${what}, at byte ${from}: the rest of that batch, ${skipped} bytes of one processor's events, is lost; ${next < bytes.length ? `reading goes on with the batch at byte ${next.toLocaleString('en-US')}` : 'no further batch was found'}.`
    })
    this.closeBatch(end)
    if (batch !== null) batch.damaged = true
    this.batch = null
    return next
  }

  /** Whether a batch begins at `from`, as far as one can tell: a processor, a time near the others, and some events. */
  private isHeader(from: number): boolean {
    const { bytes, shapes } = this
    const { length } = bytes
    const reader = new VarintReader(bytes, from + 1, length)
    const id = reader.read()
    const ticks = reader.read()
    if (reader.failed || (id >= MOST_PROCESSORS && id !== NONE_U64)) return false
    const near = this.mostTicks < 0 || (ticks > this.leastTicks - TICKS_AROUND && ticks < this.mostTicks + TICKS_AROUND)
    if (!near) return false
    for (let count = 0; count < EVENTS_AFTER_HEADER && reader.offset < length; count++) {
      const first = reader.byte()
      switch (shapes[first]) {
        case Shape.short:
          for (let left = timedNumbers[first & 63]; left > 0; left--) reader.read()
          break
        case Shape.long:
        case Shape.log: {
          const size = reader.byte()
          if (size >= LONGEST_EVENT) return false
          const end = reader.offset + size
          for (let left = timedNumbers[first & 63]; left > 0; left--) reader.read()
          if (reader.failed || reader.offset !== end) return false
          if (shapes[first] === Shape.log) reader.offset += reader.read()
          break
        }
        case Shape.untimed:
          // Strings and stacks are checked when they are read; a batch without any event is not written.
          return (first & 63) !== EvV1.Batch || count > 0
        default:
          return false
      }
      if (reader.failed) return false
    }
    return true
  }

  private addReturn(from: number, sequenced: boolean): void {
    const reader = new VarintReader(this.bytes, from, this.bytes.length)
    reader.read() // time since the event before
    const goroutine = reader.read()
    if (sequenced) reader.read()
    const ticks = reader.read()
    if (!reader.failed && ticks > 0) this.syscallReturns.push({ ticks, goroutine })
  }

  private addSample(from: number, to: number): void {
    const reader = new VarintReader(this.bytes, from, Math.min(to, this.bytes.length))
    reader.read() // when it was written
    const sample = {
      ticks: reader.read(),
      processor: reader.read(),
      goroutine: reader.read(),
      stack: reader.read(),
    }
    if (!reader.failed) this.cpuSamples.push(sample)
    if (this.batch !== null) this.batch.samples = true
  }
}
