// records.mjs FILE [whole]: makes a record of each task of a capture, and lets go of them in batches, as the service does; `whole`: with its timeline
// and the stacks of its waits. Run by captures.bench.mjs.

import { createReadStream } from 'node:fs'
import { CaptureAnalysis } from '../../dist/breakdown/analysis.js'
import { letGo } from '../../dist/breakdown/compact-task.js'

/** As in `src/decoding/decode-worker.ts`, which copies a batch to another thread. */
const BATCH_TASKS = 512

const [file, how] = process.argv.slice(2)
const whole = how === 'whole'
let tasks = 0
let batch = []
const analysis = new CaptureAnalysis(
  { timelines: whole, stacks: whole },
  {
    task: (task) => {
      tasks++
      if (batch.push(task) < BATCH_TASKS) return
      batch.forEach(letGo)
      batch = []
    },
  },
)
for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) analysis.push(chunk)
const { events } = analysis.end()
console.log(`${tasks} tasks, ${events.toLocaleString('en-US')} events`)
