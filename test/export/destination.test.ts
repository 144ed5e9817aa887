import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import {
  type ConfiguredDestination,
  type Destination,
  destinationFromEnvironment,
  destinationsOf,
  isOwnListener,
  refuseOwnListeners,
} from '../../src/export/destination.ts'

const configured: ConfiguredDestination = {
  name: '',
  endpoint: 'http://jaeger:4318',
  protocol: 'http/protobuf',
  headers: {},
  compression: 'gzip',
  timeoutMs: 10_000,
  late: true,
  lateMaxAgeMs: 600_000,
  caFile: '',
  certFile: '',
  keyFile: '',
  headersFile: '',
}

describe('a configured destination', () => {
  test.each([
    ['http://jaeger:4318', 'http://jaeger:4318/v1/traces'],
    ['http://jaeger:4318/', 'http://jaeger:4318/v1/traces'],
    ['https://backend.example/otlp/', 'https://backend.example/otlp/v1/traces'],
    ['https://backend.example/otlp/v1/traces', 'https://backend.example/otlp/v1/traces'],
    ['https://backend.example/otlp?tenant=a', 'https://backend.example/otlp/v1/traces?tenant=a'],
  ])('%s is posted to at %s', (endpoint, url) => {
    expect(destinationsOf([{ ...configured, endpoint }], {})).toMatchObject([{ url }])
  })

  test('is named after its host when it has no name', () => {
    const named = destinationsOf([configured, { ...configured, name: 'tempo' }], {})
    expect(named.map(({ name }) => name)).toEqual(['jaeger:4318', 'tempo'])
  })

  test('wins over the environment', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://elsewhere:4318' }
    expect(destinationsOf([configured], env)).toHaveLength(1)
    expect(destinationsOf([], env)).toMatchObject([{ url: 'http://elsewhere:4318/v1/traces' }])
    expect(destinationsOf([], {})).toEqual([])
  })

  test.each([
    [[{ endpoint: 'jaeger:4318' }], /destinations\.0\.endpoint is "jaeger:4318": write it as http:/],
    [[{}, { endpoint: '' }], /destinations\.1\.endpoint is ""/],
    [[{ endpoint: 'http://me:hunter2@jaeger' }], /user or password/],
    [[{}, { name: 'other' }, {}], /destinations\.0 and destinations\.2 are both named "jaeger:4318"/],
    [[{ headers: { 'x y': 'z' } }], /destinations\.0\.headers has a name that is none of HTTP: "x y"/],
    [[{ headers: { 'x-key': 'hunter2\n' } }], /value of x-key/],
  ])('%j is refused with its place', (changes, message) => {
    const all = changes.map((change) => ({ ...configured, ...change }))
    expect(() => destinationsOf(all, {})).toThrow(message)
    expect(() => destinationsOf(all, {})).not.toThrow(/hunter2/)
  })
})

// The rules are those of OpenTelemetry's exporter specification.
describe('OpenTelemetry’s variables', () => {
  function fromEnvironment(env: Record<string, string>): Partial<Destination> | null {
    return destinationFromEnvironment(
      Object.fromEntries(Object.entries(env).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value])),
    )
  }

  test.each([
    [{ ENDPOINT: 'http://collector:4318' }, 'http://collector:4318/v1/traces'],
    [{ ENDPOINT: 'http://collector:4318/base/' }, 'http://collector:4318/base/v1/traces'],
    [{ TRACES_ENDPOINT: 'http://collector:4318' }, 'http://collector:4318/'],
    [{ TRACES_ENDPOINT: 'http://collector:4318/in' }, 'http://collector:4318/in'],
    [{ ENDPOINT: 'http://a', TRACES_ENDPOINT: 'http://b/x' }, 'http://b/x'],
    [{ ENDPOINT: 'http://a', TRACES_ENDPOINT: ' ' }, 'http://a/v1/traces'],
  ])('%j posts to %s', (env, url) => {
    expect(fromEnvironment(env)).toMatchObject({ url })
  })

  test.each([
    [{ ENDPOINT: 'http://collector:4317' }, 'http://collector:4317/'],
    [{ ENDPOINT: 'https://collector:4317' }, 'https://collector:4317/'],
    [{ TRACES_ENDPOINT: 'http://collector:4317/ignored' }, 'http://collector:4317/'],
    [{ ENDPOINT: 'collector:4317' }, 'https://collector:4317/'],
    [{ ENDPOINT: 'collector:4317', INSECURE: 'true' }, 'http://collector:4317/'],
    [{ ENDPOINT: 'https://collector:4317', INSECURE: 'true' }, 'https://collector:4317/'],
  ])('over gRPC %j calls %s', (env, url) => {
    expect(fromEnvironment({ ...env, PROTOCOL: 'grpc' })).toMatchObject({ url, protocol: 'grpc' })
  })

  test.each([[{}], [{ ENDPOINT: '' }], [{ HEADERS: 'a=b' }]])('%j names no destination', (env) => {
    expect(fromEnvironment(env)).toBeNull()
  })

  test('those for traces win over those for all signals', () => {
    const destination = fromEnvironment({
      ENDPOINT: 'https://collector',
      HEADERS: 'a=1',
      TRACES_HEADERS: 'Authorization=Basic%20abc%3D, x-b = two words ',
      TIMEOUT: '1',
      TRACES_TIMEOUT: '2500',
      COMPRESSION: 'gzip',
      PROTOCOL: 'http/json',
      TRACES_PROTOCOL: 'http/protobuf',
      CERTIFICATE: 'ca.pem',
      CLIENT_CERTIFICATE: 'cert.pem',
      CLIENT_KEY: 'key.pem',
    })
    expect(destination).toMatchObject({
      headers: { authorization: 'Basic abc=', 'x-b': 'two words' },
      timeoutMs: 2_500,
      gzip: true,
      protocol: 'http/protobuf',
      caFile: 'ca.pem',
      certFile: 'cert.pem',
      keyFile: 'key.pem',
    })
  })

  test('the defaults are protobuf, uncompressed, ten seconds', () => {
    expect(fromEnvironment({ ENDPOINT: 'http://collector' })).toMatchObject({
      protocol: 'http/protobuf',
      gzip: false,
      timeoutMs: 10_000,
    })
  })

  test.each([
    [{ ENDPOINT: 'collector:4317' }, /OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4317"/],
    [
      { ENDPOINT: 'http://c', PROTOCOL: 'thrift' },
      /OTEL_EXPORTER_OTLP_PROTOCOL is "thrift": http\/protobuf, http\/json, grpc/,
    ],
    [{ ENDPOINT: 'c:4317', PROTOCOL: 'grpc', INSECURE: 'maybe' }, /OTEL_EXPORTER_OTLP_INSECURE is "maybe"/],
    [{ ENDPOINT: 'http://c', TRACES_COMPRESSION: 'zstd' }, /OTEL_EXPORTER_OTLP_TRACES_COMPRESSION is "zstd"/],
    [{ ENDPOINT: 'http://c', TIMEOUT: '10s' }, /OTEL_EXPORTER_OTLP_TIMEOUT is "10s"/],
    [{ ENDPOINT: 'http://c', HEADERS: 'a=1,hunter2' }, /entry 2 of OTEL_EXPORTER_OTLP_HEADERS/],
    [{ ENDPOINT: 'http://c', HEADERS: 'a=%hunter2' }, /entry 1 of OTEL_EXPORTER_OTLP_HEADERS/],
  ])('%j is refused, naming the variable and no secret', (env, message) => {
    expect(() => fromEnvironment(env)).toThrow(message)
    expect(() => fromEnvironment(env)).not.toThrow(/hunter2/)
  })
})

