// Captures of Go 1.21 and older that are broken in ways of their own: they have one clock for all, stated last, and batches without a length.

import { describe, expect, test } from 'vitest'
import { NONE_U64 } from '../../src/base/id-table.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { HEADER_BYTES, readHeader } from '../../src/capture/header.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { EvV1 } from '../../src/capture/v1/event-types.ts'
import { type BatchV1, type ContentsV1, readContents } from '../../src/capture/v1/contents.ts'
import { analyse, captureFixtures, isV2, sumOf } from '../support/fixtures.ts'
import { uvarint } from '../support/capture-story.ts'
import { batchV1, beginV1, captureV1, eventV1 } from '../support/v1-wire.ts'
import { known } from '../support/known-tasks.ts'

const captures = captureFixtures().filter((fixture) => !isV2(fixture))

function contentsOf(bytes: Uint8Array): ContentsV1 {
  return readContents(bytes, HEADER_BYTES, readHeader(bytes).version, new ProblemList())
}

/** Batches of events, the longest first. */
function batchesOf(bytes: Uint8Array): BatchV1[] {
  const batches = contentsOf(bytes).processors.flatMap((processor) => processor.batches)
  return batches.filter(({ samples }) => !samples).sort((one, other) => other.to - other.from - (one.to - one.from))
}

/** Whether the stacks, which may be most of a capture, stand in a batch; the clock is stated before them. */
function holdsStacks(bytes: Uint8Array, { from, to }: BatchV1): boolean {
  return contentsOf(bytes.subarray(0, to)).stacks.size > contentsOf(bytes.subarray(0, from)).stacks.size
}

/** A place after more than half of the capture, or of its events. */
function amidEvents(bytes: Uint8Array): number {
  const ends = batchesOf(bytes).filter((batch) => holdsStacks(bytes, batch))
  return Math.min(Math.floor(bytes.length * 0.6), ...ends.map((batch) => startOf(bytes, batch)))
}

/** Where a batch begins with its header. */
function startOf(bytes: Uint8Array, { from, ticks }: BatchV1): number {
  let at = from - uvarint(ticks).length - 1
  while (bytes[at] !== 0x41) at--
  return at
}

function without(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - (to - from))
  rest.set(bytes.subarray(0, from))
  rest.set(bytes.subarray(to), from)
  return rest
}

