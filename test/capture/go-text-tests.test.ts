// The tests of Go's own tree are captures in a readable form. They are not ours to copy: they are converted from an installed Go, by Go.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { analyse, fixturePath } from '../support/fixtures.ts'

interface Converted {
  readonly name: string
  readonly expect: 'SUCCESS' | 'FAILURE'
  readonly bytes: number
  readonly eventsByGoReader: number
  readonly readError: string | null
  readonly file: string
}

const folder = mkdtempSync(join(tmpdir(), 'subspan-go-tests-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Converts Go's tests; says why it cannot where Go 1.26 with its sources is not installed. */
function convert(): { tests: Converted[]; missing: string } {
  let root: string
  try {
    root = execFileSync('go', ['env', 'GOROOT'], {
      encoding: 'utf8',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    }).trim()
  } catch {
    return { tests: [], missing: 'Go is not installed' }
  }
  if (
    !existsSync(join(root, 'src/internal/trace/testdata/tests')) ||
    !existsSync(join(root, 'src/internal/trace/tracev2'))
  ) {
    return { tests: [], missing: `the Go in ${root} has no sources of a reader like that of Go 1.26` }
  }
  const program = join(folder, 'texttests')
  execFileSync('sh', [fixturePath('generators', 'with-go-reader.sh'), 'texttests', program], { stdio: 'pipe' })
  const output = execFileSync(program, [folder], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  return { tests: lines.map((line) => JSON.parse(line) as Converted), missing: '' }
}

const { tests, missing } = convert()

describe.skipIf(missing !== '')(
  `the text tests of Go's own tree${missing === '' ? '' : ` (skipped: ${missing})`}`,
  () => {
    test('there are at least the 22 of Go 1.26', () => {
      expect(tests.length).toBeGreaterThanOrEqual(22)
    })

    test.each(tests.filter((one) => one.expect === 'SUCCESS'))(
      '$name: read as Go reads it, $bytes bytes and $eventsByGoReader events',
      ({ file, bytes, eventsByGoReader }) => {
        const all = new Uint8Array(readFileSync(join(folder, file)))
        const { info } = analyse(all, { goTimes: true })
        expect({ bytes: info.bytes, events: info.events, problems: info.problems }).toEqual({
          bytes,
          events: eventsByGoReader,
          problems: [],
        })
      },
    )

    test.each(tests.filter((one) => one.expect === 'FAILURE'))(
      '$name: what Go gives up ($readError) is read with a problem told, or refused with a sentence',
      ({ file, eventsByGoReader }) => {
        const all = new Uint8Array(readFileSync(join(folder, file)))
        try {
          const { info } = analyse(all, { goTimes: true })
          expect(info.problems.length).toBeGreaterThan(0)
          // Go's reader counts no closing event where it gives up.
          expect(info.events).toBeGreaterThanOrEqual(eventsByGoReader)
        } catch (error) {
          expect(error).toBeInstanceOf(Failure)
        }
      },
    )
  },
)
