// go-lines.ts: our events in the words of Go's own reader, as `test/differential/reference` prints them.

import { CaptureDecoder } from '../../src/capture/decode.ts'
import type { EventBlock } from '../../src/capture/event-block.ts'
import { Ev, GoStatus, ProcStatus } from '../../src/capture/event-types.ts'
import type { StackTable } from '../../src/capture/stack-table.ts'

const GO_STATE = new Map<number, string>([
  [GoStatus.runnable, 'Runnable'],
  [GoStatus.running, 'Running'],
  [GoStatus.syscall, 'Syscall'],
  [GoStatus.waiting, 'Waiting'],
])
const PROC_STATE = new Map<number, string>([
  [ProcStatus.running, 'Running'],
  [ProcStatus.idle, 'Idle'],
  [ProcStatus.syscall, 'Running'],
  [ProcStatus.syscallAbandoned, 'Idle'],
])

/** What one of our events must look like in Go's words: texts and numbers, in the order of the fields of a line. */
export type Field = string | number | Row | StackField

/** A processor or thread by our row of it: which of Go's ids that is shows at its first use, and must hold from then on. */
export interface Row {
  readonly of: 'P' | 'M'
  readonly row: number
}

/** A stack of the generation in hand. */
export interface StackField {
  readonly stacks: StackTable
  readonly id: number
}

