// go-reader.test.ts: every event of every capture at hand, held against what Go's own reader (golang.org/x/exp/trace) says of it: its kind, time,
// goroutine, processor and thread, and all that belongs to it. Runs where Go is installed and the reader's module can be had.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { captureFixtures } from '../support/fixtures.ts'
import { LineComparison, tellInGoWords } from '../support/go-lines.ts'
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

/** Beside the fixtures: a folder of more captures, where there is one. */
const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url))
const captures = [
  ...['captures', 'damaged'].flatMap((name) => captureFixtures(name)).map(({ name, path }) => ({ name, path })),
  ...(existsSync(corpus) ? readdirSync(corpus) : [])
    .map((name) => ({ name: `corpus/${name}`, path: join(corpus, name, 'trace.out') }))
    .filter(({ path }) => existsSync(path)),
].filter(({ path }) => [22, 23, 25, 26].includes(minorVersion(new Uint8Array(readFileSync(path)))))

describe.skipIf(missing !== '')(
  `events as Go's own reader tells them${missing === '' ? '' : ` (skipped: ${missing})`}`,
  () => {
    test.each(captures)('$name', ({ path }) => {
      const { lines, stacks, problem } = ask(program, path)
      // Where Go's reader gives up it has told a beginning of what we tell, and closed it.
      if (problem !== '' && lines.at(-1)?.endsWith('\tSync') === true) lines.length--
      const comparison = new LineComparison(stacks, problem === '')
      let at = 0
      let difference: string | null = null
      tellInGoWords(new Uint8Array(readFileSync(path)), (fields) => {
        if (at < lines.length && difference === null) {
          const what = comparison.differs(fields, lines[at])
          if (what !== null)
            difference = `event ${at + 1} of ${lines.length}: ${what}\nGo: ${lines[at]}\nbefore: ${lines[at - 1] ?? ''}`
        }
        at++
      })
      // Where Go's reader gives up it has told a beginning of what we tell, and closed it.
      if (problem !== '' && lines.at(-1)?.endsWith('\tSync') === true) lines.length--
      expect(difference).toBeNull()
      if (problem === '') expect(at).toBe(lines.length)
      else expect(at).toBeGreaterThanOrEqual(lines.length)
    })
  },
)
