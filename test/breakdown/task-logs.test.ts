// task-logs.test.ts: names and logs of tasks, which the kernel writes as bytes: every one is told, in order, as the capture has it.

import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import { CompactTask } from '../../src/breakdown/compact-task.ts'
import type { KeptTask } from '../../src/breakdown/kept-columns.ts'
import { TASK_BLOCK_BYTES } from '../../src/breakdown/states-layout.ts'
import { utf8Of } from '../../src/base/bytes.ts'
import { TaskPacker, TaskUnpacker, tableBytesOf } from '../../src/decoding/task-packer.ts'
import { CaptureStory } from '../support/capture-story.ts'

/** The tasks of a capture, by id, as they come out of the analysis. */
function tasksOf(capture: Uint8Array): Map<number, KeptTask> {
  const tasks = new Map<number, KeptTask>()
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    { task: (task) => void tasks.set(task.id, task) },
  )
  analysis.push(capture)
  analysis.end()
  return tasks
}

/** As they are after they went to another thread. */
function handedOver(tasks: Map<number, KeptTask>): Map<number, KeptTask> {
  const all = [...tasks.values()]
  const packer = new TaskPacker(all.reduce((sum, task) => sum + tableBytesOf(task), 0))
  const packed = structuredClone({
    tasks: all.map((task) => packer.pack(task)),
    buffer: packer.buffer,
    newRegionNames: [],
    newReasons: [],
    newRangeNames: [],
    newStacks: [],
    decodedUntilNs: 0,
    gcPhases: { startNs: [], endNs: [], beforeNs: [] },
    clockSnapshots: [],
    originNs: 0n,
    lost: [],
  })
  return new Map(new TaskUnpacker().unpack(packed).tasks.map((task) => [task.id, task as KeptTask]))
}

/** Puts other bytes in the place of a text of a capture, as many. */
function replaced(capture: Uint8Array, text: string, bytes: readonly number[]): Uint8Array {
  const wanted = utf8Of(text)
  expect(wanted.length).toBe(bytes.length)
  const at = capture.findIndex((_, from) => wanted.every((byte, offset) => capture[from + offset] === byte))
  expect(at).toBeGreaterThan(0)
  const result = capture.slice()
  result.set(bytes, at)
  return result
}

const LONG = 'x'.repeat(3_000)

/** One goroutine that logs to its task, to none, and right before the next task; another that takes the second task up. */
function story(): CaptureStory {
  return new CaptureStory()
    .found(1, 'runnable')
    .found(2, 'waiting')
    .start(1)
    .at(100)
    .taskBegin(7, 'get größe')
    .at(110)
    .log(7, 'key', 'one')
    .at(120)
    .log(7, 'key', LONG)
    .at(130)
    .log(7, 'schlüssel', 'zwölf')
    .at(140)
    .log(7, '', '')
    .at(150)
    .log(7, 'key', 'notext')
    .at(200)
    .taskEnd(7)
    .at(210)
    .log(0, 'traceparent', 'of eight')
    .at(220)
    .taskBegin(8, 'put')
    .at(230)
    .log(8, 'key', 'by one')
    .at(240)
    .unblock(2)
    .block('chan receive')
    .at(300)
    .start(2)
    .at(310)
    .log(8, 'key', 'by two')
    .at(320)
    .log(8, 'key', 'by two again')
    .at(400)
    .unblock(1)
    .block('sleep')
    .at(410)
    .start(1)
    .at(420)
    .log(8, 'key', 'by one again')
    .at(500)
    .taskEnd(8)
}

describe.each([
  ['as they are told', (tasks: Map<number, KeptTask>) => tasks],
  ['after they went to another thread', handedOver],
])('names and logs, %s', (_, through) => {
  test('are all there, in order, empty ones and long ones too', () => {
    const tasks = through(tasksOf(story().bytes()))
    const [seven, eight] = [tasks.get(7), tasks.get(8)]
    expect(seven).toBeInstanceOf(CompactTask)
    expect(eight).toBeInstanceOf(CompactTask)
    expect(seven?.name).toBe('get größe')
    expect(seven?.logs.map(({ category, message }) => [category, message])).toEqual([
      ['key', 'one'],
      ['key', LONG],
      ['schlüssel', 'zwölf'],
      ['', ''],
      ['key', 'notext'],
    ])
    const [first, second] = seven?.logs ?? []
    expect(second.timeNs - first.timeNs).toBe(10)
    expect(first.goroutine).toBe(1)
    expect(first.messageBytes).toBeNull()
    expect(eight?.logs.map(({ goroutine, message }) => [goroutine, message])).toEqual([
      [1, 'by one'],
      [2, 'by two'],
      [2, 'by two again'],
      [1, 'by one again'],
    ])
  })

  test('of the one right before a task are told with it', () => {
    const tasks = through(tasksOf(story().bytes()))
    expect(tasks.get(7)?.precedingLog).toBeNull()
    expect(tasks.get(8)?.precedingLog).toMatchObject({ goroutine: 1, category: 'traceparent', message: 'of eight' })
    expect(tasks.get(0)?.logs).toMatchObject([{ category: 'traceparent', message: 'of eight' }])
  })

  test('that are no text have their bytes', () => {
    const bytes = [0x6e, 0xff, 0x00, 0xfe, 0x78, 0x74]
    const log = through(tasksOf(replaced(story().bytes(), 'notext', bytes))).get(7)?.logs[4]
    expect(log?.message).toBe('n\ufffd\0\ufffdxt')
    expect([...(log?.messageBytes ?? [])]).toEqual(bytes)
    const text = through(tasksOf(replaced(story().bytes(), 'notext', [...utf8Of('\ufffdabc')]))).get(7)?.logs[4]
    expect(text).toMatchObject({ message: '\ufffdabc', messageBytes: null })
  })
})

test.each([20, 200])(
  '%i logs of three kilobytes are told of each task, whether or not they have room in a block',
  (many) => {
    const counts = [many, 3]
    const story = new CaptureStory().found(1, 'runnable').start(1).at(100)
    for (const [task, count] of counts.entries()) {
      story.taskBegin(task + 1, 'get')
      for (let log = 0; log < count; log++) story.log(task + 1, 'key', LONG)
      story.taskEnd(task + 1)
    }
    // Tasks are written while the generation lasts that their texts are of.
    for (let event = 0; event < 3_000; event++)
      story
        .at(30_000_000 + event)
        .stop()
        .start(1)
    const tasks = tasksOf(story.bytes())
    for (const [task, count] of counts.entries()) {
      const told = tasks.get(task + 1)
      expect(told?.name).toBe('get')
      expect(told?.logs.map(({ message }) => message)).toEqual(Array<string>(count).fill(LONG))
      if (told instanceof CompactTask) expect(told.bytes).toBeLessThanOrEqual(TASK_BLOCK_BYTES)
      expect(told instanceof CompactTask && told.bytes > count * LONG.length).toBe(
        count * LONG.length < TASK_BLOCK_BYTES,
      )
    }
  },
)
