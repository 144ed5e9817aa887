// compose.test.ts: docker-compose.yml is what it says, as far as that can be told without Docker.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { DEFAULTS, OPTIONS } from '../../src/config/options.ts'
import { loadConfig } from '../../src/config/load.ts'
import { destinationsOf } from '../../src/export/destination.ts'

const root = new URL('../../', import.meta.url)
const document = parseDocument(readFileSync(new URL('docker-compose.yml', root), 'utf8'), { strict: true })

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile_inline: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly ports: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[]
}

const { services, volumes } = document.toJS() as {
  services: Record<string, Service>
  volumes: Record<string, null>
}
const { subspan, jaeger } = services

describe('docker-compose.yml', () => {
  test('is YAML without errors or warnings, with Subspan in front of Jaeger', () => {
    expect([...document.errors, ...document.warnings]).toEqual([])
    expect(Object.keys(services)).toEqual(['subspan', 'jaeger'])
    expect(subspan.depends_on).toEqual(['jaeger'])
    expect(jaeger.image).toMatch(/^jaegertracing\/jaeger:2\.\d+\.\d+$/)
  })

  test('sets options that exist, to values that they may have', () => {
    const environment = subspan.environment ?? {}
    const ours = Object.keys(environment).filter((name) => name.startsWith('SUBSPAN_'))
    const known = OPTIONS.map(({ variable }) => variable)
    expect(ours.filter((name) => !known.includes(name))).toEqual([])
    const { config } = loadConfig({ file: null, environment, flags: {} })
    expect(config.receivers.otlpHttp.host).toBe('0.0.0.0')
    expect(config.api.host).toBe('0.0.0.0')
    expect(subspan.volumes).toEqual([`subspan-data:${config.data.dir}`])
    expect(Object.keys(volumes)).toEqual(['subspan-data'])
  })

  test('sends on to Jaeger, on the port where Jaeger takes OTLP over HTTP', () => {
    expect(destinationsOf([], subspan.environment ?? {}).map(({ url }) => url)).toEqual([
      'http://jaeger:4318/v1/traces',
    ])
  })

  test("publishes Subspan's own ports, on loopback", () => {
    const { otlpHttp } = DEFAULTS.receivers
    const published = [otlpHttp.port, DEFAULTS.api.port]
    expect(subspan.ports).toEqual(published.map((port) => `127.0.0.1:${port}:${port}`))
    expect(jaeger.ports).toEqual(['127.0.0.1:16686:16686'])
  })

  test('builds from files that are there, and runs the program as another user than root', () => {
    const steps = (subspan.build?.dockerfile_inline ?? '').trim().split('\n')
    expect(steps[0]).toMatch(/^FROM node:20/)
    const copied = steps.filter((step) => step.startsWith('COPY ')).flatMap((step) => step.split(' ').slice(1, -1))
    expect(copied).toContain('src')
    expect(copied.filter((file) => !existsSync(fileURLToPath(new URL(file, root))))).toEqual([])
    expect(steps.indexOf('USER node')).toBeGreaterThan(steps.findIndex((step) => step.includes('npm run build')))
    expect(steps.at(-1)).toBe('CMD ["node", "dist/cli/main.js", "serve"]')
  })
})
