// compose.test.ts: Docker Compose understands docker-compose.yml, and its services, run by hand as it tells them, give an explained trace and what
// Prometheus asks for.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { SubspanProcess, temporaryFolder, until } from '../../support/subspan-process.ts'
import { Collector, freePort, Jaeger, Messages, peersFolder, tag, type Tracing } from './peers.ts'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(fileURLToPath(new URL('docker-compose.yml', root)), 'utf8')
const { services } = parse(text) as {
  services: Record<string, { environment?: Record<string, string>; command?: string[] }>
}

/** What `docker compose config` makes of the file. */
interface ComposeConfig {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: { readonly context: string; readonly dockerfile: string }
        readonly ports?: readonly { readonly host_ip: string; readonly published: string; readonly target: number }[]
        readonly volumes?: readonly { readonly type: string; readonly source: string; readonly read_only?: boolean }[]
      }
    >
  >
}

test.skipIf(peersFolder === null)('docker compose config takes the file without a warning', () => {
  const folder = fileURLToPath(root)
  const { status, stdout, stderr } = spawnSync(
    join(peersFolder ?? '', 'docker-compose-v5.1.2'),
    ['-f', join(folder, 'docker-compose.yml'), 'config', '--format', 'json'],
    // Nothing of the machine's stands in for a variable.
    { env: { PATH: process.env.PATH, HOME: folder }, encoding: 'utf8' },
  )
  expect([status, stderr]).toEqual([0, ''])
  const { services: understood } = JSON.parse(stdout) as ComposeConfig
  expect(Object.keys(understood).sort()).toEqual(Object.keys(services).sort())
  const all = Object.values(understood)
  for (const { host_ip, published, target } of all.flatMap(({ ports = [] }) => ports)) {
    expect([host_ip, published]).toEqual(['127.0.0.1', String(target)])
  }
  const mounts = all.flatMap(({ volumes = [] }) => volumes).filter(({ type }) => type === 'bind')
  expect(mounts).toHaveLength(2)
  expect(mounts.filter(({ source, read_only }) => !existsSync(source) || read_only !== true)).toEqual([])
  const builds = all.flatMap(({ build = null }) => (build === null ? [] : [join(build.context, build.dockerfile)]))
  expect(builds.sort()).toEqual([join(folder, 'Dockerfile'), join(folder, 'examples/go/Dockerfile')])
  expect(builds.every((file) => existsSync(file))).toBe(true)
})

test.skipIf(peersFolder === null)(
  'messages, subspan, collector and jaeger, wired as in docker-compose.yml',
  async () => {
    const folder = temporaryFolder()
    onTestFinished(() => folder.remove())
    const addresses: Record<string, string> = {}
    /** The address that a service is told, as it is here. */
    const here = (service: string, variable: string): string => {
      const told = services[service].environment?.[variable] ?? ''
      return addresses[told] ?? `nothing listens as ${told}`
    }
    const jaeger = await Jaeger.start()
    onTestFinished(() => jaeger.stop())
    addresses['http://jaeger:4318'] = jaeger.otlpUrl
    const [config] = services.collector.command ?? []
    expect(config).toBe('--config=/etc/otelcol/behind.yaml')
    const collector = await Collector.start('behind', here('collector', 'JAEGER_ENDPOINT'))
    onTestFinished(() => collector.stop())
    addresses['http://collector:4318'] = collector.otlpUrl
    const port = await freePort()
    const targets = services.subspan.environment?.SUBSPAN_PULL_TARGETS ?? ''
    const subspan = await SubspanProcess.start(folder.path, here('subspan', 'OTEL_EXPORTER_OTLP_ENDPOINT'), {
      'pull.targets': targets.replace('http://messages:8080', `http://127.0.0.1:${port}`),
    })
    onTestFinished(() => void subspan.kill('SIGKILL'))
    addresses['http://subspan:4318'] = subspan.otlpUrl
    const { MESSAGES_TRACING = '' } = services.messages.environment ?? {}
    const otlpUrl = here('messages', 'OTEL_EXPORTER_OTLP_ENDPOINT')
    const messages = await Messages.start(MESSAGES_TRACING as Tracing, { otlpUrl }, port)
    onTestFinished(() => messages.stop())
    await until(async () => (await jaeger.find({ operation: 'auth.AccessToken' })).length > 20)

    // The request in its head.
    const [, target, seconds] = /captures\/pull -d '\{"target":"([^"]+)","seconds":(\d+)\}'/.exec(text) ?? []
    const id = await subspan.pull(target, Number(seconds))
    await until(async () => {
      const traces = await jaeger.find({
        operation: 'auth.AccessToken',
        tags: JSON.stringify({ 'subspan.capture': id }),
      })
      return traces.flatMap(({ spans }) => spans).some((span) => tag(span, 'subspan.verdict') !== undefined)
    })

    // What docs/prometheus/prometheus.yml asks: Subspan, and the Collector, which counts the calls of the service.
    const counts = await (await fetch(`${subspan.apiUrl}/metrics`)).text()
    expect(counts).toMatch(/^subspan_spans_joined_total\{evidence="preceding-log",way="hold"\} [1-9]/m)
    await until(async () =>
      /calls_total\{[^}]*span_name="spanner\.Query"/.test(await (await fetch(collector.metricsUrl)).text()),
    )

    subspan.kill('SIGTERM')
    const { code, stderr } = await subspan.ended
    expect(code, stderr).toBe(0)
  },
)
