// target.test.ts: which programs may be asked, and under which address.

import { describe, expect, test } from 'vitest'
import type { Failure } from '../../src/base/failure.ts'
import { findTarget, namedTargets, type PullTarget, shownAddress, traceUrl } from '../../src/pull/target.ts'

function target(url: string, name = ''): PullTarget {
  return { name, url, service: '', instance: '', headers: {}, headersFile: '', caFile: '', certFile: '', keyFile: '' }
}

test.each([
  ['http://auth:6060', 'http://auth:6060/debug/pprof/trace?seconds=5'],
  ['http://auth:6060/', 'http://auth:6060/debug/pprof/trace?seconds=5'],
  ['http://auth:6060/debug/pprof/', 'http://auth:6060/debug/pprof/trace?seconds=5'],
  ['http://auth:6060/debug/pprof/trace', 'http://auth:6060/debug/pprof/trace?seconds=5'],
  ['https://auth/internal', 'https://auth/internal/debug/pprof/trace?seconds=5'],
  ['https://auth/_/trace?shard=2&seconds=9', 'https://auth/_/trace?shard=2&seconds=5'],
])('%s is asked at %s', (base, asked) => {
  expect(traceUrl(base, 5).href).toBe(asked)
})

test('an address is told without what may be secret in it', () => {
  expect(shownAddress('https://user:word@auth:6060/x/trace?token=1')).toBe('https://auth:6060/x/trace')
})

describe('the target that is meant', () => {
  const targets = namedTargets([target('http://auth:6060', 'auth'), target('http://cache:6060/')])

  test.each(['auth', 'http://auth:6060', 'http://auth:6060/', 'http://AUTH:6060/debug/pprof/trace?seconds=3'])(
    '%s is auth',
    (wanted) => expect(findTarget(targets, wanted)).toBe(targets[0]),
  )

  test.each(['cache:6060', 'http://cache:6060'])('%s is the one without a name', (wanted) =>
    expect(findTarget(targets, wanted)).toBe(targets[1]),
  )

  test.each([
    'http://auth:6061',
    'https://auth:6060',
    'http://auth:6060/x',
    'http://auth.evil:6060',
    'file:///etc/passwd',
    '',
  ])('%s is none, and those there are stand in the answer', (wanted) => {
    expect(() => findTarget(targets, wanted)).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        message: expect.stringContaining('auth, cache:6060') as unknown,
      }) as Failure,
    )
  })

  test('two of one address need names', () => {
    const twins = namedTargets([target('http://auth:6060', 'a'), target('http://auth:6060', 'b')])
    expect(() => findTarget(twins, 'http://auth:6060')).toThrow(/2 targets.*give each a name/)
    expect(findTarget(twins, 'b')).toBe(twins[1])
  })

  test('without any, the answer says so', () => {
    expect(() => findTarget([], 'auth')).toThrow(/pull\.targets lists none.*add it to pull\.targets/)
  })
})
