import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { Breakdown, LongWait, TaskRecord } from '../../src/breakdown/breakdown.ts'
import { groupOfReason, GROUPS } from '../../src/breakdown/groups.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { addUp, plainTask } from '../support/fixtures.ts'

interface Analysed {
  readonly info: CaptureInfo
  readonly analysis: CaptureAnalysis
  readonly task: (id: number) => TaskRecord
  readonly tasks: readonly TaskRecord[]
}

function analysed(story: CaptureStory, { stacks = true } = {}): Analysed {
  const tasks: TaskRecord[] = []
  const analysis = new CaptureAnalysis({ timelines: true, stacks }, { task: (task) => tasks.push(plainTask(task)) })
  analysis.push(story.bytes())
  const info = analysis.end()
  const task = (id: number): TaskRecord => {
    const found = tasks.find((candidate) => candidate.id === id)
    if (found === undefined) throw new Error(`no task ${id}`)
    return found
  }
  return { info, analysis, task, tasks }
}

/** The parts that are not zero. */
function parts(breakdown: Breakdown | null): Record<string, unknown> {
  if (breakdown === null) throw new Error('the breakdown is null')
  return Object.fromEntries(
    Object.entries(breakdown).filter(([, value]) =>
      typeof value === 'number' ? value !== 0 : Object.keys(value as object).length > 0,
    ),
  )
}

function sum(breakdown: Breakdown): number {
  const { execNs, schedWaitNs, syscallNs, syscallBlockNs, blockNs, unknownNs } = breakdown
  return Object.values(blockNs).reduce(
    (total, ns) => total + ns,
    execNs + schedWaitNs + syscallNs + syscallBlockNs + unknownNs,
  )
}

