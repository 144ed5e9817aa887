// blame.test.ts: who is to blame for waits, as the kernel writes it and as TypeScript makes it.

import { afterEach, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { LongWait, TaskRecord } from '../../src/breakdown/breakdown.ts'
import { CompactTask } from '../../src/breakdown/compact-task.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { plainTask } from '../support/fixtures.ts'
import { Random } from '../support/random.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** From now on the kernel writes no task. */
function withoutKeeping(): void {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    return { ...(start.call(this, kernel) as object), keepTask: () => -1, keepSettled: () => 0 }
  })
}

/** Tasks of a capture, and how many of them the kernel wrote. */
function toldOf(capture: Uint8Array, keptWhole = 1 << 19): { tasks: TaskRecord[]; kept: number } {
  const tasks: TaskRecord[] = []
  let kept = 0
  const analysis = new CaptureAnalysis(
    { timelines: true, stacks: true, pastLimits: { keptWhole, beforeThinning: keptWhole } },
    {
      task: (task) => {
        if (task instanceof CompactTask) kept++
        tasks.push(plainTask(task))
      },
    },
  )
  analysis.push(capture)
  analysis.end()
  return { tasks, kept }
}

/** Rows of one thing that is waited for: the reason, where it is waited for and where it is let go of, the leaf first. */
type Resource = readonly [reason: string, waits: readonly string[], wakes: readonly string[]]

const DEEP = Array.from({ length: 128 }, (_, frame) => `main.deep${frame}`)

const RESOURCES: readonly Resource[] = [
  ['sync', ['sync.(*Mutex).Lock', 'main.get'], ['sync.(*Mutex).Unlock', 'main.get']],
  ['sync', ['sync.(*Mutex).Lock', 'main.put'], ['sync.(*Mutex).Unlock', 'main.get']],
  ['sync', ['sync.(*Mutex).Lock', 'main.other'], ['sync.(*Mutex).Unlock', 'main.other']],
  ['sync', ['sync.(*RWMutex).RLock', 'main.read'], ['sync.(*RWMutex).Unlock', 'main.write']],
  ['sync', ['sync.(*WaitGroup).Wait', 'main.wait'], ['sync.(*WaitGroup).Done', 'main.work']],
  ['chan receive', ['runtime.chanrecv1', 'main.slot'], ['runtime.chansend1', 'main.free']],
  ['chan receive', ['runtime.chanrecv1', 'main.slot', 'main.outer'], ['main.free']],
  ['chan send', ['main.queue'], ['main.take']],
  ['select', ['database/sql.(*DB).conn', 'main.query'], ['database/sql.(*DB).putConn']],
  [
    'select',
    ['runtime.selectgo', 'net/http.(*persistConn).readLoop'],
    ['net/http.(*bodyEOFSignal).Read', 'main.fetch'],
  ],
  ['chan receive', DEEP, DEEP],
  ['network', ['internal/poll.(*FD).Read', 'main.read'], []],
  ['sleep', [], []],
]

/** Goroutines on one processor that wait for few things, work for tasks of each other, and end each other's waits in and out of turn. */
function queues(random: Random, goroutines: number, events: number): Uint8Array {
  const story = new CaptureStory()
  const ready: number[] = []
  const waiting: { readonly goroutine: number; readonly resource: Resource }[] = []
  const tasks: number[] = []
  const resources = random.pick([RESOURCES, RESOURCES.slice(0, 4), RESOURCES.slice(5, 8), RESOURCES.slice(8, 10)])
  const entry = random.pick(['main.work', 'net/http.(*persistConn).readLoop'])
  let latest = 0
  let running = 0
  let atNs = 0
  for (let goroutine = 1; goroutine <= goroutines; goroutine++) {
    const found = random.pick(['runnable', 'waiting'] as const)
    story.found(goroutine, found)
    if (found === 'runnable') ready.push(goroutine)
    else waiting.push({ goroutine, resource: random.pick(resources) })
  }
  /** First come, first served, mostly. */
  const wake = (): void => {
    const one = random.below(4) === 0 ? random.below(waiting.length) : 0
    const [{ goroutine, resource }] = waiting.splice(one, 1)
    story.unblock(goroutine, ...resource[2])
    ready.push(goroutine)
  }
  for (let event = 0; event < events; event++) {
    story.at((atNs += random.pick([500, 5_000, 40_000])))
    if (running === 0) {
      if (ready.length === 0) wake()
      else story.start((running = ready.splice(random.below(4) === 0 ? random.below(ready.length) : 0, 1)[0]))
      continue
    }
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2: {
        const resource = random.pick(resources)
        story.block(resource[0], ...resource[1])
        waiting.push({ goroutine: running, resource })
        running = 0
        break
      }
      case 3:
      case 4:
        if (waiting.length > 0) wake()
        break
      case 5:
        tasks.push(++latest)
        story.taskBegin(latest, 'get', random.below(4) === 0 && tasks.length > 1 ? random.pick(tasks) : 0)
        break
      case 6:
        if (tasks.length > 0) story.taskEnd(tasks.splice(random.below(tasks.length), 1)[0])
        break
      case 7: {
        // A worker takes up a task of somebody else.
        if (tasks.length === 0) break
        const task = random.pick(tasks)
        story
          .regionBegin(task, 'part')
          .at((atNs += 1_000))
          .regionEnd(task, 'part')
        break
      }
      case 8:
        if (random.below(2) === 0) story.stop()
        else {
          story.syscallBlocked(3_000)
          atNs += 6_000
        }
        ready.push(running)
        running = 0
        break
      default:
        story.create(goroutines + event, entry)
        ready.push(goroutines + event)
    }
  }
  return story.bytes()
}

