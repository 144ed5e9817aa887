// locks.test.ts: which lock a goroutine waited for, and who held it meanwhile.

import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { LongWait, TaskRecord } from '../../src/breakdown/breakdown.ts'
import { isHeld, lockKindOf } from '../../src/breakdown/lock-places.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { plainTask } from '../support/fixtures.ts'

const US = 1_000
const GET = 'main.(*cache).get'

/** Goroutines on one processor, each with a task of its own number. Times in microseconds. */
class Story {
  private readonly story = new CaptureStory()
  private running: number

  /** @param goroutines the first runs, the others are ready to */
  constructor(...goroutines: number[]) {
    this.running = goroutines[0]
    for (const one of goroutines) this.story.found(one, one === this.running ? 'running' : 'runnable')
  }

  at(us: number): this {
    this.story.at(us * US)
    return this
  }

  /** The running goroutine's task begins, or ends. */
  begin(): this {
    this.story.taskBegin(this.running, `task.${this.running}`)
    return this
  }

  end(): this {
    this.story.taskEnd(this.running)
    return this
  }

  run(next: number): this {
    this.story.start(next)
    this.running = next
    return this
  }

  /** A goroutine that works for no task. */
  create(goroutine: number): this {
    this.story.create(goroutine)
    return this
  }

  wait(reason: string, ...stack: string[]): this {
    this.story.block(reason, ...stack)
    return this
  }

  waitForMutex(place: string): this {
    return this.wait('sync', 'sync.(*Mutex).Lock', place)
  }

  /** Unlocks the mutex, which wakes a goroutine that waits for it. */
  unlockFor(goroutine: number, place: string): this {
    return this.wake(goroutine, 'sync.(*Mutex).Unlock', place)
  }

  wake(goroutine: number, ...stack: string[]): this {
    this.story.unblock(goroutine, ...stack)
    return this
  }

  /** What is told of the last long wait of a task that somebody ended. */
  explained(id: number): LongWait {
    const tasks: TaskRecord[] = []
    const analysis = new CaptureAnalysis(
      { timelines: true, stacks: true },
      { task: (task) => tasks.push(plainTask(task)) },
    )
    analysis.push(this.story.bytes())
    expect(analysis.end().problems).toEqual([])
    const wait = tasks.find((task) => task.id === id)?.longWaits.findLast(({ waker }) => waker !== null)
    if (wait === undefined) throw new Error(`nobody explains a wait of task ${id}`)
    return wait
  }

  /** Tasks that held the lock during that wait, and for how many microseconds. */
  holders(id: number): (readonly [task: number, us: number])[] {
    return this.explained(id).holders.map(({ taskId, ns }) => [taskId, ns / US])
  }
}

test('in a convoy of five hundred who held the lock longest is told, and it is known of all who did', () => {
  const count = 500
  const others = Array.from({ length: count }, (_, n) => n + 2)
  const story = new Story(1, ...others).at(1).begin().wait('sleep')
  // The first takes the lock while it is free; all others queue for it, and each that gets it has it for 50 us.
  for (const one of others)
    story
      .at(one * 2)
      .run(one)
      .begin()
      .at(one * 2 + 1)
      .waitForMutex(GET)
  const heldSince = 2 * count + 4
  story.at(heldSince).wake(1).run(1)
  let now = 30_000
  for (const [n, next] of others.entries()) {
    story.at(now).unlockFor(next, GET).at(now).end().wait('chan receive').run(next)
    now += n === 99 ? 9_000 : 50
  }
  story.at(now).end()
  const holders = story.holders(count + 1)
  expect(holders[0]).toEqual([1, 30_000 - 2 * (count + 1) - 1])
  expect(holders[1]).toEqual([101, 9_000])
  expect(holders.slice(2).every(([, us]) => us === 50)).toBe(true)
})