describe('the path of a task', () => {
  test('on one goroutine the states count as they are', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'auth.AccessToken')
    story.at(150).block('sync').at(160).found(2, 'runnable')
    story.start(2).at(400).unblock(1).at(410).block('select').at(430).start(1)
    story.at(500).syscall().at(520).syscallEnd().at(600).taskEnd(7).at(700).stop()
    const { task, info } = analysed(story)
    expect(info.problems).toEqual([])
    expect(parts(task(7).path)).toEqual({
      totalNs: 500,
      execNs: 50 + 70 + 80,
      schedWaitNs: 30,
      syscallNs: 20,
      blockNs: { sync: 250 },
    })
    expect(task(7).work).toEqual(task(7).path)
    expect(task(7)).toMatchObject({ name: 'auth.AccessToken', startNs: 100, endNs: 600, goroutines: [1] })
  })

  test('a wait ended by a goroutine that the task spawned is that goroutine, for the time of the wait', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'fan.out').at(150).create(2).at(200).block('sync')
    // The helper ran 300 ns and waited 100 ns for the network meanwhile.
    story.at(220).start(2).at(420).block('network').at(500).unblock(2).at(520).start(2)
    story.at(620).unblock(1).at(630).destroy().at(650).start(1).at(700).taskEnd(7).at(800).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 600,
      execNs: 100 + 200 + 100 + 50,
      // The helper's until it first ran and after the network, then the waiter's own.
      schedWaitNs: 20 + 20 + 30,
      blockNs: { network: 80 },
    })
    expect(task(7).goroutines).toEqual([1, 2])
    expect(parts(task(7).work)).toMatchObject({ totalNs: 600 + 480, execNs: 100 + 50 + 200 + 110 })
  })

  test("a wait ended by somebody else's goroutine counts under its own reason", () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'mine').at(200).block('sync').at(210).start(2)
    story.at(300).taskBegin(8, "somebody else's").at(400).unblock(1).at(450).taskEnd(8).block('select')
    story.at(460).start(1).at(500).taskEnd(7).at(600).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({ totalNs: 400, execNs: 140, schedWaitNs: 60, blockNs: { sync: 200 } })
    expect(task(7).goroutines).toEqual([1])
    const { timeline } = task(7)
    const wait = timeline?.startNs.indexOf(200) ?? -1
    expect(timeline?.wakerGoroutine[wait]).toBe(2)
    expect(timeline?.wakerTask[wait]).toBe(8)
  })

  test('a pool worker works for the task from its pick-up, not before', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'pooled').at(200).unblock(2).at(210).block('chan receive')
    story.at(300).start(2).at(350).regionBegin(7, 'job').at(450).regionEnd(7, 'job').at(500).unblock(1)
    story.at(510).block('chan receive').at(520).start(1).at(600).taskEnd(7).at(700).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 500,
      execNs: 110 + 200 + 80,
      schedWaitNs: 90 + 20,
    })
    expect(task(7).goroutines).toEqual([1, 2])
  })

  test('a wait ended by a connection loop that the network had just woken is shown as network', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(200).block('select')
    story.at(500).unblock(2).at(510).start(2).at(520).block('network')
    // The poller wakes the loop, the loop wakes the client.
    story.at(900).unblock(2).at(910).start(2).at(950).unblock(1).at(960).block('network').at(970).start(1)
    story.at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 900,
      execNs: 130,
      schedWaitNs: 20,
      blockNs: { select: 750 },
      viaNs: { network: 750 },
    })
  })

  /** Task 7 dials: goroutine 3 is created for it and reads from the network. Task 8 waits for 3. */
  const dialled = (reason: string): CaptureStory => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'dials').at(110).create(3).at(120).block('sleep').at(130).start(3)
    story.at(140).block('network').at(150).start(2).at(160).taskBegin(8, 'client').at(200).block(reason)
    story.at(900).unblock(3).at(910).start(3)
    return story
  }

  test('a connection loop that another request had dialled is a loop all the same, and that request is not to blame', () => {
    const story = dialled('select').at(950).unblock(2).at(960).block('select').at(970).start(2)
    story.at(1000).taskEnd(8).at(1010).block('select').at(1020).unblock(1).start(1).at(1100).taskEnd(7).at(1200).stop()
    const { task } = analysed(story)
    expect(parts(task(8).path)).toMatchObject({ blockNs: { select: 750 }, viaNs: { network: 750 } })
    const { timeline } = task(8)
    expect(timeline?.wakerTask[timeline.startNs.indexOf(200)]).toBe(-1)
    // The one that dialled goes on to have what the loop did for it.
    expect(task(7).goroutines).toEqual([1, 3])
  })

  test.each(['net/http.(*persistConn).readLoop', 'google.golang.org/grpc/internal/transport.(*http2Client).reader'])(
    '%s serves whoever comes: it never works for the task that dialled',
    (entry) => {
      const story = new CaptureStory().found(1, 'running')
      story.at(100).taskBegin(7, 'dials').at(110).create(3, entry).at(200).block('select')
      story.at(210).start(3).at(220).block('network').at(800).unblock(3).at(810).start(3).at(820).unblock(1)
      story.at(830).block('network').at(840).start(1).at(900).taskEnd(7).at(1000).stop()
      const { task } = analysed(story)
      expect(task(7).goroutines).toEqual([1])
      expect(parts(task(7).path)).toEqual({
        totalNs: 800,
        execNs: 160,
        schedWaitNs: 20,
        blockNs: { select: 620 },
        viaNs: { network: 620 },
      })
      expect(task(7).work).toEqual(task(7).path)
    },
  )

  test.each([
    ['GC', 'runtime.gcStart', 'runtime.mallocgc'],
    ['GC', 'runtime.gcMarkDone', 'runtime.gcAssistAlloc'],
    ['GC', 'runtime.semacquire1', 'runtime.gcStart', 'runtime.GC'],
    ['runtime', 'runtime.stopTheWorld', 'runtime.ReadMemStats'],
  ])("a wait for a semaphore of the runtime's own is no lock of the program's: %s, at %s", (cause, ...functions) => {
    for (const stacks of [true, false]) {
      const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
      story
        .at(100)
        .taskBegin(7, 'allocates')
        .at(200)
        .block('sync', ...functions, 'main.work')
        .at(210)
        .start(2)
      story.at(300).unblock(1).at(310).stop().at(320).start(1).at(400).taskEnd(7).at(500).stop()
      const { task } = analysed(story, { stacks })
      expect(task(7).path).toMatchObject({ blockNs: { sync: 100 }, viaNs: { [cause]: 100 } })
      expect(groupOfReason(cause)).toBe(cause === 'GC' ? 'gcWait' : 'other')
    }
  })

  test('a block for no reason and with no stack is a stack that is scanned, as up to Go 1.21; with one it is not', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting').create(3)
    story.at(10).stop().at(20).start(3).at(100).taskBegin(7, 'is scanned').at(200).block('').at(210).start(1)
    story.at(300).unblock(3).at(310).stop().at(320).start(3).at(400).block('', 'main.work').at(410).start(1)
    story.at(500).unblock(3).at(510).stop().at(520).start(3).at(600).taskEnd(7).at(700).stop()
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { '': 200 }, viaNs: { preempted: 100 } })
    expect(groupOfReason('preempted')).toBe('gcWait')
  })

  /** Task 7 has a worker started, goroutine 3, which never says for whom it works; goroutine `giver` hands it what task 8 waits for. */
  const startedInside = (giver: 1 | 2, ends = false): TaskRecord => {
    const story = new CaptureStory().found(1, 'running').create(2, 'main.serve')
    story.at(100).taskBegin(7, 'starts a worker').at(110).create(3, 'main.worker').at(120).block('sleep')
    story.at(130).start(3).at(140).block('chan receive').at(150).start(2).at(160).taskBegin(8, 'asks')
    if (giver === 2) story.at(1_000).unblock(3)
    story.at(1_010).block('chan receive')
    if (giver === 1) story.at(1_020).unblock(1).at(1_030).start(1).at(1_040).unblock(3).at(1_050).block('sleep')
    story.at(1_060).start(3).at(90_000).unblock(2).at(90_010)
    if (ends) story.destroy()
    else story.block('chan receive')
    story.at(90_020).start(2).at(90_100).taskEnd(8).at(90_200).block('select').at(90_300).unblock(1).start(1)
    return analysed(story.at(90_400).taskEnd(7).at(90_500).stop()).task(8)
  }

  test('a worker that was started inside another request and is given work by this one is not that request', () => {
    const [wait] = startedInside(2).longWaits
    expect(wait).toMatchObject({ wakerTask: 0, holders: [] })
    expect(wait.waker?.execNs).toBe(90_000 - 1_060)
  })

  test('so it is where the worker ends with what it was given by the one that waits', () => {
    const [wait] = startedInside(2, true).longWaits
    expect(wait).toMatchObject({ wakerTask: 0, holders: [] })
    expect(wait.waker?.execNs).toBe(90_000 - 1_060)
  })

  test('one that works for its own request is, whether it is over with it or not', () => {
    expect(startedInside(1).longWaits[0].wakerTask).toBe(7)
    expect(startedInside(1, true).longWaits[0].wakerTask).toBe(7)
  })

  test('so is one that began the task itself, though the one that waits had woken it', () => {
    const story = new CaptureStory().found(1, 'running').create(2, 'main.holds').create(3, 'main.waits')
    story.at(100).block('select').at(110).start(2).at(120).taskBegin(7, 'holds').at(130).block('chan receive')
    story.at(140).start(3).at(150).taskBegin(8, 'waits').at(160).unblock(2).at(170).block('chan receive')
    story.at(180).start(2).at(90_000).unblock(3).at(90_010).taskEnd(7).at(90_020).destroy().at(90_030).start(3)
    expect(analysed(story.at(90_100).taskEnd(8).at(90_200).stop()).task(8).longWaits[0].wakerTask).toBe(7)
  })

  test('one that is over is, where what it was given came from neither', () => {
    const story = new CaptureStory().found(1, 'running').create(2, 'main.serve').create(4, 'main.other')
    story.at(100).taskBegin(7, 'starts a helper').at(110).create(3, 'main.helper').at(120).block('sleep')
    story.at(130).start(3).at(140).block('chan receive').at(150).start(2).at(160).taskBegin(8, 'waits')
    story.at(170).block('chan receive').at(180).start(4).at(190).taskBegin(9, 'gives').at(200).unblock(3)
    story.at(210).taskEnd(9).at(220).block('select').at(230).start(3).at(90_000).unblock(2).at(90_010).destroy()
    story.at(90_020).start(2).at(90_100).taskEnd(8).at(90_200).block('select').at(90_300).unblock(1).start(1)
    expect(analysed(story.at(90_400).taskEnd(7).at(90_500).stop()).task(8).longWaits[0].wakerTask).toBe(7)
  })

  /** Task 7 starts goroutine 3, which runs on after the task's end at `endNs`, and then ends the wait of task 8, which began at 1,010, at 90,000. */
  const leftBehind = (endNs: number): LongWait => {
    const story = new CaptureStory().found(1, 'running').create(2, 'main.serve')
    story.at(100).taskBegin(7, 'leaves it').at(110).create(3, 'main.flush').at(120).block('sleep').at(130).start(3)
    story.at(140).block('sync').at(150).start(2).at(160).taskBegin(8, 'waits').at(1_010).block('chan receive')
    story
      .at(endNs - 20)
      .unblock(1)
      .at(endNs - 10)
      .start(1)
      .at(endNs)
      .taskEnd(7)
      .at(endNs + 10)
      .block('select')
    story.at(89_000).unblock(3).at(89_010).start(3).at(90_000).unblock(2).at(90_010).destroy()
    story.at(90_020).start(2).at(90_100).taskEnd(8).at(90_200).stop()
    return analysed(story).task(8).longWaits[0]
  }

  test('what a goroutine did after the end of its task is not that task, nor is it to blame for it', () => {
    expect(leftBehind(20_000)).toMatchObject({ wakerTask: 0, waker: { blockNs: { sync: 89_000 - 1_010 } } })
  })

  test('what it did before the end, which came just before it ended the wait, is', () => {
    expect(leftBehind(80_000)).toMatchObject({ wakerTask: 7 })
  })

  /** Task 7 waits for `reason` with a slot, ends, does something `after`, and gives the slot back, for which task 8 waits since 300. */
  const givenBack = (reason: string, after: (story: CaptureStory) => CaptureStory): TaskRecord => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(100).taskBegin(7, 'has it')
    story.at(200).block(reason).at(210).start(2).at(220).taskBegin(8, 'waits').at(300).block('chan send')
    after(story.at(90_000).unblock(1).at(90_010).start(1).at(90_100).taskEnd(7)).unblock(2)
    story.at(400_000).block('select').at(400_100).start(2).at(400_200).taskEnd(8).at(400_300).stop()
    return analysed(story).task(8)
  }

  test.each(['sleep', 'network', 'syscall'])(
    "what a goroutine gives back a moment after the end of its task was that task's (%s)",
    (reason) => {
      const { path, longWaits } = givenBack(reason, (story) => story.at(90_110))
      expect(path).toMatchObject({ blockNs: { 'chan send': 90_110 - 300 }, viaNs: {} })
      expect(longWaits[0]).toMatchObject({ wakerTask: 7, holders: [], waker: { blockNs: { [reason]: 90_000 - 300 } } })
    },
  )

  test('what it did long after the end was not', () => {
    const asleep = givenBack('network', (story) => story.block('sleep').at(300_000).unblock(1).start(1).at(300_010))
    expect(asleep.path?.viaNs).toEqual({ sleep: 300_010 - 300 })
    expect(asleep.longWaits[0]).toMatchObject({ wakerTask: 0 })
    const called = givenBack('network', (story) => story.syscall().at(300_000).syscallEnd().at(300_010))
    expect(called.path?.viaNs).toEqual({ syscall: 300_010 - 300 })
    expect(called.longWaits[0]).toMatchObject({ wakerTask: 0 })
    const ran = givenBack('network', (story) => story.at(300_010))
    expect(ran.path?.viaNs).toEqual({})
    expect(ran.longWaits[0]).toMatchObject({ wakerTask: 0 })
  })

  test('who holds a lock is to blame, wherever that one was waiting itself', () => {
    const story = dialled('sync').at(950).unblock(2).at(960).block('select').at(970).start(2)
    story.at(1000).taskEnd(8).at(1010).block('select').at(1020).unblock(1).start(1).at(1100).taskEnd(7).at(1200).stop()
    const { task } = analysed(story)
    expect(parts(task(8).path)).toMatchObject({ blockNs: { sync: 750 } })
    expect(task(8).path?.viaNs).toEqual({})
    const { timeline } = task(8)
    expect(timeline?.wakerTask[timeline.startNs.indexOf(200)]).toBe(7)
  })

  test('a lock held by a goroutine that works for no task is a lock, though that one had waited for the network', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(110).unblock(2).at(120).stop().at(130).start(2).at(140).block('network')
    story.at(150).start(1).at(200).block('sync').at(900).unblock(2).at(910).start(2).at(950).unblock(1)
    story.at(960).block('select').at(970).start(1).at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { sync: 750 }, viaNs: {} })
  })

  test.each([
    ['for the collector, the shorter of the two', 'GC mark assist wait for work', 50, { network: 750 + 50 }],
    ['for the collector, the longer', 'GC mark assist wait for work', 2000, { 'GC mark assist wait for work': 2750 }],
    ['for a lock, the longer', 'sync', 2000, {}],
  ])(
    'where a connection loop waited %s, after the network, the longer of the two is the cause',
    (_, reason, ns, viaNs) => {
      const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
      story.at(100).taskBegin(7, 'client').at(110).unblock(2).at(120).stop().at(130).start(2).at(140).block('network')
      story.at(150).start(1).at(200).block('select').at(900).unblock(2).at(910).start(2)
      story
        .at(920)
        .block(reason)
        .at(920 + ns - 10)
        .unblock(2)
      story
        .at(920 + ns)
        .start(2)
        .at(950 + ns)
        .unblock(1)
        .at(960 + ns)
        .block('select')
        .at(970 + ns)
        .start(1)
      story
        .at(1000 + ns)
        .taskEnd(7)
        .at(1100 + ns)
        .stop()
      const { task } = analysed(story)
      expect(task(7).path?.blockNs).toEqual({ select: 750 + ns })
      expect(task(7).path?.viaNs).toEqual(viaNs)
    },
  )

  test('a wait ended by a goroutine that waited for the collector most of the time is shown as its', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(110).unblock(2).at(120).stop().at(130).start(2).at(140).block('select')
    story.at(150).start(1).at(160).unblock(2).at(200).block('select').at(210).start(2)
    story.at(220).block('GC mark assist wait for work').at(900).unblock(2).at(910).start(2).at(950).unblock(1)
    story.at(960).block('select').at(970).start(1).at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(task(7).path?.viaNs).toEqual({ 'GC mark assist wait for work': 750 })
  })

  test("a wait ended by the goroutine that runs an old runtime's timers was ended by a timer", () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(50).create(2, 'runtime.timerproc').at(100).taskBegin(7, 'times.out').at(200).block('select')
    story.at(210).start(2).at(220).syscall().at(890).syscallEnd().at(900).unblock(1).at(905).block('select')
    story.at(910).start(1).at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { select: 700 }, viaNs: { sleep: 700 } })
  })

  test('a connection loop that had waited since before the capture is known by what it waits for next', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(200).block('select')
    story.at(900).unblock(2).at(910).start(2).at(950).unblock(1).at(960).block('chan receive').at(970).start(1)
    story.at(980).unblock(2).at(1000).taskEnd(7).at(1100).block('sleep')
    story.at(1110).start(2).at(1120).block('network')
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { select: 750 }, viaNs: { network: 750 } })
    expect(task(7).work).toEqual(task(7).path)
  })

  test('a wait for a processor tells where the goroutine was stopped, or had waited before', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'spins').at(200).stop('preempted', 'main.spin').at(300).start(1)
    story.at(400).block('network', 'main.ask').at(500).unblock(1).at(600).start(1)
    story.at(700).taskEnd(7).at(800).stop()
    const { task, analysis } = analysed(story)
    const { timeline } = task(7)
    if (timeline === null) throw new Error('no timeline')
    const places = [...timeline.stack].map((stack) => (stack < 0 ? '' : analysis.tables.stacks[stack][0].function))
    const startsNs = [...timeline.startNs]
    expect([200, 300, 400, 500].map((ns) => places[startsNs.indexOf(ns)])).toEqual([
      'main.spin',
      '',
      'main.ask',
      'main.ask',
    ])
  })

  test('a wait that no goroutine ended was ended by a timer', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'times.out').at(200).block('select').at(900).unblock(1).at(910).start(1)
    story.at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { select: 700 }, viaNs: { sleep: 700 } })
  })

  test.each(['select', 'network'])(
    'a wait (%s) ended by a goroutine that a timer had started is shown as asleep',
    (reason) => {
      const story = new CaptureStory().found(1, 'running')
      story.at(100).taskBegin(7, 'deadline').at(200).block(reason)
      story.at(900).create(2, 'context.WithDeadlineCause.func2').at(910).start(2).at(920).unblock(1).at(930).destroy()
      story.at(940).start(1).at(1000).taskEnd(7).at(1100).stop()
      const { task } = analysed(story)
      expect(task(7).path).toMatchObject({ blockNs: { [reason]: 720 }, viaNs: { sleep: 720 } })
    },
  )

  test('a read that was cut short by a goroutine which had slept itself is one of the network', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(100).taskBegin(7, 'reads')
    story.at(200).block('network').at(210).start(2).at(220).block('sleep').at(900).unblock(2).at(910).start(2)
    story.at(920).unblock(1).at(930).block('select').at(940).start(1).at(1000).taskEnd(7).at(1100).stop()
    expect(analysed(story).task(7).path).toMatchObject({ blockNs: { network: 720 }, viaNs: {} })
  })

  test('who was created by a goroutine without a task, and was put off for longer than that one had waited, is told as what the wait is', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'waits').at(200).block('chan receive').at(210).start(2).at(220).block('sleep')
    story.at(900).unblock(2).at(910).start(2).at(920).create(3, 'main.tells')
    // What the other does afterwards says nothing; but the one was ready for longer than its creator had slept.
    story.at(930).syscall().at(10_000).syscallEnd().at(10_010).stop().at(10_020).start(3).at(10_030).unblock(1)
    story.at(10_040).destroy().at(10_050).start(1).at(10_100).taskEnd(7).at(10_200).stop()
    expect(analysed(story).task(7).path?.viaNs).toEqual({})
  })

  test.each([
    ['sleep', false, { sleep: 760 }],
    ['network', false, { network: 760 }],
    ['chan send', false, {}],
    ['sleep', true, {}],
  ])(
    'who was created by a goroutine that had waited (%s, with a task: %s) tells the cause of that',
    (reason, task, viaNs) => {
      const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
      story.at(100).taskBegin(7, 'waits').at(200).block('chan receive').at(210).start(2)
      if (task) story.taskBegin(8, 'creates')
      story.at(220).block(reason).at(900).unblock(2).at(910).start(2).at(920).create(3, 'main.tells')
      story.at(930).block('select').at(940).start(3).at(960).unblock(1).at(970).destroy().at(980).start(1)
      story.at(1_000).taskEnd(7).at(1_100).stop()
      expect(analysed(story).task(7).path?.viaNs).toEqual(viaNs)
    },
  )

  test('where a function that a timer started says for which task it works, it is followed, and what came before was the timer', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'later').at(200).block('chan receive')
    story.at(900).create(2, 'main.later').at(910).start(2).at(920).regionBegin(7, 'work').at(1400).regionEnd(7, 'work')
    story.at(1410).unblock(1).at(1420).destroy().at(1430).start(1).at(1500).taskEnd(7).at(1600).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 1400,
      execNs: 100 + 500 + 70,
      schedWaitNs: 10 + 20,
      blockNs: { 'chan receive': 700 },
      viaNs: { sleep: 700 },
    })
    const { types } = addUp(story.bytes()) as { readonly types: readonly { readonly parts: ArrayLike<number> }[] }
    expect(types[0].parts[GROUPS.indexOf('sleep')]).toBe(700)
  })

  test('a wait for a lock is no wait for a timer, though a timer had started the one that lets go of it', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'later').at(200).block('sync')
    story.at(900).create(2, 'main.later').at(910).start(2).at(920).regionBegin(7, 'work').at(1400).regionEnd(7, 'work')
    story.at(1410).unblock(1).at(1420).destroy().at(1430).start(1).at(1500).taskEnd(7).at(1600).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toMatchObject({ execNs: 100 + 500 + 70, blockNs: { sync: 700 } })
    expect(task(7).path?.viaNs).toEqual({})
  })

  test('whoever has the runtime ask the network poller did not end the wait, but who closes the connection did', () => {
    const endedBy = (...stack: string[]): TaskRecord => {
      const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
      story.at(100).taskBegin(7, 'reads').at(110).create(3).at(200).block('network').at(210).start(3)
      story
        .at(900)
        .unblock(1, ...stack)
        .at(910)
        .destroy()
        .at(920)
        .start(1)
        .at(1000)
        .taskEnd(7)
        .at(1100)
        .stop()
      return analysed(story).task(7)
    }
    const polled = endedBy('runtime.systemstack_switch', 'runtime.gcStart', 'runtime.GC', 'main.work')
    expect(parts(polled.path)).toMatchObject({ blockNs: { network: 700 } })
    expect(polled.timeline?.wakerGoroutine.every((goroutine) => goroutine === -1 || goroutine === 1)).toBe(true)
    const closed = endedBy('internal/poll.(*pollDesc).evict', 'internal/poll.(*FD).Close', 'main.work')
    // It worked for the task: what it did is what the task waited for.
    expect(parts(closed.path)).toMatchObject({ execNs: 100 + 690 + 80, schedWaitNs: 10 + 20 })
  })

  test('a wait ended by a loop that was in a system call meanwhile is shown as one', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(190).unblock(2).at(200).block('select').at(210).start(2)
    story.at(220).syscall().at(800).syscallEnd().at(810).unblock(1).at(820).block('select').at(830).start(1)
    story.at(900).taskEnd(7).at(1000).stop()
    const { task } = analysed(story)
    expect(task(7).path).toMatchObject({ blockNs: { select: 610 }, viaNs: { syscall: 610 } })
  })

  describe('a wait that is for the network by where it is', () => {
    const WRITES = 'net/http.(*http2serverConn).writeDataFromHandler'
    /** Task 7 waits at a place; the loop of its connection has written and ends the wait. */
    const toldByLoop = (...place: string[]): TaskRecord => {
      const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
      story
        .at(100)
        .taskBegin(7, 'streams')
        .at(190)
        .unblock(2)
        .at(200)
        .block('select', ...place)
      story.at(210).start(2).at(220).syscall().at(800).syscallEnd().at(810).unblock(1).at(820).block('select')
      return analysed(story.at(830).start(1).at(900).taskEnd(7).at(1000).stop()).task(7)
    }

    test.each([
      ['runtime.selectgo', WRITES],
      ['runtime.gopark', 'runtime.selectgo', WRITES],
      ['runtime.selectgo', 'google.golang.org/grpc/internal/transport.(*writeQuota).get'],
      ['runtime.selectgo', 'google.golang.org/grpc/internal/transport.(*recvBufferReader).readMessageHeaderClient'],
      ['runtime.selectgo', 'google.golang.org/grpc/internal/transport.(*Stream).waitOnHeader'],
      ['runtime.selectgo', 'golang.org/x/net/http2.(*clientStream).awaitFlowControl'],
      ['runtime.selectgo', 'net/http/internal/http2.(*serverConn).writeHeaders'],
      ['runtime.selectgo', 'net/http.(*http2ClientConn).roundTrip.func1'],
    ])('is shown as one, whatever the loop that tells did: %j', (...place) => {
      expect(toldByLoop(...place).path).toMatchObject({ blockNs: { select: 610 }, viaNs: { network: 610 } })
    })

    test.each([
      ['runtime.selectgo', 'main.work', WRITES],
      [WRITES],
      // It waits for its request to be written first.
      ['runtime.selectgo', 'net/http.(*persistConn).roundTrip'],
      // Other requests have the connections, and the places on one.
      ['runtime.selectgo', 'net/http.(*Transport).getConn'],
      ['sync.(*Cond).Wait', 'net/http.(*http2ClientConn).awaitOpenSlotForStreamLocked'],
    ])('and no other: %j', (...place) => {
      expect(toldByLoop(...place).path?.viaNs).toEqual({ syscall: 610 })
    })

    test('a body is waited for by a condition', () => {
      const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
      story.at(100).taskBegin(7, 'reads')
      story.at(200).block('sync.(*Cond).Wait', 'sync.(*Cond).Wait', 'net/http.(*http2pipe).Read')
      story.at(790).unblock(2).at(800).start(2).at(810).unblock(1).at(820).block('select').at(830).start(1)
      story.at(900).taskEnd(7).at(1000).stop()
      expect(analysed(story).task(7).path?.viaNs).toEqual({ network: 610 })
    })

    test('a deadline that ends it is told as the timer it was', () => {
      const story = new CaptureStory().found(1, 'running')
      story.at(100).taskBegin(7, 'deadline').at(200).block('select', 'runtime.selectgo', WRITES)
      story.at(900).create(2, 'context.WithDeadlineCause.func2').at(910).start(2).at(920).unblock(1).at(930).destroy()
      story.at(940).start(1).at(1000).block('select', 'runtime.selectgo', WRITES).at(1100).unblock(1).at(1110).start(1)
      story.at(1200).taskEnd(7).at(1300).stop()
      expect(analysed(story).task(7).path?.viaNs).toEqual({ sleep: 720 + 100 })
    })

    test('no deadline ends it where the loop that tells was woken by somebody who had slept', () => {
      const story = new CaptureStory().found(1, 'running').found(2, 'runnable').found(3, 'runnable')
      story.at(100).taskBegin(7, 'streams').at(200).block('select', 'runtime.selectgo', WRITES)
      story.at(210).start(2).at(220).block('select').at(230).start(3).at(240).block('sleep')
      story.at(700).unblock(3).at(710).start(3).at(720).unblock(2).at(730).block('sleep').at(740).start(2)
      story.at(750).unblock(1).at(760).block('select').at(770).start(1).at(900).taskEnd(7).at(1000).stop()
      expect(analysed(story).task(7).path?.viaNs).toEqual({ network: 550 })
    })

    test('so it is where another task ends it: that one gave it up', () => {
      const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
      story.at(100).taskBegin(7, 'asks').at(200).block('select', 'runtime.selectgo', WRITES)
      story
        .at(210)
        .start(2)
        .at(220)
        .taskBegin(8, 'cancels')
        .at(900)
        .unblock(1)
        .at(910)
        .taskEnd(8)
        .at(920)
        .block('sleep')
      story.at(930).start(1).at(1000).taskEnd(7).at(1100).stop()
      expect(analysed(story).task(7).path?.viaNs).toEqual({ network: 700 })
    })
  })

  /** Task 7 waits from 200 on; goroutine 2 is woken at `wokenNs`, does something, and ends that wait at 2000. */
  const endedAfter = (
    reason: string,
    wokenNs: number,
    does: (story: CaptureStory) => CaptureStory = (story) => story,
  ): TaskRecord => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'client').at(110).unblock(2).at(120).stop().at(130).start(2).at(140).block(reason)
    story.at(150).start(1).at(200).block('select').at(wokenNs).unblock(2)
    does(story.at(wokenNs + 10).start(2))
    story.at(2000).unblock(1).at(2010).block('select').at(2020).start(1).at(2100).taskEnd(7).at(2200).stop()
    return analysed(story).task(7)
  }

  test.each(['network', 'sleep'])(
    'a loop that was at work for longer than it waited (%s) is what was waited for',
    (reason) => {
      expect(endedAfter(reason, 1200).path?.viaNs).toEqual({ [reason]: 1800 })
      expect(endedAfter(reason, 1000).path?.viaNs).toEqual({})
    },
  )

  test('a short system call at the end of a wait is not what was waited for', () => {
    const told = (wokenNs: number): unknown =>
      endedAfter('chan send', wokenNs, (story) =>
        story
          .at(wokenNs + 20)
          .syscall()
          .at(1990)
          .syscallEnd(),
      ).path?.viaNs
    expect(told(1000)).toEqual({ syscall: 1800 })
    // It was given what it wrote late.
    expect(told(1900)).toEqual({})
  })

  test('of a timer, the function that it started and the system calls of that one the longest is what was waited for', () => {
    const told = (createdNs: number, callNs: number): unknown => {
      const story = new CaptureStory().found(1, 'running')
      story.at(100).taskBegin(7, 'batched').at(200).block('chan receive').at(createdNs).create(2, 'main.flush')
      const from = createdNs + 20
      story
        .at(createdNs + 10)
        .start(2)
        .at(from)
        .syscall()
        .at(from + callNs)
        .syscallEnd()
      story.at(2000).unblock(1).at(2010).destroy().at(2020).start(1).at(2100).taskEnd(7).at(2200).stop()
      return analysed(story).task(7).path?.viaNs
    }
    expect(told(1900, 70)).toEqual({ sleep: 1800 })
    expect(told(500, 1400)).toEqual({ syscall: 1800 })
    expect(told(500, 100)).toEqual({})
  })

  test('what a goroutine without a task runs, and did, is known from its creation on', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(10_000).create(2, 'main.(*cache).refresh').at(11_000).taskBegin(7, 'client').at(20_000).block('chan send')
    story.at(21_000).start(2).at(90_000).unblock(1).at(91_000).destroy().at(92_000).start(1)
    story.at(100_000).taskEnd(7).at(110_000).stop()
    const { task, analysis } = analysed(story)
    const [wait] = task(7).longWaits
    expect(analysis.tables.stacks[wait.wakerEntry].at(-1)?.function).toBe('main.(*cache).refresh')
    expect(wait.waker).toMatchObject({ totalNs: 70_000, schedWaitNs: 1_000, execNs: 69_000 })
  })

  test('what it runs is not told by a stack that the runtime cut', () => {
    const deep = Array.from({ length: 128 }, (_, depth) => `main.deep${depth}`)
    const entryOf = (created: boolean): string | undefined => {
      const story = new CaptureStory().found(1, 'running')
      if (created) story.at(10_000).create(2, 'main.walk')
      else story.found(2, 'runnable')
      story.at(11_000).taskBegin(7, 'client').at(20_000).block('chan receive', 'main.client')
      story
        .at(21_000)
        .start(2)
        .at(22_000)
        .block('sync', ...deep)
        .at(80_000)
        .unblock(2)
      story.at(81_000).start(2).at(90_000).unblock(1).at(91_000).destroy().at(92_000).start(1)
      story.at(100_000).taskEnd(7).at(110_000).stop()
      const { task, analysis } = analysed(story)
      const [wait] = task(7).longWaits
      return wait.wakerEntry < 0 ? undefined : analysis.tables.stacks[wait.wakerEntry].at(-1)?.function
    }
    expect(entryOf(true)).toBe('main.walk')
    expect(entryOf(false)).toBeUndefined()
  })

  test('a worker that goes on to the job of another task without a wait in between works for each in turn', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable').found(3, 'runnable')
    story.at(100).taskBegin(7, 'first').at(110).block('chan receive')
    story.at(120).start(2).at(130).taskBegin(8, 'second').at(140).block('chan send')
    story.at(150).start(3).at(160).regionBegin(7, 'job').at(400).regionEnd(7, 'job').at(410).unblock(1)
    // It takes the second job from the waiting sender, and never waits.
    story.at(420).unblock(2).at(430).regionBegin(8, 'job').at(700).regionEnd(8, 'job').at(705).block('chan receive')
    story.at(710).start(1).at(720).taskEnd(7).at(730).block('select').at(740).start(2).at(800).taskEnd(8).at(900).stop()
    const { task } = analysed(story)
    // Of the worker's time only what it did for the first job, until it woke the first task.
    expect(parts(task(7).path)).toMatchObject({ totalNs: 620, execNs: 10 + 260 + 10, schedWaitNs: 40 + 300 })
    expect(parts(task(8).path)).toMatchObject({ totalNs: 670, blockNs: { 'chan send': 280 } })
    expect(task(7).work?.execNs).toBe(10 + 280 + 10)
    expect(task(8).work?.execNs).toBe(10 + 275 + 60)
    const { timeline } = task(8)
    expect(timeline?.wakerTask[timeline.startNs.indexOf(140)]).toBe(7)
  })

  test('a worker that waits in the middle of its job works for the task all the time', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'pooled').at(200).unblock(2).at(210).block('chan receive')
    story.at(220).start(2).at(230).log(7, 'job', 'begun').at(300).block('network')
    story.at(800).unblock(2).at(810).start(2).at(850).log(7, 'job', 'done').at(900).unblock(1)
    story.at(910).block('chan receive').at(920).start(1).at(1000).taskEnd(7).at(1100).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 900,
      execNs: 110 + 80 + 90 + 80,
      schedWaitNs: 10 + 10 + 20,
      blockNs: { network: 500 },
    })
  })

  test.each([
    ['whose stack is scanned', ['preempted', 'runtime.asyncPreempt', 'main.work'], undefined],
    ['as up to Go 1.21', [''], { preempted: 90 }],
    ['that has to begin a cycle of the collector', ['sync', 'runtime.gcStart', 'main.work'], { GC: 90 }],
    ['that has to help it', ['GC mark assist wait for work', 'runtime.gcParkAssist', 'main.work'], undefined],
  ])('a worker %s after its last annotation of a task goes on to work for it', (_, [reason, ...stack], viaNs) => {
    const story = new CaptureStory().found(1, 'running').create(2, 'main.worker').at(100).taskBegin(7, 'pooled')
    story.at(210).block('chan receive').at(220).start(2).at(230).regionBegin(7, 'job').at(240).regionEnd(7, 'job')
    story
      .at(300)
      .block(reason, ...stack)
      .at(310)
      .found(3, 'runnable')
      .start(3)
      .at(390)
      .unblock(2)
      .at(395)
      .stop()
    story.at(400).start(2).at(700).unblock(1).at(710).block('chan receive').at(720).start(1).at(730).taskEnd(7)
    const { path, work } = analysed(story.at(800).stop()).task(7)
    expect(path).toMatchObject({ execNs: 110 + 80 + 300 + 10, schedWaitNs: 10 + 10 + 20, viaNs: viaNs ?? {} })
    expect(work?.execNs).toBe(110 + 80 + 310 + 10)
  })

  test('a worker that was idle between two jobs of a task did not work for it meanwhile', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting')
    story.at(100).taskBegin(7, 'pooled').at(110).unblock(2).at(120).stop()
    story.at(130).start(2).at(140).log(7, 'job', 'one').at(200).block('chan receive')
    story.at(210).start(1).at(600).unblock(2).at(610).block('chan receive')
    story.at(620).start(2).at(630).log(7, 'job', 'two').at(700).unblock(1).at(710).block('chan receive')
    story.at(720).start(1).at(800).taskEnd(7).at(900).stop()
    const { task } = analysed(story)
    expect(task(7).work?.blockNs).toEqual({ 'chan receive': 90 })
    expect(task(7).work?.execNs).toBe(20 + 400 + 80 + 70 + 90)
  })

  test('a task lies in a queue while its dispatcher begins further ones', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'message').at(110).taskBegin(8, 'message').at(120).taskBegin(9, 'message').at(130)
    story.block('sleep').at(140).start(2).at(150).log(7, 'job', 'begun').at(300).taskEnd(7)
    // The worker finds the next in the queue, and never waits.
    story
      .at(310)
      .log(8, 'job', 'begun')
      .at(500)
      .taskEnd(8)
      .at(510)
      .block('chan receive')
      .at(600)
      .unblock(1)
      .at(610)
      .start(1)
    story.at(700).taskEnd(9).at(800).stop()
    const { task } = analysed(story)
    expect(parts(task(8).path)).toEqual({ totalNs: 390, execNs: 10 + 190, blockNs: { queue: 190 } })
    const { timeline } = task(8)
    expect(timeline?.goroutine[timeline.startNs.indexOf(120)]).toBe(2)
    expect(parts(task(9).path)).toMatchObject({ totalNs: 580, execNs: 10 + 90, blockNs: { sleep: 470 } })
    const { types } = addUp(story.bytes()) as { readonly types: readonly { readonly parts: ArrayLike<number> }[] }
    expect(types[0].parts[GROUPS.indexOf('unknown')]).toBe(0)
    expect(types[0].parts[GROUPS.indexOf('chan')]).toBe(190)
  })

  /** Goroutine 1 begins task 7, and does something else; 2 takes the task up at 60,000, after a job of task 8 or when it was `idle`, and ends it. */
  const takenUp = (does: (story: CaptureStory) => CaptureStory, idle?: string): Analysed => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(110).taskBegin(7, 'queued')
    does(story.at(200)).at(300).start(2)
    if (idle !== undefined) story.at(310).block(idle).at(50_000).unblock(2).at(50_010).start(2)
    else
      story
        .at(310)
        .taskBegin(8, 'before')
        .at(320)
        .block('sync')
        .at(330)
        .unblock(2)
        .at(340)
        .start(2)
        .at(59_990)
        .taskEnd(8)
    story.at(60_000).log(7, 'job', 'begun').at(61_000).taskEnd(7).at(61_010).block('chan receive')
    story.at(62_000).unblock(1).at(62_010).start(1)
    return analysed(story.at(62_100).stop())
  }

  test.each([
    ['reads the next message', (story: CaptureStory) => story.block('network')],
    ['sleeps', (story: CaptureStory) => story.block('sleep')],
  ])('it does so while whoever began it %s', (_, does) => {
    const { path } = takenUp(does).task(7)
    expect(path).toMatchObject({ totalNs: 60_890, execNs: 90 + 1_000, blockNs: { queue: 59_800 }, unknownNs: 0 })
  })

  test('also while that one reads the message of which it makes the next task, not while it read that of the first', () => {
    const { path } = takenUp((story) =>
      // Its own body; the next one's head, and task 9.
      story
        .block('network')
        .at(210)
        .unblock(1)
        .at(220)
        .start(1)
        .at(230)
        .block('network')
        .at(260)
        .unblock(1)
        .at(270)
        .start(1)
        .at(272)
        .syscall()
        .at(274)
        .syscallEnd()
        .at(280)
        .taskBegin(9, 'next')
        .at(290)
        .block('network'),
    ).task(7)
    expect(path).toMatchObject({
      blockNs: { network: 10, queue: 30 + 2 + 59_720 },
      execNs: 90 + 10 + 8 + 1_000,
      unknownNs: 0,
    })
  })

  test('not while that one waits for what others of the program hand over: for the one that took it up, say', () => {
    const { path } = takenUp((story) => story.block('chan receive')).task(7)
    expect(path).toMatchObject({ execNs: 90 + 1_000, blockNs: { 'chan receive': 59_800 } })
  })

  test('nor where who took it up had just been woken by the network: the task was there', () => {
    const { path } = takenUp((story) => story.block('network'), 'network').task(7)
    expect(path).toMatchObject({ blockNs: { network: 49_800 }, unknownNs: 0 })
    expect(takenUp((story) => story.block('network'), 'select').task(7).path?.blockNs).toEqual({ queue: 49_800 })
  })

  test('whom the one that took it up served meanwhile is to blame', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'first').at(110).taskBegin(8, 'second').at(120).taskBegin(9, 'third').at(130)
    story.block('chan receive').at(140).start(2).at(150).regionBegin(7, 'job').at(200).block('sleep')
    story.at(80_000).unblock(2).at(80_010).start(2).regionEnd(7, 'job').at(80_020).taskEnd(7)
    story.at(80_030).log(8, 'job', 'begun').at(90_000).taskEnd(8).at(90_010).unblock(1).at(90_020).stop()
    const { longWaits, timeline } = analysed(story.at(90_030).start(1).at(90_100).stop()).task(8)
    expect(longWaits).toHaveLength(1)
    const [{ row, holders, waker, wakerTask }] = longWaits
    expect(timeline?.startNs[row]).toBe(120)
    expect(holders).toMatchObject([{ goroutine: 2, taskId: 7 }])
    expect(waker?.blockNs).toEqual({ sleep: 79_800 })
    expect(wakerTask).toBe(0)
  })

  test('a coroutine is followed: it runs only when it is called', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'pull').at(150).createBlocked(2, 'runtime.corostart')
    story.at(200).switchTo(2).at(300).switchTo(1).at(400).taskEnd(7).at(500).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({ totalNs: 300, execNs: 300 })
    expect(task(7).goroutines).toEqual([1, 2])
  })

  test('a coroutine that sleeps holds up whoever called it, and works before and after', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'pull').at(150).createBlocked(2, 'runtime.corostart')
    story.at(200).switchTo(2).at(300).block('sleep').at(700).unblock(2).at(710).start(2).at(800).switchTo(1)
    story.at(900).taskEnd(7).at(1000).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 800,
      execNs: 100 + 100 + 90 + 100,
      schedWaitNs: 10,
      blockNs: { sleep: 400 },
    })
  })

  /** Task 7 makes a coroutine, goroutine 2, and calls it; task 8 on goroutine 3 calls it then, and has 7,000 ns of it on CPU and 40,000 ns asleep. */
  const handedCoroutine = (over: boolean): CaptureStory => {
    const story = new CaptureStory().found(1, 'running').found(3, 'runnable').at(100).taskBegin(7, 'makes it')
    story.at(150).createBlocked(2, 'runtime.corostart').at(200).switchTo(2).at(300).switchTo(1).at(400)
    if (over) story.taskEnd(7)
    story.at(410).block('select').at(1_000).start(3).taskBegin(8, 'calls it').at(2_000).switchTo(2).at(7_000)
    story.block('sleep').at(47_000).unblock(2).at(47_010).start(2).at(49_010).switchTo(3).at(50_000).taskEnd(8)
    story.at(50_010).unblock(1).at(50_020).block('select').at(50_030).start(1).at(50_100)
    if (!over) story.taskEnd(7)
    return story.at(50_200).stop()
  }

  test.each([
    ['at it', false],
    ['over', true],
  ])('a coroutine works for whoever calls it, when the task that made it is still %s', (_, over) => {
    const { task } = analysed(handedCoroutine(over))
    expect(parts(task(8).path)).toEqual({
      totalNs: 49_000,
      execNs: 1_000 + 5_000 + 2_000 + 990,
      schedWaitNs: 10,
      blockNs: { sleep: 40_000 },
    })
    expect(task(8).goroutines).toEqual([2, 3])
    expect(parts(task(8).work)).toMatchObject({ execNs: 1_000 + 5_000 + 2_000 + 990 })
    expect(task(7).goroutines).toEqual([1, 2])
    expect(parts(task(7).work)).toMatchObject({ execNs: over ? 300 : 310 + 70 })
  })

  test('a coroutine that is called for no task works for none, and for one above its own not for that', () => {
    const story = new CaptureStory().found(1, 'running').at(100).taskBegin(7, 'makes it')
    story.at(150).createBlocked(2, 'runtime.corostart').at(200).switchTo(2).at(210).taskBegin(8, 'its own', 7)
    story.at(300).switchTo(1).at(400).switchTo(2).at(500).taskEnd(8).at(600).switchTo(1).at(700).taskEnd(7)
    story.at(800).switchTo(2).at(900).switchTo(1).at(1_000).taskBegin(9, 'later').at(1_100).switchTo(2)
    const { task } = analysed(story.at(1_200).switchTo(1).at(1_300).taskEnd(9).at(1_400).stop())
    // Whoever has called it is not at its own task.
    expect(parts(task(8).path)).toMatchObject({ totalNs: 290, execNs: 190, blockNs: { '': 100 } })
    expect(parts(task(7).path)).toEqual({ totalNs: 600, execNs: 600 })
    expect(parts(task(9).path)).toEqual({ totalNs: 300, execNs: 300 })
    expect(parts(task(7).work)).toMatchObject({ execNs: 600 })
  })

  test.each([
    ['runtime.bgsweep', true],
    // A call from C, as Go 1.21 shows it.
    ['runtime.cgocallback', false],
    ['runtime.cgocallbackg', false],
    ['runtime.main', false],
    ['main.work', false],
  ])('who ran while a task waited for a processor was the runtime, or not: %s', (root, isRuntime) => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable').at(100).taskBegin(7, 'waits').stop()
    story.at(110).start(2).at(120).block('sync', 'main.inner', root).at(130).unblock(2).at(140).start(2)
    story.at(90_000).stop().at(90_010).start(1).at(90_100).taskEnd(7)
    const { longWaits } = analysed(story.at(90_200).stop()).task(7)
    expect(longWaits).toMatchObject([{ runners: [{ taskId: 0, runtime: isRuntime }] }])
  })

  test("goroutines of the runtime never work for a task, even when first started on the task's goroutine", () => {
    const story = new CaptureStory().found(1, 'running')
    story
      .at(100)
      .taskBegin(7, 'collects')
      .at(150)
      .create(2, 'runtime.gcBgMarkWorker')
      .at(200)
      .block('wait until GC ends')
    story.at(220).start(2).at(400).unblock(1).at(410).block('system goroutine wait').at(450).start(1)
    story.at(500).taskEnd(7).at(600).stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 400,
      execNs: 150,
      schedWaitNs: 50,
      blockNs: { 'wait until GC ends': 200 },
    })
    expect(task(7).goroutines).toEqual([1])
  })

  test('goroutines spawned by a child task work for the parent too', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'parent').at(110).taskBegin(8, 'child', 7).at(150).create(2).at(160).block('sync')
    story.at(170).start(2).at(400).unblock(1).at(410).destroy().at(420).start(1)
    story.at(450).taskEnd(8).at(500).taskEnd(7).at(600).stop()
    const { task } = analysed(story)
    expect(parts(task(8).path)).toEqual({ totalNs: 340, execNs: 50 + 230 + 30, schedWaitNs: 10 + 20 })
    expect(parts(task(7).path)).toEqual({ totalNs: 400, execNs: 60 + 230 + 80, schedWaitNs: 10 + 20 })
    expect(task(7).goroutines).toEqual([1, 2])
    expect(task(8).parentId).toBe(7)
  })

  test('a goroutine that was created for a task does not work for what its creator did around that task', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'around').at(110).taskBegin(8, 'no child of it').at(150).create(2).at(200).taskEnd(8)
    story.at(210).block('chan receive').at(220).start(2).at(400).unblock(1).at(410).destroy().at(420).start(1)
    story.at(500).taskEnd(7).at(600).stop()
    const { task } = analysed(story)
    expect(task(8).goroutines).toEqual([1, 2])
    expect(task(7).goroutines).toEqual([1])
    expect(parts(task(7).path)).toMatchObject({ totalNs: 400, blockNs: { 'chan receive': 190 } })
  })

  test('a child task that ended long before its parent still leads to its goroutines, and who ended a wait is still known', () => {
    const ms = 1_000_000
    const story = new CaptureStory().found(1, 'running').found(3, 'runnable')
    story.at(100).taskBegin(7, 'parent').at(110).taskBegin(8, 'child', 7).at(150).create(2).at(160).block('sync')
    story.at(170).start(2).at(400).unblock(1).at(410).destroy().at(420).start(1).at(450).taskEnd(8)
    story.at(500).block('sync').at(510).start(3).at(520).taskBegin(9, 'holder').at(600).unblock(1)
    story.at(610).taskEnd(9).at(620).block('select').at(630).start(1)
    // Tasks are handed over 20 ms after their end: 8 and 9 are long gone when 7 ends.
    for (let time = 10; time <= 90; time += 10) {
      story
        .at(time * ms)
        .taskBegin(100 + time, 'meanwhile')
        .at(time * ms + 10)
        .taskEnd(100 + time)
    }
    story
      .at(100 * ms)
      .taskEnd(7)
      .at(100 * ms + 100)
      .stop()
    const { task } = analysed(story)
    expect(task(7).path?.schedWaitNs).toBe(10 + 20 + 30)
    expect(task(7).path?.blockNs).toEqual({ sync: 100 })
    expect(task(7).goroutines).toEqual([1, 2])
    const { timeline } = task(7)
    expect(timeline?.wakerTask[timeline.startNs.indexOf(500)]).toBe(9)
  })

  test('the work of helpers that run one after the other while the task waits for the last holds the ranges of all', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'fan.out').at(110).create(2).at(120).create(3).at(130).block('sync')
    story.at(140).start(2).at(150).assistBegin().at(190).assistEnd().at(200).destroy()
    story.at(210).start(3).at(220).assistBegin().at(290).assistEnd().at(300).unblock(1).at(310).destroy()
    story.at(320).start(1).at(400).taskEnd(7).at(500).stop()
    const { task } = analysed(story)
    expect(task(7).path?.rangeNs).toEqual({ 'GC mark assist': 70 })
    expect(task(7).work?.rangeNs).toEqual({ 'GC mark assist': 110 })
    expect(task(7).work?.execNs).toBe(30 + 60 + 100 + 80)
  })

  test('a task that ends on another goroutine than it began goes back through its creation', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'handed over').at(150).create(2).at(300).block('select')
    story.at(310).start(2).at(500).taskEnd(7).at(600).destroy()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({ totalNs: 400, execNs: 50 + 190, schedWaitNs: 160 })
  })

  test('what a goroutine does last in the capture is not known to go on after its end', () => {
    const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
    story.at(100).taskBegin(7, 'ends').at(200).taskEnd(7).at(210).block('select').at(220).start(2)
    story.at(300).taskBegin(8, 'is open').at(400).stop()
    const { task, info } = analysed(story)
    for (const id of [7, 8]) expect(task(id).timeline?.endNs.at(-1)).toBe(info.durationNs)
  })

  test('a task that only begins, or only ends, in the capture has no path', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskEnd(6).at(200).taskBegin(7, 'open').at(300).stop()
    const { task } = analysed(story)
    expect(task(6)).toMatchObject({ startNs: null, endNs: 100, path: null, work: null, name: '' })
    expect(task(7)).toMatchObject({ startNs: 200, endNs: null, path: null, work: null, name: 'open' })
  })

  test('a task ended twice has its first end, and the second is told', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'twice').at(200).taskEnd(7).at(300).taskEnd(7).at(400).stop()
    const { task, info } = analysed(story)
    expect(task(7).endNs).toBe(200)
    expect(info.problems.map(({ code }) => code)).toEqual(['TASK_MISUSE'])
  })

  test('what the collector does to a goroutine is told beside the parts, not among them', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'allocates').at(150).gcBegin(1).at(200).assistBegin().at(260).assistEnd()
    story
      .at(270)
      .stopTheWorld('GC mark termination')
      .at(280)
      .startTheWorld()
      .at(300)
      .gcEnd(1)
      .at(400)
      .taskEnd(7)
      .at(500)
      .stop()
    const { task } = analysed(story)
    expect(parts(task(7).path)).toEqual({
      totalNs: 300,
      execNs: 300,
      rangeNs: { 'GC mark assist': 60, 'stop-the-world (GC mark termination)': 10 },
      gcOverlapNs: 150,
    })
  })
})

