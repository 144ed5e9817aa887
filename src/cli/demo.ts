// demo.ts: `subspan serve --demo`: a recorded trace and its capture go through a Subspan of its own, before and after are shown.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { messageOf } from '../base/failure.ts'
import { DEFAULTS, DESTINATION_DEFAULTS } from '../config/options.ts'
import { BodyBudget } from '../server/body.ts'
import { listen, type Listener } from '../server/listen.ts'
import { otlpHttp } from '../server/otlp-http.ts'
import { counted, size } from './human.ts'
import { RECORDING } from './recording.ts'
import { type RecordedRequest, sdkSpansOf } from './sdk-spans.ts'
import { startSubspan, type Running, type StartOverrides } from './serve.ts'
import type { Terminal } from './terminal.ts'
import { traceTree, treeSpansOf, type TreeSpan } from './trace-tree.ts'

/** Everything must have arrived within this time. */
const DEADLINE_MS = 30_000

interface Recording {
  readonly capture: Uint8Array
  readonly requests: readonly RecordedRequest[]
  /** The trace that is shown, and the process that was captured. */
  readonly traceId: string
  readonly service: string
  readonly instance: string
}

/**
 * Runs the demonstration.
 *
 * @returns the exit code: 0, or 1 when something did not arrive, with a sentence
 */
