// join.bench.ts: joining by name and time at the size of a large capture: what it costs, and how it grows.
//
// Usage: npm run bench:join. Prints CPU seconds and pairs, right and wrong, for captures of a process that never ran.

import { bench, describe } from 'vitest'
import { joinTasks } from '../../src/join/join.ts'
import { generateProcess } from '../support/generated-process.ts'

const SIZES = [43_000, 430_000]

describe.each(['opentelemetry', 'opencensus'] as const)('%s, 11,000 tasks a second', (sdk) => {
  for (const tasks of SIZES) {
    const process_ = generateProcess({ seed: tasks, tasks, perSecond: 11_000, sdk })
    const { spans, truth, durationNs } = process_
    const capture = { tasks: process_.tasks, clockSnapshots: [], durationNs }
    bench(
      `${tasks.toLocaleString('en-US')} spans and tasks, no snapshots`,
      () => {
        const before = process.cpuUsage()
        const { matches } = joinTasks(spans, capture)
        const { user, system } = process.cpuUsage(before)
        const wrong = matches.filter(
          ({ span, task }) => truth.get(spans[span].spanId) !== capture.tasks[task].id,
        ).length
        console.log(
          `${sdk}, ${tasks.toLocaleString('en-US')}: ${((user + system) / 1e6).toFixed(2)} s of CPU, ${matches.length - wrong} right, ${wrong} wrong`,
        )
      },
      { iterations: 2, time: 0, warmupIterations: 0, warmupTime: 0 },
    )
  }
})
