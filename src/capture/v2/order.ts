// order.ts: the events of a generation, decoded and put in the one order in which they can have happened.
//
// Every thread writes its own batches, and clocks of different processors cannot be trusted to the nanosecond. So events are taken
// from a heap of per-thread cursors by time, but each only when the model (`scheduler-model.ts`) allows it: a goroutine starts only
// after it became runnable, a processor is stolen only after its thread entered the system call.
//
// Order, ties included, is that of Go's reader (internal/trace/reader.go and batchcursor.go, Go 1.26), since `--go-times` must move
// times apart exactly as it does.
//
// Shape of the hot loop: decoder, heads and output in the locals of one function; a run of events of one thread stays in the locals
// until another thread's head is earlier; the most common kinds (nine events of ten) are checked in place when nothing is odd
// about them, everything else goes to the model. With all kinds in this one function the engine compiled it for 100 ms at a time,
// again and again as rare cases turned up; with none of them in it, calls cost a third of the speed.

import { NONE_U64 } from '../../base/id-table.ts'
import { longEnd, readLong } from '../../base/varint.ts'
import { BLOCK_ROWS as blockRows, EventBlock, type EventSink } from '../event-block.ts'
import {
  Ev as kinds,
  FIRST_EXPERIMENTAL,
  GoStatus as goStatuses,
  NOT_TIMED as notTimed,
  ProcStatus as procStatuses,
  timedArgumentCount,
} from '../event-types.ts'
import { type LostTime, LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import type { CpuSample, Generation } from './generation.ts'
import { CursorHeap } from '../cursor-heap.ts'
import { Advance as advances, eventName, SchedulerModel } from './scheduler-model.ts'

// Constants of its own a module has folded into what is compiled; imported ones it loads each time (about 5 % of an analysis).
const Ev = kinds
const GoStatus = goStatuses
const ProcStatus = procStatuses
const Advance = advances
const BLOCK_ROWS = blockRows
const NOT_TIMED = notTimed
const ARGUMENT_COUNTS = timedArgumentCount

/** Heads that may be tried for each event told, beyond a few. Recorded captures need less than one. */
const TRIES_PER_EVENT = 32
const LEAST_EVENTS = 10_000

/** How far beyond the newest batch of its generation an event may lie; more is damage (a bit flipped in a time). */
const MAX_BATCH_SPAN_NS = 600e9

/**
 * Runs taken in one call of `take`. Few enough that the call is entered anew often: a loop that goes on for a whole generation is compiled
 * for its inside only, and falls back to slow code each time that it is left.
 */
const RUNS_PER_CALL = 16

/** A block with fewer rows free than this is handed on: the most that one event takes, coroutine switches. */
const ROOM_FOR_ONE = 3

/** A position that no generation reaches. */
const NOWHERE = 0x7fffffff

/** Before all times. */
const NEVER = -Infinity

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

// Fields of the classes here that hold times begin as doubles (-0, -0.5), not as small whole numbers: a field that becomes a double later
// changes the shape of its object, and all code that was compiled for the old shape is thrown away.

/** Orders generation after generation of one capture and hands the events to a sink in blocks. */
export class Ordering {
  /** Rows handed to the sink, and events that take their time but are not told. */
  private told = 0
  private untold = 0
  /** Latest time told, nanoseconds from the origin; below 0 before the first event. A double from the start, so that the shape of the object stays as it is. */
  lastNs = -0.5
  /** Nanoseconds of the origin on the trace clock. */
  originNs = 0n
  private readonly lostTimes = new LostTimes()
  /** Heads tried because the earliest had to wait. */
  private tries = 0
  /** Starts of the generation in hand and of the one before. */
  private startNs = -0
  private previousStartNs = -0

  private originUnits = -0.5
  private generations = 0
  /** Number of the generation ordered last; 0 before the first. */
  private lastNumber = 0
  private readonly block = new EventBlock()
  private readonly model: SchedulerModel
  private readonly goTimes: boolean

  constructor(
    options: OrderOptions,
    private readonly problems: ProblemList,
    private readonly sink: EventSink,
  ) {
    this.goTimes = options.goTimes
    this.model = new SchedulerModel(problems)
  }

  /** Events as Go's reader counts them, without the last synchronisation event. */
  get events(): number {
    return this.told + this.untold
  }

  /** Stretches of which events are lost. */
  get lost(): readonly LostTime[] {
    return this.lostTimes.list
  }

  /** Nanoseconds from the origin of a reading of the trace clock in `generation`. */
  relativeNs(generation: Generation, units: number): number {
    return Math.floor(this.preciseNs(generation, units))
  }

  /**
   * As `relativeNs`, with the fraction where a clock unit is no whole number of nanoseconds (Windows). Nothing lies before the origin: a
   * generation that says so is damaged, and is held there.
   */
  private preciseNs(generation: Generation, units: number): number {
    const nsPerUnit = 1 / (generation.frequency / 1e9)
    const ns =
      !this.goTimes || Number.isInteger(nsPerUnit)
        ? (units - this.originUnits) * nsPerUnit
        : Math.trunc(units * nsPerUnit) - Number(this.originNs)
    return Math.max(0, ns)
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
    this.block.strings = generation.strings
    this.block.stacks = generation.stacks
    this.block.length = 0
    const startNs = this.relativeNs(generation, generation.minTimeUnits)
    const beforeNs = Math.max(0, this.lastNs)
    this.previousStartNs = this.startNs
    this.startNs = startNs
    this.tell(Ev.Sync, startNs, -1, -1, -1, generation.number, 0, 0, 0)
    // Threads write their batches out when they are full: what is missing may lie anywhere in the generation.
    const lost = { startNs, endNs: Infinity }
    if (!generation.complete) this.lostTimes.list.push(lost)
    if (this.lastNumber > 0 && generation.number > this.lastNumber + 1) {
      const from = this.lastNumber + 1
      this.lostTimes.add(Math.min(beforeNs, startNs), Math.max(beforeNs, startNs))
      this.problems.add(
        'GENERATION_INCOMPLETE',
        generation.byteOffset,
        () =>
          `generation ${generation.number} follows generation ${from - 1} at byte ${generation.byteOffset.toLocaleString('en-US')}: what happened between ${(beforeNs / 1e6).toFixed(3)} and ${(startNs / 1e6).toFixed(3)} ms is missing. The file lost its middle: record or send it again.`,
      )
    }
    this.lastNumber = generation.number

    const heads = new Heads(generation, this.goTimes, this.model, (units) => this.preciseNs(generation, units))
    for (let cursor = 0; cursor < heads.count; cursor++) this.take(heads, cursor, -1, false, Infinity)
    this.merge(generation, heads)
    this.handOn(this.block.length)
    if (!generation.complete) {
      const { list } = this.lostTimes
      list.splice(list.indexOf(lost), 1)
      this.lostTimes.add(startNs, Math.max(startNs, this.lastNs))
    }
  }

  /** The event at a time contradicts what came before it: events are missing, nobody knows exactly where. */
  private doubt(timeNs: number): void {
    const from = this.model.contradicted === 'before' ? this.previousStartNs : this.startNs
    this.model.contradicted = 'no'
    this.lostTimes.add(from, Math.max(from, timeNs))
  }

  /**
   * Takes events until no thread has any left, CPU samples at their times among them.
   *
   * A function of its own, so that what comes after its loop is next to nothing: code that was not reached yet when the loop was compiled
   * throws the compiled code away, and this loop is left once a generation.
   */
  private merge(generation: Generation, heads: Heads): void {
    const { heap } = heads
    const samples = this.soundSamples(generation)
    let next = 0
    for (;;) {
      const untilNs = next < samples.length ? samples[next].timeNs : Infinity
      const top = heap.top
      if (next < samples.length && (top < 0 || untilNs < heap.time[top])) this.tellSample(samples[next++])
      else if (top < 0) return
      else if (!this.take(heads, top, 0, false, untilNs)) this.unstick(generation, heads, untilNs)
      if (this.block.length > BLOCK_ROWS - ROOM_FOR_ONE) this.handOn(this.block.length)
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
    this.lostTimes.add(this.startNs, Math.max(this.startNs, heap.time[cursor]))
    this.problems.add('ORDER_FORCED', generation.byteOffset + heads.at[cursor], () => {
      const time = (heap.time[cursor] / 1e6).toFixed(3)
      return `no thread of generation ${generation.number} can go on at ${time} ms: ${eventName(heads.kind[cursor])} waits for an event that never comes (lost batches, or the capture was cut). It is taken as it stands; times around it are right, what the goroutine did before may be missing.`
    })
    this.take(heads, cursor, 0, true, untilNs)
  }

  /**
   * Takes the head of a cursor. When it is the earliest of all, the events after it follow for as long as no other head is earlier, then
   * those of the thread whose head is, and so on, until an event has to wait or `untilNs` is reached.
   *
   * What it costs: about 50 ns an event, in equal parts the numbers, the rules, the columns and the heap. A run of one thread is
   * seven events in an ordinary capture: what a run needs is loaded once, what all runs need once a call.
   *
   * @param first cursor
   * @param index place of the cursor in the heap; -1 when it is not there yet and its first event is to be read
   * @param forcing take the event although it should wait; what follows it on its thread is all that goes on from there
   * @param untilNs stop before this time
   * @returns false when the head has to wait for another thread
   */
  private take(heads: Heads, first: number, index: number, forcing: boolean, untilNs: number): boolean {
    const { model, block } = this
    const { bytes } = heads
    // Compared and added to, a field is known to be a truth value or a double; else that is looked up for each event.
    const goTimes = this.goTimes === true
    const wholeUnits = heads.wholeUnits === true
    const truncating = heads.truncating === true
    const nsPerUnit = +heads.nsPerUnit
    const { goroutines, mG, mP } = model
    const { gStatus, gGeneration, gSequence, pStatus, pGeneration, pSequence } = model
    const { kind: outKind, timeNs: outTime, goroutine: outG, processor: outP, thread: outM } = block
    const { a: outA, b: outB, c: outC, stack: outStack } = block
    const { heap, maxTimeNs } = heads
    const fullRows = BLOCK_ROWS - ROOM_FOR_ONE
    const ordinal = this.generations

    let rows = block.length
    let lastNs = this.lastNs
    let force = forcing
    let inHand = index >= 0
    let taken = false
    /** The model's columns were replaced by longer ones: what is in the locals is out of date. */
    let stale = false

    for (let cursor = first, runs = forcing ? 1 : RUNS_PER_CALL; ; cursor = heap.top) {
      // ---- A run of one thread. ----
      const thread = heads.thread[cursor]
      const limit = index === 0 ? Math.min(heap.secondTime(), untilNs) : NEVER
      let at = heads.at[cursor]
      let end = heads.end[cursor]
      let time = heap.time[cursor]
      let kind = heads.kind[cursor]
      let a0 = heads.args[cursor * 4]
      let a1 = heads.args[cursor * 4 + 1]
      let a2 = heads.args[cursor * 4 + 2]
      let a3 = heads.args[cursor * 4 + 3]

      for (;;) {
        if (inHand) {
          // ---- The event in hand against the model. ----
          const g = thread < 0 ? -1 : mG[thread]
          const p = thread < 0 ? -1 : mP[thread]
          let rowA = a0
          let rowB = 0
          let rowStack = 0
          let plain = false
          switch (kind) {
            case Ev.GoStart: {
              const row = goroutines.find(a0) | 0
              if (row < 0 || gStatus[row] !== GoStatus.runnable || gGeneration[row] !== ordinal) break
              if (gSequence[row] + 1 !== a1 || p < 0 || g >= 0) break
              gStatus[row] = GoStatus.running
              gSequence[row] = a1
              mG[thread] = row
              rowA = row
              plain = true
              break
            }
            case Ev.GoStop:
            case Ev.GoBlock:
              if (g < 0 || p < 0 || gStatus[g] !== GoStatus.running) break
              gStatus[g] = kind === Ev.GoStop ? GoStatus.runnable : GoStatus.waiting
              mG[thread] = -1
              rowStack = a1
              plain = true
              break
            case Ev.GoUnblock: {
              const row = goroutines.find(a0) | 0
              if (row < 0 || gStatus[row] !== GoStatus.waiting || gGeneration[row] !== ordinal) break
              if (gSequence[row] + 1 !== a1) break
              gStatus[row] = GoStatus.runnable
              gSequence[row] = a1
              rowA = row
              rowStack = a2
              plain = true
              break
            }
            case Ev.GoSyscallBegin:
              if (g < 0 || p < 0 || gStatus[g] !== GoStatus.running) break
              if (pGeneration[p] !== ordinal || pSequence[p] + 1 !== a0) break
              gStatus[g] = GoStatus.syscall
              pStatus[p] = ProcStatus.syscall
              pSequence[p] = a0
              rowStack = a1
              plain = true
              break
            case Ev.GoSyscallEnd:
              if (g < 0 || p < 0 || gStatus[g] !== GoStatus.syscall || pStatus[p] !== ProcStatus.syscall) break
              gStatus[g] = GoStatus.running
              pStatus[p] = ProcStatus.running
              plain = true
              break
            case Ev.HeapAlloc:
              plain = p >= 0
              break
            case Ev.UserRegionBegin:
            case Ev.UserRegionEnd:
              rowB = a1
              rowStack = a2
              plain = g >= 0 && p >= 0
              break
          }
          if (plain) {
            let t = wholeUnits ? time : Math.floor(time)
            if (t > lastNs) lastNs = t
            else if (goTimes) t = ++lastNs
            outKind[rows] = kind
            outTime[rows] = t
            outG[rows] = g
            outP[rows] = p
            outM[rows] = thread
            outA[rows] = rowA
            outB[rows] = rowB
            outC[rows] = 0
            outStack[rows] = rowStack
            rows++
          } else {
            // ---- Everything else, and everything odd. ----
            block.length = rows
            this.lastNs = lastNs
            heads.store(cursor, at, end, kind, a0, a1, a2, a3)
            heads.inHandNs[cursor] = time
            const result = this.takeByModel(heads, cursor, force)
            rows = block.length
            lastNs = this.lastNs
            if (result === Advance.wait) {
              // What the run took so far is taken: this event is the cursor's head now, and still the earliest.
              heap.time[cursor] = time
              return taken
            }
            if (result === Advance.damaged) at = end
            stale = model.gStatus !== gStatus || model.pStatus !== pStatus || model.mG !== mG
          }
          force = false
          taken = true
        }

        // ---- The next event of this thread. ----
        if (at >= end) {
          if (!heads.nextBatch(cursor, index)) break
          at = heads.at[cursor]
          end = heads.end[cursor]
          time = heap.time[cursor]
        }
        const before = time
        kind = bytes[at++]
        const count = ARGUMENT_COUNTS[kind]
        let sound = count !== NOT_TIMED
        if (sound) {
          // The time since the previous event and up to four arguments: seven numbers of ten are one byte, nearly all others two or three.
          // The same lines for each: a loop over them makes the order of a capture a tenth dearer.
          let value = bytes[at++]
          if (value >= 0x80) {
            value = +readLong(bytes, at, value)
            at = Math.min(longEnd, NOWHERE) | 0
          }
          time += truncating ? Math.trunc(value * nsPerUnit) : value * nsPerUnit
          if (count > 0) {
            value = bytes[at++]
            if (value >= 0x80) {
              value = +readLong(bytes, at, value)
              at = Math.min(longEnd, NOWHERE) | 0
            }
            a0 = value
            if (count > 1) {
              value = bytes[at++]
              if (value >= 0x80) {
                value = +readLong(bytes, at, value)
                at = Math.min(longEnd, NOWHERE) | 0
              }
              a1 = value
              if (count > 2) {
                value = bytes[at++]
                if (value >= 0x80) {
                  value = +readLong(bytes, at, value)
                  at = Math.min(longEnd, NOWHERE) | 0
                }
                a2 = value
                if (count > 3) {
                  value = bytes[at++]
                  if (value >= 0x80) {
                    value = +readLong(bytes, at, value)
                    at = Math.min(longEnd, NOWHERE) | 0
                  }
                  a3 = value
                }
              }
            }
          }
          sound = at <= end && time <= maxTimeNs
        }
        if (!sound) {
          heads.inHandNs[cursor] = before
          this.giveUpBatch(heads, cursor, kind, at)
          at = end
          inHand = false
          continue
        }
        inHand = true

        // ---- Its place among the heads. ----
        if (time <= limit && rows <= fullRows && !stale) continue
        heads.store(cursor, at, end, kind, a0, a1, a2, a3)
        heap.time[cursor] = time
        if (index < 0) heap.push(cursor)
        else heap.update(index)
        break
      }
      inHand = true
      if (--runs === 0 || index !== 0 || stale || rows > fullRows) break
      if (heap.length === 0 || heap.time[heap.top] > untilNs) break
    }
    block.length = rows
    this.lastNs = lastNs
    return true
  }

  /**
   * The event in hand of a cursor by the whole rule book, told if there is something to tell. It is read from the columns of `heads`: a
   * time handed over as an argument would become an object.
   *
   * @returns an `Advance`
   */
  private takeByModel(heads: Heads, cursor: number, forcing: boolean): number {
    const { model } = this
    const thread = heads.thread[cursor]
    const kind = heads.kind[cursor]
    const time = heads.inHandNs[cursor]
    const at = heads.at[cursor]
    const { args } = heads
    const from = cursor * 4
    const result = model.advance(kind, thread, args[from], args[from + 1], args[from + 2], args[from + 3], at, forcing)
    if (model.contradicted !== 'no') this.doubt(time)
    if (result === Advance.tell) {
      const t = Math.floor(time)
      for (const extra of model.extra) {
        this.tell(extra.kind, t, extra.goroutine, extra.processor, thread, extra.a, extra.b, 0, 0)
      }
      const { rowKind, rowG, rowP, rowM, rowA, rowB, rowC, rowStack } = model
      this.tell(rowKind, t, rowG, rowP, rowM, rowA, rowB, rowC, rowStack)
    } else if (result === Advance.damaged) {
      this.damage(heads.generation, thread, at, heads.end[cursor], time, model.damage)
    } else if (result === Advance.silent && kind >= FIRST_EXPERIMENTAL) {
      // Experimental events are counted and take their time, but are not told.
      if (this.goTimes) this.lastNs = time > this.lastNs ? time : this.lastNs + 1
      this.untold++
    }
    return result
  }

  /** Events carry no length: what follows a damaged one in its batch cannot be told apart, and the thread's state is unknown from there. */
  private giveUpBatch(heads: Heads, cursor: number, kind: number, at: number): void {
    const what =
      timedArgumentCount[kind] === NOT_TIMED
        ? `event number ${kind} does not exist`
        : 'an event does not end within its batch, or its time is out of reach'
    const end = heads.end[cursor]
    this.damage(heads.generation, heads.thread[cursor], Math.min(at, end), end, heads.inHandNs[cursor], what)
  }

  /** Tells one event outside the hot loop. */
  private tell(
    kind: number,
    timeNs: number,
    g: number,
    p: number,
    m: number,
    a: number,
    b: number,
    c: number,
    stack: number,
  ): void {
    const { block } = this
    if (block.length === BLOCK_ROWS) this.handOn(BLOCK_ROWS)
    let t = timeNs
    if (t > this.lastNs) this.lastNs = t
    else if (this.goTimes) t = ++this.lastNs
    const row = block.length++
    block.kind[row] = kind
    block.timeNs[row] = t
    block.goroutine[row] = g
    block.processor[row] = p
    block.thread[row] = m
    block.a[row] = a
    block.b[row] = b
    block.c[row] = c
    block.stack[row] = stack
  }

  private tellSample({ sample, timeNs }: TimedSample): void {
    const { goroutines, processors, threads } = this.model
    const g = sample.goroutine === 0 ? -1 : goroutines.find(sample.goroutine)
    const p = sample.processor === NONE_U64 ? -1 : processors.find(sample.processor)
    const m = sample.thread === NONE_U64 ? -1 : threads.find(sample.thread)
    this.tell(Ev.CPUSample, timeNs, g, p, m, g, 0, 0, sample.stack)
  }

  /** Hands the rows of the block to the sink; returns the number of rows left, which is 0. */
  private handOn(rows: number): number {
    const { block } = this
    block.length = rows
    if (rows > 0) this.sink.events(block)
    this.told += rows
    return (block.length = 0)
  }

  private damage(generation: Generation, thread: number, at: number, end: number, timeNs: number, what: string): void {
    this.problems.add(
      'BATCH_DAMAGED',
      generation.byteOffset + at,
      () =>
        `${what}, at byte ${(generation.byteOffset + at).toLocaleString('en-US')} (generation ${generation.number}): the rest of that batch, ${Math.max(0, end - at).toLocaleString('en-US')} bytes of one thread's events from ${(timeNs / 1e6).toFixed(3)} ms on, is lost; other threads are kept.`,
    )
    this.lostTimes.add(timeNs, Math.max(timeNs, this.relativeNs(generation, generation.maxTimeUnits)))
    this.model.forgetThread(thread)
  }
}

/** Where each thread's events of one generation go on, and what the loop over them needs to know of it. */
class Heads {
  readonly bytes: Uint8Array
  readonly nsPerUnit: number = -0
  /** Whether a clock unit is a whole number of nanoseconds. */
  readonly wholeUnits: boolean
  /** Whether times are cut to whole nanoseconds event by event, as Go's reader does. */
  readonly truncating: boolean
  readonly count: number
  /** Row of the thread; -1 for events written on behalf of nobody. */
  readonly thread: Int32Array
  /** Position after the head, and end of its batch, in the generation's bytes. */
  readonly at: Int32Array
  readonly end: Int32Array
  /** The head: kind and four arguments each. Its time is the heap's key. */
  readonly kind: Uint8Array
  readonly args: Float64Array
  /** Time of an event that is handed to the model, or of the last one before damage. */
  readonly inHandNs: Float64Array
  readonly heap: CursorHeap
  /** Later times are damage. */
  readonly maxTimeNs: number = -0
  private readonly batches: number[][]
  private readonly batch: Int32Array
  private readonly batchStartNs: Float64Array

  constructor(
    readonly generation: Generation,
    goTimes: boolean,
    model: SchedulerModel,
    toNs: (units: number) => number,
  ) {
    this.bytes = generation.bytes
    this.nsPerUnit = 1 / (generation.frequency / 1e9)
    this.wholeUnits = Number.isInteger(this.nsPerUnit)
    this.truncating = goTimes && !this.wholeUnits
    const batchesOf = new Map<number, number[]>()
    generation.timed.forEach((batch, i) => {
      const list = batchesOf.get(batch.thread)
      if (list === undefined) batchesOf.set(batch.thread, [i])
      else list.push(i)
    })
    this.count = batchesOf.size
    this.batches = [...batchesOf.values()]
    this.thread = Int32Array.from(batchesOf.keys(), (id) => (id === NONE_U64 ? -1 : model.threadRow(id)))
    this.at = new Int32Array(this.count)
    this.end = new Int32Array(this.count)
    this.kind = new Uint8Array(this.count)
    this.args = new Float64Array(this.count * 4)
    this.inHandNs = new Float64Array(this.count)
    this.batch = new Int32Array(this.count).fill(-1)
    this.heap = new CursorHeap(this.count)
    this.batchStartNs = Float64Array.from(generation.timed, (batch) => toNs(batch.timeUnits))
    this.maxTimeNs = toNs(generation.maxTimeUnits) + MAX_BATCH_SPAN_NS
  }

  store(cursor: number, at: number, end: number, kind: number, a0: number, a1: number, a2: number, a3: number): void {
    this.at[cursor] = at
    this.end[cursor] = end
    this.kind[cursor] = kind
    const base = cursor * 4
    this.args[base] = a0
    this.args[base + 1] = a1
    this.args[base + 2] = a2
    this.args[base + 3] = a3
  }

  /** Moves to the thread's next batch that holds anything; false when there is none: then the cursor leaves its place in the heap. */
  nextBatch(cursor: number, index: number): boolean {
    const list = this.batches[cursor]
    while (++this.batch[cursor] < list.length) {
      const batch = this.generation.timed[list[this.batch[cursor]]]
      if (batch.from === batch.to) continue
      this.at[cursor] = batch.from
      this.end[cursor] = batch.to
      this.heap.time[cursor] = this.batchStartNs[list[this.batch[cursor]]]
      return true
    }
    if (index >= 0) this.heap.remove(index)
    return false
  }
}