export async function demo(terminal: Terminal, overrides: StartOverrides = {}): Promise<number> {
  const startedMs = Date.now()
  const recording = readRecording()
  const dataDir = await mkdtemp(join(tmpdir(), 'subspan-demo-'))
  const backend = new Backend()
  let running: Running | null = null
  try {
    const backendUrl = await backend.open()
    running = await startSubspan(
      {
        ...DEFAULTS,
        data: { dir: dataDir },
        receivers: {
          ...DEFAULTS.receivers,
          otlpHttp: { ...DEFAULTS.receivers.otlpHttp, port: 0 },
          otlpGrpc: { ...DEFAULTS.receivers.otlpGrpc, enabled: false },
          opencensus: { ...DEFAULTS.receivers.opencensus, enabled: 'false' },
          jaegerHttp: { ...DEFAULTS.receivers.jaegerHttp, enabled: 'false' },
          jaegerGrpc: { ...DEFAULTS.receivers.jaegerGrpc, enabled: 'false' },
          zipkin: { ...DEFAULTS.receivers.zipkin, enabled: 'false' },
        },
        api: { ...DEFAULTS.api, port: 0 },
        destinations: [{ ...DESTINATION_DEFAULTS, name: 'demo', endpoint: backendUrl }],
        log: { level: 'warn', format: 'auto' },
      },
      { ...overrides, environment: {} },
    )
    const { traceId, service, instance, requests, capture } = recording
    await announce(running, service, instance)
    const spans = await sendSpans(running, requests)
    const captureId = await sendCapture(running, recording)
    const view = await captureView(running, captureId)
    const arrived = await backend.arrival(spans)
    const after = arrived.filter((span) => span.traceId === traceId)
    if (!after.some(({ attributes }) => attributes.has('subspan.capture'))) {
      throw new Error(`the spans of trace ${traceId} arrived, but without a breakdown: ${JSON.stringify(view)}`)
    }

    const { bold, dim } = terminal.style
    terminal.write(`\n${bold('Before')}: trace ${traceId} of ${service}, as OpenTelemetry recorded it\n\n`)
    terminal.write(traceTree(after.filter(({ added }) => !added).map(withoutBreakdown), terminal.style))
    terminal.write(`\n${bold('After')}: the same trace as the backend behind Subspan got it\n\n`)
    terminal.write(traceTree(after, terminal.style))
    const enriched = arrived.filter((span) => !span.added && span.attributes.has('subspan.capture')).length
    const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1)
    terminal.write(
      `\n${dim(
        `Through a Subspan on free ports: ${counted(spans, 'span')} by the OpenTelemetry SDK's exporter to ${running.otlpUrl ?? ''}, one capture of ${size(capture.length)} to ${running.apiUrl}; ` +
          `${counted(enriched, 'span')} got their breakdown, ${counted(arrived.length - spans, 'child span')} were added, ${seconds} s in all.`,
      )}\n${dim('Serve for real: npm start (or subspan serve), then POST captures to http://127.0.0.1:6061/api/v1/captures?service=NAME.')}\n`,
    )
    return 0
  } catch (thrown) {
    terminal.tell(`the demonstration failed: ${messageOf(thrown)}`)
    return 1
  } finally {
    await running?.stop(5_000)
    await backend.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

function readRecording(): Recording {
  const file = (name: string): string => {
    const path = fileURLToPath(new URL(name, RECORDING))
    if (!existsSync(path)) {
      throw new Error(
        `${path} is missing: the recording of the demonstration is part of the package, install it again.`,
      )
    }
    return path
  }
  const lines = readFileSync(file('messages.spans.otlp.jsonl'), 'utf8').split('\n')
  const { traceId, service, instance } = JSON.parse(readFileSync(file('demo.json'), 'utf8')) as Omit<
    Recording,
    'capture' | 'requests'
  >
  return {
    capture: readFileSync(file('messages.trace')),
    requests: lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RecordedRequest),
    traceId,
    service,
    instance,
  }
}

/** What the spans were before. */
function withoutBreakdown(span: TreeSpan): TreeSpan {
  return { ...span, attributes: new Map([...span.attributes].filter(([key]) => !key.startsWith('subspan.'))) }
}

// ---------------------------------------------------------------------------------------------------- the client

/** Says that a capture will come, so that the spans wait for it. */
async function announce({ apiUrl }: Running, service: string, instance: string): Promise<void> {
  await ask(`${apiUrl}/api/v1/captures/announce`, 202, {
    method: 'POST',
    body: JSON.stringify({ service, instance, seconds: 5 }),
  })
}

/** Sends the spans with the SDK's exporter, a request at a time, as they were recorded. @returns their number */
async function sendSpans({ otlpUrl }: Running, requests: readonly RecordedRequest[]): Promise<number> {
  const exporter = new OTLPTraceExporter({ url: `${otlpUrl ?? ''}/v1/traces`, headers: {} })
  let count = 0
  try {
    for (const request of requests) {
      const spans = sdkSpansOf(request)
      const { code, error } = await new Promise<{ readonly code: number; readonly error?: Error }>((resolve) =>
        exporter.export(spans, resolve),
      )
      if (code !== 0) throw new Error(`the exporter could not send the spans: ${messageOf(error)}`)
      count += spans.length
    }
  } finally {
    await exporter.shutdown()
  }
  return count
}

/** @returns the capture's id */
async function sendCapture({ apiUrl }: Running, { capture, service, instance }: Recording): Promise<string> {
  const query = new URLSearchParams({ service, instance })
  const { id } = (await ask(`${apiUrl}/api/v1/captures?${query.toString()}`, 202, {
    method: 'POST',
    body: capture,
  })) as {
    id: string
  }
  return id
}

/** What became of the capture, once it is decoded. */
async function captureView({ apiUrl }: Running, id: string): Promise<unknown> {
  const untilMs = Date.now() + DEADLINE_MS
  for (;;) {
    const view = (await ask(`${apiUrl}/api/v1/captures/${id}`, 200, {})) as {
      state: string
      failure: { message: string } | null
    }
    if (view.state === 'failed' || view.state === 'empty') {
      throw new Error(`the capture is ${view.state}: ${view.failure?.message ?? 'it has no tasks'}`)
    }
    if (view.state === 'done') return view
    if (Date.now() > untilMs) throw new Error(`the capture is still ${view.state} after ${DEADLINE_MS / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function ask(url: string, expected: number, request: RequestInit): Promise<unknown> {
  const response = await fetch(url, request)
  const text = await response.text()
  if (response.status !== expected) {
    throw new Error(`${request.method ?? 'GET'} ${url} was answered ${response.status}: ${text.trim()}`)
  }
  return JSON.parse(text)
}

// ---------------------------------------------------------------------------------------------------- the backend

/** Stands for Jaeger or Tempo: takes OTLP over HTTP and keeps what came. */
class Backend {
  private readonly spans: TreeSpan[] = []
  private listener: Listener | null = null
  private arrived: () => void = () => undefined

  /** @returns its base address */
  async open(): Promise<string> {
    const silent = { add: () => undefined, set: () => undefined }
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
    this.listener = await listen(
      otlpHttp({
        acceptSpans: (request) => {
          this.spans.push(...treeSpansOf(request))
          this.arrived()
          return Promise.resolve()
        },
        limits: { maxBytes: 1 << 28, option: 'nothing' },
        budget: new BodyBudget(1 << 30, 'nothing'),
        counters: silent,
        log: quiet,
      }),
      {
        host: '127.0.0.1',
        port: 0,
        name: "the demonstration's backend",
        portOption: 'nothing',
        requestTimeoutMs: DEADLINE_MS,
      },
    )
    return this.listener.url
  }

  /** All spans that came, once so many of the sender's own are among them. */
  async arrival(originals: number): Promise<readonly TreeSpan[]> {
    const count = (): number => this.spans.reduce((sum, { added }) => sum + (added ? 0 : 1), 0)
    const untilMs = Date.now() + DEADLINE_MS
    while (count() < originals) {
      const leftMs = untilMs - Date.now()
      if (leftMs <= 0) {
        throw new Error(`${count()} of ${originals} spans arrived at the backend within ${DEADLINE_MS / 1_000} s`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.arrived = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.spans
  }

  async close(): Promise<void> {
    await this.listener?.close(0)
  }
}
