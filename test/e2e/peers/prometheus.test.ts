// prometheus.test.ts: what docs/ gives to Prometheus and Grafana, checked by Prometheus' own code (promrules).

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { peersFolder } from './peers.ts'

test.skipIf(peersFolder === null)(
  'the configuration, the rules, what raises each alert, and the queries of the dashboard',
  () => {
    const { status, stdout } = spawnSync(join(peersFolder ?? '', 'promrules'), ['-test.v'], {
      env: { ...process.env, DOCS: fileURLToPath(new URL('../../../docs', import.meta.url)) },
      encoding: 'utf8',
    })
    expect(status, stdout).toBe(0)
    expect(stdout).toMatch(/^--- PASS: TestEveryRuleGivesWhatItSays/m)
  },
)
