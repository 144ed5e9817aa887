// child-nodes.ts: a child span to be, and what is asked of the window of a task when children are looked for in it.

import type { GcPhases, LongWait, TaskRecord, TaskTables } from '../breakdown/breakdown.ts'
import type { Attribute } from '../span/span.ts'
import { cutText } from './attributes.ts'
import { programFrame, stackText } from './stack-text.ts'

/** What the breakdown of a span reads of a capture. */
export interface CaptureTables {
  readonly tables: TaskTables
  readonly gcPhases: GcPhases
}

/** When something is long enough to be shown. */
export interface ChildLimits {
  /** Shorter waits are never shown by themselves. */
  readonly minWaitNs: number
  /** Nor those shorter than this share of the span, unless they are long in themselves. */
  readonly minWaitShare: number
  /** A wait this long is shown however long the span is. */
  readonly longWaitNs: number
  /** Short waits with gaps up to this between them are shown as one when together they are long enough. */
  readonly mergeGapNs: number
  /** Children of one span, its summary included. */
  readonly maxPerSpan: number
}

/** A child to be: its times on the capture's clock, clipped to the window and to its parent. */
export interface ChildNode {
  readonly kind: 'region' | 'wait' | 'range'
  readonly name: string
  readonly goroutine: number
  /** True start and end; null where they lie outside the capture. */
  readonly trueStartNs: number | null
  readonly trueEndNs: number | null
  fromNs: number
  toNs: number
  parent: ChildNode | null
  attributes: readonly Attribute[]
  /** Task to blame for the wait: of the one that held the lock or slot longest, else of the one that ended it; -1 when none is known. */
  readonly blamedTask: number
  /** What that one held; null where it ended the wait. */
  readonly held: 'lock' | 'slot' | null
}

/** A window of a task in which children are looked for. */
export interface ChildWindow {
  readonly nameOfTask: (taskId: number) => string | null
  /** What lay behind long waits, by row of the timeline. */
  readonly explained: ReadonlyMap<number, LongWait>
  readonly task: TaskRecord
  readonly tables: TaskTables
  readonly fromNs: number
  readonly toNs: number
  readonly innerTasks: readonly TaskRecord[]
  readonly longNs: number
  readonly mergeGapNs: number
}

/** Adds a stack, as a text and as the place of the program that it leads to. */
export function addStack({ tables }: ChildWindow, stack: number, attributes: Attribute[]): void {
  const frames = stack < 0 ? [] : tables.stacks[stack]
  if (frames.length === 0) return
  const frame = programFrame(frames)
  // Up to Go 1.21 there are stacks of one frame that names nothing.
  if (frame.function === '') return
  attributes.push({ key: 'code.stacktrace', value: stackText(frames) })
  attributes.push({ key: 'code.function.name', value: cutText(frame.function) })
  if (frame.file === '') return
  attributes.push({ key: 'code.file.path', value: cutText(frame.file) })
  attributes.push({ key: 'code.line.number', value: { int: frame.line } })
}

/** Whether a task below this one, whose span shows its own waits, was at work on the goroutine all the while. */
export function inInnerTask({ innerTasks }: ChildWindow, goroutine: number, fromNs: number, toNs: number): boolean {
  return innerTasks.some(
    (inner) =>
      inner.startNs !== null &&
      inner.startNs <= fromNs &&
      (inner.endNs ?? Infinity) >= toNs &&
      inner.goroutines.includes(goroutine),
  )
}
