// captures.fuzz.ts: captures broken in every way that comes to mind, for as long as one likes. `npm run test:fuzz`
//
//   FUZZ_SECONDS  how long (default 60)
//   FUZZ_CASES    how many at most (default: as many as there is time for); with it, time does not end the run
//   FUZZ_SEED     where chance begins (default: the clock); it is printed
//   FUZZ_FIRST    number of the first case (default 0): for going on where a run ended
//   FUZZ_CASE     only this case of the seed: what a failure tells to run again
//
// Whatever fails is written to a file first, so that it can be looked at and kept under `proto-fixtures/damaged/`.

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { captureFixtures } from '../support/fixtures.ts'
import { checkGoTimes, checkInvariants } from '../support/invariants.ts'
import { mutate } from '../support/mutations.ts'
import { Random } from '../support/random.ts'
import { Watchdog } from '../support/watchdog.ts'

const seconds = Number(process.env.FUZZ_SECONDS ?? 60)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007)
const only = process.env.FUZZ_CASE === undefined ? null : Number(process.env.FUZZ_CASE)
const first = Number(process.env.FUZZ_FIRST ?? 0)
const most = process.env.FUZZ_CASES === undefined ? Infinity : Number(process.env.FUZZ_CASES)

/** No capture of the fixtures takes a tenth of this, on a machine that does other things besides. */
const HANG_MS = 60_000

const fixtures = ['captures', 'damaged'].flatMap((folder) => captureFixtures(folder))
const small = fixtures.filter((fixture) => fixture.bytes().length < 4_096)
const cache = new Map<string, Uint8Array>()

function bytesOf({ name, bytes }: (typeof fixtures)[number]): Uint8Array {
  let known = cache.get(name)
  if (known === undefined) cache.set(name, (known = bytes()))
  return known
}

/** The capture of a case, and what it was made of. */
function captureOf(index: number): { name: string; capture: Uint8Array } {
  const random = new Random((seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0)
  const pick = () => random.pick(random.next() < 0.4 ? small : fixtures)
  const fixture = pick()
  return { name: fixture.name, capture: mutate(bytesOf(fixture), random, () => bytesOf(pick())) }
}

const watchdog = new Watchdog(HANG_MS, `FUZZ_SEED=${seed} FUZZ_CASE=%d npm run test:fuzz`)
afterAll(() => watchdog.stop())

test(
  'no broken capture crashes, hangs, takes memory without end, or gives parts that do not add up',
  { timeout: 24 * 3_600_000 },
  () => {
    const until = Date.now() + seconds * 1000
    let cases = 0
    let refused = 0
    let bytes = 0
    let tasks = 0
    let largest = 0
    const failures: string[] = []
    const codes = new Map<string, number>()
    for (let index = only ?? first; only === null ? cases < most : index === only; index++) {
      if (only === null && most === Infinity && Date.now() > until) break
      const { name, capture } = captureOf(index)
      const file = join(tmpdir(), `subspan-fuzz-${seed}-${index}.trace`)
      if (only !== null) writeFileSync(file, capture)
      watchdog.begin(index)
      try {
        const outcome = checkInvariants(capture, index % 3 === 0 ? 1_021 : 65_521)
        if (index % 3 === 1) checkGoTimes(capture)
        if (outcome.info === null) refused++
        for (const { code, count } of outcome.info?.problems ?? []) codes.set(code, (codes.get(code) ?? 0) + count)
        tasks += outcome.tasks
        largest = Math.max(largest, outcome.arrayBytes / (capture.length + 1_000_000))
      } catch (thrown) {
        writeFileSync(file, capture)
        const why = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
        failures.push(`${name}, kept as ${file}; again: FUZZ_SEED=${seed} FUZZ_CASE=${index} npm run test:fuzz\n${why}`)
        if (failures.length >= 10) break
      }
      cases++
      bytes += capture.length
    }
    watchdog.rest()
    console.log(
      `seed ${seed}: ${cases.toLocaleString('en-US')} broken captures, ${(bytes / 1e6).toFixed(0)} MB, ${refused.toLocaleString('en-US')} refused, ` +
        `${tasks.toLocaleString('en-US')} tasks, at most ${largest.toFixed(1)} bytes of arrays per byte and megabyte; problems: ` +
        [...codes].map(([code, count]) => `${code} ${count.toLocaleString('en-US')}`).join(', '),
    )
    expect(failures).toEqual([])
    expect(cases).toBeGreaterThan(0)
  },
)