test('a stop of the world by another is told of the regions and tasks that waited for a processor meanwhile, as far as they did', () => {
  const stop = 'stop-the-world (GC mark termination)'
  const story = new CaptureStory().found(1, 'running').found(2, 'runnable')
  story.at(100).taskBegin(7, 'held up').at(110).regionBegin(7, 'outer').at(120).stop().at(130).start(2)
  story.at(135).taskBegin(8, 'stops the world').at(136).regionBegin(8, 'own')
  story.at(140).stopTheWorld('GC mark termination').at(170).startTheWorld().at(175).regionEnd(8, 'own').taskEnd(8)
  story.at(180).block('select').at(190).start(1).at(200).regionBegin(7, 'inner').at(210).stop().at(215).unblock(2)
  story.start(2).at(220).stopTheWorld('GC mark termination').at(260).startTheWorld().at(270).block('select')
  story.at(280).start(1).at(290).regionEnd(7, 'inner').at(300).regionEnd(7, 'outer')
  story.at(310).regionBegin(7, 'after').at(320).stop().at(330).start(1).at(340).regionEnd(7, 'after')
  story.at(400).taskEnd(7).at(500).stop()
  const { task } = analysed(story)
  const stops = (id: number): unknown[] => [
    task(id).path?.stwWaitNs,
    ...task(id).regions.map(({ name, breakdown }) => [name, breakdown.stwWaitNs]),
  ]
  expect(stops(7)).toEqual([{ [stop]: 70 }, ['outer', { [stop]: 70 }], ['inner', { [stop]: 40 }], ['after', {}]])
  // The one that stops it has the range itself.
  expect(stops(8)).toEqual([{}, ['own', {}]])
  expect(task(8).regions[0].breakdown.rangeNs).toEqual({ [stop]: 30 })
})

