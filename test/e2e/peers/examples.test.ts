// examples.test.ts: the Go module of examples/go is in order by Go's own tools.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { peersFolder } from './peers.ts'

const cwd = fileURLToPath(new URL('../../../examples/go', import.meta.url))
const run = promisify(execFile)

describe.skipIf(peersFolder === null)('examples/go', () => {
  test('passes its own tests', async () => {
    const { stdout } = await run('go', ['test', './...'], { cwd })
    expect(stdout.match(/^ok /gm)).toHaveLength(4)
  })

  test('is formatted, vetted and tidy', async () => {
    expect((await run('gofmt', ['-l', '.'], { cwd })).stdout).toBe('')
    await run('go', ['vet', './...'], { cwd })
    await run('go', ['mod', 'tidy', '-diff'], { cwd })
  })
})
