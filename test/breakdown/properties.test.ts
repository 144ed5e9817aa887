// properties.test.ts: what must hold of every breakdown, whatever was recorded: seen at the events themselves, not at another program's word.

import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { type Breakdown, GoState, type TaskRecord } from '../../src/breakdown/breakdown.ts'
import { isHeld, lockKindOf } from '../../src/breakdown/lock-places.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { type Analysed, analyse, captureFixtures, corpusFixtures } from '../support/fixtures.ts'
import { checkInvariants } from '../support/invariants.ts'

/** Wake-ups of one goroutine, in order. */
interface WakeUps {
  readonly timeNs: number[]
  /** Goroutine that did it; -1 none. */
  readonly by: number[]
}

/** Who woke each goroutine when, by its id. */
function wakeUpsOf(capture: Uint8Array): Map<number, WakeUps> {
  const ofGoroutine = new Map<number, WakeUps>()
  const ids = new Map<number, number>()
  const decoder = new CaptureDecoder(
    {},
    {
      events: ({ length, kind, timeNs, goroutine, a, c }) => {
        for (let i = 0; i < length; i++) {
          if (kind[i] === Ev.GoCreate || kind[i] === Ev.GoCreateBlocked || kind[i] === Ev.GoCreateSyscall)
            ids.set(a[i], c[i])
          if (kind[i] === Ev.GoStatus && c[i] >= 0) ids.set(a[i], c[i])
          if (kind[i] !== Ev.GoUnblock) continue
          const woken = ids.get(a[i]) ?? -1
          let wakeUps = ofGoroutine.get(woken)
          if (wakeUps === undefined) ofGoroutine.set(woken, (wakeUps = { timeNs: [], by: [] }))
          wakeUps.timeNs.push(timeNs[i])
          wakeUps.by.push(goroutine[i] < 0 ? -1 : (ids.get(goroutine[i]) ?? -1))
        }
      },
    },
  )
  decoder.push(capture)
  decoder.end()
  return ofGoroutine
}

/** Parts of `inner` that are larger than those of `outer`. */
function partsBeyond(inner: Breakdown, outer: Breakdown): string[] {
  const beyond: string[] = []
  const compare = (name: string, ns: number, most: number): void => {
    if (ns > most) beyond.push(`${name}: ${ns} of ${most} ns`)
  }
  for (const part of ['execNs', 'schedWaitNs', 'syscallNs', 'syscallBlockNs'] as const)
    compare(part, inner[part], outer[part])
  for (const [reason, ns] of Object.entries(inner.blockNs)) compare(reason, ns, outer.blockNs[reason] ?? 0)
  return beyond
}

/** Whether a goroutine worked for nothing but a task, and tasks below it, from a time to another: no other task began or had a region on it. */
function workedOnlyFor(task: TaskRecord, tasks: readonly TaskRecord[], goroutine: number): boolean {
  const below = new Set([task.id])
  for (const other of tasks) if (other.parentId !== null && below.has(other.parentId)) below.add(other.id)
  return tasks.every(
    (other) =>
      other.id === 0 ||
      below.has(other.id) ||
      (other.endNs ?? Infinity) <= (task.startNs ?? 0) ||
      (other.startNs ?? 0) >= (task.endNs ?? 0) ||
      !other.goroutines.includes(goroutine),
  )
}

const fixtures = ['captures', 'joins', 'accuracy', 'demo'].flatMap((folder) => captureFixtures(folder))
const corpus = corpusFixtures()

let regionsCompared = 0
let blamesCompared = 0

test.skipIf(corpus.length > 0)(
  'the corpus is not there: the recordings of the project are all that is looked at',
  (context) => {
    context.skip()
  },
)