/** Decodes a capture with Go's times and tells each event, the closing synchronisation included. */
export function tellInGoWords(capture: Uint8Array, take: (fields: Field[]) => void): void {
  const goroutineIds: number[] = []
  let generations = 0
  let lastNs = -1
  const decoder = new CaptureDecoder({ goTimes: true }, { events: consume })
  decoder.push(capture)
  decoder.end()
  take([lastNs + 1, -1, processor(-1), thread(-1), 'Sync'])

  function consume(block: EventBlock): void {
    for (let i = 0; i < block.length; i++) {
      const { a, c } = block
      switch (block.kind[i]) {
        case Ev.Sync:
          generations++
          break
        case Ev.GoCreate:
        case Ev.GoCreateBlocked:
        case Ev.GoCreateSyscall:
          goroutineIds[a[i]] = c[i]
          break
        case Ev.GoStatus:
          goroutineIds[a[i]] = c[i] >= 0 ? c[i] : -1 - c[i]
          break
      }
      lastNs = block.timeNs[i]
      const own = block.kind[i] === Ev.CPUSample ? block.c[i] : goroutine(block.goroutine[i])
      const context = [lastNs, own, processor(block.processor[i]), thread(block.thread[i])]
      take([...context, ...fieldsOf(block, i)])
    }
  }

  function goroutine(row: number): number {
    return row < 0 ? -1 : goroutineIds[row]
  }

  function fieldsOf(block: EventBlock, i: number): Field[] {
    const kind = block.kind[i]
    const a = block.a[i]
    const b = block.b[i]
    const c = block.c[i]
    const text = (id: number): string => quote(block.strings.get(id) ?? '(unknown)')
    const stackOf = (id: number): StackField => ({ stacks: block.stacks, id })
    const stack = stackOf(block.stack[i])
    const none = stackOf(0)
    const own = goroutine(block.goroutine[i])
    const change = (id: number, from: string, to: string, reason = '""', of = none): Field[] => [
      'G',
      id,
      from,
      to,
      reason,
      stack,
      of,
    ]
    const range = (event: string, name: string, scope: Field, id: Field, swept = 0, reclaimed = 0): Field[] => [
      event,
      name,
      scope,
      id,
      swept,
      reclaimed,
      stack,
    ]
    switch (kind) {
      case Ev.Sync:
        return ['Sync']
      case Ev.ProcsChange:
        return ['Metric', '/sched/gomaxprocs:threads', a, stack]
      case Ev.HeapAlloc:
        return ['Metric', '/memory/classes/heap/objects:bytes', a, stack]
      case Ev.HeapGoal:
        return ['Metric', '/gc/heap/goal:bytes', a, stack]
      case Ev.ProcStart:
        return ['P', processor(a), 'Idle', 'Running', stack]
      case Ev.ProcStop:
        return ['P', processor(a), 'Running', 'Idle', stack]
      case Ev.ProcSteal:
        return ['P', processor(a), b === ProcStatus.syscallAbandoned ? 'Idle' : 'Running', 'Idle', stack]
      case Ev.ProcStatus: {
        const before = c === 0 ? (generations === 1 ? 'Undetermined' : 'NotExist') : PROC_STATE.get(c)
        return ['P', processor(a), before ?? '?', PROC_STATE.get(b) ?? '?', stack]
      }
      case Ev.GoCreate:
        return change(c, 'NotExist', 'Runnable', undefined, stackOf(b))
      case Ev.GoCreateBlocked:
        return change(c, 'NotExist', 'Waiting', undefined, stackOf(b))
      case Ev.GoCreateSyscall:
        return change(c, 'NotExist', 'Syscall')
      case Ev.GoStart:
        return change(goroutine(a), 'Runnable', 'Running')
      case Ev.GoDestroy:
        return change(own, 'Running', 'NotExist')
      case Ev.GoDestroySyscall:
        return change(own, 'Syscall', 'NotExist')
      case Ev.GoStop:
        return change(own, 'Running', 'Runnable', text(a), stack)
      case Ev.GoBlock:
        return change(own, 'Running', 'Waiting', text(a), stack)
      case Ev.GoUnblock:
        return change(goroutine(a), 'Waiting', 'Runnable')
      case Ev.GoSyscallBegin:
        return change(own, 'Running', 'Syscall', undefined, stack)
      case Ev.GoSyscallEnd:
        return change(own, 'Syscall', 'Running')
      case Ev.GoSyscallEndBlocked:
        return change(own, 'Syscall', 'Runnable')
      case Ev.GoStatus: {
        const state = GO_STATE.get(b) ?? '?'
        return change(goroutine(a), c >= 0 ? 'Undetermined' : state, state, undefined, stack)
      }
      case Ev.STWBegin:
      case Ev.STWEnd:
        return range(
          kind === Ev.STWBegin ? 'RangeBegin' : 'RangeEnd',
          `stop-the-world (${block.strings.get(a) ?? '(unknown)'})`,
          'G',
          own,
        )
      case Ev.GCBegin:
        return range('RangeBegin', 'GC concurrent mark phase', '-', -1)
      case Ev.GCActive:
        return range('RangeActive', 'GC concurrent mark phase', '-', -1)
      case Ev.GCEnd:
        return range('RangeEnd', 'GC concurrent mark phase', '-', -1)
      case Ev.GCSweepBegin:
        return range('RangeBegin', 'GC incremental sweep', 'P', processor(block.processor[i]))
      case Ev.GCSweepActive:
        return range('RangeActive', 'GC incremental sweep', 'P', processor(a))
      case Ev.GCSweepEnd:
        return range('RangeEnd', 'GC incremental sweep', 'P', processor(block.processor[i]), a, b)
      case Ev.GCMarkAssistBegin:
        return range('RangeBegin', 'GC mark assist', 'G', own)
      case Ev.GCMarkAssistActive:
        return range('RangeActive', 'GC mark assist', 'G', goroutine(a))
      case Ev.GCMarkAssistEnd:
        return range('RangeEnd', 'GC mark assist', 'G', own)
      case Ev.GoLabel:
        return ['Label', text(a)]
      case Ev.UserTaskBegin:
        return ['TaskBegin', a, b, text(c), stack]
      case Ev.UserTaskEnd:
        return ['TaskEnd', a, stack]
      case Ev.UserRegionBegin:
        return ['RegionBegin', a, text(b), stack]
      case Ev.UserRegionEnd:
        return ['RegionEnd', a, text(b), stack]
      case Ev.UserLog:
        return ['Log', a, text(b), text(c), stack]
      case Ev.CPUSample:
        return ['Sample', stack]
      default:
        return [`event ${kind}`]
    }
  }
}

function processor(row: number): Row {
  return { of: 'P', row }
}

function thread(row: number): Row {
  return { of: 'M', row }
}

