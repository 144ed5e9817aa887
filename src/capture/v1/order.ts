// order.ts: the events of a capture of Go 1.11 to 1.21, decoded, put in the one order in which they can have happened, and told as events
// of the newer model.
//
// Every processor writes its own batches, and clocks of different processors cannot be trusted. So events are taken from a heap of
// per-processor cursors by time, but each only when the model (`scheduler-model.ts`) allows it; a cursor whose head has to wait is parked
// until something happens to the goroutine it waits for. Order, ties aside, is that of Go's reader (internal/trace/internal/tracev1,
// Go 1.26), which looks at all waiting heads after each event instead.
//
// Two kinds of event are told at another time than that of their place: CPU samples, and returns from blocking system calls, which are written
// when the goroutine goes on. Both are gathered beforehand and told when their time has come (Go's reader sorts all events a second time).
// Whether a system call blocks is the next event of its processor: nothing else can come between (Go's reader looks through all events for it).
//
// Who does what: the loop over events is a WebAssembly kernel (`kernel/order.ts`), as for newer captures (`v2/order.ts` says why). It decodes,
// picks the earliest head and tells the frequent kinds when nothing is odd about them. Here is what it comes back for: an event for the model,
// the next batch, damage, a full block, what is told at another time. While any cursor is parked, which in whole captures none is, every
// event is for the model.

