// lost-batches.test.ts: batches are missing from the middle of a capture: what is called whole is as if they were not, and what is missing is told.

import { describe, expect, test } from 'vitest'
import { analyse, type Analysed, captureFixtures, isV2 } from '../support/fixtures.ts'
import { HEADER_BYTES, joinBatches, NONE, splitBatches, splitEvents } from '../support/v2-wire.ts'

/** Batches that are left out of each capture, one at a time. */
const TRIED = 6

/** Tasks by id; parts of a breakdown come in the order in which the capture names their reasons first, which says nothing. */
function wholeTasks({ tasks }: Analysed): Map<number, unknown> {
  return new Map(
    tasks
      .filter(({ id, path, partial }) => id !== 0 && path !== null && !partial)
      .map(({ id, name, startNs, endNs, path, work, regions }) => [id, { name, startNs, endNs, path, work, regions }]),
  )
}

const captures = captureFixtures().filter(
  (fixture) => /^go.*\/(messages|messages-long|messages-p8|corners)$/.test(fixture.name) && isV2(fixture),
)

describe('a batch of events is lost', () => {
  test.each(captures)('$name: the others are read, and no task that is called whole has other numbers', ({ bytes }) => {
    const capture = bytes()
    const whole = wholeTasks(analyse(capture))
    const batches = splitBatches(capture)
    // What is written on behalf of no thread says of goroutines that they did nothing: its loss cannot be noticed, and costs nothing.
    const timed = batches.filter(({ thread, payload }) => thread !== NONE && (splitEvents(payload)?.length ?? 0) > 0)
    let told = 0
    for (let i = 0; i < timed.length; i += Math.max(1, Math.floor(timed.length / TRIED))) {
      const rest = batches.filter((batch) => batch !== timed[i])
      const part = analyse(joinBatches(capture.subarray(0, HEADER_BYTES), rest))
      const { problems } = part.info
      // A thread that only went idle is not missed.
      if (problems.length === 0) {
        expect(wholeTasks(part)).toEqual(whole)
        continue
      }
      told++
      for (const [id, task] of wholeTasks(part)) expect(task, `task ${id} without batch ${i}`).toEqual(whole.get(id))
      expect(problems.every(({ message }) => message.length > 40)).toBe(true)
      const partial = part.tasks.filter((task) => task.id !== 0 && task.partial).length
      const sum = problems.find(({ code }) => code === 'EVENTS_LOST')
      if (partial > 0)
        expect(sum?.message).toContain(`${partial} of ${part.tasks.filter(({ id }) => id !== 0).length} tasks`)
    }
    expect(told).toBeGreaterThan(0)
  })
})

describe('tables are lost', () => {
  const long = captures.find(({ name }) => name === 'go1.26/messages-long')
  const capture = long?.bytes() ?? new Uint8Array(0)
  const batches = splitBatches(capture)
  const without = (kind: number) =>
    analyse(
      joinBatches(
        capture.subarray(0, HEADER_BYTES),
        batches.filter(({ payload, generation }) => payload[0] !== kind || generation !== batches[0].generation),
      ),
      { stacks: true },
    )
  const whole = analyse(capture, { stacks: true })

  test('the strings of a generation: its tasks are there without names, which is counted and told with its place', () => {
    const { info, tasks } = without(4)
    expect(tasks.length).toBe(whole.tasks.length)
    // Batches say when they began: without the first of them the origin is another.
    const times = ({ info: { originNs }, tasks: all }: Pick<Analysed, 'info' | 'tasks'>) =>
      new Map(all.map(({ id, startNs, endNs }) => [id, [startNs, endNs].map((ns) => ns && ns + Number(originNs))]))
    expect(times({ info, tasks })).toEqual(times(whole))
    const { problems } = info
    expect(problems.find(({ code }) => code === 'UNKNOWN_STRING')?.message).toMatch(
      /of generation \d+, which begins at/,
    )
    expect(tasks.some(({ name }) => name === '')).toBe(true)
    expect(tasks.some(({ name }) => name !== '')).toBe(true)
  })

  test('the stacks of a generation: everything else is as it was, and the stacks are counted and told with their place', () => {
    const { info, tasks } = without(2)
    expect(tasks.map(({ id, path }) => [id, path?.totalNs])).toEqual(
      whole.tasks.map(({ id, path }) => [id, path?.totalNs]),
    )
    expect(info.problems.find(({ code }) => code === 'UNKNOWN_STACK')?.message).toMatch(
      /of generation \d+, which begins at .* where in the program is not known/,
    )
  })
})