describe('where several queue for one mutex', () => {
  /** 1 holds it until 1,000 us, and then 2, 3 and 4 one after the other, who queue from 210, 310 and 410 us on. */
  const queue = (): Story => {
    const story = new Story(1, 2, 3, 4)
    story.at(100).begin().at(110).wait('sleep').run(2)
    story.at(200).begin().at(210).waitForMutex(GET).run(3)
    story.at(300).begin().at(310).waitForMutex(GET).run(4)
    story.at(400).begin().at(410).waitForMutex(GET)
    story.at(990).wake(1).run(1)
    story.at(1000).unlockFor(2, GET).at(1010).end().wait('sleep').run(2)
    story.at(1200).unlockFor(3, GET).at(1210).end().wait('sleep').run(3)
    story.at(1500).unlockFor(4, GET).at(1510).end().wait('sleep').run(4)
    return story.at(1600).end()
  }

  test('each of them held it from when its own wait ended', () => {
    expect(queue().holders(2)).toEqual([[1, 1000 - 210]])
    expect(queue().holders(3)).toEqual([
      [1, 1000 - 310],
      [2, 200],
    ])
    expect(queue().holders(4)).toEqual([
      [1, 1000 - 410],
      [3, 300],
      [2, 200],
    ])
  })

  test('what is told is what the one that held it longest did while it did', () => {
    const { waker } = queue().explained(4)
    expect(waker).toMatchObject({ totalNs: 590 * US, execNs: 10 * US, blockNs: { sleep: 580 * US }, unknownNs: 0 })
  })
})

/** 2 holds a lock that 3 waits for, and waits for a lock at a place itself, which 1 holds. */
function holderThatWaits(place: string, waitsFromUs: number): Story {
  const story = new Story(1, 2, 3)
  story.at(100).begin().at(110).wait('sleep').run(2).at(120).begin()
  const waits = (): Story => story.at(waitsFromUs).waitForMutex(place)
  if (waitsFromUs > 310) story.at(130).wait('sleep').run(3)
  else waits().run(3)
  story.at(300).begin().at(310).waitForMutex(GET)
  if (waitsFromUs > 310) {
    story.at(320).wake(2).run(2)
    waits()
  }
  story.at(990).wake(1).run(1).at(1000).unlockFor(2, 'main.(*index).add').at(1010).end().wait('sleep').run(2)
  story.at(1200).unlockFor(3, GET).at(1210).end().wait('sleep').run(3)
  return story.at(1300).end()
}

describe('who waits for a lock itself while it holds this one held it all along', () => {
  test('when that lock is taken at another place', () => {
    expect(holderThatWaits('main.(*index).find', 200).holders(3)).toEqual([[2, 1200 - 310]])
  })

  test('when it queued later, though at the same place', () => {
    expect(holderThatWaits(GET, 400).holders(3)).toEqual([[2, 1200 - 310]])
  })
})

test('two places are of one lock when one that waited at the first was woken at the second', () => {
  const story = new Story(1, 2, 3)
  story.at(100).begin().at(110).wait('sleep').run(2)
  story.at(200).begin().at(210).waitForMutex('main.(*index).find').run(3)
  story.at(300).begin().at(310).waitForMutex(GET)
  story.at(990).wake(1).run(1).at(1000).unlockFor(2, GET).at(1010).end().wait('sleep').run(2)
  story.at(1200).unlockFor(3, 'main.(*index).add').at(1210).end().wait('sleep').run(3).at(1300).end()
  expect(story.holders(3)).toEqual([
    [1, 1000 - 310],
    [2, 200],
  ])
})

test('one that was woken, found the lock taken and queued again, waited for it all along', () => {
  const story = new Story(1, 2, 3, 4)
  story.at(100).begin().at(110).wait('sleep').run(2)
  story.at(200).begin().at(210).waitForMutex(GET).run(3)
  story.at(300).begin().at(310).waitForMutex(GET).run(4).at(320).begin().at(330).wait('sleep')
  // 1 lets go, but 4 is quicker than 2.
  story.at(990).wake(1).run(1).at(1000).unlockFor(2, GET).at(1010).end().wait('sleep')
  story.at(1015).wake(4).run(4).at(1020).wait('sleep').run(2).at(1030).waitForMutex(GET)
  story.at(1390).wake(4).run(4).at(1400).unlockFor(2, GET).at(1410).end().wait('sleep').run(2)
  story.at(1500).unlockFor(3, GET).at(1510).end().wait('sleep').run(3).at(1600).end()
  expect(story.holders(3)).toEqual([
    [1, 1000 - 310],
    [4, 1400 - 1000],
    [2, 100],
  ])
})

