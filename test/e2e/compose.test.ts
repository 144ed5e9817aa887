// compose.test.ts: docker-compose.yml and the Dockerfiles are what they say, as far as that can be told without Docker.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import type { DoorConfig, SubspanConfig } from '../../src/config/config.ts'
import { DEFAULTS, OPTIONS } from '../../src/config/options.ts'
import { loadConfig } from '../../src/config/load.ts'
import { destinationsOf } from '../../src/export/destination.ts'

const root = new URL('../../', import.meta.url)
const textOf = (file: string): string => readFileSync(new URL(file, root), 'utf8')
const isThere = (file: string): boolean => existsSync(fileURLToPath(new URL(file, root)))
const document = parseDocument(textOf('docker-compose.yml'), { strict: true })

interface Service {
  readonly image?: string
  readonly build?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[]
}

const { services, volumes } = document.toJS() as {
  services: Record<'subspan' | 'messages' | 'collector' | 'jaeger' | 'prometheus', Service>
  volumes: Record<string, null>
}
const { subspan, messages, collector, jaeger, prometheus } = services

/** Where Subspan listens, spans first. */
function doorsOf({ receivers, api }: SubspanConfig): DoorConfig[] {
  const { otlpGrpc, otlpHttp, opencensus, jaegerHttp, jaegerGrpc, zipkin } = receivers
  return [otlpGrpc, otlpHttp, opencensus, jaegerHttp, jaegerGrpc, zipkin, api]
}

/** Instructions of a Dockerfile, a line each, of its last stage or of all. */
function stepsOf(file: string, last = false): string[] {
  const steps = textOf(file)
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return last ? steps.slice(steps.findLastIndex((step) => step.startsWith('FROM '))) : steps
}

/** The variables that an image sets. */
function environmentOf(steps: readonly string[]): Record<string, string> {
  const all = steps.filter((step) => step.startsWith('ENV ')).flatMap((step) => step.slice(4).trim().split(/\s+/))
  return Object.fromEntries(all.map((pair) => pair.split('=') as [string, string]))
}

describe('docker-compose.yml', () => {
  test('is YAML without errors or warnings, with everything that belongs together', () => {
    expect([...document.errors, ...document.warnings]).toEqual([])
    expect(Object.keys(services)).toEqual(['subspan', 'messages', 'collector', 'jaeger', 'prometheus'])
    expect([subspan.depends_on, messages.depends_on, collector.depends_on]).toEqual([
      ['collector'],
      ['subspan'],
      ['jaeger'],
    ])
    for (const { image } of [collector, jaeger, prometheus]) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/)
  })

  test('spans go from the service through Subspan and the Collector to Jaeger', () => {
    const { config } = loadConfig({ file: null, environment: subspan.environment ?? {}, flags: {} })
    expect(config.destinations).toEqual([])
    const { OTEL_RESOURCE_ATTRIBUTES } = messages.environment ?? {}
    expect(config.pull.targets).toMatchObject([
      { name: 'messages', url: 'http://messages:8080', service: 'messages', instance: 'messages-0' },
    ])
    expect(OTEL_RESOURCE_ATTRIBUTES).toBe('service.instance.id=messages-0')
    expect(destinationsOf([], subspan.environment ?? {}).map(({ url }) => url)).toEqual([
      'http://collector:4318/v1/traces',
    ])
    expect(messages.environment?.OTEL_EXPORTER_OTLP_ENDPOINT).toBe(`http://subspan:${DEFAULTS.receivers.otlpHttp.port}`)
    expect(collector.environment?.JAEGER_ENDPOINT).toBe('http://jaeger:4318')
  })

  test('publishes ports on loopback only, those of Subspan as they are', () => {
    expect(subspan.ports).toEqual(doorsOf(DEFAULTS).map(({ port }) => `127.0.0.1:${port}:${port}`))
    for (const { ports = [] } of Object.values(services)) {
      expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
    }
  })

  test('mounts and builds what is there, and names its volumes', () => {
    const mounts = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((mount) => mount.split(':')[0]))
    const files = mounts.filter((mount) => mount.startsWith('./'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((file) => !isThere(file))).toEqual([])
    expect(mounts.filter((mount) => !mount.startsWith('./'))).toEqual(Object.keys(volumes))
    for (const { build } of [subspan, messages]) expect(isThere(`${build ?? ''}/Dockerfile`)).toBe(true)
  })

  test('Prometheus asks the services by their names and ports', () => {
    const asked = parseDocument(textOf('docs/prometheus/prometheus.yml')).toJS() as {
      scrape_configs: { static_configs: { targets: string[] }[] }[]
    }
    const targets = asked.scrape_configs.flatMap((job) => job.static_configs.flatMap((config) => config.targets))
    expect(targets).toEqual([`subspan:${DEFAULTS.api.port}`, 'collector:8889'])
    expect(textOf('docs/collector/behind.yaml')).toContain('METRICS_LISTEN:-0.0.0.0:8889')
  })
})

describe('the Dockerfile', () => {
  const steps = stepsOf('Dockerfile')
  const last = stepsOf('Dockerfile', true)

  test('builds from files that are there', () => {
    const copied = steps
      .filter((step) => step.startsWith('COPY ') && !step.includes('--from'))
      .flatMap((step) => step.split(' ').slice(1, -1))
    expect(copied).toContain('src')
    expect(copied.filter((file) => !isThere(file))).toEqual([])
  })

  test('leaves what is only needed for building behind, and runs as another user than root', () => {
    expect(steps.filter((step) => step.startsWith('FROM '))).toHaveLength(2)
    expect(steps).toContain('RUN npm run build && npm prune --omit=dev')
    expect(last.filter((step) => step.includes('npm'))).toEqual([])
    expect(last).toContain('USER node')
    expect(last.slice(-2)).toEqual(['ENTRYPOINT ["node", "dist/cli/main.js"]', 'CMD ["serve"]'])
  })

  test('sets options that exist, keeps its data in the volume, and listens where the port is published', () => {
    const environment = environmentOf(last)
    const ours = Object.keys(environment).filter((name) => name.startsWith('SUBSPAN_'))
    const known = OPTIONS.map(({ variable }) => variable)
    expect(ours.filter((name) => !known.includes(name))).toEqual([])
    const { config } = loadConfig({ file: null, environment, flags: {} })
    for (const { host } of doorsOf(config)) expect(host).toBe('0.0.0.0')
    expect(last).toContain(`VOLUME ${config.data.dir}`)
    expect(last).toContain(
      `EXPOSE ${doorsOf(config)
        .map(({ port }) => port)
        .join(' ')}`,
    )
  })

  test("the example's runs without root as well", () => {
    expect(stepsOf('examples/go/Dockerfile', true)[0]).toMatch(/:nonroot$/)
  })
})
