// capture-story.ts: a capture told step by step, for tests: one thread, one processor, times in nanoseconds.

import { eventSpecs } from '../../src/capture/event-types.ts'

const numberOf = new Map(eventSpecs.map(({ name, number }) => [name, number]))

/** LEB128 bytes of a number below 2^53. */
export function uvarint(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return [...bytes, value]
}

/** One batch with its header; the size is written in ten bytes, as Go's writer does. */
export function batch(generation: number, thread: number, timeUnits: number, payload: readonly number[]): number[] {
  const size = uvarint(payload.length)
  const padded = [...size.slice(0, -1), (size.at(-1) ?? 0) | 128, ...new Array<number>(9 - size.length).fill(128), 0]
  return [1, ...uvarint(generation), ...uvarint(thread), ...uvarint(timeUnits), ...padded, ...payload]
}

/** A wire event: its number and arguments. */
export function wire(name: string, ...args: number[]): number[] {
  const number = numberOf.get(name)
  if (number === undefined) throw new Error(`no event is called ${name}`)
  return [number, ...args.flatMap(uvarint)]
}

const STATUS = { runnable: 1, running: 2, syscall: 3, waiting: 4 } as const

/** Bytes of events after which the next batch begins. */
const BATCH_BYTES = 60_000

/** Trace clock of the story's time 0, nanoseconds. */
const ORIGIN_NS = 1_000_000

/**
 * What happens on thread 1 and processor 0, in order. Methods happen at the time set by `at`; those that need a running goroutine are
 * about the one that was started last.
 */
export class CaptureStory {
  private readonly batches: number[][] = []
  /** Those of the next batch, and when that begins. */
  private events: number[] = []
  private batchNs = 0
  private readonly strings = new Map<string, number>()
  private readonly stackIds = new Map<string, number>()
  private readonly sequence = new Map<number, number>()
  private processorSequence = 0
  private nowNs = 0
  private lastNs = 0

  constructor() {
    this.add('ProcStatus', 0, 1)
  }

  /** Sets the time of what follows. */
  at(ns: number): this {
    this.nowNs = ns
    return this
  }

  /** A goroutine that existed before the capture. */
  found(goroutine: number, status: keyof typeof STATUS): this {
    this.sequence.set(goroutine, 0)
    const thread = status === 'running' || status === 'syscall' ? 1 : 0
    // A thread of "none" is 2^64 - 1, ten bytes.
    const none = [...new Array<number>(9).fill(255), 1]
    this.raw([...wire('GoStatus', this.dt(), goroutine).concat(thread === 1 ? [1] : none), ...uvarint(STATUS[status])])
    return this
  }

  start(goroutine: number): this {
    return this.add('GoStart', goroutine, this.next(goroutine))
  }

  /** Switches to another goroutine at once, the running one waits (`iter.Pull`). */
  switchTo(goroutine: number): this {
    return this.add('GoSwitch', goroutine, this.next(goroutine))
  }

  stop(reason = 'preempted', ...functions: string[]): this {
    return this.add('GoStop', this.string(reason), this.stack(functions))
  }

  block(reason: string, ...functions: string[]): this {
    return this.add('GoBlock', this.string(reason), this.stack(functions))
  }

  /** @param functions where the running one is, the leaf first */
  unblock(goroutine: number, ...functions: string[]): this {
    return this.add('GoUnblock', goroutine, this.next(goroutine), this.stack(functions))
  }

  /** @param entry the function it runs */
  create(goroutine: number, entry = 'main.work'): this {
    this.sequence.set(goroutine, 0)
    return this.add('GoCreate', goroutine, this.stack([entry]), 0)
  }

  /** A coroutine: it waits from the start. */
  createBlocked(goroutine: number, entry = 'main.iterate'): this {
    this.sequence.set(goroutine, 0)
    return this.add('GoCreateBlocked', goroutine, this.stack([entry]), 0)
  }

  destroy(): this {
    return this.add('GoDestroy')
  }

  syscall(): this {
    return this.add('GoSyscallBegin', ++this.processorSequence, 0)
  }

  syscallEnd(): this {
    return this.add('GoSyscallEnd')
  }