describe('a capture that no runtime writes', () => {
  test('tasks that are their own ancestors are read as tasks without a parent', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'own parent', 7).at(110).taskBegin(8, 'first', 9).at(120).taskBegin(9, 'second', 8)
    story.at(150).create(2).at(200).taskEnd(9).at(210).taskEnd(8).at(220).taskEnd(7).at(300).stop()
    const { task, info } = analysed(story)
    expect([7, 8, 9].map((id) => task(id).parentId)).toEqual([null, 9, null])
    expect(info.problems.map(({ code }) => code)).toEqual(['TASK_MISUSE', 'TASK_MISUSE'])
  })

  test('a reason named like what objects hold dear is a reason like any other', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'waits').at(150).block('__proto__').at(240).unblock(1).at(250).start(1)
    story.at(300).taskEnd(7).at(400).stop()
    const path = analysed(story).task(7).path
    expect(path?.blockNs).toEqual({ '(__proto__)': 90 })
    expect(path === null ? 0 : sum(path)).toBe(200)
  })

  test.each(['constructor', 'toString', 'hasOwnProperty'])('a reason named %s, too', (reason) => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'waits').at(150).block(reason).at(240).unblock(1).at(250).start(1)
    story.at(300).taskEnd(7).at(400).stop()
    const { path, work } = analysed(story).task(7)
    expect(path?.blockNs).toEqual({ [`(${reason})`]: 90 })
    expect(work?.blockNs).toEqual({ [`(${reason})`]: 90 })
  })

  test('reasons that are told alike are told together', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'waits')
    story.at(150).block('__proto__').at(240).unblock(1).at(250).start(1)
    story.at(260).block('(__proto__)').at(290).unblock(1).at(295).start(1)
    story.at(300).taskEnd(7).at(400).stop()
    const { path, work } = analysed(story).task(7)
    expect(path?.blockNs).toEqual({ '(__proto__)': 120 })
    expect(work?.blockNs).toEqual({ '(__proto__)': 120 })
    expect(path === null ? 0 : sum(path)).toBe(200)
  })

  test('a collection range whose end is lost ends when the next one begins, and does not cover later tasks', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'loses an end').at(110).assistBegin().at(150).taskEnd(7)
    story.at(200).assistBegin().at(220).assistEnd().at(300).taskBegin(8, 'later').at(400).taskEnd(8).at(500).stop()
    const { task } = analysed(story)
    expect(task(8).path?.rangeNs).toEqual({})
  })

  test('the background task has the logs of every goroutine, and no goroutines of its own', () => {
    const story = new CaptureStory().found(1, 'running')
    const goroutines = 1_000
    for (let i = 0; i < goroutines; i++) {
      const goroutine = 10 + i
      const at = 1_000 * (i + 1)
      story
        .at(at)
        .create(goroutine)
        .block('select')
        .start(goroutine)
        .log(0, 'traceparent', 'x')
        .at(at + 10)
        .unblock(1)
      story.destroy().start(1)
    }
    const { tasks } = analysed(story.at(1_000 * (goroutines + 2)).stop())
    // All of them worked for the background task, which says nothing: it has no goroutines.
    expect(tasks).toHaveLength(1)
    expect(tasks[0]?.goroutines).toEqual([])
    expect(tasks[0]?.logs).toHaveLength(goroutines)
  })
})

