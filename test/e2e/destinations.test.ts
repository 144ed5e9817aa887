// destinations.test.ts: the stock SDK for JavaScript in front of the built program, real backends of every protocol behind it.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { idOf, recording } from '../support/flow.ts'
import { GrpcSink } from '../support/grpc-sink.ts'
import { spansOfJson, spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

/** Sends a hundred spans through the SDK. @returns `trace span` of each */
async function sendWith(exporter: SpanExporter): Promise<string[]> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'shop-0' }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 512, scheduledDelayMillis: 60_000 })],
  })
  const tracer = provider.getTracer('shop')
  const root = tracer.startSpan('GET /messages', {}, ROOT_CONTEXT)
  const inRoot = trace.setSpan(ROOT_CONTEXT, root)
  const spans = Array.from({ length: 99 }, (_, number) =>
    tracer.startSpan('cache.Lookup', { attributes: { number, share: 0.5, words: ['one', 'zwei'] } }, inRoot),
  )
  for (const span of [...spans, root]) span.end()
  await provider.shutdown()
  return [root, ...spans].map((span) => `${span.spanContext().traceId} ${span.spanContext().spanId}`)
}

/** The package with the enum is a dependency of the exporters only. */
const packed = {
  compression: 'gzip' as NonNullable<NonNullable<ConstructorParameters<typeof JsonExporter>[0]>['compression']>,
}

describe('the SDK for JavaScript', () => {
  test('sends over HTTP and gRPC, packed and not; every span arrives, whatever it is sent on as', async () => {
    const folder = temporaryFolder()
    const [protobuf, json, grpc] = [await Sink.open(), await Sink.open(), await GrpcSink.open()]
    const subspan = await SubspanProcess.start(folder.path, null, {
      destinations: JSON.stringify([
        { name: 'protobuf', endpoint: protobuf.endpoint, compression: 'gzip' },
        { name: 'json', endpoint: json.endpoint, protocol: 'http/json' },
        { name: 'grpc', endpoint: `http://127.0.0.1:${grpc.port}`, protocol: 'grpc', compression: 'gzip' },
      ]),
    })
    const url = `${subspan.otlpUrl}/v1/traces`
    const exporters = [
      new JsonExporter({ url }),
      new JsonExporter({ url, ...packed }),
      new ProtobufExporter({ url }),
      new ProtobufExporter({ url, ...packed }),
      new GrpcExporter({ url: subspan.otlpGrpcUrl }),
      new GrpcExporter({ url: subspan.otlpGrpcUrl, ...packed }),
    ]
    const ids: string[] = []
    for (const exporter of exporters) ids.push(...(await sendWith(exporter)))
    expect(ids).toHaveLength(600)
    ids.sort()
    const arrivedAt = [
      () => protobuf.bodies.flatMap(spansOfProtobuf),
      () => json.bodies.flatMap((body) => spansOfJson(Buffer.from(body).toString('utf8'))),
      () => grpc.bodies.flatMap(spansOfProtobuf),
    ]
    await protobuf.until(() => arrivedAt[0]().length >= 600)
    await json.until(() => arrivedAt[1]().length >= 600)
    await grpc.until(() => arrivedAt[2]().length >= 600)
    for (const arrived of arrivedAt) expect(arrived().map(idOf).sort()).toEqual(ids)
    expect(arrivedAt[1]().sort(byId)).toEqual(arrivedAt[0]().sort(byId))
    expect(arrivedAt[2]().sort(byId)).toEqual(arrivedAt[0]().sort(byId))
    subspan.kill('SIGTERM')
    expect((await subspan.ended).code).toBe(0)
    await protobuf.close()
    await json.close()
    grpc.close()
    folder.remove()
  })
})

test('one destination that does not answer and one that refuses for good do not slow the third', async () => {
  const folder = temporaryFolder()
  const [hanging, refusing, well] = [await GrpcSink.open(), await Sink.open(), await Sink.open()]
  hanging.silent = true
  refusing.refuseBy(() => ({ status: 400, headers: { 'content-type': 'text/plain' }, body: 'not like this' }))
  const subspan = await SubspanProcess.start(folder.path, null, {
    destinations: JSON.stringify([
      { name: 'hanging', endpoint: `http://127.0.0.1:${hanging.port}`, protocol: 'grpc', timeout: '60s' },
      { name: 'refusing', endpoint: refusing.endpoint },
      { name: 'well', endpoint: well.endpoint },
    ]),
    'shutdown.deadline': '1s',
  })
  const { requests } = recording()
  for (const request of requests) expect(await subspan.sendSpans(request)).toBe(200)
  const sent = requests.flatMap(spansOfProtobuf).map(idOf).sort()
  await well.until(({ bodies }) => bodies.flatMap(spansOfProtobuf).length === sent.length)
  expect(well.bodies.flatMap(spansOfProtobuf).map(idOf).sort()).toEqual(sent)
  expect(hanging.calls).toHaveLength(1)
  const letters = (): { destination: string; status: number; reason: string }[] =>
    lettersIn(folder.path)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { destination: string; status: number; reason: string })
  await until(() => letters().length > 0)
  expect(letters()[0]).toMatchObject({ destination: 'refusing', status: 400, reason: 'HTTP 400: not like this' })

  // What the first did not take is still there for it.
  subspan.kill('SIGTERM')
  expect((await subspan.ended).code).toBe(0)
  const port = hanging.port
  hanging.close()
  const back = await GrpcSink.open(undefined, port)
  const again = await SubspanProcess.start(folder.path, null, {
    destinations: JSON.stringify([
      { name: 'hanging', endpoint: `http://127.0.0.1:${port}`, protocol: 'grpc' },
      { name: 'refusing', endpoint: refusing.endpoint },
      { name: 'well', endpoint: well.endpoint },
    ]),
  })
  await back.until(({ bodies }) => bodies.flatMap(spansOfProtobuf).length === sent.length)
  expect(back.bodies.flatMap(spansOfProtobuf).map(idOf).sort()).toEqual(sent)
  again.kill('SIGTERM')
  expect((await again.ended).code).toBe(0)
  back.close()
  await refusing.close()
  await well.close()
  folder.remove()
})

/** The dead letters as text; empty when there are none yet. */
function lettersIn(folder: string): string {
  const file = join(folder, 'dead-letters.jsonl')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function byId(one: { traceId: string; spanId: string }, other: { traceId: string; spanId: string }): number {
  return idOf(one) < idOf(other) ? -1 : 1
}