function quote(text: string): string {
  return JSON.stringify(text)
}

/** Holds our events against Go's lines, one after the other. */
export class LineComparison {
  private readonly ids = { P: new Map<number, number>([[-1, -1]]), M: new Map<number, number>([[-1, -1]]) }
  private readonly rows = { P: new Map<number, number>([[-1, -1]]), M: new Map<number, number>([[-1, -1]]) }
  /** Go's number of each of our stacks, by table and id, as far as they were found to be equal. */
  private readonly numbers = new Map<StackTable, Map<number, number>>()

  /**
   * @param stacks Go's stacks by number, one text each
   * @param framesHold whether Go's frames are the capture's. It keeps one frame for each program counter, the first. Where a frame is damaged, and
   *   with calls that Go 1.11 inlined, the same counter has several, and only the number of frames is the same
   */
  constructor(
    private readonly stacks: ReadonlyMap<number, string>,
    private readonly framesHold: boolean,
  ) {}

  /**
   * Whether an event is what Go's line says; null when it is, else what is not.
   *
   * @param skipped fields that are not compared
   */
  differs(fields: readonly Field[], line: string, skipped: readonly number[] = []): string | null {
    const theirs = line.split('\t')
    if (theirs.length !== fields.length) return `${fields.length} fields, Go has ${theirs.length}`
    for (let i = 0; i < fields.length; i++) {
      if (skipped.includes(i)) continue
      const field = fields[i]
      const same =
        typeof field === 'string'
          ? field === theirs[i] || sameText(field, theirs[i])
          : typeof field === 'number'
            ? field === Number(theirs[i])
            : 'row' in field
              ? this.sameRow(field, Number(theirs[i]))
              : this.sameStack(field, Number(theirs[i]))
      if (!same) return `field ${i}: ${this.show(field)}, Go has ${theirs[i]}`
    }
    // Rows are believed only of an event that is the same in all else.
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]
      if (typeof field !== 'object' || !('row' in field) || skipped.includes(i)) continue
      if (!this.sameRow(field, Number(theirs[i]))) return `field ${i}: ${this.show(field)}, Go has ${theirs[i]}`
      this.ids[field.of].set(field.row, Number(theirs[i]))
      this.rows[field.of].set(Number(theirs[i]), field.row)
    }
    return null
  }

  private sameRow({ of, row }: Row, id: number): boolean {
    const known = this.ids[of].get(row)
    return known === undefined ? !this.rows[of].has(id) : known === id
  }

  private sameStack({ stacks, id }: StackField, number: number): boolean {
    if (id === 0 || number === 0) return number === 0 && stackText(stacks, id) === ''
    let known = this.numbers.get(stacks)
    if (known === undefined) this.numbers.set(stacks, (known = new Map<number, number>()))
    if (known.get(id) === number) return true
    const ours = stackText(stacks, id)
    const theirs = this.stacks.get(number) ?? '""'
    if (this.framesHold ? !sameText(quote(ours), theirs) : lineCount(ours) !== lineCount(JSON.parse(theirs) as string))
      return false
    known.set(id, number)
    return true
  }

  private show(field: Field): string {
    if (typeof field !== 'object') return String(field)
    if ('row' in field) return `${field.of} row ${field.row}, which is ${this.ids[field.of].get(field.row) ?? 'new'}`
    return `stack ${field.id}: ${quote(stackText(field.stacks, field.id))}`
  }
}

function stackText(stacks: StackTable, id: number): string {
  return stacks
    .frames(id)
    .map((frame) => `${frame.function}\n${frame.file}:${frame.line}\n`)
    .join('')
}

function lineCount(text: string): number {
  return text.split('\n').length
}

/** Whether two quoted texts are the same; how many replacement characters stand for bytes that are no text does not count. */
function sameText(ours: string, theirs: string): boolean {
  if (!ours.startsWith('"') || !theirs.startsWith('"')) return false
  const text = (quoted: string): string => (JSON.parse(quoted) as string).replaceAll(/\ufffd+/g, '\ufffd')
  return text(ours) === text(theirs)
}
