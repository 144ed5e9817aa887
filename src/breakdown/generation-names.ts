// generation-names.ts: what the ids of strings and stacks stand for in the generation in hand, looked up once each.

import type { ProblemList } from '../capture/problems.ts'
import type { StackTable } from '../capture/stack-table.ts'
import type { StringTable } from '../capture/string-table.ts'
import type { LogRecord } from './breakdown.ts'
import { type GoroutineStates, SystemKind as systemKinds } from './goroutine-states.ts'
import type { RegionTable } from './regions.ts'
import { runtimeWaitOf, servesAll, waitsForNetwork } from './runtime-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  CAUSE_OF_STACK,
  DENSE_STRINGS,
  KIND_OF_ENTRY,
  LOW_NAMES,
  LOW_STACKS,
  LOW_STRINGS,
  NAME_BYTES,
  NAME_EXTENT,
  NAME_FROM,
  NAME_OF_STRING,
  NAME_ROOM,
  REASON_OF_STRING,
  ROW_OF_STACK,
  SERVES_ALL,
  STACKS,
  UNKNOWN_STACK,
} from './states-layout.ts'
import { NONE as none } from './stay-log.ts'

// Of its own, as in `analysis.ts`.
const NONE = none
const SystemKind = systemKinds
type SystemKind = systemKinds

const NO_BYTES = new Uint8Array(0)

/** The goroutine that ran all timers up to Go 1.13: a wait that it ends was ended by a timer. */
const TIMERS = 'runtime.timerproc'

/** Functions of the runtime in which goroutines of the program begin: that of main, coroutines, and calls from C, which Go 1.21 shows from there on. */
const BEGINS_PROGRAM = /^runtime\.(main|corostart|cgocallbackg?)$/

/** The names of one generation after another. */
export class GenerationNames {
  private strings: StringTable | null = null
  private stackTable: StackTable | null = null
  private readonly reasonOfString = new Map<number, number>()
  /** Reasons are the first strings of a generation: those below this many are looked up without the map. */
  private readonly reasonOfLowString: Int32Array
  private readonly systemOfStack = new Map<number, SystemKind>()
  /** As with reasons, for the kernel: with `SERVES_ALL`, 0 what is not known yet. */
  private readonly kindOfLowEntry: Uint8Array
  /** Row of the cause of a wait of the runtime's own, 0 where it is the program's. */
  private readonly causeOfStack = new Map<number, number>()
  /** As with reasons, for the kernel. */
  private readonly causeOfLowStack: Int32Array
  private readonly rowOfStack = new Map<number, number>()
  /** As with reasons: stacks are numbered from 1 as they are met. */
  private readonly rowOfLowStack: Int32Array
  private readonly nameOfString = new Map<number, string>()
  /** As with reasons: names that recur are met early in a generation, and so have low numbers. */
  private readonly nameOfLowString = new Array<string | null>(LOW_NAMES).fill(null)
  /** Rows of their names in the table of regions, for the kernel; none before a region had the name. */
  private readonly regionNameOfLowString: Int32Array
  /** Number of the generation, and its begin. */
  private generation = 0
  private syncNs = -0
  /** Registers of the kernel. */
  private readonly words: Int32Array

  /**
   * @param withStacks whether stacks are kept
   * @param kernel which looks reasons and stacks of low numbers up as well
   */
  constructor(
    private readonly states: GoroutineStates,
    private readonly problems: ProblemList,
    private readonly withStacks: boolean,
    private readonly regions: RegionTable,
    kernel: StatesKernel,
  ) {
    const { memory, words } = kernel
    this.words = words
    this.reasonOfLowString = memory.int32(LOW_STRINGS).fill(NONE)
    this.rowOfLowStack = memory.int32(LOW_STACKS).fill(UNKNOWN_STACK)
    words[REASON_OF_STRING >> 2] = this.reasonOfLowString.byteOffset
    words[ROW_OF_STACK >> 2] = this.rowOfLowStack.byteOffset
    this.regionNameOfLowString = memory.int32(LOW_NAMES).fill(NONE)
    words[NAME_OF_STRING >> 2] = this.regionNameOfLowString.byteOffset
    this.causeOfLowStack = memory.int32(LOW_STACKS).fill(NONE)
    words[CAUSE_OF_STACK >> 2] = this.causeOfLowStack.byteOffset
    this.kindOfLowEntry = memory.uint8(LOW_STACKS)
    words[KIND_OF_ENTRY >> 2] = this.kindOfLowEntry.byteOffset
    words[STACKS >> 2] = withStacks ? 1 : 0
  }

