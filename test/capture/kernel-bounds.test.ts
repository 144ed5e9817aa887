// kernel-bounds.test.ts: kernels touch nothing but their own columns, whatever a capture says. A position that is wrong by one row would
// change another column, and be seen by nobody.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'
import { STATES_REGISTERS_END } from '../../src/breakdown/states-layout.ts'
import { BLOCK_TIME, STATES_REGISTERS } from '../../src/capture/block-layout.ts'
import { REGISTERS_END as V1_REGISTERS_END } from '../../src/capture/v1/order-layout.ts'
import { REGISTERS_END as V2_REGISTERS_END } from '../../src/capture/v2/order-layout.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { addUp, analyse, captureFixtures } from '../support/fixtures.ts'
import { mutate } from '../support/mutations.ts'
import { Random } from '../support/random.ts'

type Column = Uint8Array | Uint16Array | Int32Array | Float64Array
type Kind = keyof typeof BYTES_OF

/** Bytes between two columns, and what is in them: not what any column begins with. */
const GUARD_BYTES = 4_096
const GUARD = 0xa5

/** What kernels must not touch. */
class Guards {
  private readonly guards: Uint8Array[] = []
  private readonly memories = new Set<KernelMemory>()
  private readonly columns: Column[] = []

  /** Each column made from here on lies between two guards, and is never used for another one. */
  constructor() {
    const { guards, memories, columns } = this
    // One signature for all of them.
    const prototype = KernelMemory.prototype as unknown as Record<Kind, (this: KernelMemory, length: number) => Column>
    for (const kind of ['uint8', 'uint16', 'int32', 'float64'] as const) {
      const make = prototype[kind]
      vi.spyOn(prototype, kind).mockImplementation(function (this: KernelMemory, length: number) {
        memories.add(this)
        const room = make.call(this, length + (2 * GUARD_BYTES) / BYTES_OF[kind])
        const rows = GUARD_BYTES / room.BYTES_PER_ELEMENT
        const { buffer, byteOffset, byteLength } = room
        guards.push(
          new Uint8Array(buffer, byteOffset, GUARD_BYTES).fill(GUARD),
          new Uint8Array(buffer, byteOffset + byteLength - GUARD_BYTES, GUARD_BYTES).fill(GUARD),
        )
        const column = room.subarray(rows, rows + length)
        columns.push(column)
        return column
      })
    }
    vi.spyOn(KernelMemory.prototype, 'release').mockReturnValue(undefined)
  }

  /** Bytes that were touched although nobody may. */
  touched(): number {
    let count = this.guards.reduce((sum, guard) => sum + guard.filter((byte) => byte !== GUARD).length, 0)
    for (const { buffer, usedBytes } of this.memories) {
      const unused = [
        [Math.max(V1_REGISTERS_END, V2_REGISTERS_END), STATES_REGISTERS],
        [STATES_REGISTERS_END, BLOCK_TIME],
        [usedBytes, buffer.byteLength],
      ]
      for (const [from, to] of unused) {
        count += new Uint8Array(buffer, from, to - from).filter((byte) => byte !== 0).length
      }
    }
    return count
  }

  get made(): number {
    return this.columns.length
  }
}

const BYTES_OF = { uint8: 1, uint16: 2, int32: 4, float64: 8 } as const

afterEach(() => {
  vi.restoreAllMocks()
})

/** What a capture tells as records and when its tasks are only added up, as text; what a refusal says. */
function told(capture: Uint8Array): string[] {
  return [() => analyse(capture, { timelines: true, stacks: true }), () => addUp(capture)].map((analysis) => {
    try {
      return JSON.stringify(analysis(), (_, value: unknown) =>
        typeof value === 'bigint'
          ? value.toString()
          : value instanceof Uint8Array
            ? Buffer.from(value).toString('latin1')
            : ArrayBuffer.isView(value)
              ? [...(value as Column)]
              : value,
      )
    } catch (thrown) {
      return String(thrown)
    }
  })
}

