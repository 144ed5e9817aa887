// records.mjs FILE [whole]: makes a record of each task of a capture, as the service does, and lets go of it; `whole`: with its timeline and
// the stacks of its waits. Run by captures.bench.mjs.

import { createReadStream } from 'node:fs'
import { CaptureAnalysis } from '../../dist/breakdown/analysis.js'

const [file, how] = process.argv.slice(2)
const whole = how === 'whole'
let tasks = 0
const analysis = new CaptureAnalysis({ timelines: whole, stacks: whole }, { task: () => tasks++ })
for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) analysis.push(chunk)
const { events } = analysis.end()
console.log(`${tasks} tasks, ${events.toLocaleString('en-US')} events`)