describe('our own listeners', () => {
  const names: Record<string, readonly string[]> = {
    localhost: ['127.0.0.1', '::1'],
    jaeger: ['10.9.8.7'],
    subspan: ['10.1.1.1', '192.0.2.1'],
  }
  const resolve = (host: string): Promise<readonly string[]> =>
    Promise.resolve(names[host] ?? (/^[\d.]+$|:/.test(host) ? [host] : []))
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address

  test.each([
    ['http://127.0.0.1:4318/v1/traces', '127.0.0.1', true],
    ['http://localhost:4318/v1/traces', '127.0.0.1', true],
    ['http://[::1]:4318/', 'localhost', true],
    ['http://0.0.0.0:4318/', '127.0.0.1', true],
    ['http://[::ffff:127.0.0.1]:4318/', '127.0.0.1', true],
    ['http://127.0.0.1:4319/', '127.0.0.1', false],
    ['http://jaeger:4318/', '127.0.0.1', false],
    ['http://jaeger:4318/', '0.0.0.0', false],
    ['http://nobody-knows:4318/', '0.0.0.0', false],
    ['http://subspan:4318/', '192.0.2.1', true],
    ['http://localhost:4318/', '192.0.2.1', false],
    ['http://127.0.0.1:4318/', '::', true],
  ])('%s, while we listen on %s:4318: %s', async (url, host, expected) => {
    expect(await isOwnListener(url, [{ host, port: 4318 }], resolve)).toBe(expected)
  })

  test('the port of the scheme counts where none is written', async () => {
    expect(await isOwnListener('http://localhost/', [{ host: '127.0.0.1', port: 80 }], resolve)).toBe(true)
    expect(await isOwnListener('https://localhost/', [{ host: '127.0.0.1', port: 80 }], resolve)).toBe(false)
  })

  test.runIf(own !== undefined)('an address of this machine is ours when all are listened on', async () => {
    const url = `http://${own ?? ''}:4318/`
    expect(await isOwnListener(url, [{ host: '0.0.0.0', port: 4318 }], resolve)).toBe(true)
    expect(await isOwnListener(url, [{ host: '127.0.0.1', port: 4318 }], resolve)).toBe(false)
  })

  test('names go through the system’s own resolver', async () => {
    expect(await isOwnListener('http://localhost:4318/', [{ host: 'localhost', port: 4318 }])).toBe(true)
  })

  test('a destination that is one of them is refused with its name and address', async () => {
    const destinations = destinationsOf([{ ...configured, endpoint: 'http://localhost:4318', name: 'loop' }], {})
    await expect(refuseOwnListeners(destinations, [{ host: '0.0.0.0', port: 4318 }])).rejects.toMatchObject({
      code: 'DESTINATION',
      message: expect.stringMatching(
        /"loop" is http:\/\/localhost:4318\/v1\/traces, where Subspan itself listens/,
      ) as string,
    })
    await refuseOwnListeners(destinations, [{ host: '0.0.0.0', port: 4317 }])
  })
})