  /** Takes the tables of the events that come next. */
  use(strings: StringTable, stacks: StackTable): void {
    if (strings === this.strings) return
    this.strings = strings
    this.stackTable = stacks
    const { words } = this
    words[DENSE_STRINGS >> 2] = strings.denseTo
    const columns = strings.kernelColumns
    words[NAME_ROOM >> 2] = columns?.from.length ?? 0
    if (columns !== null) {
      words[NAME_BYTES >> 2] = columns.bytes.byteOffset
      words[NAME_FROM >> 2] = columns.from.byteOffset
      words[NAME_EXTENT >> 2] = columns.extent.byteOffset
    }
    this.reasonOfString.clear()
    this.reasonOfLowString.fill(NONE)
    this.rowOfLowStack.fill(UNKNOWN_STACK)
    this.systemOfStack.clear()
    this.kindOfLowEntry.fill(0)
    this.causeOfStack.clear()
    this.causeOfLowStack.fill(NONE)
    this.rowOfStack.clear()
    this.nameOfString.clear()
    this.nameOfLowString.fill(null)
    this.regionNameOfLowString.fill(NONE)
  }

  /** A generation begins, for messages. */
  sync(generation: number, timeNs: number): void {
    this.generation = generation
    this.syncNs = timeNs
  }

  /** Row of a block reason in `TaskTables.reasons`. */
  reason(id: number): number {
    const low = id < this.reasonOfLowString.length ? this.reasonOfLowString[id] : NONE
    if (low !== NONE) return low
    let row = this.reasonOfString.get(id)
    if (row === undefined) {
      row = this.states.reasonRow(this.text(id, 'block reason'))
      this.reasonOfString.set(id, row)
      if (id < this.reasonOfLowString.length) this.reasonOfLowString[id] = row
    }
    return row
  }

  /** Row of the stop of the world for a reason in `TaskTables.rangeNames`. */
  stwName(id: number): number {
    return this.states.rangeRow(`stop-the-world (${this.text(id, 'stop-the-world reason')})`)
  }

  /** A string that recurs: region names, categories. */
  sharedText(id: number, what: string): string {
    const low = id < this.nameOfLowString.length ? this.nameOfLowString[id] : null
    if (low !== null) return low
    let text = this.nameOfString.get(id)
    if (text === undefined) {
      text = this.text(id, what)
      this.nameOfString.set(id, text)
      if (id < this.nameOfLowString.length) this.nameOfLowString[id] = text
    }
    return text
  }

  /** The name of a region. */
  regionName(id: number): string {
    const text = this.sharedText(id, 'region name')
    if (id < LOW_NAMES) this.regionNameOfLowString[id] = this.regions.nameRowOf(text)
    return text
  }

  /** A string of the generation; empty and told of when it is not in the table. @param what it is, for the message */
  text(id: number, what: string): string {
    const text = this.strings?.get(id)
    if (text !== undefined) return text
    this.tellUnknown(id, what)
    return ''
  }

  /** Tells of a string that is in no table. */
  private tellUnknown(id: number, what: string): void {
    this.problems.add(
      'UNKNOWN_STRING',
      null,
      () =>
        `string ${id} (a ${what}) is not in the table of ${(this.strings?.size ?? 0).toLocaleString('en-US')} strings of generation ${this.generation}, which begins at ${(this.syncNs / 1e6).toFixed(3)} ms: it is shown as empty. Tables come last, a cut loses them first.`,
    )
  }

  /** Tells of a string when it is in no table. @param what it is, for the message */
  check(id: number, what: string): void {
    if (this.strings?.has(id) === false) this.tellUnknown(id, what)
  }