describe('a capture of Go 1.21 or older that was cut before it states its clock', () => {
  test.each(captures)('$name: a usual clock is assumed, and nothing is sure', ({ bytes }) => {
    const all = bytes()
    const { info, tasks } = analyse(all.subarray(0, amidEvents(all)))
    expect(info.ticksPerSecond).toBe(39_062_500)
    expect(info.problems.map(({ message }) => message).join('\n')).toMatch(
      /ends before it states its clock.*39,062,500 ticks per second are assumed.*--ticks-per-second/,
    )
    expect(tasks.filter(({ id, partial }) => id !== 0 && !partial)).toEqual([])
  })

  test.each(captures)('$name: with the clock stated, tasks take as long as in the whole', ({ bytes }) => {
    const all = bytes()
    const whole = analyse(all)
    const { ticksPerSecond } = whole.info
    const cut = analyse(all.subarray(0, amidEvents(all)), { ticksPerSecond })
    expect(cut.info.problems.map(({ message }) => message).join('\n')).toMatch(/are taken as told/)
    const byId = new Map(whole.tasks.map((task) => [task.id, task]))
    let compared = 0
    for (const { id, startNs, endNs } of cut.tasks) {
      if (startNs === null || endNs === null) continue
      const { startNs: start, endNs: end } = byId.get(id) ?? { startNs: null, endNs: null }
      // The first event, from which times count, may be lost: it may stand in a processor's only batch.
      expect(Math.abs(endNs - startNs - ((end ?? NaN) - (start ?? NaN)))).toBeLessThanOrEqual(1)
      compared++
    }
    expect(compared).toBeGreaterThan(0)
  })

  // In misuse, a task that ended twice would show its second end.
  test.each(captures.filter(({ name }) => !name.includes('misuse')))(
    '$name: without its first events, all times are earlier by one amount, and it says so',
    ({ bytes }) => {
      const all = bytes()
      const whole = analyse(all)
      const list = batchesOf(all).reduce((one, other) => (other.ticks < one.ticks ? other : one))
      const rest = without(all, startOf(all, list), list.to)
      const next = batchesOf(rest).reduce((one, other) => (other.ticks < one.ticks ? other : one))
      const { info, tasks } = analyse(rest)
      const movedNs = ((next.ticks - list.ticks) / info.ticksPerSecond) * 1e9
      const { message } = info.problems.find(({ code }) => code === 'ORIGIN_LOST') ?? { message: '' }
      const told = Number(/tick (\d+) of the trace clock/.exec(message)?.[1])
      // A batch begins a little before its first event.
      expect(Math.abs(told - next.ticks)).toBeLessThan(info.ticksPerSecond * 1e-5)
      const byId = new Map(whole.tasks.map((task) => [task.id, task]))
      let compared = 0
      for (const { id, endNs, partial } of tasks) {
        if (id !== 0) expect(partial).toBe(true)
        const before = byId.get(id)?.endNs ?? null
        if (id === 0 || endNs === null || before === null) continue
        expect(Math.abs(before - endNs - movedNs)).toBeLessThan(10_000)
        compared++
      }
      expect(compared).toBeGreaterThan(0)
    },
  )

  test.each(captures)('$name: its origin is the same wherever it is cut, or is told to be lost', ({ bytes }) => {
    const all = bytes()
    const whole = analyse(all)
    const { ticksPerSecond } = whole.info
    const begins = new Map(whole.tasks.map(({ id, startNs }) => [id, startNs]))
    let lost = 0
    for (let cut = 1_000; cut < all.length; cut += Math.ceil(all.length / 23)) {
      const { info, tasks } = analyse(all.subarray(0, cut), { ticksPerSecond })
      if (info.problems.some(({ code }) => code === 'ORIGIN_LOST')) lost++
      else {
        for (const { id, startNs } of tasks) {
          if (id !== 0 && startNs !== null) expect(startNs, `task ${id} when cut at ${cut}`).toBe(begins.get(id))
        }
      }
    }
    expect(lost).toBeLessThan(23)
  })

  test('cut between its last stacks, it says that some are missing', () => {
    const all = captures[0].bytes()
    const { stacks } = contentsOf(all)
    let end = all.length
    while (end > 0 && contentsOf(all.subarray(0, end)).stacks.size === stacks.size) end--
    // The byte before is the last of a whole stack now: find where the one that was cut began.
    const size = contentsOf(all.subarray(0, end)).stacks.size
    while (contentsOf(all.subarray(0, end - 1)).stacks.size === size) end--
    const { info } = analyse(all.subarray(0, end))
    expect(info.problems.map(({ code }) => code)).toContain('UNKNOWN_STACK')
  })
})

describe('a capture of Go 1.21 or older with a broken middle', () => {
  test.each(captures)(
    '$name: zeros inside of a batch cost the rest of it, and are told with their place',
    ({ bytes }) => {
      const all = bytes()
      const whole = known(analyse(all))
      const [batch] = batchesOf(all).filter((one) => !holdsStacks(all, one))
      const middle = Math.floor((batch.from + batch.to) / 2)
      const broken = all.slice()
      broken.fill(0, middle, middle + 100)
      const { info, tasks } = analyse(broken)
      const damage = info.problems.filter(({ code }) => code === 'BATCH_DAMAGED')
      expect(damage.length).toBeGreaterThan(0)
      // An event that began before may take in the first zeros.
      expect(damage[0].byteOffset).toBeGreaterThanOrEqual(middle)
      expect(damage[0].byteOffset).toBeLessThan(middle + 130)
      expect(tasks.length).toBeGreaterThan(0)
      for (const [id, text] of known({ tasks })) expect(text, `task ${id}`).toBe(whole.get(id))
    },
  )

  test.each(captures)('$name: without one batch it is read on, in a forced order, and parts add up', ({ bytes }) => {
    const all = bytes()
    const [batch] = batchesOf(all)
    const { info, tasks } = analyse(without(all, startOf(all, batch), batch.to))
    expect(info.problems.length).toBeGreaterThan(0)
    for (const { path } of tasks) if (path !== null) expect(sumOf(path)).toBe(path.totalNs)
    // Go on to the end, not only up to the hole.
    expect(info.durationNs).toBeGreaterThan(analyse(all).info.durationNs * 0.5)
  })
})

