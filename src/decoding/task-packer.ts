// task-packer.ts: the columns of many tasks in one buffer: threads hand over one buffer faster than thousands.

import type { LogRecord, RangeTable, TaskRecord, Timeline } from '../breakdown/breakdown.ts'

/** Bytes that the columns of a task take, each begun at a multiple of eight. */
export function columnBytesOf({ timeline, ranges }: TaskRecord): number {
  let sum = 0
  for (const column of timeline === null ? [] : columnsOf(timeline)) sum += aligned(column.byteLength)
  for (const column of ranges === null ? [] : columnsOf(ranges)) sum += aligned(column.byteLength)
  return sum
}

type Column = Float64Array | Int32Array | Uint16Array | Uint8Array

function columnsOf(table: Timeline | RangeTable): Column[] {
  return (Object.values(table) as unknown[]).filter((value): value is Column => ArrayBuffer.isView(value))
}

function aligned(length: number): number {
  return (length + 7) & ~7
}

/** Copies the columns of tasks one after another into one buffer, which can then be given to another thread whole. */
export class TaskPacker {
  readonly buffer: ArrayBuffer
  private at = 0

  /** @param bytes sum of `columnBytesOf` of the tasks to come */
  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes)
  }

  /** The task with its columns in the buffer. */
  pack(task: TaskRecord): TaskRecord {
    const { timeline, ranges } = task
    return {
      ...task,
      timeline: timeline === null ? null : this.table(timeline),
      ranges: ranges === null ? null : this.table(ranges),
      logs: task.logs.map(ownBytes),
      precedingLog: task.precedingLog === null ? null : ownBytes(task.precedingLog),
    }
  }

  private table<T extends Timeline | RangeTable>(table: T): T {
    return Object.fromEntries(
      Object.entries(table).map(([key, value]) => [
        key,
        ArrayBuffer.isView(value) ? this.column(value as Column) : value,
      ]),
    ) as unknown as T
  }

  private column(column: Column): Column {
    const from = this.at
    this.at += aligned(column.byteLength)
    new Uint8Array(this.buffer, from, column.byteLength).set(
      new Uint8Array(column.buffer, column.byteOffset, column.byteLength),
    )
    const make = column.constructor as new (buffer: ArrayBuffer, from: number, length: number) => Column
    return new make(this.buffer, from, column.length)
  }
}

/** Posting a view would take the whole buffer behind it along. */
function ownBytes(log: LogRecord): LogRecord {
  const { messageBytes } = log
  return messageBytes === null || messageBytes.byteLength === messageBytes.buffer.byteLength
    ? log
    : { ...log, messageBytes: messageBytes.slice() }
}
