// reencode.test.ts: the bytes of a capture follow from what was decoded of it.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { analyse, captureFixtures, isV2 } from '../support/fixtures.ts'
import { reencode } from '../support/reencode.ts'

/** Beside the fixtures: a folder of more captures, where there is one. */
const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url))
const captures = [
  // Those written by hand hold what no runtime writes: equal times, statuses of other threads.
  ...captureFixtures().filter((fixture) => fixture.name.startsWith('go') && isV2(fixture)),
  ...(existsSync(corpus) ? readdirSync(corpus) : []).flatMap((name) => {
    const path = join(corpus, name, 'trace.out')
    if (!existsSync(path)) return []
    const fixture = {
      name: `corpus/${name}`,
      path,
      bytes: () => new Uint8Array(readFileSync(path)),
      beside: () => null,
    }
    return isV2(fixture) ? [fixture] : []
  }),
].flatMap(({ name, bytes }) => {
  // A damaged capture cannot follow from what could be read of it.
  try {
    const damaged = analyse(bytes()).info.problems.some(({ code }) => !/MISUSE|CLOCK_STEP/.test(code))
    return damaged ? [] : [{ name, bytes }]
  } catch {
    return []
  }
})

describe('a recorded capture', () => {
  test('there are captures of every format', () => {
    expect(captures.length).toBeGreaterThanOrEqual(20)
  })

  test.each(captures)('$name: written again from its decoded events it is the same, byte for byte', ({ bytes }) => {
    const original = bytes()
    expect(Buffer.compare(reencode(original), original)).toBe(0)
  })
})