import { NONE_U64 } from '../../base/id-table.ts'
import { longEnd, readLong } from '../../base/varint.ts'
import type { KernelMemory } from '../../base/kernel-memory.ts'
import { BLOCK_ROWS, EventBlock, type EventSink } from '../event-block.ts'
import { Ev } from '../event-types.ts'
import { HEADER_BYTES } from '../header.ts'
import { LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import type { ContentsV1 } from './contents.ts'
import { CursorsV1 } from './cursors.ts'
import { EvV1, eventNameV1, Shape, shapesOf, timedNumbers } from './event-types.ts'
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
/** First byte of a GoSysBlock. */
const SYS_BLOCK = EvV1.GoSysBlock

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
  /** Latest time told, nanoseconds from the origin; -1 before the first event. */
  lastNs = -1
  readonly lost = new LostTimes()

  private readonly bytes: Uint8Array
  private readonly shapes: Uint8Array
  private readonly kernel: OrderKernelV1
  private readonly cursors: CursorsV1
  private readonly model: SchedulerModelV1
  private readonly block: EventBlock
  private readonly nsPerTick: number
  private originTicks: number
  private readonly generationTicks: number
  private readonly patienceTicks: number
  /** Whether events are known to be missing. */
  private incomplete: boolean
  /** Events taken by force, and processors looked at for what they contradict. */
  private forced = 0
  private looked = 0
  private nextReturn = 0
  private nextSample = 0
  /** Time of the next CPU sample or return from a system call. */
  private asideTicks = Infinity
  /** Time of the last `generationEnd`. */
  private markTicks: number
  /** Rows handed to the sink. */
  private handedOn = 0
  private finished = false
  /** When events of some processor began to be missing, ticks, while that is still to be told; Infinity: nothing to tell. */
  private lossTicks = Infinity

  constructor(
    private readonly contents: ContentsV1,
    private readonly options: OrderOptionsV1,
    private readonly problems: ProblemList,
    private readonly sink: GenerationSink,
    memory: KernelMemory,
  ) {
    this.block = new EventBlock(memory.buffer)
    const { frequency, goTimes, version } = options
    this.bytes = contents.bytes
    this.shapes = shapesOf(version)
    this.nsPerTick = 1e9 / frequency
    this.generationTicks = GENERATION_SECONDS * frequency
    this.patienceTicks = PATIENCE_SECONDS * frequency
    this.incomplete = options.truncated
    this.kernel = new OrderKernelV1(memory, version)
    this.model = new SchedulerModelV1(this.kernel, contents.strings, version, goTimes, problems)
    this.cursors = new CursorsV1(this.kernel, contents, frequency, problems)
    this.block.strings = contents.strings
    this.block.stacks = contents.stacks
    const { cursors } = this
    const { heap } = cursors
    this.originTicks = this.markTicks = cursors.firstTicks
    for (let cursor = 0; cursor < cursors.count; cursor++) this.run(cursor, true)
    if (heap.length > 0) this.originTicks = this.markTicks = heap.time[heap.top]
    if (heap.length > 0 && !cursors.seesBegin) this.loseBegin()
    if (options.truncated) this.loseEnd()
    this.findAside()
    const { words, doubles } = this.kernel
    words[GO_TIMES >> 2] = goTimes ? 1 : 0
    doubles[NS_PER_TICK >> 3] = this.nsPerTick
    doubles[ORIGIN_TICKS >> 3] = this.originTicks
    if (heap.length > 0) this.tell(Ev.Sync, this.originTicks, -1, -1, -1, 0, 0, 0, 0)
  }

  /** Events as Go's reader counts them, without the last synchronisation event. */
  get events(): number {
    return this.handedOn + this.block.length
  }

  /**
   * Orders a part of the capture.
   *
   * @returns whether there is more
   */
  step(): boolean {
    const { cursors, sink } = this
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
      if (ticks >= this.lossTicks) {
        // What goroutines did before is sure, whatever turns out later: it is as if a new generation began.
        this.tell(Ev.Sync, this.lossTicks, -1, -1, -1, 0, 0, 0, 0)
        this.lossTicks = Infinity
      }
      if (this.incomplete && cursors.parked > 0) {
        if (heap.time[cursors.earliestParked()] < ticks - this.patienceTicks) {
          this.force()
          continue
        }
      }
      if (ticks > this.markTicks + this.generationTicks) {
        this.markTicks = ticks
        this.flush()
        sink.generationEnd?.(Math.max(0, this.lastNs))
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
    const { kernel, block, cursors, model } = this
    const { words, doubles } = kernel
    const { heap } = cursors
    const markTicks = this.markTicks + this.generationTicks
    let limit = begins ? -Infinity : Math.min(heap.secondTime(), markTicks)
    if (this.incomplete && cursors.parked > 0) limit = Math.min(limit, heap.time[first] + this.patienceTicks)
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
      doubles[LAST_NS >> 3] = this.lastNs
      doubles[ASIDE_TICKS >> 3] = this.asideTicks
      doubles[LOSS_TICKS >> 3] = this.lossTicks
      const answer = kernel.run(cursor, begins ? 1 : 0, inHand ? 1 : 0)
      heap.length = words[HEAP_LENGTH >> 2]
      block.length = words[ROWS >> 2]
      this.lastNs = doubles[LAST_NS >> 3]
      if (answer === DONE) break
      cursor = words[CURSOR >> 2]
      inHand = answer === ASIDE || answer === FULL
      if (answer === ASIDE) {
        this.tellAside(cursors.ticks[cursor])
      } else if (answer === FULL) {
        this.flush()
        words[PAUSING >> 2] = 1
      } else if (answer === MODEL) {
        if (!this.takeByModel(cursor)) return
        if (cursors.woken.length > 0) {
          doubles[LIMIT_TICKS >> 3] = -Infinity
          words[PAUSING >> 2] = 1
        }
      } else if (answer === BATCH || answer === DAMAGED) {
        if (answer === DAMAGED) this.damage(cursor, cursors.kind[cursor], doubles[DAMAGED_TICKS >> 3])
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
    const a0 = args[cursor * 4]
    const a1 = args[cursor * 4 + 1]
    const a2 = args[cursor * 4 + 2]
    const a3 = args[cursor * 4 + 3]
    const result = model.advance(
      kind,
      g,
      processor,
      cursors.told[cursor] === 1,
      a0,
      a1,
      a2,
      a3,
      ticks,
      cursors.at(cursor),
    )
    if (result === AdvanceV1.wait) {
      heap.time[cursor] = ticks
      cursors.park(model.waitsFor)
      return false
    }
    this.tellExtra(ticks, processor, cursors.thread[cursor])
    cursors.goroutine[cursor] = model.current
    if (kind === EvV1.Gomaxprocs && this.options.truncated && a0 > cursors.running) {
      // A processor without any batch: its first buffer was not full when the capture was cut.
      this.lost.add(0, Infinity)
    }
    if (kind === EvV1.ProcStart || kind === EvV1.ProcStop) {
      cursors.told[cursor] = 1
      if (kind === EvV1.ProcStart) cursors.thread[cursor] = model.threadRow(a0)
    }
    const thread = cursors.thread[cursor]
    if (result === AdvanceV1.tell) {
      const { rowKind, rowG, rowA, rowB, rowC, rowStack } = model
      let told = ticks
      if (kind === EvV1.GoSysExit && a2 > 0) told = Math.max(a2, model.callTicks)
      else if (kind === EvV1.GoSysExitLocal && a1 > 0) told = Math.max(a1, model.callTicks)
      const ns = this.tell(rowKind, told, rowG, processor, thread, rowA, rowB, rowC, rowStack)
      if (model.label >= 0) {
        this.tellAt(Ev.GoLabel, ns, model.current, processor, thread, model.label, 0, 0, 0)
      } else if (kind === EvV1.GoSysCall) {
        if (this.blocks(cursor, ticks, g)) model.gCall[g] = InCall.begun
        // A call that does not block is an instant: the newer model gives it the shortest time there is.
        else this.tellAt(Ev.GoSyscallEnd, ns + 1, model.current, processor, thread, 0, 0, 0, 0)
      }
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
   * A cursor has come to the end of its batch, or of what can be read of it.
   *
   * @returns false when there is no further one
   */
  private nextBatch(cursor: number, damaged: boolean): boolean {
    const { cursors } = this
    const ticks = cursors.ticks[cursor]
    if (damaged || cursors.isDamaged(cursor)) {
      cursors.goroutine[cursor] = -1
      this.loseRest(cursor, ticks)
    }
    if (!cursors.nextBatch(cursor)) return false
    const begin = cursors.heap.time[cursor]
    if (begin < ticks) {
      // Times within a batch hold among themselves: all of it is moved.
      this.tellStep(cursor, ticks - begin)
      cursors.maxTicks[cursor] += ticks - begin
    } else {
      cursors.ticks[cursor] = begin
    }
    return true
  }

  // ---- what is told at another time than that of its place ----

  /** Tells the CPU samples and returns from system calls before a time. */
  private tellAside(untilTicks: number): void {
    const { cpuSamples, syscallReturns } = this.contents
    const { model, cursors } = this
    while (this.asideTicks < untilTicks) {
      const sample = this.nextSample < cpuSamples.length ? cpuSamples[this.nextSample] : null
      if (sample !== null && sample.ticks === this.asideTicks) {
        this.nextSample++
        const g = model.goroutines.find(sample.goroutine)
        const cursor = sample.processor === NONE_U64 ? undefined : cursors.ofProcessor.get(sample.processor)
        this.tell(Ev.CPUSample, sample.ticks, g, cursor ?? -1, -1, g, 0, 0, sample.stack)
      } else {
        const { ticks, goroutine } = syscallReturns[this.nextReturn++]
        const g = model.goroutines.find(goroutine)
        // Where clocks disagree, the call may not have begun yet: its return is then told in its own place.
        if (g >= 0 && model.gCall[g] === InCall.blocked && ticks >= model.gCallTicks[g]) {
          model.gCall[g] = InCall.returned
          this.tell(Ev.GoSyscallEndBlocked, ticks, g, -1, -1, 0, 0, 0, 0)
        }
      }
      this.findAside()
    }
  }

  private findAside(): void {
    const { cpuSamples, syscallReturns } = this.contents
    this.asideTicks = Math.min(
      this.nextSample < cpuSamples.length ? cpuSamples[this.nextSample].ticks : Infinity,
      this.nextReturn < syscallReturns.length ? syscallReturns[this.nextReturn].ticks : Infinity,
    )
  }

  /** Whether the system call that a processor's goroutine just entered blocks: then the processor's next event is a GoSysBlock. */
  private blocks(cursor: number, ticks: number, g: number): boolean {
    const { bytes, shapes, cursors } = this
    let at = cursors.at(cursor)
    let end = cursors.end(cursor)
    for (let ahead = 0; ;) {
      if (at >= end) {
        const batch = cursors.batchAhead(cursor, ahead++)
        if (batch === null) return false
        at = batch.from
        end = batch.to
        continue
      }
      const first = bytes[at]
      if (shapes[first] === Shape.untimed) at = passTable(bytes, first & 63, at + 1)
      else if ((first & 63) === EvV1.CPUSample) at += 2 + bytes[at + 1]
      else if (first !== SYS_BLOCK) return false
      else return !this.options.goTimes || !this.isSampled(this.model.gId[g], ticks, ticks + numberAt(bytes, at + 1))
    }
  }

  /** Go's reader takes a call during which its goroutine was sampled for one that does not block. */
  private isSampled(goroutine: number, fromTicks: number, toTicks: number): boolean {
    const { cpuSamples } = this.contents
    for (let i = this.nextSample; i < cpuSamples.length && cpuSamples[i].ticks <= toTicks; i++) {
      if (cpuSamples[i].goroutine === goroutine && cpuSamples[i].ticks >= fromTicks) return true
    }
    return false
  }

  // ---- telling outside the hot loop ----

  private tellExtra(ticks: number, processor: number, thread: number): void {
    for (const { kind, a, b, c } of this.model.extra) this.tell(kind, ticks, -1, processor, thread, a, b, c, 0)
  }

  /** Tells one event outside the kernel. @returns its time, nanoseconds from the origin */
  private tell(
    kind: number,
    ticks: number,
    g: number,
    processor: number,
    thread: number,
    a: number,
    b: number,
    c: number,
    stack: number,
  ): number {
    const ns = Math.max(0, Math.trunc((ticks - this.originTicks) * this.nsPerTick))
    return this.tellAt(kind, ns, g, processor, thread, a, b, c, stack)
  }

  private tellAt(
    kind: number,
    ns: number,
    g: number,
    processor: number,
    thread: number,
    a: number,
    b: number,
    c: number,
    stack: number,
  ): number {
    const { block } = this
    if (block.length === BLOCK_ROWS) this.flush()
    let t = ns
    if (t > this.lastNs) this.lastNs = t
    else if (this.options.goTimes) t = ++this.lastNs
    const row = block.length++
    block.kind[row] = kind
    block.timeNs[row] = t
    block.goroutine[row] = g
    block.processor[row] = processor
    block.thread[row] = thread
    block.a[row] = a
    block.b[row] = b
    block.c[row] = c
    block.stack[row] = stack
    return t
  }

  private flush(): void {
    const { block } = this
    if (block.length > 0) this.sink.events(block)
    this.handedOn += block.length
    block.length = 0
  }

  private finish(): void {
    if (this.finished) return
    this.finished = true
    this.tellAside(Infinity)
    this.flush()
    this.lost.endBy(this.lastNs)
    this.sink.generationEnd?.(Math.max(0, this.lastNs))
  }

  // ---- what is missing ----

  /** The event of the earliest parked cursor waits for what never comes: it is taken as it stands. */
  private force(): void {
    const { cursors, model, bytes } = this
    const cursor = cursors.earliestParked()
    const kind = cursors.kind[cursor]
    const goroutine = cursors.parkedFor[cursor]
    const ticks = cursors.heap.time[cursor]
    const at = cursors.at(cursor)
    this.problems.add('ORDER_FORCED', at, () => {
      const time = ((ticks - this.originTicks) * this.nsPerTick) / 1e6
      return `${eventNameV1(kind)} before byte ${at.toLocaleString('en-US')} of ${bytes.length.toLocaleString('en-US')}, at ${time.toFixed(3)} ms, waits for an event of ${goroutine === COLLECTOR ? 'the garbage collector' : `goroutine ${goroutine}`} that never comes (lost batches, or the capture was cut). It is taken as it stands; what the goroutine did before may be missing.`
    })
    const row = model.force(kind, cursors.args[cursor * 4], cursors.args[cursor * 4 + 1])
    this.forced++
    this.looked += cursors.count
    // With thousands of processors, which no machine has, not all are looked at each time.
    if (row >= 0 && this.looked <= LEAST_LOOKS + LOOKS_PER_FORCING * this.forced) {
      for (let other = 0; other < cursors.count; other++) {
        if (cursors.goroutine[other] === row) cursors.goroutine[other] = -1
      }
    }
    this.tellExtra(ticks, cursors.processor[cursor], cursors.thread[cursor])
    this.incomplete = true
    // What is told of the time around it rests on this one event's word.
    const ns = Math.max(0, Math.trunc((ticks - this.originTicks) * this.nsPerTick))
    this.lost.add(ns, ns + 1)
    cursors.unpark(cursor)
  }

  /** A processor's batch begins before the last event of the one before: its clock, or that of the core it runs on now, was set back. */
  private tellStep(cursor: number, ticks: number): void {
    const at = this.cursors.at(cursor)
    this.problems.add(
      'CLOCK_STEP',
      at,
      () =>
        `a processor's batch at byte ${at.toLocaleString('en-US')} begins ${((ticks * this.nsPerTick) / 1000).toFixed(3)} us before the last event of the one before it (clocks of two processor cores disagree): its times were moved on by as much.`,
    )
  }

  /** The event that a cursor read last is none. */
  private damage(cursor: number, kind: number, ticks: number): void {
    const { originTicks, nsPerTick, cursors } = this
    const at = cursors.at(cursor)
    const end = cursors.end(cursor)
    this.problems.add('BATCH_DAMAGED', at, () => {
      const far =
        ticks > cursors.maxTicks[cursor]
          ? `a time ${(((ticks - originTicks) * nsPerTick) / 1e9).toFixed(0)} s after the capture's begin`
          : 'more or fewer numbers than it has'
      return `an event (${eventNameV1(kind)}) with ${far}, at byte ${at.toLocaleString('en-US')}: the rest of that batch, ${Math.max(0, end - at).toLocaleString('en-US')} bytes of one processor's events, is lost; other processors are kept.`
    })
  }

  /**
   * The capture's first events are missing, and with them the origin of its times: nothing else tells when the tracer was started. What
   * else the processor did that wrote them is missing too.
   */
  private loseBegin(): void {
    const { originTicks, bytes, problems, cursors } = this
    const { truncated } = this.options
    problems.add(
      'ORIGIN_LOST',
      truncated ? bytes.length : HEADER_BYTES,
      () =>
        `the list of goroutines that a capture of Go 1.21 and older begins with is missing: ${truncated ? `the buffer of the processor that wrote it would come after byte ${bytes.length.toLocaleString('en-US')}, where the capture was cut` : 'the batch that held it is damaged'}. Times count from the first event that is left, tick ${originTicks} of the trace clock: compared with the whole capture's, all are smaller by one and the same amount.`,
    )
    // A batch that is broken at its begin is told when it is read.
    if (truncated || !cursors.isBrokenAtBegin) this.lost.add(0, Infinity)
  }

  /** The capture was cut: events that were still in the buffers of a processor are missing from its last one on. */
  private loseEnd(): void {
    const { cursors, bytes, shapes, originTicks, nsPerTick } = this
    const ends = cursors.lastBatches().map(({ ticks, from, to }) => ticks + spanOf(bytes, shapes, from, to))
    const endTicks = Math.min(...ends)
    if (ends.length === 0) return
    this.lossTicks = endTicks
    this.lost.add(Math.max(0, Math.trunc((endTicks - originTicks) * nsPerTick)), Infinity)
  }

  /** Events of a processor are missing from a time until its next batch begins. */
  private loseRest(cursor: number, ticks: number): void {
    this.incomplete = true
    const toNs = (at: number): number => Math.max(0, Math.trunc((at - this.originTicks) * this.nsPerTick))
    const from = Math.min(ticks, this.cursors.heap.time[cursor])
    this.lossTicks = Math.min(this.lossTicks, from)
    this.lost.add(toNs(from), Math.max(toNs(from), toNs(this.cursors.nextTicks(cursor))))
  }
}

/** Position after a String, Stack, Frequency or TimerGoroutine whose first byte is behind `at`. */
function passTable(bytes: Uint8Array, kind: number, at: number): number {
  if (kind === EvV1.String) {
    numberAt(bytes, at)
    return passText(bytes, numberEnd)
  }
  return kind === EvV1.Stack ? passText(bytes, at) : (numberAt(bytes, at), numberEnd)
}

/** Position after a length and as many bytes. */
function passText(bytes: Uint8Array, at: number): number {
  const length = numberAt(bytes, at)
  return numberEnd + length
}

/** Ticks from the begin of a batch to its last event. */
function spanOf(bytes: Uint8Array, shapes: Uint8Array, from: number, to: number): number {
  let ticks = 0
  for (let at = from; at < to;) {
    const first = bytes[at++]
    const kind = first & 63
    const shape = shapes[first]
    if (shape === Shape.untimed) {
      at = passTable(bytes, kind, at)
      continue
    }
    const stop = shape === Shape.short ? -1 : at + 1 + bytes[at]
    const value = numberAt(bytes, stop < 0 ? at : at + 1)
    if (kind !== EvV1.CPUSample) ticks += value
    if (stop < 0) {
      at = numberEnd
      for (let left = timedNumbers[kind] - 1; left > 0; left--) {
        numberAt(bytes, at)
        at = numberEnd
      }
    } else {
      at = shape === Shape.log ? passText(bytes, stop) : stop
    }
  }
  return ticks
}

/** Position after the number that `numberAt` read last. */
let numberEnd = 0

function numberAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first < 0x80) {
    numberEnd = at + 1
    return first
  }
  const value = readLong(bytes, at + 1, first)
  numberEnd = longEnd
  return value
}
