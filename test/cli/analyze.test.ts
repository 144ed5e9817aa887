import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { analyze } from '../../src/cli/analyze.ts'
import { CaptureStory } from '../support/capture-story.ts'
import { captureFixtures, fixturePath } from '../support/fixtures.ts'
import { keptTerminal } from '../support/terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'subspan-analyze-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface AnalysisJson {
  readonly capture: {
    readonly header: string
    readonly events: number
    readonly problems: readonly { message: string }[]
  }
  readonly tasks: readonly {
    readonly id: string
    readonly name: string
    readonly type: string
    readonly path: { readonly totalNs: number } | null
  }[]
}

async function run(paths: readonly string[], format: 'text' | 'json' | 'jsonl' = 'json') {
  const written = keptTerminal()
  const exitCode = await analyze(paths, { format, goTimes: false }, written.terminal)
  await written.terminal.flush()
  return { exitCode, out: written.out(), err: written.err() }
}

const [messages] = captureFixtures('captures/go1.26').filter(({ name }) => name === 'messages')

describe('subspan analyze', () => {
  test('json is one object on one line, tasks first, with types that are names without ids', async () => {
    const { exitCode, out, err } = await run([messages.path])
    expect(exitCode).toBe(0)
    expect(err).toBe('')
    expect(out.trimEnd().split('\n')).toHaveLength(1)
    const { capture, tasks } = JSON.parse(out) as AnalysisJson
    expect(capture.header).toBe('go 1.26 trace')
    const token = tasks.filter(({ type }) => type === 'auth.AccessToken')
    expect(token.length).toBeGreaterThan(3)
    for (const { name } of token) expect(name).toMatch(/^auth\.AccessToken .*[0-9a-f]{32}/)
  })

  test('json lines are the same tasks, one a line, the capture last', async () => {
    const whole = JSON.parse((await run([messages.path])).out) as AnalysisJson
    const lines = (await run([messages.path], 'jsonl')).out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines.slice(0, -1)).toEqual(whole.tasks)
    expect(lines.at(-1)).toEqual({ capture: whole.capture })
  })

  test.skipIf(process.platform === 'win32')('a named pipe is read to its end', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', messages.path, pipe])
    const ended = once(writer, 'exit')
    const { out } = await run([pipe], 'jsonl')
    expect(out.replaceAll(pipe, messages.path)).toBe((await run([messages.path], 'jsonl')).out)
    expect(await ended).toEqual([0, null])
  })

  test('text names the kinds of task and where their time went', async () => {
    const { out } = await run([messages.path], 'text')
    expect(out).toMatch(/go 1\.26 trace · .* events · .* tasks/)
    expect(out).toMatch(/Tasks by type\n.*count.*median.*where the time went/)
    expect(out).toMatch(/spanner\.Query +\d+ .* % network/)
    expect(out).toMatch(/c on CPU/)
    expect(out).not.toMatch(/\u001b/)
  })

  test('a capture packed with gzip says the same as the plain one', async () => {
    const packed = join(folder, 'packed.trace.gz')
    writeFileSync(packed, gzipSync(readFileSync(messages.path)))
    const plain = JSON.parse((await run([messages.path])).out) as AnalysisJson
    const unpacked = JSON.parse((await run([packed])).out) as AnalysisJson
    expect(unpacked.tasks).toEqual(plain.tasks)
  })

  test('a capture of one generation that outgrows the rooms it is read into says the same plain and packed', async () => {
    const story = new CaptureStory().found(1, 'runnable').found(2, 'runnable').start(1)
    for (let task = 1; task <= 200; task++) {
      story.at(task * 1_000_000).taskBegin(task, `request ${task}`)
      for (let turn = 1; turn <= 2_500; turn++)
        story
          .at(task * 1_000_000 + turn * 300)
          .stop()
          .start(1)
      story.taskEnd(task)
    }
    const bytes = story.bytes()
    expect(bytes.length).toBeGreaterThan(3.5 * 2 ** 20)
    const plain = join(folder, 'large.trace')
    const packed = join(folder, 'large.trace.gz')
    writeFileSync(plain, bytes)
    writeFileSync(packed, gzipSync(bytes, { level: 1 }))
    const told = JSON.parse((await run([plain])).out) as AnalysisJson
    const unpacked = JSON.parse((await run([packed])).out) as AnalysisJson
    expect(told.tasks.length).toBeGreaterThanOrEqual(200)
    expect(unpacked.tasks).toEqual(told.tasks)
    expect({ ...unpacked.capture, file: '', bytes: 0 }).toEqual({ ...told.capture, file: '', bytes: 0 })
  })

  test('a gzip that is cut gives what came before the cut, and exit 1', async () => {
    const packed = join(folder, 'cut.trace.gz')
    const bytes = gzipSync(readFileSync(messages.path))
    writeFileSync(packed, bytes.subarray(0, Math.floor(bytes.length * 0.8)))
    const { exitCode, out, err } = await run([packed])
    expect(exitCode).toBe(1)
    expect((JSON.parse(out) as AnalysisJson).tasks.length).toBeGreaterThan(0)
    expect(err).toMatch(/gzip, but unpacking failed/)
  })

  test('of several inputs, one that cannot be used costs only itself', async () => {
    const { exitCode, out, err } = await run([join(folder, 'absent.trace'), messages.path])
    expect(exitCode).toBe(1)
    expect(err).toMatch(/absent\.trace does not exist/)
    expect((JSON.parse(out) as AnalysisJson).tasks.length).toBeGreaterThan(0)
  })

  test('control characters in names do not reach the terminal', async () => {
    const evil = join(folder, 'evil.trace')
    const bytes = readFileSync(messages.path)
    // Ends with a line feed: a name must not begin a line of a table.
    let at = bytes.indexOf('response.encode')
    while (at >= 0) {
      bytes.write('\u001b[2J\u0007hid\ten\n', at, 'latin1')
      at = bytes.indexOf('response.encode', at + 1)
    }
    writeFileSync(evil, bytes)
    const { out } = await run([evil], 'text')
    expect(out).toContain('\\u001b[2J\\u0007hid\\u0009en\\u000a')
    expect(out).not.toMatch(/[\u001b\u0007]/)
  })
})

interface Damaged {
  readonly file: string
  readonly how: string
  readonly exitCode: number
  readonly problems: boolean
  /** Of each group at least one must stand in the sentence. */
  readonly mentions: readonly (readonly string[])[]
  readonly goTasks: number
}

const damaged = (JSON.parse(readFileSync(fixturePath('damaged', 'expected.json'), 'utf8')) as { files: Damaged[] })
  .files

describe('a capture that is none, or not whole', () => {
  test.each(damaged)('$file ($how): exit $exitCode', async ({ file, exitCode, problems, mentions, goTasks }) => {
    const result = await run([fixturePath('damaged', file)])
    expect(result.exitCode).toBe(exitCode)
    expect(result.err).not.toMatch(/^\s+at /m)
    for (const words of mentions)
      expect(
        words.some((word) => result.err.includes(word)),
        `${result.err} mentions ${words.join()}`,
      ).toBe(true)
    if (exitCode === 0) {
      const { capture, tasks } = JSON.parse(result.out) as AnalysisJson
      expect(capture.problems.length > 0).toBe(problems)
      expect(tasks.filter(({ id }) => id !== '0').length).toBeGreaterThanOrEqual(goTasks)
      for (const { message } of capture.problems) expect(result.err).toContain(message)
    } else {
      expect(result.err.trim().length).toBeGreaterThan(40)
    }
  })
})
