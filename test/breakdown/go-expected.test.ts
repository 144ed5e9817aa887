import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Breakdown, TaskRecord } from '../../src/breakdown/breakdown.ts'
import { analyse, captureFixtures, isV2, sumOf } from '../support/fixtures.ts'
import { differences } from '../support/near.ts'

/** What Go's own reader and Summarizer say of a capture; parts that are zero are left out. */
interface Expected {
  readonly capture: {
    readonly header: string
    readonly bytes: number
    readonly events: number
    readonly originNs: string
    readonly durationNs: number
    readonly clockSnapshots: readonly { readonly unixNs: string; readonly monotonicNs: string }[]
    readonly readError: string | null
  }
  readonly tasks: readonly ExpectedTask[]
}

interface ExpectedTask {
  readonly id: string
  readonly parentId: string | null
  readonly name: string
  readonly startNs: number | null
  readonly endNs: number | null
  readonly startGoroutine: number | null
  readonly endGoroutine: number | null
  readonly annotatingGoroutines: readonly number[]
  readonly logs: readonly { timeNs: number; goroutine: number; category: string; message: string }[]
  readonly regions: readonly {
    name: string
    goroutine: number
    startNs: number | null
    endNs: number | null
    breakdown: Partial<Breakdown>
  }[]
  /** The starting goroutine's record at the task's end minus that at its start. */
  readonly startGoroutineBreakdown: Partial<Breakdown> | null
}

/** A breakdown without the parts that are zero, and without what Go does not have. */
function likeGo(breakdown: Breakdown): Partial<Breakdown> {
  const entries = Object.entries(breakdown).filter(([part, value]) => {
    if (part === 'unknownNs' || part === 'viaNs' || part === 'stwWaitNs') return false
    return typeof value === 'number' ? value !== 0 : Object.keys(value as object).length > 0
  })
  return Object.fromEntries(entries)
}

/** Go's reader turns captures of Go 1.21 and older into the newer form, in which no two events have one time: it moves them by some nanoseconds. */
const MOVED_NS = 1000

const captures = captureFixtures().flatMap((fixture) => {
  const file = fixture.beside('.expected.json')
  const slackNs = isV2(fixture) ? 0 : MOVED_NS
  return file === null ? [] : [{ ...fixture, slackNs, expected: JSON.parse(readFileSync(file, 'utf8')) as Expected }]
})
/** Go's reader stops at the first thing it holds for impossible. */
const readByGo = captures.filter(({ expected }) => expected.capture.readError === null)
const refusedByGo = captures.filter(({ expected }) => expected.capture.readError !== null)

