// records-let-go.test.ts: nothing holds on to a record that was handed over: what streams records needs memory for those that are open.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { CompactTask, letGo } from '../../src/breakdown/compact-task.ts'
import type { KeptTask } from '../../src/breakdown/kept-columns.ts'
import { taskJson } from '../../src/cli/analysis-json.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { plainTask } from '../support/fixtures.ts'
import { Random } from '../support/random.ts'

setFlagsFromString('--expose-gc')
const collectOnce = runInNewContext('gc') as () => void
/** Buffers of what a collection found dead are freed on another thread, sooner or later; the next collection waits for it. */
function collect(): void {
  collectOnce()
  collectOnce()
}
afterAll(() => setFlagsFromString('--no-expose-gc'))

const TASKS = 12_000
/** A record takes some 90 bytes of the heap and a kilobyte in buffers; strings and columns that tables keep for later tasks take less than this. */
const MOST_BYTES_EACH = 100

/** Tasks one after another, each with a region, a log and a wait of its goroutine. */
function longStory(tasks = TASKS): Uint8Array {
  const story = new CaptureStory()
  let now = 0
  story.found(1, 'runnable').start(1).create(2)
  for (let task = 1; task <= tasks; task++) {
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

/** Hands the tasks of a capture over, told whole. */
function tell(capture: Uint8Array, task: (task: KeptTask) => void): void {
  const analysis = new CaptureAnalysis({ timelines: true, stacks: true }, { task })
  analysis.push(capture)
  analysis.end()
}

/** Bytes of the heap and of buffers that the later tasks of a capture left behind, each. */
function bytesLeftBy(use: (task: TaskRecord) => void): number {
  const bytes: number[] = []
  let told = 0
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    {
      task: (task) => {
        use(task)
        told++
        if (told !== TASKS / 4 && told !== TASKS - 200) return
        collect()
        const { heapUsed, arrayBuffers } = process.memoryUsage()
        bytes.push(heapUsed + arrayBuffers)
      },
    },
  )
  analysis.push(longStory())
  analysis.end()
  expect(told).toBeGreaterThanOrEqual(TASKS)
  return (bytes[1] - bytes[0]) / (TASKS * 0.75 - 200)
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

describe('what tasks are kept in', () => {
  test('is filled again where they were let go of, and only there', () => {
    const capture = longStory(2_000)
    const expected: TaskRecord[] = []
    tell(capture, (task) => expected.push(plainTask(task)))
    for (const share of [0.5, 0.98, 1]) {
      const random = new Random(share * 100)
      const held = new Map<number, KeptTask>()
      const rooms = new Set<ArrayBuffer>()
      let lately: KeptTask[] = []
      let told = 0
      tell(capture, (task) => {
        if (random.next() < share) lately.push(task)
        else held.set(told, task)
        told++
        if (task instanceof CompactTask) rooms.add(task.chunk.u8.buffer)
        if (lately.length < 100) return
        for (const gone of lately) letGo(gone)
        // Once more says nothing new.
        for (const gone of lately) letGo(gone)
        lately = []
      })
      expect(told).toBe(expected.length)
      for (const [at, task] of held) if (plainTask(task).id !== 0) expect(plainTask(task)).toEqual(expected[at])
      // One that nothing was let go of takes some 30 for these tasks; where all are, the one that is filled, and those of a hundred.
      if (share === 1) expect(rooms.size).toBeLessThan(6)
      else expect(held.size).toBeGreaterThan(20)
    }
  })

  test('is not filled again while one of its tasks is held', () => {
    const rooms = new Map<ArrayBuffer, number>()
    tell(longStory(), (task) => {
      if (!(task instanceof CompactTask)) return
      const { buffer } = task.chunk.u8
      const told = (rooms.get(buffer) ?? 0) + 1
      rooms.set(buffer, told)
      // The first of each is held.
      if (told > 1) letGo(task)
    })
    expect(rooms.size).toBeGreaterThan(50)
  })
})