test('readers that wait behind a writer blame the reader that the writer waits for', () => {
  const story = new Story(1, 2, 3)
  story.at(100).begin().at(110).wait('sleep').run(2)
  story.at(200).begin().at(210).wait('sync', 'sync.(*RWMutex).Lock', 'main.(*cache).put').run(3)
  story.at(300).begin().at(310).wait('sync', 'sync.(*RWMutex).RLock', GET)
  story.at(990).wake(1).run(1).at(1000).wake(2, 'sync.(*RWMutex).RUnlock', 'main.report').at(1010).end().wait('sleep')
  // The writer lets go on another line of the function that it took the lock in: frames of the story have their number as line.
  story.run(2).at(1100).wake(3, 'sync.(*RWMutex).unlock', 'sync.(*RWMutex).Unlock', 'main.(*cache).put')
  story.at(1110).end().wait('sleep').run(3).at(1200).end()
  expect(story.holders(3)).toEqual([
    [1, 1000 - 310],
    [2, 100],
  ])
})

test('one whose task ended before it let go of the lock held it for that task', () => {
  const story = new Story(1, 2)
  story.at(100).begin().at(110).wait('sleep').run(2).at(200).begin().at(210).waitForMutex(GET)
  story.at(900).wake(1).run(1).at(990).end().at(1000).unlockFor(2, GET).at(1010).wait('sleep').run(2).at(1100).end()
  expect(story.holders(2)).toEqual([[1, 790]])
})

test('one that made very many calls while it held the lock held it all along', () => {
  const calls = 1_000
  const story = new Story(1, 2)
  story.at(100).begin().at(110).wait('network').run(2).at(120).begin().at(130).waitForMutex(GET)
  for (let i = 0; i < calls; i++)
    story
      .at(200 + 20 * i)
      .wake(1)
      .at(201 + 20 * i)
      .run(1)
      .at(205 + 20 * i)
      .wait('network')
  const last = 200 + 20 * calls
  story
    .at(last)
    .wake(1)
    .run(1)
    .at(last + 10)
    .unlockFor(2, GET)
    .at(last + 20)
    .end()
    .wait('sleep')
  story
    .at(last + 30)
    .run(2)
    .at(last + 40)
    .end()
  expect(story.holders(2)).toEqual([[1, last + 10 - 130]])
})

test('one that was created meanwhile did not hold the lock before that', () => {
  const story = new Story(1, 2)
  story.at(100).begin().at(110).wait('sleep').run(2).at(200).begin().at(210).waitForMutex(GET)
  story.at(400).wake(1).run(1).at(500).end().at(510).create(3).wait('sleep').run(3)
  story.at(1000).unlockFor(2, GET).at(1010).wait('sleep').run(2).at(1100).end()
  const [known, unknown] = story.explained(2).holders
  expect([known.goroutine, known.ns / US]).toEqual([3, 490])
  expect([unknown.goroutine, unknown.ns / US]).toEqual([-1, 300])
})