describe.each(readByGo)("$name, told with Go's times", ({ name, bytes, expected, slackNs }) => {
  const { info, tasks } = analyse(bytes(), { goTimes: true })
  const byId = new Map(tasks.map((task) => [String(task.id), task]))

  test('has the header, size, origin, length and number of events that Go counts', () => {
    const { header, bytes: size, events, originNs, durationNs } = expected.capture
    expect({ header: info.header, bytes: info.bytes, events: info.events, originNs: String(info.originNs) }).toEqual({
      header,
      bytes: size,
      events,
      // Without a clock of the machine's, Go's reader begins a nanosecond before the first event.
      originNs: slackNs === 0 ? originNs : '0',
    })
    // Go's reader closes with a synchronisation event a nanosecond after the last.
    expect(Math.abs(info.durationNs - durationNs)).toBeLessThanOrEqual(Math.max(1, slackNs))
    expect(info.clockSnapshots.map(({ unixNs, monotonicNs }) => [String(unixNs), String(monotonicNs)])).toEqual(
      expected.capture.clockSnapshots.map(({ unixNs, monotonicNs }) => [unixNs, monotonicNs]),
    )
  })

  test('has the same tasks, each with its parent, name, times and logs', () => {
    const ours = (task: TaskRecord | undefined) =>
      task && {
        id: String(task.id),
        parentId: task.parentId === null ? null : String(task.parentId),
        name: task.name,
        startNs: task.startNs,
        endNs: task.endNs,
        logs: task.logs.map(({ timeNs, goroutine, category, message }) => ({ timeNs, goroutine, category, message })),
      }
    for (const { id, parentId: parent, name, startNs, endNs, logs } of expected.tasks) {
      // At the end of a task of an older capture, Go's reader takes "no parent" for task 0, and makes one.
      const parentId = slackNs > 0 && parent === '0' ? null : parent
      if (slackNs > 0 && id === '0' && !byId.has(id)) continue
      expect(differences(ours(byId.get(id)), { id, parentId, name, startNs, endNs, logs }, slackNs)).toEqual([])
    }
    const named = new Set(expected.tasks.map(({ id }) => id))
    expect([...byId.keys()].filter((id) => !named.has(id) && id !== '0')).toEqual([])
  })

  test('has the same regions with the same parts, to the nanosecond (older captures: microsecond)', () => {
    const sorted = <Region extends { goroutine: number; endNs: number | null; startNs: number | null; name: string }>(
      regions: readonly Region[],
    ): Region[] =>
      [...regions].sort(
        (one, other) =>
          one.goroutine - other.goroutine ||
          (one.startNs ?? -1) - (other.startNs ?? -1) ||
          (one.endNs ?? Infinity) - (other.endNs ?? Infinity) ||
          (one.name < other.name ? -1 : 1),
      )
    for (const task of expected.tasks) {
      const ours = (byId.get(task.id)?.regions ?? []).map(({ name, goroutine, startNs, endNs, breakdown }) => ({
        name,
        goroutine,
        startNs,
        endNs,
        breakdown: likeGo(breakdown),
      }))
      const theirs = task.regions.map(({ name, goroutine, startNs, endNs, breakdown }) => ({
        name,
        goroutine,
        startNs,
        endNs,
        breakdown,
      }))
      expect(differences(sorted(ours), sorted(theirs), slackNs), `regions of task ${task.id}`).toEqual([])
    }
  })

  test("has paths that are Go's record of the goroutine where one goroutine did all the work, and that always add up", () => {
    let compared = 0
    for (const { id, startGoroutine, endGoroutine, startGoroutineBreakdown } of expected.tasks) {
      const task = byId.get(id)
      if (task === undefined || task.path === null || task.startNs === null || task.endNs === null) continue
      expect(sumOf(task.path)).toBe(task.endNs - task.startNs)
      expect(task.path.totalNs).toBe(task.endNs - task.startNs)
      if (startGoroutine !== endGoroutine || startGoroutineBreakdown === null || task.goroutines.length !== 1) continue
      expect(differences(likeGo(task.path), startGoroutineBreakdown, slackNs), `path of task ${id}`).toEqual([])
      compared++
    }
    expect(compared > 0 || name.startsWith('text/')).toBe(true)
  })
})

describe.each(captures)('$name, told with the true times', ({ bytes }) => {
  const { tasks } = analyse(bytes(), {})

  test('has parts that add up for every task and region', () => {
    for (const { path, work, regions, startNs, endNs } of tasks) {
      expect(path === null).toBe(startNs === null || endNs === null)
      for (const breakdown of [path, work, ...regions.map((region) => region.breakdown)]) {
        if (breakdown !== null) expect(sumOf(breakdown)).toBe(breakdown.totalNs)
      }
    }
  })
})

describe.each(refusedByGo)('$name, which Go refuses', ({ bytes, expected }) => {
  test('is read all the same: what Go saw of tasks before it stopped, and a problem that says what was wrong', () => {
    const { info, tasks } = analyse(bytes(), { goTimes: true })
    expect(info.problems.length).toBeGreaterThan(0)
    const byId = new Map(tasks.map((task) => [String(task.id), task]))
    for (const { id, name, startNs, endNs, startGoroutine, endGoroutine, startGoroutineBreakdown } of expected.tasks) {
      const task = byId.get(id)
      if (id === '0') continue
      expect(task).toMatchObject(endNs === null ? { name, startNs } : { name, startNs, endNs })
      if (startNs === null || endNs === null || startGoroutine !== endGoroutine || task?.goroutines.length !== 1)
        continue
      if (startGoroutineBreakdown === null || task.path === null) continue
      expect(likeGo(task.path), `path of task ${id}`).toEqual(startGoroutineBreakdown)
    }
    for (const task of tasks) if (task.path !== null) expect(sumOf(task.path)).toBe(task.path.totalNs)
  })
})
