// records-let-go.test.ts: nothing holds on to a record that was handed over: what streams records needs memory for those that are open.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { taskJson } from '../../src/cli/analysis-json.ts'
import { CaptureStory } from '../support/capture-story.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
afterAll(() => setFlagsFromString('--no-expose-gc'))

const TASKS = 12_000
/** A record takes more than a kilobyte of the heap; strings and columns that tables keep for later tasks take less than this of it. */
const MOST_BYTES_EACH = 150

/** Tasks one after another, each with a region, a log and a wait of its goroutine. */
function longStory(): Uint8Array {
  const story = new CaptureStory()
  let now = 0
  story.found(1, 'runnable').start(1).create(2)
  for (let task = 1; task <= TASKS; task++) {
    story
      .at((now += 10_000))
      .taskBegin(task, `get ${task % 7}`)
      .regionBegin(task, 'part')
      .log(task, 'key', 'value')
    story.at((now += 100_000)).block('sync')
    story.at((now += 1_000)).start(2)
    story
      .at((now += 100_000))
      .unblock(1)
      .stop()
    story.at((now += 1_000)).start(1)
    story
      .at((now += 1_000))
      .regionEnd(task, 'part')
      .taskEnd(task)
  }
  return story.bytes()
}

/** Bytes of the heap that the later tasks of a capture left behind, each. */
function bytesLeftBy(use: (task: TaskRecord) => void): number {
  const heap: number[] = []
  let told = 0
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    {
      task: (task) => {
        use(task)
        told++
        if (told !== TASKS / 4 && told !== TASKS - 200) return
        collect()
        heap.push(process.memoryUsage().heapUsed)
      },
    },
  )
  analysis.push(longStory())
  analysis.end()
  expect(told).toBeGreaterThanOrEqual(TASKS)
  return (heap[1] - heap[0]) / (TASKS * 0.75 - 200)
}

describe('records that were handed over', () => {
  test('leave nothing behind, nor does their JSON', () => {
    expect(bytesLeftBy((task) => void JSON.stringify(taskJson(task)))).toBeLessThan(MOST_BYTES_EACH)
  })

  test('would be seen if somebody held on to them', () => {
    const held: TaskRecord[] = []
    expect(bytesLeftBy((task) => held.push(task))).toBeGreaterThan(4 * MOST_BYTES_EACH)
    expect(held.length).toBeGreaterThan(0)
  })
})