describe('where several wait for a slot that a channel hands out', () => {
  const TAKE = 'main.(*pool).take'

  /** As \`queue\` above; who comes fourth waits at \`last\`. */
  const queue = (reason: string, last = TAKE): Story => {
    const story = new Story(1, 2, 3)
    story.at(100).begin().at(110).wait('sleep').run(2)
    story.at(200).begin().at(210).wait(reason, 'runtime.chansend1', TAKE).run(3)
    story.at(300).begin().at(310).wait(reason, 'runtime.chansend1', last)
    story.at(990).wake(1).run(1).at(1000).wake(2, 'main.(*pool).giveBack').at(1010).end().wait('sleep').run(2)
    story.at(1200).wake(3, 'main.(*pool).giveBack').at(1210).end().wait('sleep').run(3)
    return story.at(1300).end()
  }

  test.each(['chan send', 'chan receive', 'select'])('by a %s, the one that held it longest is to blame', (reason) => {
    expect(queue(reason).holders(3)).toEqual([
      [1, 1000 - 310],
      [2, 200],
    ])
    expect(queue(reason).explained(3).waker).toMatchObject({ totalNs: 690 * US, blockNs: { sleep: 680 * US } })
  })

  test('who waited elsewhere did not wait for that one: who ended the wait is told', () => {
    const wait = queue('chan send', 'main.(*other).take').explained(3)
    expect(wait.holders).toEqual([])
    expect(wait.wakerTask).toBe(2)
  })

  test('who queued later may have been served first where that is drawn by lot', () => {
    const CONNECTION = 'database/sql.(*DB).conn'
    /** 1 holds a slot until 1,000 us; 3 queues for it before 2, which has it first, until 1,200 us. */
    const drawn = (place: string): LongWait => {
      const story = new Story(1, 3, 2)
      story.at(100).begin().at(110).wait('sleep').run(3)
      story.at(200).begin().at(210).wait('select', 'runtime.selectgo', place).run(2)
      story.at(300).begin().at(310).wait('select', 'runtime.selectgo', place)
      story.at(990).wake(1).run(1).at(1000).wake(2, 'main.giveBack').at(1010).end().wait('sleep').run(2)
      story.at(1200).wake(3, 'main.giveBack').at(1210).end().wait('sleep').run(3)
      return story.at(1300).end().explained(3)
    }
    expect(drawn(CONNECTION).holders.map(({ taskId, ns }) => [taskId, ns / US])).toEqual([
      [1, 1000 - 210],
      [2, 200],
    ])
    expect(drawn(TAKE).holders).toEqual([])
  })

  test('who waits again and again at one place is handed one thing after the other', () => {
    // 2 hands on what 1 gives it, at one place: what 3 waited for lately was not in 1's hands.
    const story = new Story(1, 2, 3)
    story.at(100).begin().at(110).wait('sleep').run(2).at(200).begin().at(210).wait('chan receive', TAKE).run(3)
    story.at(300).begin().at(310).wait('chan receive', TAKE).at(390).wake(1).run(1).at(400).wake(2, 'main.give')
    story.wait('sleep').run(2).at(500).wait('chan receive', TAKE).at(890).wake(1).run(1).at(900).wake(2, 'main.give')
    story.at(910).end().wait('sleep').run(2).at(1000).wake(3, 'main.give').at(1010).end().wait('sleep').run(3)
    expect(story.at(1100).end().explained(3).holders).toEqual([])
  })
})

describe('where a worker served others before it took up the task that waits for it', () => {
  /** 2 waits from 200 us on for a worker, which tells that it works for task 1 until `freeUs`, and then takes up task 2. */
  const queued = (freeUs: number, tells = true): LongWait => {
    const tasks: TaskRecord[] = []
    const story = new CaptureStory().found(3, 'waiting').found(1, 'running').found(2, 'runnable')
    story
      .at(100 * US)
      .taskBegin(1, 'first')
      .at(110 * US)
      .unblock(3)
      .at(120 * US)
      .block('chan receive')
    story.at(130 * US).start(3)
    if (tells) story.regionBegin(1, 'job')
    story
      .at(150 * US)
      .block('sleep')
      .at(160 * US)
      .start(2)
      .at(180 * US)
      .taskBegin(2, 'second')
    story
      .at(200 * US)
      .block('chan receive')
      .at(freeUs * US)
      .unblock(3)
      .at((freeUs + 1) * US)
      .start(3)
    if (tells) story.regionEnd(1, 'job')
    story
      .at((freeUs + 2) * US)
      .unblock(1)
      .at((freeUs + 3) * US)
      .block('chan receive')
      .at((freeUs + 4) * US)
      .start(1)
    story
      .taskEnd(1)
      .at(1000 * US)
      .unblock(3)
      .block('sleep')
      .at(1001 * US)
      .start(3)
      .regionBegin(2, 'job')
    story
      .at(1100 * US)
      .regionEnd(2, 'job')
      .at(1101 * US)
      .unblock(2)
      .at(1102 * US)
      .block('chan receive')
    story
      .at(1103 * US)
      .start(2)
      .at(1200 * US)
      .taskEnd(2)
      .at(1300 * US)
      .stop()
    const analysis = new CaptureAnalysis(
      { timelines: true, stacks: true },
      { task: (task) => tasks.push(plainTask(task)) },
    )
    analysis.push(story.bytes())
    expect(analysis.end().problems).toEqual([])
    const task = tasks.find(({ id }) => id === 2)
    const wait = task?.longWaits.find(({ row }) => task.timeline?.startNs[row] === 200 * US)
    if (wait === undefined) throw new Error('nobody explains the wait')
    return wait
  }

  test('the one served is told, and what the worker did for it', () => {
    const { holders, waker } = queued(900)
    expect(holders).toMatchObject([{ goroutine: 3, taskId: 1 }])
    expect(holders[0].ns).toBeGreaterThanOrEqual(700 * US)
    expect(waker?.blockNs).toEqual({ sleep: 700 * US })
  })

  test('not where it was idle for half of the wait, nor where it does not tell for whom it works', () => {
    expect(queued(500).holders).toEqual([])
    expect(queued(900, false).holders).toEqual([])
  })
})