describe('a capture of Go 1.21 or older whose processors have clocks that disagree', () => {
  test.each(captures.filter(({ name }) => !name.includes('misuse')))(
    '$name: every task is there, times of a goroutine do not run back, and it is told',
    ({ bytes }) => {
      const all = bytes()
      const whole = analyse(all)
      const shiftTicks = Math.round(whole.info.ticksPerSecond * 0.0005)
      const skewed = all.slice()
      const [, second] = contentsOf(all).processors.filter(({ id, batches }) => id !== NONE_U64 && batches.length > 0)
      for (const { from, ticks } of second.batches) {
        const moved = uvarint(ticks + shiftTicks)
        expect(moved.length).toBe(uvarint(ticks).length)
        skewed.set(moved, from - moved.length)
      }
      const { info, tasks } = analyse(skewed)
      expect([...new Set(info.problems.map(({ code }) => code))]).toEqual(['CLOCK_STEP'])
      const names = (of: typeof tasks): string[] => of.map(({ id, name }) => `${id} ${name}`).sort()
      expect(names(tasks)).toEqual(names(whole.tasks))
      for (const { path, startNs, endNs } of tasks) {
        if (startNs !== null && endNs !== null) expect(endNs).toBeGreaterThanOrEqual(startNs)
        if (path !== null) expect(sumOf(path)).toBe(path.totalNs)
      }
    },
  )
})

describe('times of one processor of a capture of Go 1.21 or older', () => {
  const second = 40_000_000
  /** Problems, without that these have no stacks. */
  const told = ({ problems }: CaptureInfo): string[] =>
    [...new Set(problems.map(({ code }) => code))].filter((code) => code !== 'UNKNOWN_STACK')
  const heap = (ticks: number): number[] => eventV1(EvV1.HeapAlloc, ticks, 4096)

  test('that are out of reach cost the rest of their batch, and move no later one', () => {
    const capture = captureV1([beginV1, batchV1(0, 2_000, heap(10), heap(20 * second)), batchV1(0, 3_000, heap(5))])
    const { info } = analyse(capture)
    expect(told(info)).toEqual(['BATCH_DAMAGED', 'EVENTS_LOST'])
    // The first event is the begin of the capture, 2,000 ticks and a few before; a tick is 25 ns.
    expect(info.durationNs).toBeGreaterThan(2_000 * 25)
    expect(info.durationNs).toBeLessThan(2_100 * 25)
  })

  test('may be moved on by seconds, with all of their batch', () => {
    const capture = captureV1([
      beginV1,
      batchV1(0, 2_000, heap(8 * second)),
      batchV1(0, second, heap(second), heap(6 * second)),
      batchV1(0, 2 * second, heap(1)),
      batchV1(1, 9 * second, heap(second / 2)),
    ])
    const { info } = analyse(capture)
    expect(told(info)).toEqual(['CLOCK_STEP'])
    expect(info.durationNs / 1e9).toBeCloseTo(15, 3)
  })
})

test('a name that is not in the dictionary is empty, and counted', () => {
  const all = captures[0].bytes()
  const text = new TextDecoder('latin1').decode(all)
  // The first task's name: its text stays where it is, under an id that nobody asks for.
  const { tasks } = analyse(all)
  const named = tasks.find(({ name }) => name !== '')
  const at = text.indexOf(named?.name ?? '')
  const lengthAt = at - uvarint(named?.name.length ?? 0).length
  // The id stands before the length: its last byte is the high one.
  const broken = all.slice()
  broken[lengthAt - 1] = broken[lengthAt - 1] === 0x7f ? 0x7e : 0x7f
  const { info, tasks: after } = analyse(broken)
  expect(after.find(({ id }) => id === named?.id)?.name).toBe('')
  expect(info.problems.map(({ code }) => code)).toContain('UNKNOWN_STRING')
})

describe('a processor whose only batch is broken at its first event', () => {
  const fixture = captures.find(({ name }) => name === 'go1.21/messages')
  /** Where the first goroutine of the list that a capture begins with is created, in its processor's only batch. */
  const FIRST_CREATE = 19_082

  test('has no part in the list of goroutines: where time began is told to be lost', () => {
    const bytes = fixture!.bytes().slice()
    const whole = analyse(bytes).info
    expect(whole.problems.map(({ code }) => code)).not.toContain('ORIGIN_LOST')
    expect(bytes[FIRST_CREATE] & 0x3f).toBe(EvV1.GoCreate)
    // The last argument does not end where the event says that it does.
    bytes[FIRST_CREATE + 1 + bytes[FIRST_CREATE + 1]] |= 0x80
    const codes = analyse(bytes).info.problems.map(({ code }) => code)
    expect(codes).toContain('BATCH_DAMAGED')
    expect(codes).toContain('ORIGIN_LOST')
  })
})