/** More tasks and goroutines at once than there is room for at first: columns become longer while tasks with regions begin, end and are added up. */
function crowd(): Uint8Array {
  const story = new CaptureStory()
  const most = 600
  let now = 0
  story.found(1, 'runnable').start(1)
  for (let task = 1; task <= most; task++) {
    story.at((now += 100)).taskBegin(task, `get ${task % 7}`, task % 3 === 0 ? task - 1 : 0)
    story.create(task + 1)
    story.regionBegin(task, 'part').log(task, 'key', 'value')
  }
  for (let task = most; task >= 1; task--)
    story
      .at((now += 100))
      .regionEnd(task, 'part')
      .taskEnd(task)
  story.stop()
  // What ended is added up meanwhile, and its rows are used again.
  for (let task = most + 1; task <= 2 * most; task++) {
    const goroutine = task - most + 1
    story
      .at((now += 100_000))
      .start(goroutine)
      .taskBegin(task, `get ${task % 5}`)
    story
      .at((now += 100))
      .regionBegin(task, 'part')
      .regionEnd(task, 'part')
      .taskEnd(task)
      .stop()
  }
  return story.bytes()
}

/** A task waits for a worker that serves so many others first, each of which held it up. */
function queue(others: number): Uint8Array {
  const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').start(1)
  let now = 0
  const then = (): CaptureStory => story.at((now += 100))
  for (let task = 1; task <= others; task++) then().taskBegin(task, 'served')
  const last = others + 1
  then().taskBegin(last, 'waits')
  then().block('chan receive', 'main.wait')
  then().start(2)
  for (let task = 1; task <= others; task++) {
    then().regionBegin(task, 'job')
    then().regionEnd(task, 'job')
    then().syscallBlocked(20)
    then().start(2)
  }
  then().regionBegin(last, 'job')
  then().regionEnd(last, 'job')
  then().unblock(1)
  then().block('sleep')
  then().start(1)
  then().taskEnd(last)
  return story.bytes()
}

const fixtures = ['captures', 'damaged'].flatMap((folder) => captureFixtures(folder))
const small = fixtures.filter((fixture) => fixture.bytes().length < 200_000)

describe('kernels', () => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
    'touch their own columns only: %s',
    (_, { bytes }) => {
      const capture = bytes()
      const expected = told(capture)
      const guards = new Guards()
      // What lies beside a column is another thing now: whoever reads there tells another story.
      expect(told(capture)).toEqual(expected)
      expect(guards.made).toBeGreaterThan(50)
      expect(guards.touched()).toBe(0)
    },
  )

  test('touch their own columns only, however many tasks and goroutines there are', () => {
    const capture = crowd()
    const { info, tasks } = analyse(capture)
    expect(info.problems).toEqual([])
    expect(tasks).toHaveLength(1_200)
    const expected = told(capture)
    const guards = new Guards()
    expect(told(capture)).toEqual(expected)
    expect(guards.touched()).toBe(0)
  })

  // There is room for 1,024 stretches in which something was held, each by another.
  test.each([1_024, 1_025])('touch their own columns only where %d tasks held one up', (others) => {
    const capture = queue(others)
    const { info, tasks } = analyse(capture, { timelines: true, stacks: true })
    expect(info.problems).toEqual([])
    expect(tasks.find(({ id }) => id === others + 1)?.longWaits[0].holders).toHaveLength(16)
    const expected = told(capture)
    const guards = new Guards()
    expect(told(capture)).toEqual(expected)
    expect(guards.touched()).toBe(0)
  })

  test('touch their own columns only, however a capture is broken', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new Random(seed)
      const capture = mutate(random.pick(small).bytes(), random, () => random.pick(small).bytes())
      const expected = told(capture)
      const guards = new Guards()
      expect(told(capture), `seed ${seed}`).toEqual(expected)
      expect(guards.touched(), `seed ${seed}`).toBe(0)
      vi.restoreAllMocks()
    }
  })
})
