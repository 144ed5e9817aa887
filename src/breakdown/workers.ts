// workers.ts: which task each goroutine works for, in columns that the kernel reads as well.

import { grown } from '../base/columns.ts'
import type { StatesKernel } from './states-kernel.ts'
import { ENDED, ENDED_ROOM, LEAVING, ONLY_CREATED, TASK } from './states-layout.ts'
import type { TaskState } from './tasks.ts'

/** By goroutine row. */
export class Workers {
  /** Task that the goroutine works for; it may have ended meanwhile. */
  private readonly tasks: (TaskState | null)[] = []
  /** Its serial; 0 none. */
  private serial: Int32Array
  /** 1: it works for its task only because it was created for it: it has annotated none itself. */
  onlyCreated: Uint8Array
  /** 1: its last region of a task that it had taken up ended: it stops working for that task when it next waits. */
  leaving: Uint8Array
  /** By serial of a task: 1 when it ended. Those beyond have not. */
  private ended: Uint8Array

  constructor(
    private readonly kernel: StatesKernel,
    rows: number,
  ) {
    const { memory } = kernel
    this.serial = memory.int32(rows)
    this.onlyCreated = memory.uint8(rows)
    this.leaving = memory.uint8(rows)
    this.ended = memory.uint8(1024)
    this.tellKernel()
  }

  /** Makes room for so many rows. */
  grow(rows: number): void {
    const { memory } = this.kernel
    this.serial = grown(memory, this.serial, memory.int32(rows))
    this.onlyCreated = grown(memory, this.onlyCreated, memory.uint8(rows))
    this.leaving = grown(memory, this.leaving, memory.uint8(rows))
    this.tellKernel()
  }

  taskOf(row: number): TaskState | null {
    return this.tasks[row] ?? null
  }

  setTask(row: number, task: TaskState | null): void {
    this.tasks[row] = task
    this.serial[row] = task === null ? 0 : task.serial
  }

  /** A task ended: who works for it works for one above it, if any. */
  noteEnd(task: TaskState): void {
    if (task.serial >= this.ended.length) {
      const { memory } = this.kernel
      let size = this.ended.length
      while (size <= task.serial) size *= 2
      this.ended = grown(memory, this.ended, memory.uint8(size))
      this.tellKernel()
    }
    this.ended[task.serial] = 1
  }

  /** Tells the kernel where the columns lie. */
  private tellKernel(): void {
    const { words } = this.kernel
    words[TASK >> 2] = this.serial.byteOffset
    words[ONLY_CREATED >> 2] = this.onlyCreated.byteOffset
    words[LEAVING >> 2] = this.leaving.byteOffset
    words[ENDED >> 2] = this.ended.byteOffset
    words[ENDED_ROOM >> 2] = this.ended.length
  }
}
