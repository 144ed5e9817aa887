// task-packer.ts: the timelines and ranges of many tasks in one buffer: threads hand over one buffer faster than thousands.

import type { LogRecord, TaskRecord } from '../breakdown/breakdown.ts'
import { KeptRanges, type KeptTask, KeptTimeline } from '../breakdown/kept-columns.ts'
import type { DecodedBatch } from '../bridge/ports.ts'

/** Bytes that the tables of a task take, each begun at a multiple of eight. */
export function tableBytesOf({ timeline, ranges }: KeptTask): number {
  return aligned(timeline?.block.length ?? 0) + aligned(ranges?.block.length ?? 0)
}

function aligned(length: number): number {
  return (length + 7) & ~7
}

/** A table as it comes over: its class stays behind. */
type Packed<Table extends KeptTimeline | KeptRanges> = Pick<Table, 'length' | 'block'>

/** A task as it comes over. */
export interface PackedTask extends Omit<TaskRecord, 'timeline' | 'ranges'> {
  readonly timeline: Packed<KeptTimeline> | null
  readonly ranges: Packed<KeptRanges> | null
}

/** A batch as it comes over. */
export interface PackedBatch extends Omit<DecodedBatch, 'tasks'> {
  readonly tasks: readonly PackedTask[]
}

/** Copies the tables of tasks one after another into one buffer, which can then be given to another thread whole. */
export class TaskPacker {
  readonly buffer: ArrayBuffer
  private readonly bytes: Uint8Array
  private at = 0

  /** @param bytes sum of `tableBytesOf` of the tasks to come */
  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes)
    this.bytes = new Uint8Array(this.buffer)
  }

  /** The task with its tables in the buffer. */
  pack(task: KeptTask): PackedTask {
    const { timeline, ranges } = task
    return {
      ...task,
      timeline: timeline === null ? null : this.table(timeline),
      ranges: ranges === null ? null : this.table(ranges),
      logs: task.logs.map(ownBytes),
      precedingLog: task.precedingLog === null ? null : ownBytes(task.precedingLog),
    }
  }

  private table({ length, block }: KeptTimeline | KeptRanges): { length: number; block: Uint8Array<ArrayBuffer> } {
    const from = this.at
    this.bytes.set(block, from)
    this.at += aligned(block.length)
    return { length, block: new Uint8Array(this.buffer, from, block.length) }
  }
}

/** A batch whose tables came over from another thread. */
export function unpackBatch(batch: PackedBatch): DecodedBatch {
  return { ...batch, tasks: batch.tasks.map(unpackTask) }
}

/** A task whose tables came over from another thread. */
export function unpackTask(task: PackedTask): KeptTask {
  const { timeline, ranges } = task
  return {
    ...task,
    timeline: timeline === null ? null : new KeptTimeline(timeline.length, timeline.block),
    ranges: ranges === null ? null : new KeptRanges(ranges.length, ranges.block),
  }
}

/** Posting a view would take the whole buffer behind it along. */
function ownBytes(log: LogRecord): LogRecord {
  const { messageBytes } = log
  return messageBytes === null || messageBytes.byteLength === messageBytes.buffer.byteLength
    ? log
    : { ...log, messageBytes: messageBytes.slice() }
}
