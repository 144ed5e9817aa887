import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { fieldOf, loadConfig } from '../../src/config/load.ts'
import { DEFAULTS, OPTIONS } from '../../src/config/options.ts'
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
    ['4096', 4096],
    ['1.5 KiB', 1536],
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

  test('a time without a unit is refused, for nobody can tell seconds from milliseconds', () => {
    expect(complaints('hold:\n  max: 8\n')).toMatch(/hold\.max is 8: no number with one of the units/)
  })

  test('YAML that is none is told with line and column', () => {
    expect(complaints('hold: [1, 2\nmode: x')).toMatch(/\.yaml:\d+:\d+: /)
    expect(complaints('hold: auto\n')).toMatch(/hold is "auto", but it is a group of options/)
    expect(complaints('- a\n- b\n')).toMatch(/must hold options/)
  })

  test('a file that is not there is told as such', () => {
    expect(() => loadConfig({ file: join(folder, 'absent.yaml'), environment: {}, flags: {} })).toThrow(
      /absent\.yaml cannot be read/,
    )
  })

  test('two destinations of one name would share a cursor', () => {
    expect(complaints('destinations:\n  - endpoint: http://a\n  - endpoint: http://b\n')).toMatch(/one name twice/)
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
    expect(text).toMatch(/destinations = default https:\/\/\*\*\*:\*\*\*@tempo \(1 header, not shown\)/)
    expect(text).not.toContain('hunter2')
  })

  test('an error does not tell a secret either', () => {
    const text = complaints(
      'destinations:\n  - endpoint: nowhere\n    headers:\n      authorization: Bearer hunter2\n    unknown: 1\n',
    )
    expect(text).not.toContain('hunter2')
  })
})