  /** The bytes of a string as they were written; none when it is not in the table. */
  bytes(id: number): Uint8Array {
    return this.strings?.raw(id) ?? NO_BYTES
  }

  /** The text of a string that was told of where it is in no table; empty then. */
  textNow(id: number): string {
    return this.strings?.get(id) ?? ''
  }

  /** Whether the bytes of a string lie where the kernel reads them. */
  isReadable(id: number): boolean {
    return id >= 0 && id < this.words[NAME_ROOM >> 2]
  }

  /** A log of a goroutine, by its id. @param category string of the generation in hand, as `message` */
  logRecord(timeNs: number, goroutine: number, category: number, message: number): LogRecord {
    const categoryText = this.sharedText(category, 'log category')
    const text = this.text(message, 'log message')
    return {
      timeNs,
      goroutine,
      category: categoryText,
      message: text,
      // What is no text has a character in it that stands for what it is not.
      messageBytes: text.includes('\ufffd') ? (this.strings?.binary(message) ?? null) : null,
    }
  }

  /** Whose goroutine has a stack: told by its outermost function. */
  systemKind(stack: number): SystemKind {
    if (stack === 0) return SystemKind.unnamed
    const known = this.systemOfStack.get(stack)
    if (known !== undefined) return known
    this.checkStack(stack)
    const root = this.stackTable?.rootFunction(stack) ?? ''
    const runtime = root.startsWith('runtime.') && !BEGINS_PROGRAM.test(root)
    const kind = !runtime ? SystemKind.program : root === TIMERS ? SystemKind.timers : SystemKind.runtime
    this.systemOfStack.set(stack, kind)
    if (stack < LOW_STACKS) this.kindOfLowEntry[stack] = kind + (servesAll(root) ? SERVES_ALL : 0)
    return kind
  }

  /** Row of the cause under which people see a wait by where it is: the runtime's own, or a client's for the network (`runtime-names.ts`); 0 for others. */
  runtimeCause(stack: number): number {
    if (stack === 0) return 0
    let row = this.causeOfStack.get(stack)
    if (row === undefined) {
      const frames = this.stackTable?.frames(stack) ?? []
      const wait = runtimeWaitOf(frames) ?? (waitsForNetwork(frames) ? 'network' : null)
      row = wait === null ? 0 : this.states.reasonRow(wait)
      this.causeOfStack.set(stack, row)
      if (stack < LOW_STACKS) this.causeOfLowStack[stack] = row
    }
    return row
  }

  /** Whether a goroutine with an entry works for whoever comes, not for the task that it was created in. */
  servesAll(entryStack: number): boolean {
    return entryStack !== 0 && servesAll(this.stackTable?.rootFunction(entryStack) ?? '')
  }

  /** Tells of a stack that is in no table. */
  private checkStack(stack: number): void {
    if (this.stackTable?.has(stack) !== false) return
    this.problems.add(
      'UNKNOWN_STACK',
      null,
      () =>
        `stack ${stack} is not in the table of ${(this.stackTable?.size ?? 0).toLocaleString('en-US')} stacks of generation ${this.generation}, which begins at ${(this.syncNs / 1e6).toFixed(3)} ms: what happened there is kept, where in the program is not known. Tables come last, a cut loses them first.`,
    )
  }

  /** Row of a stack in `TaskTables.stacks`; none where stacks are not wanted. */
  stackRow(stack: number): number {
    if (!this.withStacks || stack === 0) return NONE
    const low = stack < LOW_STACKS ? this.rowOfLowStack[stack] : UNKNOWN_STACK
    if (low !== UNKNOWN_STACK) return low
    let row = this.rowOfStack.get(stack)
    if (row === undefined) {
      // Where it is the runtime's that is asked first, it was told there.
      if (!this.systemOfStack.has(stack)) this.checkStack(stack)
      row = this.states.stackRow(this.stackTable?.frames(stack) ?? [])
      if (stack < LOW_STACKS) this.rowOfLowStack[stack] = row
      else this.rowOfStack.set(stack, row)
    }
    return row
  }
}