test('the kernel blames whom TypeScript blames', () => {
  const waits: LongWait[] = []
  let kept = 0
  for (let seed = 1; seed <= 90; seed++) {
    const random = new Random(seed)
    const capture = queues(random, random.pick([3, 12, 40]), random.pick([300, 1_000, 2_000]))
    const keptWhole = random.pick([1 << 19, 256])
    const byKernel = toldOf(capture, keptWhole)
    kept += byKernel.kept
    withoutKeeping()
    expect(byKernel.tasks, `seed ${seed}`).toEqual(toldOf(capture, keptWhole).tasks)
    vi.restoreAllMocks()
    for (const { longWaits } of byKernel.tasks) waits.push(...longWaits.filter(({ runners }) => runners.length === 0))
  }
  expect(kept).toBeGreaterThan(4_000)
  const count = (isSuch: (wait: LongWait) => boolean): number => waits.filter(isSuch).length
  expect(count(({ holders }) => holders.length === 0)).toBeGreaterThan(500)
  expect(count(({ holders, waker }) => holders.length > 0 && waker === null)).toBeGreaterThan(100)
  expect(count(({ holders, waker }) => holders.length > 0 && waker !== null)).toBeGreaterThan(200)
  expect(count(({ holders }) => holders.length > 2)).toBeGreaterThan(10)
  expect(count(({ wakerTask }) => wakerTask > 0)).toBeGreaterThan(300)
  expect(count(({ wakerEntry }) => wakerEntry >= 0)).toBeGreaterThan(500)
  expect(count(({ wakerStack }) => wakerStack >= 0)).toBeGreaterThan(300)
})

// The kernel has room for all stretches in the stays that are looked through.
test.each([50, 1_024, 1_025])('a worker that served %d tasks before is blamed for them', (others) => {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').start(1)
  const [served, task] = [10_000, 9_999]
  let atNs = 1_000
  for (let other = 0; other < others; other++) story.at((atNs += 10)).taskBegin(served + other, 'served')
  story.at((atNs += 10)).taskBegin(task, 'waits')
  story.at((atNs += 1_000)).block('chan receive', 'main.wait')
  story.at((atNs += 10)).start(2)
  for (let other = 0; other < others; other++) {
    story.at((atNs += 100)).regionBegin(served + other, 'job')
    story.at((atNs += 500)).regionEnd(served + other, 'job')
    story.at((atNs += 10)).syscallBlocked(20)
    story.at((atNs += 100)).start(2)
  }
  story.at((atNs += 100)).regionBegin(task, 'job')
  story.at((atNs += 1_000)).regionEnd(task, 'job')
  story.at((atNs += 100)).unblock(1)
  story.at((atNs += 100)).block('sleep')
  story.at((atNs += 100)).start(1)
  const capture = story
    .at((atNs += 100))
    .taskEnd(task)
    .bytes()
  const waits = (): [boolean, readonly LongWait[]] => {
    const found: [boolean, readonly LongWait[]][] = []
    const analysis = new CaptureAnalysis(
      { timelines: true, stacks: true },
      { task: (one) => one.id === task && found.push([one instanceof CompactTask, one.longWaits]) },
    )
    analysis.push(capture)
    analysis.end()
    return found[0]
  }
  const [byKernel, told] = waits()
  expect(byKernel).toBe(true)
  const holders = [served, ...Array.from({ length: 15 }, (_, at) => served + others - 1 - at)]
  expect(told[0].holders.map(({ taskId, ns }) => [taskId, ns])).toEqual(
    holders.map((id) => [id, id === served ? 820 : 710]),
  )
  withoutKeeping()
  expect(waits()).toEqual([false, told])
})

// For each stack that the kernel is told of all of the task is gone through once more.
test('a task in which hundreds of stacks are looked at is gone through a few dozen times', () => {
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  let times = 0
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as { readonly keepTask?: (...told: unknown[]) => number }
    const { keepTask } = exports
    if (keepTask === undefined) return exports
    const counted = (...told: unknown[]): number => {
      times++
      return keepTask(...told)
    }
    return { ...exports, keepTask: counted }
  })
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').found(3, 'runnable')
  let atNs = 0
  const then = (): CaptureStory => story.at((atNs += 1_000))
  then().start(1).taskBegin(1, 'get')
  then().block('sync', 'sync.(*Mutex).Lock', 'main.get')
  then().start(2)
  for (let stack = 0; stack < 500; stack++) {
    then().block('network', `main.read${stack}`)
    then().start(3)
    then().unblock(2)
    then().stop()
    then().start(2)
  }
  then().unblock(1, 'sync.(*Mutex).Unlock', 'main.get')
  then().block('sleep')
  then().start(1)
  then().taskEnd(1)
  const { tasks, kept } = toldOf(story.bytes())
  expect(kept).toBe(1)
  expect(times).toBeGreaterThan(10)
  expect(times).toBeLessThan(40)
  vi.restoreAllMocks()
  withoutKeeping()
  expect(tasks).toEqual(toldOf(story.bytes()).tasks)
})