  /** The processor is given away during a system call, after some time of it; the goroutine is ready to run after as much again. */
  syscallBlocked(ns: number): this {
    const { nowNs } = this
    this.syscall()
    this.at(nowNs + ns).add('ProcStop')
    return this.at(nowNs + 2 * ns)
      .add('GoSyscallEndBlocked')
      .add('ProcStart', 0, ++this.processorSequence)
  }

  taskBegin(task: number, name: string, parent = 0): this {
    return this.add('UserTaskBegin', task, parent, this.string(name), 0)
  }

  taskEnd(task: number): this {
    return this.add('UserTaskEnd', task, 0)
  }

  regionBegin(task: number, name: string): this {
    return this.add('UserRegionBegin', task, this.string(name), 0)
  }

  regionEnd(task: number, name: string): this {
    return this.add('UserRegionEnd', task, this.string(name), 0)
  }

  log(task: number, category: string, message: string): this {
    return this.add('UserLog', task, this.string(category), this.string(message), 0)
  }

  gcBegin(cycle: number): this {
    return this.add('GCBegin', cycle, 0)
  }

  gcEnd(cycle: number): this {
    return this.add('GCEnd', cycle)
  }

  assistBegin(): this {
    return this.add('GCMarkAssistBegin', 0)
  }

  assistEnd(): this {
    return this.add('GCMarkAssistEnd')
  }

  sweepBegin(): this {
    return this.add('GCSweepBegin', 0)
  }

  sweepEnd(): this {
    return this.add('GCSweepEnd', 0, 0)
  }

  stopTheWorld(kind: string): this {
    return this.add('STWBegin', this.string(kind), 0)
  }

  startTheWorld(): this {
    return this.add('STWEnd')
  }

  /** The capture, as Go 1.23 writes it. */
  bytes(): Uint8Array {
    this.endBatch()
    const text = new TextEncoder()
    const strings: number[] = [4]
    for (const [value, id] of this.strings) {
      const bytes = [...text.encode(value)]
      strings.push(5, ...uvarint(id), ...uvarint(bytes.length), ...bytes)
    }
    const stacks: number[] = [2]
    for (const [functions, id] of this.stackIds) {
      const frames = functions.split('\n')
      const encoded = frames.flatMap((name, i) => [4096 + i, this.strings.get(name) ?? 0, 0, i + 1].flatMap(uvarint))
      stacks.push(3, ...uvarint(id), ...uvarint(frames.length), ...encoded)
    }
    return Uint8Array.from([
      ...text.encode('go 1.23 trace\0\0\0'),
      ...this.batches.flat(),
      ...batch(1, 0, ORIGIN_NS, stacks),
      ...batch(1, 0, ORIGIN_NS, strings),
      ...batch(1, 0, ORIGIN_NS, wire('Frequency', 1_000_000_000)),
    ])
  }

  private add(name: string, ...args: number[]): this {
    this.raw(wire(name, this.dt(), ...args))
    return this
  }

  private raw(bytes: readonly number[]): void {
    this.events.push(...bytes)
    if (this.events.length >= BATCH_BYTES) this.endBatch()
  }

  /** The clock goes back: what follows is written by another processor, whose clock is behind. */
  clockBack(ns: number): this {
    this.endBatch()
    this.nowNs -= ns
    this.lastNs = this.batchNs = this.nowNs
    return this
  }

  private endBatch(): void {
    if (this.events.length > 0) this.batches.push(batch(1, 1, ORIGIN_NS + this.batchNs, this.events))
    this.events = []
    this.batchNs = this.lastNs
  }

  private dt(): number {
    const dt = this.nowNs - this.lastNs
    if (dt < 0) throw new Error(`time runs backwards from ${this.lastNs} to ${this.nowNs}`)
    this.lastNs = this.nowNs
    return dt
  }

  private next(goroutine: number): number {
    const sequence = (this.sequence.get(goroutine) ?? 0) + 1
    this.sequence.set(goroutine, sequence)
    return sequence
  }

  private string(value: string): number {
    if (value === '') return 0
    const known = this.strings.get(value)
    if (known !== undefined) return known
    this.strings.set(value, this.strings.size + 1)
    return this.strings.size
  }

  private stack(functions: readonly string[]): number {
    if (functions.length === 0) return 0
    for (const name of functions) this.string(name)
    const key = functions.join('\n')
    const known = this.stackIds.get(key)
    if (known !== undefined) return known
    this.stackIds.set(key, this.stackIds.size + 1)
    return this.stackIds.size
  }
}
