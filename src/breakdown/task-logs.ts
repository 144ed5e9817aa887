// task-logs.ts: logs of the generation in hand, as rows of columns that the kernel fills (`kernel/annotations.ts`): a record is made of one only where
// its bytes are about to go, or where what it belongs to is not for the kernel. Most are written with their task, as bytes (`kernel/texts.ts`).

import { grown } from '../base/columns.ts'
import type { GenerationNames } from './generation-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  LOG_CATEGORY,
  LOG_FREE,
  LOG_FREE_COUNT,
  LOG_GOROUTINE,
  LOG_MESSAGE,
  LOG_NEXT,
  LOG_ROOM,
  LOG_ROWS,
  LOG_TIME,
} from './states-layout.ts'
import type { TaskState, TaskTable } from './tasks.ts'

/** No log. */
const NO_LOG = -1

/** One row for each log that no record was made of, linked for each task in the order in which they came. */
export class TaskLogs {
  private timeNs: Float64Array
  /** Goroutine id. */
  private goroutine: Float64Array
  /** Strings of the generation in hand. */
  private category: Int32Array
  private message: Int32Array
  private next: Int32Array
  /** Rows to be given out again. */
  private free: Int32Array

  constructor(
    private readonly kernel: StatesKernel,
    private readonly tasks: TaskTable,
    private readonly names: GenerationNames,
  ) {
    const { memory } = kernel
    this.timeNs = memory.float64(256)
    this.goroutine = memory.float64(256)
    this.category = memory.int32(256)
    this.message = memory.int32(256)
    this.next = memory.int32(256)
    this.free = memory.int32(256)
    this.tellKernel()
  }

  /** Rows in use. */
  private get size(): number {
    const { words } = this.kernel
    return words[LOG_ROWS >> 2] - words[LOG_FREE_COUNT >> 2]
  }

  /** Makes room for another log, if there is none. */
  makeRoom(): void {
    if (this.size < this.next.length) return
    const { memory } = this.kernel
    const size = this.next.length * 2
    this.timeNs = grown(memory, this.timeNs, memory.float64(size))
    this.goroutine = grown(memory, this.goroutine, memory.float64(size))
    this.category = grown(memory, this.category, memory.int32(size))
    this.message = grown(memory, this.message, memory.int32(size))
    this.next = grown(memory, this.next, memory.int32(size))
    this.free = grown(memory, this.free, memory.int32(size))
    this.tellKernel()
  }

  /** Makes records of the logs of a task: more come behind them. */
  tell(task: TaskState): void {
    const { names } = this
    const { words } = this.kernel
    const { firstLog, lastLog } = this.tasks.columns
    for (let row = firstLog[task.slot]; row !== NO_LOG; row = this.next[row]) {
      task.logs.push(names.logRecord(this.timeNs[row], this.goroutine[row], this.category[row], this.message[row]))
      this.free[words[LOG_FREE_COUNT >> 2]++] = row
    }
    firstLog[task.slot] = lastLog[task.slot] = NO_LOG
  }

  /** Makes records of all, before the generation goes whose strings they are. */
  tellAll(): void {
    if (this.size === 0) return
    for (let slot = this.slotWithLogs(0); slot >= 0; slot = this.slotWithLogs(slot + 1))
      this.tell(this.tasks.ofSlotNow(slot))
  }

  /** The next slot, from one on, whose task has logs; -1 when there is none. */
  private slotWithLogs(from: number): number {
    const { firstLog, serial } = this.tasks.columns
    for (let slot = from; slot < serial.length; slot++) if (firstLog[slot] !== NO_LOG && serial[slot] !== 0) return slot
    return -1
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[LOG_TIME >> 2] = this.timeNs.byteOffset
    words[LOG_GOROUTINE >> 2] = this.goroutine.byteOffset
    words[LOG_CATEGORY >> 2] = this.category.byteOffset
    words[LOG_MESSAGE >> 2] = this.message.byteOffset
    words[LOG_NEXT >> 2] = this.next.byteOffset
    words[LOG_FREE >> 2] = this.free.byteOffset
    words[LOG_ROOM >> 2] = this.next.length
  }
}
