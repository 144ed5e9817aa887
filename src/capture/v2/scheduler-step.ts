// scheduler-step.ts: one event of a thread, to be held against what is known of the scheduler: what the rules of `scheduler-model.ts` look at, what they
// say of the event, and what they note where it contradicts what came before.

import { type EventRow, NOTHING } from '../block-writer.ts'
import { Ev, eventSpecs, GoStatus } from '../event-types.ts'
import type { ProblemList } from '../problems.ts'
import type { Generation } from './generation.ts'
import type { OrderKernel } from './order-kernel.ts'
import { ORDINAL } from './order-layout.ts'
import { Collector, Goroutines, Processors, Threads } from './scheduler-state.ts'

/** What an event may do. */
export const Advance = {
  /** It has to wait for an event of another thread. */
  wait: 0,
  /** It happened; `extra`, then `row`, say what to tell. */
  tell: 1,
  /** It happened, or was left out; nothing is to be told. */
  silent: 2,
  /** It happened and is counted, and takes its time, but means nothing here: experimental events. */
  passed: 3,
  /** It says what no runtime writes: the rest of its batch cannot be trusted. */
  damaged: 4,
} as const
export type Advance = (typeof Advance)[keyof typeof Advance]

/** The event in hand, and the state of the scheduler, which is carried over generations. */
export class Step {
  readonly goroutines: Goroutines
  readonly processors: Processors
  readonly threads: Threads
  readonly collector = new Collector()

  /** What the event is to be told as. */
  readonly row: EventRow = { ...NOTHING }
  /** Rows to be told before it: a coroutine switch is three, the end of a goroutine in a system call two. */
  readonly extra: EventRow[] = []

  // ---- The event. ----
  kind = 0
  /** Row of its thread, of the goroutine that runs there and of the thread's processor; -1 none. */
  thread = -1
  g = -1
  p = -1
  /** Take it although it should wait: what it waits for was lost. */
  forcing = false
  /** Position after it in the generation's bytes, for messages. */
  private at = 0

  private generation: Generation | null = null
  /** Of the generation, counted from 1. */
  ordinal = 0

  /** @param kernel which uses the columns of the most common events */
  constructor(
    private readonly problems: ProblemList,
    private readonly kernel: OrderKernel,
  ) {
    this.goroutines = new Goroutines(kernel)
    this.processors = new Processors(kernel)
    this.threads = new Threads(kernel)
  }

  /** A new generation begins: sequence numbers start again. `ordinal` counts generations from 1. */
  enter(generation: Generation, ordinal: number): void {
    this.generation = generation
    this.ordinal = this.goroutines.ordinal = this.processors.ordinal = ordinal
    this.kernel.words[ORDINAL >> 2] = ordinal
  }

  /**
   * Takes an event in hand. Unless its rule says otherwise it is told as what it is, where it happened, with its first argument.
   *
   * @param thread row of the thread, -1 for events written on behalf of nobody
   * @param at position after the event in the generation's bytes
   */
  begin(kind: number, thread: number, a0: number, at: number, forcing: boolean): void {
    const { row, threads } = this
    this.kind = kind
    this.thread = thread
    this.g = thread < 0 ? -1 : threads.goroutine[thread]
    this.p = thread < 0 ? -1 : threads.processor[thread]
    this.forcing = forcing
    this.at = at
    row.kind = kind
    row.goroutine = this.g
    row.processor = this.p
    row.thread = thread
    row.a = a0
    row.b = row.c = row.stack = 0
    if (this.extra.length > 0) this.extra.length = 0
  }

  // ---- What it happened on. ----

  /** Whether the event happened on a goroutine and a processor; notes when not. False when there is no goroutine to speak of. */
  hasContext(): boolean {
    const { thread, g, p } = this
    if (g >= 0 && p >= 0) return true
    this.conflict(lack(thread, p, g, ''))
    return g >= 0
  }

  /** Whether the thread runs a goroutine on a processor; notes when not. False when there is no goroutine to speak of. */
  runs(): boolean {
    const { thread, g, p } = this
    if (g >= 0 && p >= 0 && this.goroutines.status[g] === GoStatus.running) return true
    this.conflict(lack(thread, p, g, 'running'))
    return g >= 0
  }

  /** As `runs`, of a goroutine in a system call, which may have lost its processor. */
  isInCall(): boolean {
    const { thread, g } = this
    if (g >= 0 && this.goroutines.status[g] === GoStatus.syscall) return true
    this.conflict(lack(thread, 0, g, 'in a system call'))
    return g >= 0
  }

  /** Has a row told before the one of the event. */
  tellBefore(event: Partial<EventRow>): void {
    this.extra.push({ ...NOTHING, thread: this.thread, ...event })
  }

  // ---- Contradictions. ----

  /**
   * Whether an event contradicted what came before, and where events must be missing: in its own generation, or, when the first word of it on a
   * goroutine or processor is at odds with the last word of an earlier one, before it. For the caller to clear.
   */
  contradicted: 'no' | 'here' | 'before' = 'no'

  /** Notes that the event in hand contradicts what came before. */
  conflict(what: string): void {
    const { generation, at, kind } = this
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

  /** The event states what does not exist. */
  nonsense(what: string): Advance {
    this.damage = `event ${eventName(this.kind)} states ${what} (1 to 4 exist)`
    return Advance.damaged
  }
}

/** Name of an event kind for messages. */
export function eventName(kind: number): string {
  return eventSpecs.find((spec) => spec.number === kind)?.name ?? `event ${kind}`
}

/** Says which part of an event's context is missing, in the words of Go's reader; a part that is not asked for is given as 0. */
export function lack(thread: number, processor: number, goroutine: number, wanted: string): string {
  if (thread < 0) return "expected a thread but didn't have one"
  if (processor < 0) return "expected a proc but didn't have one"
  if (wanted === 'none') return 'expected no goroutine but had one'
  if (goroutine < 0) return "expected a goroutine but didn't have one"
  return `its goroutine is not ${wanted}`
}
