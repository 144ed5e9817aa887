// watchdog.ts: tells which case hangs, from a thread of its own, and ends the process: a loop without end lets nothing else run in its thread.

import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

/** Slots of the shared memory: which case is at work, and since when (seconds of the clock). */
const CASE = 0
const SINCE = 1

const PROGRAM = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { writeSync } = require('node:fs')
  const { shared, mostMs, advice } = workerData
  setInterval(() => {
    const since = shared[${SINCE}]
    if (since === 0 || Date.now() / 1000 - since < mostMs / 1000) return
    writeSync(2, 'case ' + shared[${CASE}] + ' hangs; again: ' + advice.replace('%d', shared[${CASE}]) + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }, 500)
  parentPort.on('message', () => process.exit())
`

/** Watches over work that comes in numbered cases. */
export class Watchdog {
  private readonly shared = new Float64Array(new SharedArrayBuffer(16))
  private readonly worker: Worker

  /** @param advice how to run a case again; `%d` stands for its number */
  constructor(mostMs: number, advice: string) {
    this.worker = new Worker(PROGRAM, { eval: true, workerData: { shared: this.shared, mostMs, advice } })
    this.worker.on('error', (error) => writeSync(2, `the watchdog died: ${error.message}\n`))
    this.worker.unref()
  }

  /** A case begins. */
  begin(index: number): void {
    this.shared[CASE] = index
    this.shared[SINCE] = Date.now() / 1000
  }

  /** Nothing is at work. */
  rest(): void {
    this.shared[SINCE] = 0
  }

  async stop(): Promise<void> {
    await this.worker.terminate()
  }
}