describe('where a goroutine of nobody passes on what it was just given', () => {
  /** 2 waits from 210 us on for what 1 gives to 3 at 1,000 us, and 3 to 2 at `passedUs`; 3 works for no task. */
  const passed = (
    passedUs: number,
    giverBegins = true,
    passer = 'net/http.(*persistConn).readLoop',
    giverEnds = false,
  ): LongWait => {
    const story = new Story(3, 1, 2)
    story.at(60).wait('select', passer).run(1).at(100)
    if (giverBegins) story.begin()
    story.at(110).wait('sleep').run(2).at(200).begin().at(210).wait('select', 'net/http.(*Transport).getConn')
    story.at(990).wake(1).run(1)
    if (giverEnds) story.at(995).end()
    story.at(1000).wake(3, 'net/http.(*bodyEOFSignal).Read').at(1005).wait('sleep').run(3)
    story
      .at(passedUs)
      .wake(2, 'net/http.(*Transport).tryPutIdleConn')
      .at(passedUs + 5)
      .wait('select')
      .run(2)
    return story
      .at(passedUs + 100)
      .end()
      .explained(2)
  }

  test('the one that gave it is to blame, for what it did meanwhile', () => {
    expect(passed(1010)).toMatchObject({ wakerTask: 1, holders: [], waker: { blockNs: { sleep: 780 * US } } })
  })

  test('also where its task was over just before: the wait is shown as what that one had waited for', () => {
    expect(passed(1010, true, undefined, true)).toMatchObject({ wakerTask: 1, waker: { blockNs: { sleep: 780 * US } } })
  })

  test('one that had it for more than a tenth of the wait worked for nobody: nobody is to blame', () => {
    expect(passed(1200)).toMatchObject({ wakerTask: 0, waker: { execNs: 195 * US } })
  })

  test('one that is not known to serve a connection may have been told by anybody: nobody is to blame', () => {
    expect(passed(1010, true, 'main.dispatch').wakerTask).toBe(0)
  })

  test('what a goroutine without a task gave is nobody’s', () => {
    expect(passed(1010, false).wakerTask).toBe(0)
  })
})

describe('the kind of lock', () => {
  const kindOf = (...functions: string[]): ReturnType<typeof lockKindOf> =>
    lockKindOf(functions.map((name) => ({ function: name, file: 'a.go', line: 1 })))

  test.each([
    ['mutex', ['sync.(*Mutex).Lock', 'main.work']],
    ['mutex', ['internal/sync.(*Mutex).lockSlow', 'internal/sync.(*Mutex).Lock', 'sync.(*Mutex).Lock', 'main.work']],
    ['rwMutex', ['sync.(*RWMutex).RLock', 'main.work']],
    // A writer first takes the mutex that keeps writers apart.
    ['rwMutex', ['sync.(*Mutex).Lock', 'sync.(*RWMutex).Lock', 'main.work']],
    ['once', ['sync.(*Mutex).Lock', 'sync.(*Once).doSlow', 'sync.(*Once).Do', 'main.work']],
    ['waitGroup', ['sync.(*WaitGroup).Wait', 'main.work']],
    ['cond', ['sync.(*Cond).Wait', 'main.work']],
    // Woken, it takes the mutex of the condition again.
    ['mutex', ['sync.(*Mutex).Lock', 'sync.(*Cond).Wait', 'main.work']],
    ['file', ['internal/poll.(*fdMutex).rwlock', 'internal/poll.(*FD).writeLock', 'os.(*File).Write', 'main.work']],
    [null, ['runtime.gcMarkDone', 'runtime.gcAssistAlloc', 'main.work']],
    [null, ['main.work', 'sync.(*Mutex).Lock']],
    [null, []],
  ] as const)('%s: %j', (kind, functions) => {
    expect(kindOf(...functions)).toBe(kind)
  })

  test('has a holder, or is ended by whoever is done last', () => {
    expect((['mutex', 'rwMutex', 'once', 'file'] as const).every(isHeld)).toBe(true)
    expect((['waitGroup', 'cond', null] as const).some(isHeld)).toBe(false)
  })
})
