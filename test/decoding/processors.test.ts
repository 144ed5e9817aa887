// processors.test.ts: how many processors' time a process may use, by what control groups say.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { usableProcessors } from '../../src/decoding/processors.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

/** What is told where these files say what control groups there are. */
function processorsBy(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), 'subspan-groups-'))
  roots.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `${text}\n`)
  }
  return usableProcessors(root)
}

const all = availableParallelism()
const version2 = 'sys/fs/cgroup'
const version1 = 'sys/fs/cgroup/cpu,cpuacct'

describe('processors whose time may be used', () => {
  test.each<[what: string, expected: number, files: Record<string, string>]>([
    ['are all where nothing limits them', all, {}],
    ['are all without a limit (version 2)', all, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: 'max 100000' }],
    ['are one for one processor', 1, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: '100000 100000' }],
    ['are one for less than one', 1, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: '25000 100000' }],
    ['are one for one and a half', 1, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: '75000 50000' }],
    ['are no more than there are', all, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: '99900000 100000' }],
    [
      'are those of the narrowest group around it',
      1,
      {
        'proc/self/cgroup': '0::/pods/one:two/app',
        [`${version2}/pods/one:two/app/cpu.max`]: 'max 100000',
        [`${version2}/pods/one:two/cpu.max`]: '100000 100000',
        [`${version2}/pods/cpu.max`]: '9900000 100000',
      },
    ],
    [
      'are those of version 1, at the group or where a container sees it',
      1,
      {
        'proc/self/cgroup': '5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/',
        [`${version1}/cpu.cfs_quota_us`]: '100000',
        [`${version1}/cpu.cfs_period_us`]: '100000',
      },
    ],
    [
      'are those of version 1 where the mount names the controllers in another order, and has a link for each',
      1,
      {
        'proc/self/cgroup': '4:cpuacct,cpu:/docker/1',
        'sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us': '100000',
        'sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us': '100000',
      },
    ],
    [
      'are all where version 1 says -1',
      all,
      {
        'proc/self/cgroup': '4:cpu,cpuacct:/',
        [`${version1}/cpu.cfs_quota_us`]: '-1',
        [`${version1}/cpu.cfs_period_us`]: '100000',
      },
    ],
    ['are all where what is said is no number', all, { 'proc/self/cgroup': '0::/', [`${version2}/cpu.max`]: 'x' }],
  ])('%s', (_, expected, files) => {
    expect(processorsBy(files)).toBe(expected)
  })
})