describe.each([...fixtures, ...corpus])('$name', (fixture) => {
  const bytes = fixture.bytes()
  let analysed: Analysed
  try {
    analysed = analyse(bytes, { timelines: true, stacks: true })
  } catch (thrown) {
    test('is refused with a reason', () => expect(thrown).toBeInstanceOf(Failure))
    return
  }
  const { tasks, tables, info } = analysed
  /** Clocks of two processors may be apart, and times of one goroutine are held still then. */
  const slackNs = info.problems.some(({ code }) => code === 'CLOCK_STEP') ? 1_000_000 : 0

  test('the parts of every task and region add up, and pieces touch', () => {
    expect(checkInvariants(bytes).tasks).toBe(tasks.length)
  })

  test('nothing is told of the time after its last event', () => {
    for (const { id, name, timeline } of tasks) {
      const endNs = timeline === null ? 0 : Math.max(...timeline.endNs.slice(-1))
      expect(endNs, `the end of what is told of task ${id} (${name})`).toBeLessThanOrEqual(info.durationNs)
    }
  })

  test('what a region took is within the work of its task', () => {
    for (const task of tasks) {
      if (task.work === null || task.partial) continue
      for (const region of task.regions) {
        const { startNs, endNs, goroutine, breakdown } = region
        if (startNs === null || endNs === null || startNs < (task.startNs ?? 0) || endNs > (task.endNs ?? 0)) continue
        if (!workedOnlyFor(task, tasks, goroutine)) continue
        regionsCompared++
        expect(partsBeyond(breakdown, task.work), `region ${region.name} of task ${task.id} (${task.name})`).toEqual([])
      }
    }
  })

  test('who is to blame for a wait is who ended it, or who held the lock and passed it on', () => {
    const wakeUps = wakeUpsOf(bytes)
    // An id may be ended twice, or used again.
    const goroutinesOf = new Map<number, Set<number>>()
    for (const { id, goroutines } of tasks) {
      goroutinesOf.set(id, new Set([...(goroutinesOf.get(id) ?? []), ...goroutines]))
    }
    for (const task of tasks) {
      const { timeline } = task
      if (timeline === null || task.partial) continue
      const rows = new Map(task.longWaits.map((wait) => [wait.row, wait]))
      for (let row = 0; row < timeline.length; row++) {
        const waker = timeline.wakerGoroutine[row]
        if (timeline.state[row] !== GoState.waiting || waker < 0) continue
        const what = `task ${task.id}, wait of goroutine ${timeline.goroutine[row]} at ${timeline.startNs[row]}`
        const own = wakeUps.get(timeline.goroutine[row])
        const first = own?.timeNs.findIndex((timeNs) => timeNs >= timeline.startNs[row] - slackNs) ?? -1
        const candidates = own?.by.slice(first, first + 2) ?? []
        blamesCompared++
        expect(candidates, what).toContain(waker)
        if (timeline.wakerTask[row] > 0) {
          expect(timeline.via[row], `${what}: blamed, though it came from elsewhere`).toBe(0)
          const goroutines = goroutinesOf.get(timeline.wakerTask[row])
          if (goroutines !== undefined) expect(goroutines, `goroutines of the task blamed for ${what}`).toContain(waker)
        }
        const wait = rows.get(row)
        if (wait === undefined) continue
        const stack = tables.stacks[timeline.stack[row]] ?? []
        const held = wait.holders.reduce((sum, { ns }) => sum + ns, 0)
        // What a channel hands out in turn is held as well.
        const isChannel = /^(chan |select)/.test(tables.reasons[timeline.reason[row]])
        if (!isChannel && !isHeld(lockKindOf(stack))) expect(wait.holders, what).toEqual([])
        else if (wait.holders.length < 16)
          expect(held, what).toBeLessThanOrEqual(timeline.endNs[row] - timeline.startNs[row])
        for (const { goroutine } of wait.holders) {
          if (goroutine < 0 || goroutine === waker) continue
          const passedOn = [...wakeUps.values()].some(({ timeNs, by }) =>
            by.some(
              (one, i) =>
                one === goroutine &&
                timeNs[i] >= timeline.startNs[row] - slackNs &&
                timeNs[i] <= timeline.endNs[row] + slackNs,
            ),
          )
          expect(passedOn, `${what}: goroutine ${goroutine} held the lock and woke nobody`).toBe(true)
        }
      }
    }
  })
})

test('there was something to look at', () => {
  expect(regionsCompared).toBeGreaterThan(1_000)
  expect(blamesCompared).toBeGreaterThan(10_000)
})
