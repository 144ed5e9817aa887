// go-reader.test.ts (see README.md): every event of every capture at hand, held against what Go's own reader (golang.org/x/exp/trace) says of it: its kind, time,
// goroutine, processor and thread, and all that belongs to it. Runs where Go is installed and the reader's module can be had.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { captureFixtures } from '../support/fixtures.ts'
import { type Field, LineComparison, tellInGoWords } from '../support/go-lines.ts'
import { minorVersion } from '../support/v2-wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'subspan-reference-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Builds the program that prints what Go's reader says; tells why it cannot. */
function build(): { program: string; missing: string } {
  const program = join(folder, 'reference')
  try {
    execFileSync('go', ['build', '-trimpath', '-o', program, '.'], {
      cwd: fileURLToPath(new URL('reference/', import.meta.url)),
      stdio: 'pipe',
      timeout: 50_000,
    })
    return { program, missing: '' }
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer }
    const said = stderr?.toString().trim().split('\n').at(-1) ?? ''
    return {
      program,
      missing: code === 'ENOENT' ? 'Go is not installed' : `golang.org/x/exp/trace cannot be had: ${said}`,
    }
  }
}

/** What Go's reader says of a capture: the lines of its events, its stacks, and what ended it. */
function ask(program: string, path: string): { lines: string[]; stacks: Map<number, string>; problem: string } {
  const { stdout } = spawnSync(program, [path], { encoding: 'utf8', maxBuffer: 1 << 30 })
  const lines: string[] = []
  const stacks = new Map<number, string>()
  let problem = ''
  for (const line of stdout.split('\n')) {
    if (line.startsWith('=')) {
      const [, number, text] = line.split('\t')
      stacks.set(Number(number), text)
    } else if (line.startsWith('!')) {
      problem = JSON.parse(line.slice(2)) as string
    } else if (line !== '' && !line.startsWith('F') && !line.endsWith('\tExperimental')) {
      lines.push(line)
    }
  }
  return { lines, stacks, problem }
}

const { program, missing } = build()

/** Beside the fixtures: a folder of more captures, where there is one, and those of Go's own tree. */
const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url))
const golden = missing === '' ? join(goRoot(), 'src/internal/trace/internal/tracev1/testdata') : ''
const all = [
  ...['captures', 'damaged'].flatMap((name) => captureFixtures(name)).map(({ name, path }) => ({ name, path })),
  ...filesOf(corpus).map((name) => ({ name: `corpus/${name}`, path: join(corpus, name, 'trace.out') })),
  ...filesOf(golden).map((name) => ({ name: `go/${name}`, path: join(golden, name) })),
].filter(({ path }) => existsSync(path))
const versionOf = (path: string): number => minorVersion(new Uint8Array(readFileSync(path)))

function goRoot(): string {
  return execFileSync('go', ['env', 'GOROOT'], {
    encoding: 'utf8',
    env: { ...process.env, GOTOOLCHAIN: 'local' },
  }).trim()
}

function filesOf(folder: string): string[] {
  return folder !== '' && existsSync(folder) ? readdirSync(folder) : []
}

/** What the reader of Go 1.11 to 1.21 refuses: cut and damaged captures, and tasks or regions that contradict each other. */
const REFUSED = /^(go1\.21-|corpus\/(corrupt|truncated)-)/

/**
 * Fields of a line of the converted form that are not the event's own: it invents processors (from 1,000,000 on) for some events, makes the
 * goroutine that starts the one that ran before, and tells who was there at the begin in events of nobody, or of whom they tell.
 */
function otherwiseTold(line: string): readonly number[] {
  const [, , processor, , kind, , from, to] = line.split('\t')
  if (kind === 'G' && from === 'Undetermined') return [1, 2, 3]
  if (kind === 'G' && from === 'Runnable' && to === 'Running') return [1]
  return Number(processor) >= 1_000_000 ? [2, 3] : []
}

function timeOf(line: string): number {
  return Number(line.slice(0, line.indexOf('\t')))
}

/** The first event that is not as Go tells it, null when all are, and how many events we tell. */
function compare(
  path: string,
  lines: readonly string[],
  comparison: LineComparison,
): { difference: string | null; events: number } {
  let events = 0
  let difference: string | null = null
  tellInGoWords(new Uint8Array(readFileSync(path)), (fields) => {
    if (events < lines.length && difference === null) {
      const what = comparison.differs(fields, lines[events])
      if (what !== null) {
        difference = `event ${events + 1} of ${lines.length}: ${what}\nGo: ${lines[events]}\nbefore: ${lines[events - 1] ?? ''}`
      }
    }
    events++
  })
  return { difference, events }
}

describe.skipIf(missing !== '')(
  `events as Go's own reader tells them${missing === '' ? '' : ` (skipped: ${missing})`}`,
  () => {
    test.each(all.filter(({ path }) => [22, 23, 25, 26].includes(versionOf(path))))('$name', ({ path }) => {
      const { lines, stacks, problem } = ask(program, path)
      // Where Go's reader gives up it has told a beginning of what we tell, and closed it.
      if (problem !== '' && lines.at(-1)?.endsWith('\tSync') === true) lines.length--
      const { difference, events } = compare(path, lines, new LineComparison(stacks, problem === ''))
      expect(difference).toBeNull()
      if (problem === '') expect(events).toBe(lines.length)
      else expect(events).toBeGreaterThanOrEqual(lines.length)
    })
  },
)

describe.skipIf(missing !== '')(
  `events of Go 1.11 to 1.21 as Go's own reader turns them into newer ones${missing === '' ? '' : ` (skipped: ${missing})`}`,
  () => {
    test.each(all.filter(({ path }) => [11, 19, 21].includes(versionOf(path))))('$name', ({ path, name }) => {
      const { lines, stacks, problem } = ask(program, path)
      if (problem !== '') {
        // All or nothing: of a capture that is cut, damaged or misused it tells no event at all.
        expect(lines).toEqual([])
        expect(name).toMatch(REFUSED)
        return
      }
      const comparison = new LineComparison(stacks, versionOf(path) > 11)
      const events: Field[][] = []
      tellInGoWords(new Uint8Array(readFileSync(path)), (fields) => events.push(fields))
      expect(events.length).toBe(lines.length)
      for (let from = 0, to = 1; from < lines.length; from = to, to++) {
        // What happened at one instant on several processors is told in any order, a nanosecond apart.
        while (to < lines.length && timeOf(lines[to]) === timeOf(lines[to - 1]) + 1) to++
        const left = lines.slice(from, to)
        for (let at = from; at < to; at++) {
          const [timeNs, ...rest] = events[at]
          // The event that it begins with is none of the capture's, and a nanosecond before its first.
          expect(timeOf(lines[at])).toBe(at === 0 ? timeNs : Number(timeNs) + 1)
          const found = left.findIndex(
            (line) => comparison.differs([0, ...rest], line, [0, ...otherwiseTold(line)]) === null,
          )
          if (found < 0) {
            const why = comparison.differs([0, ...rest], left[0], [0, ...otherwiseTold(left[0])])
            expect.fail(`event ${at + 1} of ${lines.length}: ${why}\nGo: ${left.join('\n    ')}`)
          }
          left.splice(found, 1)
        }
      }
    })
  },
)
