// order.ts: the events of a capture of Go 1.11 to 1.21, decoded, put in the one order in which they can have happened, and told as events
// of the newer model.
//
// Every processor writes its own batches, and clocks of different processors cannot be trusted. So events are taken from a heap of
// per-processor cursors by time, but each only when the model (`scheduler-model.ts`) allows it; a cursor whose head has to wait is parked
// until something happens to the goroutine it waits for. Order, ties aside, is that of Go's reader (internal/trace/internal/tracev1,
// Go 1.26), which looks at all waiting heads after each event instead.
//
// Beside it: what is told at another time than that of its place (`aside.ts`), what is seen by looking ahead (`lookahead.ts`), what is missing
// (`losses.ts`).
//
// Who does what: the loop over events is a WebAssembly kernel (`kernel/order.ts`), as for newer captures (the room's README says why). It decodes,
// picks the earliest head and tells the frequent kinds when nothing is odd about them. Here is what it comes back for: an event for the model,
// the next batch, damage, a full block, what is told at another time. While any cursor is parked, which in whole captures none is, every
// event is for the model.

import type { KernelMemory } from '../../base/kernel-memory.ts'
import { BlockWriter, type EventRow, NOTHING } from '../block-writer.ts'
import { BLOCK_ROWS, type EventSink } from '../event-block.ts'
import { Ev } from '../event-types.ts'
import type { LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import { Aside } from './aside.ts'
import type { ContentsV1 } from './contents.ts'
import { CursorsV1 } from './cursors.ts'
import { EvV1, shapesOf } from './event-types.ts'
import { ticksToBlock } from './lookahead.ts'
import { Losses } from './losses.ts'
import { OrderKernelV1 } from './order-kernel.ts'
import {
  ASIDE,
  ASIDE_TICKS,
  BATCH,
  CURSOR,
  DAMAGED,
  DAMAGED_TICKS,
  DONE,
  FULL,
  GO_TIMES,
  HEAP_LENGTH,
  LAST_NS,
  LIMIT_TICKS,
  LISTING,
  LOSS_TICKS,
  MARK_TICKS,
  MODEL,
  NS_PER_TICK,
  ORIGIN_TICKS,
  PARKED,
  PAUSING,
  ROWS,
} from './order-layout.ts'
import { AdvanceV1, COLLECTOR, InCall, SchedulerModelV1 } from './scheduler-model.ts'
import { TickClock } from './tick-clock.ts'

/** Rows of one step, about. */
const STEP_ROWS = 64 * BLOCK_ROWS
/** Time between two calls of `generationEnd`: as long as a generation of newer captures takes. */
const GENERATION_SECONDS = 1
/**
 * In a capture of which events are missing, an event waits for others no longer than until they have come so much further: they will
 * not come. Clocks of processors seldom differ by as much.
 */
const PATIENCE_SECONDS = 0.01
/** Processors looked at when events are taken by force, over a whole capture: a fixed number and so many for each. */
const LEAST_LOOKS = 1 << 24
const LOOKS_PER_FORCING = 256

/** How times are told. */
export interface OrderOptionsV1 {
  /** Move times apart the way Go's reader does instead of telling the true ones. */
  readonly goTimes: boolean
  readonly version: number
  /** Ticks per second. */
  readonly frequency: number
  /** Whether the capture ends before its last events. */
  readonly truncated: boolean
}

/** Takes the events, and is told how far they are. */
interface GenerationSink extends EventSink {
  generationEnd?(timeNs: number): void
}

/** Orders the events of one capture and hands them to a sink in blocks. */
export class OrderingV1 {
  private readonly bytes: Uint8Array
  private readonly shapes: Uint8Array
  private readonly kernel: OrderKernelV1
  private readonly cursors: CursorsV1
  private readonly model: SchedulerModelV1
  private readonly writer: BlockWriter
  private readonly clock: TickClock
  private readonly losses: Losses
  private readonly aside: Aside
  private readonly generationTicks: number
  private readonly patienceTicks: number
  /** Events taken by force, and processors looked at for what they contradict. */
  private forced = 0
  private looked = 0
  /** Time of the last `generationEnd`. */
  private markTicks: number
  private finished = false

  constructor(
    contents: ContentsV1,
    private readonly options: OrderOptionsV1,
    problems: ProblemList,
    private readonly sink: GenerationSink,
    memory: KernelMemory,
  ) {
    const { frequency, goTimes, version, truncated } = options
    this.bytes = contents.bytes
    this.shapes = shapesOf(version)
    this.generationTicks = GENERATION_SECONDS * frequency
    this.patienceTicks = PATIENCE_SECONDS * frequency
    this.kernel = new OrderKernelV1(memory, version)
    this.model = new SchedulerModelV1(this.kernel, contents.strings, version, goTimes, problems)
    this.cursors = new CursorsV1(this.kernel, contents, frequency, problems)
    this.writer = new BlockWriter(sink, goTimes, memory.buffer)
    this.writer.useTables(contents.strings, contents.stacks)
    const { cursors, kernel } = this
    const { heap } = cursors
    this.clock = new TickClock(frequency, cursors.firstTicks)
    this.losses = new Losses(this.bytes, this.shapes, cursors, this.clock, truncated, problems)
    this.aside = new Aside(contents, this.model, cursors)
    this.markTicks = cursors.firstTicks
    for (let cursor = 0; cursor < cursors.count; cursor++) this.run(cursor, true)
    if (heap.length > 0) this.clock.originTicks = this.markTicks = heap.time[heap.top]
    if (heap.length > 0 && !cursors.seesBegin) this.losses.begin()
    if (truncated) this.losses.end()
    kernel.words[GO_TIMES >> 2] = goTimes ? 1 : 0
    kernel.doubles[NS_PER_TICK >> 3] = this.clock.nsPerTick
    kernel.doubles[ORIGIN_TICKS >> 3] = this.clock.originTicks
    if (heap.length > 0) this.tell(this.clock.originTicks, { ...NOTHING, kind: Ev.Sync })
  }

  /** Events as Go's reader counts them, without the last synchronisation event. */
  get events(): number {
    return this.writer.rows
  }

  /** Latest time told, nanoseconds from the origin; below 0 before the first event. */
  get lastNs(): number {
    return this.writer.lastNs
  }

  /** Stretches of which events are lost. */
  get lost(): LostTimes {
    return this.losses.lost
  }

  /**
   * Orders a part of the capture.
   *
   * @returns whether there is more
   */
  step(): boolean {
    const { cursors, losses } = this
    const { heap } = cursors
    const until = this.events + STEP_ROWS
    while (this.events < until) {
      if (heap.length === 0) {
        if (cursors.parked === 0) {
          this.finish()
          return false
        }
        this.force()
        continue
      }
      const cursor = heap.top
      const ticks = heap.time[cursor]
      if (ticks >= losses.ticks) {
        // What goroutines did before is sure, whatever turns out later: it is as if a new generation began.
        this.tell(losses.ticks, { ...NOTHING, kind: Ev.Sync })
        losses.ticks = Infinity
      }
      if (losses.incomplete && cursors.parked > 0) {
        if (heap.time[cursors.earliestParked()] < ticks - this.patienceTicks) {
          this.force()
          continue
        }
      }
      if (ticks > this.markTicks + this.generationTicks) {
        this.markTicks = ticks
        this.endGeneration()
      }
      this.run(cursor, false)
    }
    return true
  }

  /**
   * Takes the head of the top cursor and the events after it for as long as no other head is earlier; then puts the cursor where it
   * belongs, and goes on with the next as long as nothing odd is in sight. Parks a cursor when its head has to wait.
   *
   * @param first cursor
   * @param begins the cursor is new: its first event is to be read, and nothing taken
   */
  private run(first: number, begins: boolean): void {
    const { kernel, writer, cursors, model, losses, aside } = this
    const { block } = writer
    const { words, doubles } = kernel
    const { heap } = cursors
    const markTicks = this.markTicks + this.generationTicks
    let limit = begins ? -Infinity : Math.min(heap.secondTime(), markTicks)
    if (losses.incomplete && cursors.parked > 0) limit = Math.min(limit, heap.time[first] + this.patienceTicks)
    doubles[LIMIT_TICKS >> 3] = limit
    doubles[MARK_TICKS >> 3] = markTicks
    words[PAUSING >> 2] = 0
    let cursor = first
    let inHand = !begins
    for (;;) {
      words[HEAP_LENGTH >> 2] = heap.length
      words[ROWS >> 2] = block.length
      words[LISTING >> 2] = model.listing ? 1 : 0
      words[PARKED >> 2] = cursors.parked
      doubles[LAST_NS >> 3] = writer.lastNs
      doubles[ASIDE_TICKS >> 3] = aside.ticks
      doubles[LOSS_TICKS >> 3] = losses.ticks
      const answer = kernel.call.run(cursor, begins ? 1 : 0, inHand ? 1 : 0)
      heap.length = words[HEAP_LENGTH >> 2]
      block.length = words[ROWS >> 2]
      writer.lastNs = doubles[LAST_NS >> 3]
      if (answer === DONE) break
      cursor = words[CURSOR >> 2]
      inHand = answer === ASIDE || answer === FULL
      if (answer === ASIDE) {
        this.tellAside(cursors.ticks[cursor])
      } else if (answer === FULL) {
        writer.handOn()
        words[PAUSING >> 2] = 1
      } else if (answer === MODEL) {
        if (!this.takeByModel(cursor)) return
        if (cursors.woken.length > 0) {
          doubles[LIMIT_TICKS >> 3] = -Infinity
          words[PAUSING >> 2] = 1
        }
      } else if (answer === BATCH || answer === DAMAGED) {
        if (answer === DAMAGED) losses.damage(cursor, doubles[DAMAGED_TICKS >> 3])
        if (!this.nextBatch(cursor, answer === DAMAGED)) {
          if (!begins) heap.remove(0)
          break
        }
      }
    }
    cursors.pushWoken()
  }

  /**
   * The event in hand of the top cursor by the whole rule book, told if there is something to tell.
   *
   * @returns false when it has to wait: the cursor is parked then
   */
  private takeByModel(cursor: number): boolean {
    const { model, cursors } = this
    const { heap, args } = cursors
    const kind = cursors.kind[cursor]
    const ticks = cursors.ticks[cursor]
    const processor = cursors.processor[cursor]
    const g = cursors.goroutine[cursor]
    const told = cursors.told[cursor] === 1
    const a0 = args[cursor * 4]
    const a1 = args[cursor * 4 + 1]
    const a2 = args[cursor * 4 + 2]
    const a3 = args[cursor * 4 + 3]
    const result = model.advance(kind, g, processor, told, a0, a1, a2, a3, ticks, cursors.at(cursor))
    if (result === AdvanceV1.wait) {
      heap.time[cursor] = ticks
      cursors.park(model.waitsFor)
      return false
    }
    this.tellExtra(cursor, ticks)
    cursors.goroutine[cursor] = model.current
    if (kind === EvV1.Gomaxprocs && this.options.truncated && a0 > cursors.running) this.losses.processor()
    if (kind === EvV1.ProcStart || kind === EvV1.ProcStop) cursors.told[cursor] = 1
    if (kind === EvV1.ProcStart) cursors.thread[cursor] = model.threadRow(a0)
    if (result === AdvanceV1.tell) {
      // A return from a system call is told when it happened, where that is known, though not before the call lost its processor.
      const returned = kind === EvV1.GoSysExit ? a2 : kind === EvV1.GoSysExitLocal ? a1 : 0
      this.tellByModel(cursor, kind, g, ticks, returned > 0 ? Math.max(returned, model.callTicks) : ticks)
    }
    if (kind === EvV1.ProcStop) cursors.thread[cursor] = -1
    if (cursors.parked > 0) {
      // What waited for this goroutine may go on.
      cursors.wake(a0)
      if (g >= 0) cursors.wake(model.gId[g])
      if (kind === EvV1.GCStart) cursors.wake(COLLECTOR)
    }
    return true
  }

  /**
   * Tells the event that the model took last, and what follows from it at once.
   *
   * @param g goroutine that it happened on
   * @param ticks its time, and the time at which it is told
   */
  private tellByModel(cursor: number, kind: number, g: number, ticks: number, toldTicks: number): void {
    const { model, cursors, writer } = this
    const processor = cursors.processor[cursor]
    const thread = cursors.thread[cursor]
    const ns = this.tell(toldTicks, { ...model.row, processor, thread })
    const here = { ...NOTHING, goroutine: model.current, processor, thread }
    if (model.label >= 0) {
      writer.write(ns, { ...here, kind: Ev.GoLabel, a: model.label })
    } else if (kind === EvV1.GoSysCall) {
      if (this.blocks(cursor, ticks, g)) model.gCall[g] = InCall.begun
      // A call that does not block is an instant: the newer model gives it the shortest time there is.
      else writer.write(ns + 1, { ...here, kind: Ev.GoSyscallEnd })
    }
  }

  /** Whether the system call that a processor's goroutine just entered blocks. */
  private blocks(cursor: number, ticks: number, g: number): boolean {
    const wait = ticksToBlock(this.bytes, this.shapes, this.cursors, cursor)
    // Go's reader takes a call during which its goroutine was sampled for one that does not block.
    return wait >= 0 && !(this.options.goTimes && this.aside.isSampled(this.model.gId[g], ticks, ticks + wait))
  }

  /**
   * A cursor has come to the end of its batch, or of what can be read of it.
   *
   * @returns false when there is no further one
   */
  private nextBatch(cursor: number, damaged: boolean): boolean {
    const { cursors, losses } = this
    const ticks = cursors.ticks[cursor]
    if (damaged || cursors.isDamaged(cursor)) {
      cursors.goroutine[cursor] = -1
      losses.restOfBatch(cursor, ticks)
    }
    if (!cursors.nextBatch(cursor)) return false
    const begin = cursors.heap.time[cursor]
    if (begin < ticks) {
      // Times within a batch hold among themselves: all of it is moved.
      losses.clockStep(cursor, ticks - begin)
      cursors.maxTicks[cursor] += ticks - begin
    } else {
      cursors.ticks[cursor] = begin
    }
    return true
  }

  /** The event of the earliest parked cursor waits for what never comes: it is taken as it stands. */
  private force(): void {
    const { cursors, model, losses } = this
    const cursor = cursors.earliestParked()
    const ticks = cursors.heap.time[cursor]
    losses.forced(cursor)
    const row = model.force(cursors.kind[cursor], cursors.args[cursor * 4], cursors.args[cursor * 4 + 1])
    this.forced++
    this.looked += cursors.count
    // With thousands of processors, which no machine has, not all are looked at each time.
    if (row >= 0 && this.looked <= LEAST_LOOKS + LOOKS_PER_FORCING * this.forced) {
      for (let other = 0; other < cursors.count; other++) {
        if (cursors.goroutine[other] === row) cursors.goroutine[other] = -1
      }
    }
    this.tellExtra(cursor, ticks)
    cursors.unpark(cursor)
  }

  // ---- Telling, outside the kernel. ----

  /** Tells the CPU samples and returns from system calls before a time. */
  private tellAside(untilTicks: number): void {
    const { aside } = this
    while (aside.ticks < untilTicks) {
      const { ticks } = aside
      const row = aside.take()
      if (row !== null) this.tell(ticks, row)
    }
  }

  private tellExtra(cursor: number, ticks: number): void {
    const { cursors, model } = this
    const processor = cursors.processor[cursor]
    const thread = cursors.thread[cursor]
    for (const row of model.extra) this.tell(ticks, { ...row, processor, thread })
  }

  /** @returns the time it is told at, nanoseconds from the origin */
  private tell(ticks: number, row: EventRow): number {
    return this.writer.write(this.clock.nsOf(ticks), row)
  }

  private endGeneration(): void {
    this.writer.handOn()
    this.sink.generationEnd?.(Math.max(0, this.lastNs))
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.tellAside(Infinity)
    this.writer.handOn()
    this.losses.close(this.lastNs)
    this.endGeneration()
  }
}
