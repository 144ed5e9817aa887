// own-spans.ts: Subspan's own spans, of captures decoded and requests exported, sent with OpenTelemetry's SDK when asked for.

import { diag, type DiagLogFunction, DiagLogLevel, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { messageOf } from '../base/failure.ts'
import type { Log } from '../bridge/ports.ts'

/** Where Subspan's own spans go. */
export interface OwnSpansOptions {
  /** Base address of an OTLP/HTTP receiver, `/v1/traces` is added; it must be none of our own doors. Empty: no spans are made. */
  readonly tracesEndpoint: string
  readonly serviceName: string
}

/** Makes spans of Subspan's own. */
export interface OwnSpans {
  /** Runs something within a span; what it throws is put down and thrown on. */
  within<T>(name: string, attributes: Readonly<Record<string, string | number>>, run: () => Promise<T>): Promise<T>
  /** Sends what is left. */
  close(): Promise<void>
}

const TRACES_PATH = '/v1/traces'
/** Own spans give way to everything else: a backend that hangs holds the end of the program up so long at most. */
const CLOSE_WITHIN_MS = 2_000
const TELL_EVERY_MS = 60_000

const none: OwnSpans = { within: (_name, _attributes, run) => run(), close: () => Promise.resolve() }

/** Prepares Subspan's own spans. */
export function openOwnSpans({ tracesEndpoint, serviceName }: OwnSpansOptions, version: string, log: Log): OwnSpans {
  if (tracesEndpoint === '') return none
  tellProblems(log)
  const url = tracesEndpoint.endsWith(TRACES_PATH)
    ? tracesEndpoint
    : `${tracesEndpoint.replace(/\/+$/, '')}${TRACES_PATH}`
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.version': version,
      'process.pid': process.pid,
    }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  })
  const tracer = provider.getTracer('subspan', version)
  let closing: Promise<void> | null = null
  return {
    within: (name, attributes, run) => within(tracer, name, attributes, run),
    close: () => (closing ??= closeSoon(provider)),
  }
}

async function closeSoon(provider: BasicTracerProvider): Promise<void> {
  let timer: NodeJS.Timeout | undefined = undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_WITHIN_MS)
  })
  await Promise.race([provider.shutdown().catch(() => undefined), late])
  clearTimeout(timer)
}

async function within<T>(
  tracer: Tracer,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  run: () => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, { attributes: { ...attributes } })
  try {
    return await run()
  } catch (thrown) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(thrown) })
    throw thrown
  } finally {
    span.end()
  }
}

/** The SDK says when it cannot send; that is told once a minute. */
function tellProblems(log: Log): void {
  let toldMs = -Infinity
  const tell: DiagLogFunction = (message) => {
    if (Date.now() - toldMs < TELL_EVERY_MS) return
    toldMs = Date.now()
    log.warn({ reason: message.slice(0, 300) }, "Subspan's own spans could not be sent")
  }
  const silent: DiagLogFunction = () => undefined
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}