describe('regions', () => {
  test('one broken region costs only itself', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(100).taskBegin(7, 'messy').at(110).regionBegin(7, 'outer').at(120).regionBegin(7, 'inner')
    story
      .at(130)
      .regionEnd(7, 'outer')
      .at(140)
      .regionEnd(7, 'never begun')
      .at(150)
      .regionEnd(7, 'inner')
      .at(160)
      .taskEnd(7)
      .at(200)
      .stop()
    const { task, info } = analysed(story)
    expect(task(7).regions.map(({ name, startNs, endNs }) => [name, startNs, endNs])).toEqual([
      ['outer', 110, 130],
      ['inner', 120, 150],
    ])
    expect(info.problems.map(({ code }) => code)).toEqual(['REGION_MISUSE', 'REGION_MISUSE'])
  })

  test('a region begun before the capture has no start, one open at its end no end', () => {
    const story = new CaptureStory().found(1, 'running')
    story.at(50).regionEnd(7, 'before').at(100).regionBegin(7, 'after').at(200).stop()
    const { task } = analysed(story)
    expect(task(7).regions.map(({ name, startNs, endNs }) => [name, startNs, endNs])).toEqual([
      ['before', null, 50],
      ['after', 100, null],
    ])
  })
})

describe('any capture', () => {
  /** A random life of a few goroutines and tasks: every step is what the scheduler could do next. */
  const steps = fc.array(fc.record({ dt: fc.integer({ min: 0, max: 1000 }), choice: fc.nat(), which: fc.nat() }), {
    minLength: 1,
    maxLength: 150,
  })

  function randomStory(choices: readonly { dt: number; choice: number; which: number }[]): CaptureStory {
    const story = new CaptureStory().found(1, 'running').found(2, 'waiting').found(3, 'waiting')
    const waiting = new Set([2, 3])
    const runnable = new Set<number>()
    let running: number | null = 1
    let goroutines = 3
    const open: number[] = []
    let tasks = 0
    let now = 10
    const pick = (set: ReadonlySet<number>, which: number): number | undefined =>
      [...set][which % Math.max(1, set.size)]
    for (const { dt, choice, which } of choices) {
      now += dt
      story.at(now)
      if (running === null) {
        const next = pick(runnable, which)
        if (next !== undefined && choice % 4 !== 0) {
          story.start(next)
          runnable.delete(next)
          running = next
        } else {
          const woken = pick(waiting, which)
          if (woken === undefined) continue
          story.unblock(woken)
          waiting.delete(woken)
          runnable.add(woken)
        }
        continue
      }
      switch (choice % 9) {
        case 0:
          story.block(['sync', 'select', 'network', 'sleep', 'chan receive'][which % 5] ?? '')
          waiting.add(running)
          running = null
          break
        case 1:
          story.stop()
          runnable.add(running)
          running = null
          break
        case 2: {
          const woken = pick(waiting, which)
          if (woken === undefined) break
          story.unblock(woken)
          waiting.delete(woken)
          runnable.add(woken)
          break
        }
        case 3:
          story.create(++goroutines)
          runnable.add(goroutines)
          break
        case 4:
          story.taskBegin(++tasks, `task ${tasks}`, open.length > 0 ? (open[which % open.length] ?? 0) : 0)
          open.push(tasks)
          break
        case 5:
        case 6:
          if (open.length > 0) story.taskEnd(open.splice(which % open.length, 1)[0] ?? 0)
          break
        case 7:
          if (open.length > 0) story.log(open[which % open.length] ?? 0, 'note', 'seen')
          break
        case 8:
          if (open.length > 0) {
            const task = open[which % open.length] ?? 0
            story.regionBegin(task, 'step').regionEnd(task, 'step')
          }
          break
      }
    }
    return story.at(now + 10)
  }

  test('the parts of every path, work and region add up to its total, and the pieces of a timeline touch', () => {
    fc.assert(
      fc.property(steps, (choices) => {
        const { tasks, info } = analysed(randomStory(choices))
        expect(info.problems.filter(({ code }) => code !== 'TASK_MISUSE')).toEqual([])
        for (const task of tasks) {
          if (task.path !== null && task.work !== null) {
            expect(task.path.totalNs).toBe((task.endNs ?? 0) - (task.startNs ?? 0))
            expect(sum(task.path)).toBe(task.path.totalNs)
            expect(sum(task.work)).toBe(task.work.totalNs)
            expect(task.path.unknownNs).toBe(0)
            const via = Object.values(task.path.viaNs).reduce((total, ns) => total + ns, 0)
            expect(via).toBeLessThanOrEqual(Object.values(task.path.blockNs).reduce((total, ns) => total + ns, 0))
          }
          for (const region of task.regions) expect(sum(region.breakdown)).toBe(region.breakdown.totalNs)
          const { timeline } = task
          if (timeline !== null) {
            for (let i = 1; i < timeline.length; i++) expect(timeline.startNs[i]).toBe(timeline.endNs[i - 1])
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
