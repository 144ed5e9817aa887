// decode-ahead.test.ts: a capture decoded in a thread ahead of its analysis is told as one that is decoded on the same thread.

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import { BLOCK_ROWS, BLOCKS } from '../../src/capture/block-layout.ts'
import type { DecodeSink } from '../../src/capture/event-source.ts'
import { readHeader } from '../../src/capture/header.ts'
import { DecodeAhead } from '../../src/decoding/decode-ahead.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { analyse, captureFixtures, plainTask } from '../support/fixtures.ts'
import { mutate } from '../support/mutations.ts'
import { Random } from '../support/random.ts'
import { lostOf, toldEvents, writingTo } from '../support/told-events.ts'

/** Compiled by `npm run build`, which `npm test` runs first. */
const workerUrl = new URL('../../dist/decoding/decode-ahead-worker.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'subspan-ahead-'))
afterAll(() => rmSync(folder, { recursive: true }))

const captures = [...captureFixtures(), ...captureFixtures('damaged')]
  .map(({ name, bytes }) => ({ name, bytes: bytes() }))
  .filter(({ bytes }) => isOfGo122(bytes))

function isOfGo122(bytes: Uint8Array): boolean {
  try {
    return readHeader(bytes).streams
  } catch {
    return false
  }
}

/** Has a file decoded ahead while `use` takes what is told; the thread and the file are gone after that. */
async function ahead<Result>(
  bytes: Uint8Array,
  goTimes: boolean,
  use: (ahead: DecodeAhead) => Promise<Result>,
): Promise<Result> {
  const path = join(folder, 'capture.trace')
  writeFileSync(path, bytes)
  const file = openSync(path, 'r')
  const decoder = new DecodeAhead({ name: 'the capture', file, header: readHeader(bytes) }, { goTimes }, workerUrl)
  try {
    return await use(decoder)
  } finally {
    await decoder.close()
    closeSync(file)
  }
}

/** Takes all that is told. */
async function taken({ step }: { step: () => boolean }): Promise<void> {
  while (step()) await turn()
}

/** As `toldEvents`. */
async function toldAhead(bytes: Uint8Array, goTimes: boolean): Promise<unknown> {
  const rows: string[] = []
  return ahead(bytes, goTimes, async (decoder) => {
    decoder.to({}, writingTo(rows))
    await taken({ step: () => decoder.step() })
    return { rows, end: { info: decoder.end(), lost: lostOf(decoder) } }
  })
}

describe('a capture that is decoded ahead', () => {
  test.each(captures)('$name: every event, problem and lost stretch is the same', async ({ bytes }) => {
    for (const goTimes of [false, true]) expect(await toldAhead(bytes, goTimes)).toEqual(toldEvents(bytes, goTimes))
  })

  test('so are those of captures that are broken', async () => {
    const random = new Random(71)
    for (let n = 0; n < 60; n++) {
      const { bytes } = random.pick(captures)
      const broken = mutate(bytes, random, () => random.pick(captures).bytes)
      if (!isOfGo122(broken)) continue
      expect(await toldAhead(broken, false)).toEqual(toldEvents(broken, false))
    }
  })

  test('comes to the same tasks, names and stacks, with problems in the same order', async () => {
    for (const { name, bytes } of captures.filter((_, i) => i % 3 === 0)) {
      const tasks: unknown[] = []
      const options = { timelines: true, stacks: true }
      const told = await ahead(bytes, false, async (decoder) => {
        const analysis = new CaptureAnalysis(options, { task: (task) => tasks.push(plainTask(task)) }, decoder.to)
        await taken({ step: () => analysis.step() })
        return { info: analysis.end(), tasks, tables: analysis.tables }
      })
      expect(told, name).toEqual(analyse(bytes, options))
    }
  })
})

describe('the thread that decodes ahead', () => {
  const { bytes } = captures.reduce((longest, one) => (one.bytes.length > longest.bytes.length ? one : longest))

  test('waits while nobody takes what it told: that stays as it was written', async () => {
    const long = longerThanTheRing()
    const rows: string[] = []
    const end = await ahead(long, false, async (decoder) => {
      decoder.to({}, writingTo(rows))
      await sleep(300)
      decoder.step()
      await sleep(100)
      await taken({ step: () => decoder.step() })
      return { info: decoder.end(), lost: lostOf(decoder) }
    })
    const here = toldEvents(long, false)
    expect(end).toEqual(here.end)
    // Too many to show which.
    expect(rows.join('\n') === here.rows.join('\n')).toBe(true)
  })

  test('ends when nobody takes any more', async () => {
    let blocks = 0
    const sink: DecodeSink = { events: () => void blocks++ }
    await ahead(longerThanTheRing(), false, async (decoder) => {
      await turn()
      decoder.to({}, sink)
      while (blocks === 0) decoder.step()
    })
    expect(blocks).toBeGreaterThan(0)
  })

  test('is told of when it dies', async () => {
    const fails = ahead(bytes, false, async (decoder) => {
      await decoder.close()
      await taken({ step: () => decoder.step() })
    })
    await expect(fails).rejects.toMatchObject({ code: 'CAPTURE_WORKER' })
    await expect(fails).rejects.toThrow(/the thread that decodes the capture died/)
  })

  test('says which file it cannot read', async () => {
    const file = openSync(folder, 'r')
    const decoder = new DecodeAhead({ name: 'a folder', file, header: readHeader(bytes) }, {}, workerUrl)
    await expect(taken({ step: () => decoder.step() })).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(/^a folder cannot be read: EISDIR/) as unknown,
    })
    await decoder.close()
    closeSync(file)
  })
})

/** A capture of more events than the ring has places for. */
function longerThanTheRing(): Uint8Array {
  const story = new CaptureStory().found(1, 'running')
  for (let n = 0, ns = 100; n < BLOCKS * BLOCK_ROWS; n++, ns += 30) {
    story
      .at(ns)
      .block(n % 2 === 0 ? 'sleep' : 'select')
      .at(ns + 10)
      .unblock(1)
      .at(ns + 20)
      .start(1)
  }
  return story.bytes()
}
