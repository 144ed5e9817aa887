import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { fieldOf, loadConfig } from '../../src/config/load.ts'
import { DEFAULTS, DESTINATION_OPTIONS, OPTIONS } from '../../src/config/options.ts'
import { renderReference } from '../../src/config/reference.ts'

const folder = mkdtempSync(join(tmpdir(), 'subspan-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function fileOf(yaml: string): string {
  const path = join(folder, `subspan-${++files}.yaml`)
  writeFileSync(path, yaml)
  return path
}

function load(yaml: string | null, environment: Record<string, string> = {}, flags: Record<string, string> = {}) {
  return loadConfig({ file: yaml === null ? null : fileOf(yaml), environment, flags })
}

function complaints(
  yaml: string | null,
  environment: Record<string, string> = {},
  flags: Record<string, string> = {},
): string {
  try {
    load(yaml, environment, flags)
  } catch (error) {
    if (error instanceof Failure && error.code === 'CONFIG') return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('the options', () => {
  test('every leaf of the configuration has one, and every one has a place', () => {
    const leaves = (value: object, prefix: string): string[] =>
      Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
        typeof inner === 'object' && inner !== null && !Array.isArray(inner)
          ? leaves(inner, `${prefix}${key}.`)
          : [prefix + key],
      )
    expect(OPTIONS.map(({ field }) => field).sort()).toEqual(leaves(DEFAULTS, '').sort())
  })

  test('what is shown of a default can be written again and means the same', () => {
    for (const option of OPTIONS) {
      const value = fieldOf(DEFAULTS, option.field)
      if (Array.isArray(value) || value === '') continue
      const { config } = load(null, { [option.variable]: option.show(value) })
      expect(fieldOf(config, option.field), option.name).toEqual(value)
    }
  })

  test('variables are the names in upper case', () => {
    const variable = (name: string) => OPTIONS.find((option) => option.name === name)?.variable
    expect(variable('data.dir')).toBe('SUBSPAN_DATA_DIR')
    expect(variable('hold.mode')).toBe('SUBSPAN_HOLD_MODE')
    expect(variable('hold.max')).toBe('SUBSPAN_HOLD_MAX')
    expect(variable('receivers.otlpHttp.port')).toBe('SUBSPAN_RECEIVERS_OTLP_HTTP_PORT')
  })
})

describe('the sources', () => {
  test('with none, everything has its default', () => {
    const { config, origins } = load(null, { PATH: '/bin', SUBSPANNED: 'no' })
    expect(config).toEqual(DEFAULTS)
    expect(new Set(origins.values())).toEqual(new Set(['default']))
  })

  test('the environment wins over the file, a flag over both, and each says where it was told', () => {
    const { config, origins } = load(
      'hold:\n  max: 2500ms\n  mode: never\nreceivers:\n  otlpHttp:\n    port: 14318\n',
      { SUBSPAN_HOLD_MAX: '3s', SUBSPAN_HOLD_MODE: 'always' },
      { 'hold.mode': 'auto' },
    )
    expect(config.hold).toMatchObject({ maxMs: 3000, mode: 'auto' })
    expect(config.receivers.otlpHttp.port).toBe(14318)
    expect(origins.get('hold.max')).toBe('SUBSPAN_HOLD_MAX')
    expect(origins.get('hold.mode')).toBe('--set')
    expect(origins.get('receivers.otlpHttp.port')).toMatch(/subspan-\d+\.yaml:6:5$/)
  })

  test('the variables that Kubernetes sets for a service of our name are none of ours', () => {
    const variables = {
      SUBSPAN_SERVICE_HOST: '10.0.0.7',
      SUBSPAN_SERVICE_PORT: '4318',
      SUBSPAN_SERVICE_PORT_OTLP_HTTP: '4318',
      SUBSPAN_PORT: 'tcp://10.0.0.7:4318',
      SUBSPAN_PORT_4318_TCP_ADDR: '10.0.0.7',
    }
    expect(load(null, variables).config).toEqual(DEFAULTS)
  })

  test('an empty file, and keys without values, change nothing', () => {
    expect(load('').config).toEqual(DEFAULTS)
    expect(load('hold:\n  mode:\nstore:\n').config).toEqual(DEFAULTS)
  })

  test.each([
    ['500ms', 500],
    ['8s', 8000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['0', 0],
  ])('a time of %s is %d ms', (written, ms) => {
    expect(load(null, { SUBSPAN_HOLD_MAX: written }).config.hold.maxMs).toBe(ms)
  })

  test.each([
    ['64MiB', 67_108_864],
    ['1GB', 1e9],
    ['4194304', 4_194_304],
    ['1.5 GiB', 1_610_612_736],
  ])('a size of %s is %d bytes', (written, bytes) => {
    expect(load(null, { SUBSPAN_STORE_MAX_BYTES: written }).config.store.maxBytes).toBe(bytes)
  })

  test('destinations have what is not written filled in, from a file or a variable', () => {
    const yaml =
      'destinations:\n  - endpoint: http://jaeger:4318\n  - name: tempo\n    endpoint: https://tempo/otlp\n    timeout: 3s\n    headers:\n      authorization: Bearer secret\n'
    const { destinations } = load(yaml).config
    expect(destinations[0]).toMatchObject({
      name: 'default',
      endpoint: 'http://jaeger:4318',
      protocol: 'http/protobuf',
      late: true,
      timeoutMs: 10_000,
    })
    expect(destinations[1]).toMatchObject({
      name: 'tempo',
      timeoutMs: 3000,
      headers: { authorization: 'Bearer secret' },
    })
    const { config } = load(null, { SUBSPAN_DESTINATIONS: '[{"endpoint": "http://jaeger:4318"}]' })
    expect(config.destinations).toEqual([destinations[0]])
  })
})

describe('targets of pulls', () => {
  test('from a file, a variable, and parts of one', () => {
    const yaml =
      'pull:\n  maxLength: 2m\n  targets:\n    - url: http://auth:6060\n      service: auth\n    - url: http://cache:6060\n'
    const { config, origins } = load(
      yaml,
      { SUBSPAN_PULL_TARGETS_1_NAME: 'cache' },
      { 'pull.targets.1.instance': 'cache-0' },
    )
    expect(config.pull.maxLengthMs).toBe(120_000)
    expect(config.pull.targets).toMatchObject([
      { name: '', url: 'http://auth:6060', service: 'auth', instance: '', headers: {} },
      { name: 'cache', url: 'http://cache:6060', service: '', instance: 'cache-0' },
    ])
    expect(origins.get('pull.targets.0.url')).toMatch(/\.yaml:4:7$/)
    expect(
      load(null, { SUBSPAN_PULL_TARGETS: '[{url: "http://a", service: a}]' }, {}).config.pull.targets,
    ).toMatchObject([{ url: 'http://a', service: 'a' }])
  })

  test.each<[yaml: string, complaint: RegExp]>([
    [
      'pull:\n  targets:\n    - service: auth\n',
      /pull\.targets\.0\.url is missing: write the address of the program's pprof/,
    ],
    ['pull:\n  targets:\n    - http://auth:6060\n', /pull\.targets is no list of targets.*with its url below/],
    ['pull:\n  targets:\n    - url: auth\n', /pull\.targets\.0\.url is "auth"/],
    [
      'pull:\n  targets:\n    - url: http://a\n      sevice: b\n',
      /no option pull\.targets\.0\.sevice; did you mean service\?/,
    ],
  ])('%j is refused', (yaml, complaint) => {
    expect(complaints(yaml)).toMatch(complaint)
  })
})

describe('destinations', () => {
  test('are told by a file, and changed and added to by variables and flags', () => {
    const { config, origins } = load(
      'destinations:\n  - name: tempo\n    endpoint: http://tempo:4318\n',
      {
        SUBSPAN_DESTINATIONS_0_HEADERS: 'authorization=Bearer a=b, x-tenant=red',
        SUBSPAN_DESTINATIONS_0_LATE: 'off',
        SUBSPAN_DESTINATIONS_1_ENDPOINT: 'http://jaeger:4318',
      },
      { 'destinations.1.name': 'jaeger', 'destinations.0.late': 'true' },
    )
    expect(config.destinations).toMatchObject([
      { name: 'tempo', headers: { authorization: 'Bearer a=b', 'x-tenant': 'red' }, late: true },
      { name: 'jaeger', endpoint: 'http://jaeger:4318', headers: {}, timeoutMs: 10_000 },
    ])
    expect(origins.get('destinations.0.endpoint')).toMatch(/\.yaml:3:5$/)
    expect(origins.get('destinations.0.headers')).toBe('SUBSPAN_DESTINATIONS_0_HEADERS')
    expect(origins.get('destinations.0.late')).toBe('--set')
    expect(origins.get('destinations.0.timeout')).toBe('default')
  })

  test('of a variable take the place of those of the file', () => {
    const { config } = load('destinations:\n  - endpoint: http://a\n  - endpoint: http://b\n    name: b\n', {
      SUBSPAN_DESTINATIONS: '[{name: c, endpoint: "http://c", headers: {x: 1}}]',
    })
    expect(config.destinations).toMatchObject([{ name: 'c', endpoint: 'http://c', headers: { x: '1' } }])
  })

  test.each([
    [
      'destinations:\n  - endpoint: http://a\n    timeout: 10\n',
      /\.yaml:3:5: destinations\.0\.timeout is 10: no number with/,
    ],
    [
      'destinations:\n  - endpoint: http://a\n    protcol: grpc\n',
      /\.yaml:3:5: there is no option destinations\.0\.protcol; did you mean protocol\?/,
    ],
    [
      'destinations:\n  - endpoint: http://a\n    protocol: thrift\n',
      /\.yaml:3:5: destinations\.0\.protocol is "thrift": none of http\/protobuf, http\/json, grpc/,
    ],
    ['destinations:\n  - name: a\n', /\.yaml:2:5: destinations\.0\.endpoint is missing/],
    [
      'destinations:\n  - endpoint: http://a\n    certFile: a.pem\n',
      /\.yaml:2:5: destinations\.0 has one of certFile and keyFile/,
    ],
    ['destinations: http://a\n', /\.yaml:1:1: destinations is no list/],
    ['destinations:\n  - http://a\n', /\.yaml:1:1: destinations is no list/],
  ])('%j is refused with its place', (yaml, message) => {
    expect(complaints(yaml)).toMatch(message)
  })

  test('a variable that leaves one out, or is misspelt, says so', () => {
    expect(complaints(null, { SUBSPAN_DESTINATIONS_1_ENDPOINT: 'http://b' })).toMatch(
      /destinations\.0\.endpoint is missing/,
    )
    expect(complaints(null, { SUBSPAN_DESTINATIONS_0_ENDPONT: 'http://b' })).toMatch(
      /SUBSPAN_DESTINATIONS_0_ENDPONT is no option; did you mean SUBSPAN_DESTINATIONS_0_ENDPOINT\?/,
    )
    expect(complaints(null, { SUBSPAN_DESTINATIONS_900000000_ENDPOINT: 'http://b' })).toMatch(/is no option/)
    expect(complaints(null, {}, { 'destinations.0.endpont': 'http://b' })).toMatch(
      /did you mean destinations\.0\.endpoint\?/,
    )
  })
})

test.each([
  ['on', true],
  ['yes', true],
  ['true', true],
  ['off', false],
  ['no', false],
  ['false', false],
])('%s is %s, in a file and in a variable', (written, value) => {
  expect(load(`store:\n  fsync: ${written}\n`).config.store.fsync).toBe(value)
  expect(load(null, { SUBSPAN_STORE_FSYNC: written }).config.store.fsync).toBe(value)
})

test('patterns with commas are told in brackets', () => {
  const { config } = load(null, { SUBSPAN_JOIN_NAME_PATTERNS: "['(?<span>[0-9a-f]{1,16})', '#(?<span>.*)']" })
  expect(config.join.namePatterns).toEqual(['(?<span>[0-9a-f]{1,16})', '#(?<span>.*)'])
})

test('an empty variable is one that was left out', () => {
  expect(load(null, { SUBSPAN_HOLD_MODE: '', SUBSPAN_DATA_DIR: '' }).config).toEqual(DEFAULTS)
})

describe('what is wrong', () => {
  test('all of it is told at once, each with its place, the value, and what is allowed', () => {
    const text = complaints('hold:\n  mode: sometimes\n  max: 8 parsecs\nreceivers:\n  otlpHttp:\n    port: 70000\n', {
      SUBSPAN_STORE_FSYNC: 'maybe',
    })
    const lines = text.split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/\.yaml:2:3: hold\.mode is "sometimes": none of auto, always, never/)
    expect(lines[1]).toMatch(/\.yaml:3:3: hold\.max is "8 parsecs": .*units ms, s, m, h, d/)
    expect(lines[2]).toMatch(/\.yaml:6:5: receivers\.otlpHttp\.port is 70000: .*0 to 65,535/)
    expect(lines[3]).toMatch(/^SUBSPAN_STORE_FSYNC: store\.fsync is "maybe": neither true nor false/)
  })

  test('a name that is nearly right is answered with the right one', () => {
    expect(complaints('hold:\n  mod: auto\n')).toMatch(/:2:3: there is no option hold\.mod; did you mean hold\.mode\?/)
    expect(complaints('recievers: {}\n')).toMatch(/:1:1: there is no option recievers; did you mean receivers\?/)
    expect(complaints(null, { SUBSPAN_HOLD_MOD: 'auto' })).toMatch(/did you mean SUBSPAN_HOLD_MODE\?/)
    expect(complaints(null, {}, { 'hold.mod': 'auto' })).toMatch(/did you mean hold\.mode\?/)
    expect(complaints('zzzzzzzzzzzz: 1\n')).toMatch(/`subspan config` lists all/)
  })

  test('a clock that no processor has is refused', () => {
    expect(load(null, { SUBSPAN_DECODE_TICKS_PER_SECOND: '39062500' }).config.decode.ticksPerSecond).toBe(39_062_500)
    expect(complaints('decode: {ticksPerSecond: 25}')).toMatch(/decode\.ticksPerSecond.*neither 0 nor from 1,000/)
    expect(complaints('decode: {ticksPerSecond: -1}')).toMatch(/neither 0 nor from 1,000/)
  })

  test('a time without a unit is refused, for nobody can tell seconds from milliseconds', () => {
    expect(complaints('hold:\n  max: 8\n')).toMatch(/hold\.max is 8: no number with one of the units/)
  })

  test('a name that is empty, and a store too small for a request, are refused', () => {
    expect(complaints(null, {}, { 'data.dir': '' })).toMatch(/data\.dir is "": empty/)
    expect(complaints(null, { SUBSPAN_STORE_MAX_BYTES: '4kB' })).toMatch(/store\.maxBytes is "4kB": smaller than 1MiB/)
  })

  test('YAML that is none is told with line and column', () => {
    expect(complaints('hold: [1, 2\nmode: x')).toMatch(/\.yaml:\d+:\d+: /)
    expect(complaints('hold:\n  max: *none\n')).toMatch(/alias .* cannot be followed/)
    expect(complaints('hold: auto\n')).toMatch(/hold is "auto", but it is a group of options/)
    expect(complaints('- a\n- b\n')).toMatch(/must hold options/)
  })

  test('a file that is not there is told as such', () => {
    expect(() => loadConfig({ file: join(folder, 'absent.yaml'), environment: {}, flags: {} })).toThrow(
      /absent\.yaml cannot be read/,
    )
  })

  test('two destinations of one name would share a cursor', () => {
    expect(complaints('destinations:\n  - endpoint: http://a\n  - endpoint: http://b\n')).toMatch(
      /\.yaml:3:5: destinations\.0 and destinations\.1 are both named "default"/,
    )
  })

  test('a pattern without a span is refused', () => {
    expect(complaints(null, { SUBSPAN_JOIN_NAME_PATTERNS: 'span=(.*)' })).toMatch(/group named span/)
  })
})

describe('the reference', () => {
  test('it shows every option, its value and origin, and no secret', () => {
    const loaded = load(
      'destinations:\n  - endpoint: https://user:hunter2@tempo\n    headers:\n      authorization: Bearer hunter2\n',
      { SUBSPAN_HOLD_MAX: '3s' },
    )
    const text = renderReference(loaded, (name) => name)
    for (const { name, variable } of OPTIONS) {
      expect(text).toContain(`${name} = `)
      expect(text).toContain(variable)
    }
    expect(text).toContain('hold.max = 3s  (from SUBSPAN_HOLD_MAX; by default 8s)')
    expect(text).toMatch(
      /destinations\.0\.endpoint = https:\/\/\*\*\*:\*\*\*@tempo {2}\(from .*\.yaml:2:5; by default ''\)/,
    )
    expect(text).toContain('destinations.0.headers = {authorization: (not shown)}')
    expect(text).not.toContain('hunter2')
  })

  test('without a destination it shows how one would be written', () => {
    const text = renderReference(load(null), (name) => name)
    expect(text).toContain('destinations = []  (by default)')
    for (const { name, doc } of DESTINATION_OPTIONS) {
      expect(text).toContain(`destinations.0.${name} = `)
      expect(text).toContain(doc)
    }
    expect(text).toContain('SUBSPAN_DESTINATIONS_0_LATE_MAX_AGE')
  })

  test.each([
    ['destinations:\n  - endpoint: nowhere\n    headers:\n      authorization: Bearer hunter2\n    unknown: 1\n', {}],
    ['destinations:\n  - endpoint: http://a\n    headers: [hunter2]\n', {}],
    ['destinations:\n  - endpoint: http://a\n    headers:\n      authorization:\n        hunter2: hunter2\n', {}],
    ['destinations:\n  - endpoint: ftp://user:hunter2@tempo\n', {}],
    [null, { SUBSPAN_DESTINATIONS: 'authorization=hunter2' }],
    [null, { SUBSPAN_DESTINATIONS: '{"headers": {"authorization": "hunter2"}}' }],
    [null, { SUBSPAN_DESTINATIONS: '[hunter2' }],
    [null, { SUBSPAN_DESTINATIONS_0_HEADERS: 'hunter2' }],
  ])('an error does not tell a secret either: %j %j', (yaml, environment) => {
    expect(complaints(yaml, environment)).not.toContain('hunter2')
  })
})
