// order.ts: the events of a generation, decoded and put in the one order in which they can have happened.
//
// Every thread writes its own batches, and clocks of different processors cannot be trusted to the nanosecond. So events are taken
// from a heap of per-thread cursors by time, but each only when the model (`scheduler-model.ts`) allows it: a goroutine starts only
// after it became runnable, a processor is stolen only after its thread entered the system call.
//
// Order, ties included, is that of Go's reader (internal/trace/reader.go and batchcursor.go, Go 1.26), since `--go-times` must move
// times apart exactly as it does.
//
// Who does what: the loop over events is a WebAssembly kernel (`kernel/order.ts`). It decodes, picks the earliest head and tells the most
// common kinds (99 events of 100) when nothing is odd about them, straight into the block; a run of events of one thread stays in its locals
// until another thread's head is earlier. Here is what it comes back for: an event for the model, the next batch, damage, a full block.
// Both see the same columns of the model, so nothing is handed over but a cursor.
// Why a kernel, says the room's README.

import { NONE_U64 } from '../../base/id-table.ts'
import { BlockWriter, type EventRow, NOTHING } from '../block-writer.ts'
import { BLOCK_ROWS, type EventSink } from '../event-block.ts'
import { Ev } from '../event-types.ts'
import { LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import type { CpuSample, Generation } from './generation.ts'
import { Heads, LATEST_NS, MAX_BATCH_SPAN_NS } from './heads.ts'
import {
  BATCH,
  CURSOR,
  DONE,
  FULL_ROWS,
  HEAP_LENGTH,
  LAST_NS,
  MODEL,
  MODEL_ARGUMENTS,
  NOT_TIMED,
  ROOM_FOR_ONE,
  ROWS,
  TAKEN,
  UNTIL_NS,
} from './order-layout.ts'
import type { OrderKernel } from './order-kernel.ts'
import { SchedulerModel } from './scheduler-model.ts'
import { Advance, eventName } from './scheduler-step.ts'

/** Heads that may be tried for each event told, beyond a few. Recorded captures need less than one. */
const TRIES_PER_EVENT = 32
const LEAST_EVENTS = 10_000

/** A CPU sample with its time from the capture's origin. */
interface TimedSample {
  readonly sample: CpuSample
  readonly timeNs: number
}

/** How times are told. */
export interface OrderOptions {
  /** Move times apart the way Go's reader does instead of telling the true ones. */
  readonly goTimes: boolean
}

// Fields that hold times begin as doubles (-0, -0.5), as `BlockWriter.lastNs` says.

/** Orders generation after generation of one capture and hands the events to a sink in blocks. */
export class Ordering {
  /** Events that take their time but are not told. */
  private untold = 0
  /** Nanoseconds of the origin on the trace clock. */
  originNs = 0n
  /** Stretches of which events are lost. */
  readonly lost = new LostTimes()
  /** Heads tried because the earliest had to wait. */
  private tries = 0
  /** Starts of the generation in hand and of the one before. */
  private startNs = -0
  private previousStartNs = -0

  private originUnits = -0.5
  private generations = 0
  /** Number of the generation ordered last; 0 before the first. */
  private lastNumber = 0
  private readonly writer: BlockWriter
  private readonly model: SchedulerModel
  private readonly goTimes: boolean

  constructor(
    options: OrderOptions,
    private readonly problems: ProblemList,
    sink: EventSink,
    private readonly kernel: OrderKernel,
  ) {
    this.goTimes = options.goTimes
    this.writer = new BlockWriter(sink, options.goTimes, kernel.memory.buffer)
    this.model = new SchedulerModel(problems, this.kernel)
  }

  /** Events as Go's reader counts them, without the last synchronisation event. */
  get events(): number {
    return this.writer.rows + this.untold
  }

  /** Latest time told, nanoseconds from the origin; below 0 before the first event. */
  get lastNs(): number {
    return this.writer.lastNs
  }

  /** Nanoseconds from the origin of a reading of the trace clock in `generation`. */
  relativeNs(generation: Generation, units: number): number {
    return Math.floor(this.preciseNs(generation, units))
  }

  /**
   * As `relativeNs`, with the fraction where a clock unit is no whole number of nanoseconds (Windows). Nothing lies before the origin, or later
   * than can be told: a generation that says so is damaged, and is held there.
   */
  private preciseNs(generation: Generation, units: number): number {
    const nsPerUnit = 1 / (generation.frequency / 1e9)
    const ns =
      !this.goTimes || Number.isInteger(nsPerUnit)
        ? (units - this.originUnits) * nsPerUnit
        : Math.trunc(units * nsPerUnit) - Number(this.originNs)
    return Math.min(Math.max(0, ns), LATEST_NS)
  }

  /** Orders one generation; everything it holds is handed to the sink before this returns. */
  order(generation: Generation): void {
    const nsPerUnit = 1 / (generation.frequency / 1e9)
    if (this.originUnits < 0) {
      this.originUnits = generation.minTimeUnits
      this.originNs = Number.isInteger(nsPerUnit)
        ? BigInt(generation.minTimeUnits) * BigInt(nsPerUnit)
        : BigInt(Math.trunc(generation.minTimeUnits * nsPerUnit))
    }
    this.generations++
    this.model.enter(generation, this.generations)
    this.writer.useTables(generation.strings, generation.stacks)
    const startNs = this.relativeNs(generation, generation.minTimeUnits)
    const beforeNs = Math.max(0, this.lastNs)
    this.previousStartNs = this.startNs
    this.startNs = startNs
    this.writer.write(startNs, { ...NOTHING, kind: Ev.Sync, a: generation.number })
    // Threads write their batches out when they are full: what is missing may lie anywhere in the generation.
    if (!generation.complete) this.lost.add(startNs, Infinity)
    if (this.lastNumber > 0 && generation.number > this.lastNumber + 1) {
      const from = this.lastNumber + 1
      this.lost.add(Math.min(beforeNs, startNs), Math.max(beforeNs, startNs))
      this.problems.add(
        'GENERATION_INCOMPLETE',
        generation.byteOffset,
        () =>
          `generation ${generation.number} follows generation ${from - 1} at byte ${generation.byteOffset.toLocaleString('en-US')}: what happened between ${(beforeNs / 1e6).toFixed(3)} and ${(startNs / 1e6).toFixed(3)} ms is missing. The file lost its middle: record or send it again.`,
      )
    }
    this.lastNumber = generation.number

    const heads = new Heads(this.kernel, generation, this.goTimes, this.model.threads, (units) =>
      this.preciseNs(generation, units),
    )
    for (let cursor = 0; cursor < heads.count; cursor++) this.take(heads, cursor, -1, false, Infinity)
    this.merge(generation, heads)
    heads.release()
    this.writer.handOn()
    if (!generation.complete) this.lost.endBy(this.lastNs)
  }

  /** The event at a time contradicts what came before it: events are missing, nobody knows exactly where. */
  private doubt(timeNs: number): void {
    const from = this.model.contradicted === 'before' ? this.previousStartNs : this.startNs
    this.model.contradicted = 'no'
    this.lost.add(from, Math.max(from, timeNs))
  }

  /** Takes events until no thread has any left, CPU samples at their times among them. */
  private merge(generation: Generation, heads: Heads): void {
    const { heap } = heads
    const samples = this.soundSamples(generation)
    let next = 0
    for (;;) {
      const untilNs = next < samples.length ? samples[next].timeNs : Infinity
      const top = heap.top
      if (next < samples.length && (top < 0 || untilNs < heap.time[top]))
        this.writer.write(samples[next].timeNs, this.rowOf(samples[next++].sample))
      else if (top < 0) return
      else if (!this.take(heads, top, 0, false, untilNs)) this.unstick(generation, heads, untilNs)
      if (this.writer.block.length > BLOCK_ROWS - ROOM_FOR_ONE) this.writer.handOn()
    }
  }

  /** The CPU samples of a generation by time, without those that lie out of its reach. */
  private soundSamples(generation: Generation): TimedSample[] {
    const startNs = this.relativeNs(generation, generation.minTimeUnits)
    const endNs = this.relativeNs(generation, generation.maxTimeUnits)
    const samples: TimedSample[] = []
    for (const sample of generation.cpuSamples) {
      const timeNs = this.relativeNs(generation, sample.timeUnits)
      if (timeNs >= startNs - MAX_BATCH_SPAN_NS && timeNs <= endNs + MAX_BATCH_SPAN_NS) {
        samples.push({ sample, timeNs })
        continue
      }
      this.problems.add(
        'BATCH_DAMAGED',
        null,
        () =>
          `a CPU sample of generation ${generation.number} lies at ${(timeNs / 1e6).toFixed(3)} ms, the generation between ${(startNs / 1e6).toFixed(3)} and ${(endNs / 1e6).toFixed(3)} ms: it is left out.`,
      )
    }
    return samples
  }

  /**
   * The earliest head has to wait for another thread: tries the others in order of time. When none can go on, an event was lost, and
   * the earliest is taken all the same.
   */
  private unstick(generation: Generation, heads: Heads, untilNs: number): void {
    const { heap } = heads
    // In a capture that is as broken as this, looking at thousands of threads for each event would take for ever and help nobody.
    if (this.tries < TRIES_PER_EVENT * (this.events + LEAST_EVENTS)) {
      this.tries += heap.length
      heap.sort()
      for (let index = 1; index < heap.length; index++) {
        if (this.take(heads, heap.cursorAt(index), index, false, untilNs)) return
      }
    }
    const cursor = heap.cursorAt(0)
    // What it waits for was told, by some thread, between the generation's begin and now.
    this.lost.add(this.startNs, Math.max(this.startNs, heap.time[cursor]))
    this.problems.add('ORDER_FORCED', generation.byteOffset + heads.at(cursor), () => {
      const time = (heap.time[cursor] / 1e6).toFixed(3)
      return `no thread of generation ${generation.number} can go on at ${time} ms: ${eventName(heads.kind(cursor))} waits for an event that never comes (lost batches, or the capture was cut). It is taken as it stands; times around it are right, what the goroutine did before may be missing.`
    })
    this.take(heads, cursor, 0, true, untilNs)
  }

  /**
   * Takes the head of a cursor. When it is the earliest of all, the events after it follow for as long as no other head is earlier, then
   * those of the thread whose head is, and so on, until an event has to wait, `untilNs` is reached or the block is full.
   *
   * @param first cursor
   * @param index place of the cursor in the heap; -1 when it is not there yet and its first event is to be read
   * @param forcing take the event although it should wait
   * @param untilNs stop before this time
   * @returns false when the head has to wait for another thread
   */
  private take(heads: Heads, first: number, index: number, forcing: boolean, untilNs: number): boolean {
    const { kernel, writer } = this
    const { words, doubles } = kernel
    const { heap } = heads
    let cursor = first
    let inHand = index >= 0
    let taken = false
    if (forcing) {
      heads.layOutArguments(cursor)
      if (this.takeByModel(heads, cursor, true) === Advance.damaged) heads.dropBatch(cursor)
      inHand = false
      taken = true
    }
    for (;;) {
      const { block } = writer
      words[HEAP_LENGTH >> 2] = heap.length
      words[ROWS >> 2] = block.first + block.length
      words[FULL_ROWS >> 2] = block.first + BLOCK_ROWS - ROOM_FOR_ONE
      doubles[LAST_NS >> 3] = writer.lastNs
      doubles[UNTIL_NS >> 3] = untilNs
      const answer = kernel.call.run(cursor, index, inHand ? 1 : 0)
      heap.length = words[HEAP_LENGTH >> 2]
      block.length = words[ROWS >> 2] - block.first
      writer.lastNs = doubles[LAST_NS >> 3]
      if (answer === DONE) return true
      cursor = words[CURSOR >> 2]
      inHand = false
      if (answer === MODEL) {
        const result = this.takeByModel(heads, cursor, false)
        // What was taken before is taken: this event is its thread's head now, and still the earliest.
        if (result === Advance.wait) return taken || words[TAKEN >> 2] === 1
        if (result === Advance.damaged) heads.dropBatch(cursor)
        taken = true
      } else if (answer === BATCH) {
        if (!heads.nextBatch(cursor, index)) return true
      } else {
        this.giveUpBatch(heads, cursor)
        heads.dropBatch(cursor)
      }
    }
  }

  /** The event in hand of a cursor by the whole rule book, told if there is something to tell. Its arguments lie in the kernel's registers. */
  private takeByModel(heads: Heads, cursor: number, forcing: boolean): Advance {
    const { model, writer } = this
    const thread = heads.thread[cursor]
    const kind = heads.kind(cursor)
    const time = heads.heap.time[cursor]
    const at = heads.at(cursor)
    const { doubles } = this.kernel
    const a = MODEL_ARGUMENTS >> 3
    const result = model.advance(kind, thread, doubles[a], doubles[a + 1], doubles[a + 2], doubles[a + 3], at, forcing)
    if (model.contradicted !== 'no') this.doubt(time)
    if (result === Advance.tell) {
      const timeNs = Math.floor(time)
      for (const row of model.extra) writer.write(timeNs, row)
      writer.write(timeNs, model.row)
    } else if (result === Advance.damaged) {
      this.damage(heads.generation, thread, at, heads.end(cursor), time, model.damage)
    } else if (result === Advance.passed) {
      if (this.goTimes) writer.move(time)
      this.untold++
    }
    return result
  }

  /** Events carry no length: what follows a damaged one in its batch cannot be told apart, and the thread's state is unknown from there. */
  private giveUpBatch(heads: Heads, cursor: number): void {
    const kind = heads.kind(cursor)
    const what =
      this.kernel.format.argumentCounts[kind] === NOT_TIMED
        ? `event number ${kind} does not exist`
        : 'an event does not end within its batch, or its time is out of reach'
    const { generation, thread, heap } = heads
    this.damage(generation, thread[cursor], heads.at(cursor), heads.end(cursor), heap.time[cursor], what)
  }

  private rowOf(sample: CpuSample): EventRow {
    const { goroutines, processors, threads } = this.model
    const goroutine = sample.goroutine === 0 ? -1 : goroutines.find(sample.goroutine)
    const processor = sample.processor === NONE_U64 ? -1 : processors.find(sample.processor)
    const thread = sample.thread === NONE_U64 ? -1 : threads.find(sample.thread)
    // The goroutine may have ended: a sample is written by whoever was interrupted, with a clock of its own.
    const id = sample.goroutine === 0 ? -1 : sample.goroutine
    return { ...NOTHING, kind: Ev.CPUSample, goroutine, processor, thread, a: goroutine, c: id, stack: sample.stack }
  }

  private damage(generation: Generation, thread: number, at: number, end: number, timeNs: number, what: string): void {
    this.problems.add(
      'BATCH_DAMAGED',
      generation.byteOffset + at,
      () =>
        `${what}, at byte ${(generation.byteOffset + at).toLocaleString('en-US')} (generation ${generation.number}): the rest of that batch, ${Math.max(0, end - at).toLocaleString('en-US')} bytes of one thread's events from ${(timeNs / 1e6).toFixed(3)} ms on, is lost; other threads are kept.`,
    )
    this.lost.add(timeNs, Math.max(timeNs, this.relativeNs(generation, generation.maxTimeUnits)))
    this.model.threads.forget(thread)
  }
}
