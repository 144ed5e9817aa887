// compose.test.ts: the services of docker-compose.yml, run by hand as it tells them, give an explained trace and what Prometheus asks for.

import { readFileSync } from 'node:fs'
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
