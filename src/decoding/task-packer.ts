// task-packer.ts: the blocks and tables of many tasks in one buffer: threads hand over one buffer faster than thousands.

import { wholeWords } from '../base/columns.ts'
import type { LogRecord, TaskRecord } from '../breakdown/breakdown.ts'
import { type CompactMore, type CompactNames, CompactTask } from '../breakdown/compact-task.ts'
import { KeptChunk, KeptRanges, type KeptTask, KeptTimeline } from '../breakdown/kept-columns.ts'
import type { DecodedBatch } from '../bridge/ports.ts'

/** Bytes that the block or the tables of a task take, each begun at a multiple of eight. */
export function tableBytesOf(task: KeptTask): number {
  if (task instanceof CompactTask) return wholeWords(task.bytes)
  return wholeWords(task.timeline?.block.length ?? 0) + wholeWords(task.ranges?.block.length ?? 0)
}

/** Where a table lies in the buffer of its batch, and its rows. */
interface PackedTable {
  readonly length: number
  readonly from: number
  readonly bytes: number
}

/** A task as it comes over: the place in the buffer of its batch, with what is not there where there is something; or objects, but for its tables. */
export type PackedTask =
  | number
  | { readonly more: CompactMore; readonly from: number }
  | (Omit<TaskRecord, 'timeline' | 'ranges'> & {
      readonly more?: undefined
      readonly timeline: PackedTable | null
      readonly ranges: PackedTable | null
    })

/** A batch as it comes over. */
export interface PackedBatch extends Omit<DecodedBatch, 'tasks'> {
  readonly tasks: readonly PackedTask[]
  readonly buffer: ArrayBuffer
  readonly newRegionNames: readonly string[]
}

/** Copies what tasks keep one after another into one buffer, which can then be given to another thread whole. */
export class TaskPacker {
  readonly buffer: ArrayBuffer
  private readonly bytes: Uint8Array
  private at = 0

  /** @param bytes sum of `tableBytesOf` of the tasks to come */
  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes)
    this.bytes = new Uint8Array(this.buffer)
  }

  /** The task with its block or tables in the buffer. */
  pack(task: KeptTask): PackedTask {
    if (!(task instanceof CompactTask)) {
      const { timeline, ranges } = task
      return {
        ...task,
        timeline: timeline === null ? null : this.table(timeline),
        ranges: ranges === null ? null : this.table(ranges),
        ...ownLogs(task),
      }
    }
    const { more, chunk } = task
    const from = this.copy(chunk.u8.subarray(task.from, task.from + task.bytes))
    return more === null ? from : { more: { ...more, ...ownLogs(more) }, from }
  }

  private table({ length, block }: KeptTimeline | KeptRanges): PackedTable {
    return { length, from: this.copy(block), bytes: block.length }
  }

  /** @returns where in the buffer */
  private copy(block: Uint8Array): number {
    const from = this.at
    this.bytes.set(block, from)
    this.at += wholeWords(block.length)
    return from
  }
}

/** Makes tasks of what came over from another thread, batch after batch of one capture. */
export class TaskUnpacker {
  private readonly names = { reasons: [] as string[], rangeNames: [] as string[], regionNames: [] as string[] }

  unpack({ buffer, newRegionNames, tasks, ...batch }: PackedBatch): DecodedBatch {
    const { names } = this
    names.reasons.push(...batch.newReasons)
    names.rangeNames.push(...batch.newRangeNames)
    names.regionNames.push(...newRegionNames)
    const chunk = new KeptChunk(new Float64Array(buffer))
    return { ...batch, tasks: tasks.map((task) => unpackTask(task, chunk, names)) }
  }
}

function unpackTask(task: PackedTask, chunk: KeptChunk, names: CompactNames): KeptTask {
  if (typeof task === 'number') return new CompactTask(null, names, chunk, task)
  if (task.more !== undefined) return new CompactTask(task.more, names, chunk, task.from)
  const { timeline, ranges } = task
  const blockOf = ({ from, bytes }: PackedTable) => new Uint8Array(chunk.u8.buffer, from, bytes)
  return {
    ...task,
    timeline: timeline === null ? null : new KeptTimeline(timeline.length, blockOf(timeline)),
    ranges: ranges === null ? null : new KeptRanges(ranges.length, blockOf(ranges)),
  }
}

function ownLogs({ logs, precedingLog }: Pick<TaskRecord, 'logs' | 'precedingLog'>) {
  return { logs: logs.map(ownBytes), precedingLog: precedingLog === null ? null : ownBytes(precedingLog) }
}

/** Posting a view would take the whole buffer behind it along. */
function ownBytes(log: LogRecord): LogRecord {
  const { messageBytes } = log
  return messageBytes === null || messageBytes.byteLength === messageBytes.buffer.byteLength
    ? log
    : { ...log, messageBytes: messageBytes.slice() }
}
