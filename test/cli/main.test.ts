// The command line as people meet it: the built program, run as a process of its own.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { captureFixtures } from '../support/fixtures.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
const [capture] = captureFixtures('captures/go1.27')

function subspan(args: readonly string[], input?: Uint8Array) {
  const run = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...(input === undefined ? {} : { input }),
  })
  return { exitCode: run.status, out: run.stdout, err: run.stderr }
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
