// The command line as people meet it: the built program, run as a process of its own.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/base/bytes.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { HEADER_BYTES } from '../../src/capture/header.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { GenerationFramer } from '../../src/capture/v2/framing.ts'
import { wireFormat } from '../../src/capture/v2/wire-format.ts'
import { usableProcessors } from '../../src/decoding/processors.ts'
import { captureFixtures } from '../support/fixtures.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
const [capture] = captureFixtures('captures/go1.27')

const folder = mkdtempSync(join(tmpdir(), 'subspan-main-'))
afterAll(() => rmSync(folder, { recursive: true }))

function subspan(args: readonly string[], input?: Uint8Array) {
  const run = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...(input === undefined ? {} : { input }),
  })
  return { exitCode: run.status, out: run.stdout, err: run.stderr }
}

/** A capture with another generation, of 32 MiB of an experiment's batches, which nobody reads. */
function enlarged(bytes: Uint8Array): Uint8Array {
  let last = 0
  let timeUnits = 0
  const framer = new GenerationFramer(
    wireFormat(26),
    HEADER_BYTES,
    new ProblemList(),
    newCaptureMemory(),
    (generation) => {
      last = generation.number
      timeUnits = Math.max(...generation.batches.map((batch) => batch.timeUnits))
    },
  )
  framer.push(bytes.subarray(HEADER_BYTES))
  framer.end()
  const header = new ByteWriter()
  for (const value of [Ev.ExperimentalBatch, 1, last + 1, 1, timeUnits, 65_536]) header.varint(value)
  const batch = new Uint8Array(header.length + 65_536)
  batch.set(header.take())
  return Buffer.concat([bytes, ...Array.from({ length: 512 }, () => batch), Uint8Array.of(Ev.EndOfGeneration)])
}

describe('the command line', () => {
  test('--version prints the version of the package', () => {
    expect(subspan(['--version'])).toEqual({ exitCode: 0, out: `${manifest.version}\n`, err: '' })
  })

  test.each(['serve', 'pull', 'analyze', 'join', 'enrich', 'config'])('the help of %s has examples', (command) => {
    const { exitCode, out } = subspan([command, '--help'])
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      new RegExp(`^Usage: subspan ${command} .*[\\s\\S]*Examples:\\n {2}\\$ .*subspan ${command}`, 'm'),
    )
  })

  test('the help names every command, the exit codes and examples', () => {
    const { exitCode, out } = subspan(['--help'])
    expect(exitCode).toBe(0)
    for (const command of ['serve', 'analyze', 'join', 'enrich', 'config']) expect(out).toContain(`  ${command} `)
    expect(out).toMatch(/Exit codes: 0 done, 1 .*, 2 wrong usage/)
  })

  test.each([
    [['analize', 'trace.out'], /unknown command 'analize'.*Did you mean analyze/s],
    [['analyze'], /missing required argument 'capture'/],
    [['analyze', '--format', 'xml', 'a'], /'xml' is invalid.*text, json, jsonl/s],
    [['join', '--spans', 'a'], /required option '--capture/],
    [['serve', '--set', 'hold.mode'], /form path=value/],
    [['serve', '--set', 'hold.mode=sometimes'], /hold\.mode is "sometimes"/],
    [['join', '--spans', '-', '--capture', '-'], /"-" is named more than once/],
    [[], /Usage: subspan/],
  ])('%j is wrong usage: exit 2 and a sentence', (args, sentence) => {
    const { exitCode, out, err } = subspan(args)
    expect(exitCode).toBe(2)
    expect(err).toMatch(sentence)
    expect(out).toBe('')
  })

  test('an input that cannot be used is exit 1 and a sentence, without a stack', () => {
    const { exitCode, err } = subspan(['analyze', 'no-such-file.trace'])
    expect(exitCode).toBe(1)
    expect(err).toMatch(/^no-such-file\.trace does not exist: check the path/)
    expect(err).not.toMatch(/^\s+at /m)
  })

  test.each(['text', 'json', 'jsonl'])(
    'a large file says in %s what standard input says, of which text is decoded by another thread',
    (format) => {
      const file = join(folder, 'large.trace')
      const bytes = enlarged(
        captureFixtures('captures/go1.26')
          .filter(({ name }) => name === 'messages-long')[0]
          .bytes(),
      )
      writeFileSync(file, bytes)
      const read = subspan(['analyze', '--format', format, file])
      const fed = subspan(['analyze', '--format', format, '-'], bytes)
      expect(read.exitCode).toBe(0)
      expect(read.err).toMatch(/states no clock frequency/)
      expect(read.err.replaceAll(file, 'standard input')).toBe(fed.err)
      const named = (text: string): string => text.replaceAll(file, format === 'text' ? 'standard input' : '-')
      expect(named(read.out)).toBe(fed.out)
    },
  )

  test.skipIf(usableProcessors() === 1)('a file whose other thread cannot start is read by one', () => {
    const file = join(folder, 'large.trace')
    const bytes = enlarged(capture.bytes())
    writeFileSync(file, bytes)
    // Node starts no thread where the working directory is gone.
    const script = `mkdir "${folder}/gone" && cd "${folder}/gone" && rmdir "${folder}/gone" && "${process.execPath}" "${program}" analyze "${file}"`
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(stderr).toMatch(/the thread that decodes the capture died \(.+\)\. It is read again by one thread\./)
    expect(stdout.replaceAll(file, 'standard input')).toBe(subspan(['analyze', '-'], bytes).out)
    expect(status).toBe(0)
  })

  test('- is standard input', () => {
    const { exitCode, out } = subspan(['analyze', '--format', 'json', '-'], capture.bytes())
    expect(exitCode).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ capture: { file: '-' } })
  })

  test('a reader that stops reading early is no error', () => {
    const run = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" "${program}" analyze --format jsonl "${capture.path}" | head -n 1`],
      {
        encoding: 'utf8',
      },
    )
    expect(run.status).toBe(0)
    expect(run.stderr).toBe('')
    expect(run.stdout.split('\n')).toHaveLength(2)
  })

  test('config shows every option', () => {
    const { exitCode, out } = subspan(['config'])
    expect(exitCode).toBe(0)
    expect(out).toMatch(/hold\.mode = auto {2}\(by default\)/)
  })

  test('config refuses what serve would, without repeating a secret', () => {
    const { exitCode, out, err } = subspan([
      'config',
      '--set',
      'destinations=[{name: vendor, endpoint: "http://user:a-long-secret@127.0.0.1:4318"}]',
    ])
    expect(exitCode).toBe(1)
    expect(err).toMatch(/destinations\.0\.endpoint has a user or password in it/)
    expect(out + err).not.toContain('a-long-secret')
  })
})
