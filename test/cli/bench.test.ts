// bench.test.ts: the benchmark of captures runs, with Go or without. It asserts no times.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { captureFixtures } from '../support/fixtures.ts'

const [messages] = captureFixtures('captures/go1.26').filter(({ name }) => name === 'messages')
const bench = fileURLToPath(new URL('../bench/captures.bench.mjs', import.meta.url))

function run(env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, '--runs', '1', messages.path], {
    encoding: 'utf8',
    env,
  })
  return { status, stderr, rows: stdout.split('\n').filter((line) => line.startsWith('messages.trace')) }
}

test('the benchmark tells what analyze costs, beside Go where Go is installed', () => {
  const { status, stderr, rows } = run(process.env)
  expect(status, stderr).toBe(0)
  const programs = ['analyze', 'records', 'with stacks']
  if (rows.length > programs.length) programs.unshift("Go's reader")
  else expect(stderr).toContain('Without the Go program "reader"')
  expect(rows).toEqual(programs.map((program) => expect.stringContaining(`7,987  ${program}`) as string))
})

test('without Go the benchmark says so and measures Subspan alone', () => {
  const { status, stderr, rows } = run({ ...process.env, PATH: '/nowhere' })
  expect(status, stderr).toBe(0)
  expect(stderr).toContain('Without the Go program "reader": Go is not installed')
  expect(rows).toHaveLength(3)
})
