// peers.ts: the programs beside Subspan, each in a process of its own on free ports: Jaeger, a Collector, the service of examples/go.

import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { until } from '../../support/subspan-process.ts'

/** Folder of the built programs; null where the suite is skipped. */
export const peersFolder = inject('peers')

const config = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
/** The configurations that the guide shows. */
const COLLECTORS = '../../../docs/collector/'

/** One running program. */
class Peer {
  private output = ''
  private readonly child: ChildProcess
  private readonly ended: Promise<void>
  private running = true

  constructor(program: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    // What the machine sets must not name a destination.
    const inherited = Object.entries(process.env).filter(([key]) => !/^(OTEL_|SUBSPAN_|MESSAGES_|JAEGER_)/.test(key))
    this.child = spawn(join(peersFolder ?? '', program), args, {
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // A test that gives up while one starts has nothing to stop it by.
    const last = (): void => void this.child.kill('SIGKILL')
    process.once('exit', last)
    this.child.once('close', () => process.removeListener('exit', last))
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => (this.output += String(chunk)))
    }
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.output += error.message
        this.running = false
        resolve()
      })
      this.child.once('close', () => {
        this.running = false
        resolve()
      })
    })
  }

  /** Everything it has said. */
  get said(): string {
    return this.output
  }

  /** Waits until it works; fails with what it said when it ends before. */
  async until(works: () => boolean | Promise<boolean>): Promise<void> {
    await until(async () => {
      if (!this.running) throw new Error(`${this.child.spawnfile} has ended: ${this.output}`)
      return works()
    })
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    const impatient = setTimeout(() => this.child.kill('SIGKILL'), 10_000)
    await this.ended
    clearTimeout(impatient)
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer()
    return true
  } catch {
    return false
  }
}

/** A Collector that takes OTLP/HTTP and sends it on, configured as the guide shows. */
export class Collector {
  private constructor(
    private readonly peer: Peer,
    /** Base address of its OTLP/HTTP receiver. */
    readonly otlpUrl: string,
    /** Where Prometheus asks it, when its configuration says so. */
    readonly metricsUrl: string,
  ) {}

  /** @param next base address of the destination */
  static async start(file: 'before' | 'behind' | 'tail-sampling', next: string): Promise<Collector> {
    const [port, metricsPort] = [await freePort(), await freePort()]
    const peer = new Peer('otelcol-v0.161.0', ['--config', config(`${COLLECTORS}${file}.yaml`)], {
      OTLP_LISTEN: `127.0.0.1:${port}`,
      METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
      DECISION_WAIT: '6s',
      [file === 'before' ? 'SUBSPAN_ENDPOINT' : 'JAEGER_ENDPOINT']: next,
    })
    await peer.until(() => answers(`http://127.0.0.1:${port}/`))
    return new Collector(peer, `http://127.0.0.1:${port}`, `http://127.0.0.1:${metricsPort}/metrics`)
  }

  stop(): Promise<void> {
    return this.peer.stop()
  }
}

/** How the service of examples/go makes its spans. */
export type Tracing = 'otel' | 'otel-ids' | 'opencensus' | 'opencensus-ids'

/** The service of examples/go under load. */
export class Messages {
  private constructor(
    private readonly peer: Peer,
    /** Where it gives captures. */
    readonly captureUrl: string,
    readonly pid: number,
  ) {}

  /** Starts one; its instance id is `messages-0` where its SDK can say so. */
  static async start(tracing: Tracing, to: { otlpUrl: string; opencensus?: string }, port = 0): Promise<Messages> {
    const peer = new Peer('messages', ['-listen', `127.0.0.1:${port}`, '-load', '6', '-tracing', tracing], {
      OTEL_EXPORTER_OTLP_ENDPOINT: to.otlpUrl,
      OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=messages-0',
      OTEL_BSP_SCHEDULE_DELAY: '300',
      MESSAGES_OPENCENSUS_AGENT: to.opencensus ?? '127.0.0.1:1',
    })
    const said = /captures (http:\S+), tracing \S+, process (\d+)/
    await peer.until(() => said.test(peer.said))
    const [, captureUrl, pid] = said.exec(peer.said) ?? []
    return new Messages(peer, captureUrl, Number(pid))
  }

  /** One capture, as curl would take it. */
  async capture(seconds: number): Promise<Uint8Array> {
    const response = await fetch(`${this.captureUrl}?seconds=${seconds}`)
    return new Uint8Array(await response.arrayBuffer())
  }

  stop(): Promise<void> {
    return this.peer.stop()
  }
}

/** Jaeger, with all it has in memory. */
export class Jaeger {
  private constructor(
    private readonly peer: Peer,
    /** Base address of its OTLP/HTTP receiver. */
    readonly otlpUrl: string,
    private readonly queryUrl: string,
  ) {}

  static async start(): Promise<Jaeger> {
    const [otlp, query] = [await freePort(), await freePort()]
    const environment = { OTLP_PORT: String(otlp), QUERY_PORT: String(query), OTEL_TRACES_SAMPLER: 'always_off' }
    const peer = new Peer('jaeger-v1.76.0', ['--config', config('jaeger.yaml')], environment)
    const [otlpUrl, queryUrl] = [`http://127.0.0.1:${otlp}`, `http://127.0.0.1:${query}`]
    await peer.until(async () => (await answers(`${otlpUrl}/`)) && (await answers(`${queryUrl}/api/services`)))
    return new Jaeger(peer, otlpUrl, queryUrl)
  }

  /** Traces of the service that its search finds. */
  async find(query: Readonly<Record<string, string>> = {}): Promise<JaegerTrace[]> {
    const asked = new URLSearchParams({ service: 'messages', limit: '20000', ...query })
    const response = await fetch(`${this.queryUrl}/api/traces?${asked.toString()}`)
    const { data, errors } = (await response.json()) as { data: JaegerTrace[] | null; errors: unknown }
    if (!response.ok) throw new Error(`Jaeger answers ${response.status}: ${JSON.stringify(errors)}`)
    return data ?? []
  }

  stop(): Promise<void> {
    return this.peer.stop()
  }
}

/** A trace in the JSON of Jaeger's query API. */
export interface JaegerTrace {
  readonly traceID: string
  readonly spans: readonly JaegerSpan[]
  readonly warnings: readonly string[] | null
}

/** A span there; times in microseconds. */
export interface JaegerSpan {
  readonly traceID: string
  readonly spanID: string
  readonly operationName: string
  readonly startTime: number
  readonly duration: number
  readonly references: readonly { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[]
  readonly tags: readonly { key: string; type: string; value: string | number | boolean }[]
  readonly warnings: readonly string[] | null
}

/** The value of a tag; undefined when the span has none of that name. */
export function tag(span: JaegerSpan, key: string): string | number | boolean | undefined {
  return span.tags.find((one) => one.key === key)?.value
}

/** The id of the span above; null for a root. */
export function parentOf(span: JaegerSpan): string | null {
  return span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID ?? null
}
