// subspan-process.ts: Subspan as its users run it: the built program in a process of its own, on free ports, with a folder of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** Built by `npm run build`, which `npm test` runs first. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** A folder that is removed by the caller. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'subspan-e2e-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** What a program that ended said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Program(args, environment).ended
}

class Program {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  protected readonly child: ChildProcess

  constructor(args: readonly string[], environment: Record<string, string>) {
    // What the machine sets must not name a destination.
    const inherited = Object.entries(process.env).filter(([key]) => !/^(OTEL_|SUBSPAN_|NODE_OPTIONS$)/.test(key))
    this.child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk) => (this.stdout += String(chunk)))
    this.child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)))
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }))
    })
  }
}

/** A Subspan that serves. */
export class SubspanProcess extends Program {
  otlpUrl = ''
  otlpGrpcUrl = ''
  /** Host and port, as OpenCensus' exporters want them. */
  opencensus = ''
  apiUrl = ''

  private constructor(
    settings: Readonly<Record<string, string>>,
    environment: Record<string, string>,
    args: readonly string[],
  ) {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
    super(['serve', ...flags, ...args], environment)
  }

  /** Starts one and waits for nothing. */
  static spawn(
    dataDir: string,
    destination: string | null,
    settings: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): SubspanProcess {
    return new SubspanProcess(
      {
        'data.dir': dataDir,
        'receivers.otlpHttp.port': '0',
        'receivers.otlpGrpc.port': '0',
        'receivers.opencensus.port': '0',
        'receivers.jaegerHttp.port': '0',
        'receivers.jaegerGrpc.port': '0',
        'receivers.zipkin.port': '0',
        'api.port': '0',
        ...settings,
      },
      destination === null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: destination },
      args,
    )
  }

  /**
   * Starts one and waits until it takes spans.
   *
   * @param destination base address, null for none
   */
  static async start(
    dataDir: string,
    destination: string | null,
    settings: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): Promise<SubspanProcess> {
    const started = SubspanProcess.spawn(dataDir, destination, settings, args)
    await Promise.race([
      started.ended.then(({ code, stderr }) => {
        throw new Error(`subspan ended with ${code ?? 'a signal'} instead of serving: ${stderr}`)
      }),
      until(() => /goes to/.test(started.stderr)),
    ])
    started.otlpUrl = /spans +(http:\S+)\/v1\/traces/.exec(started.stderr)?.[1] ?? ''
    started.otlpGrpcUrl = /spans +(http:\S+) \(OTLP\/gRPC\)/.exec(started.stderr)?.[1] ?? ''
    started.opencensus = /spans +http:\/\/(\S+) \(OpenCensus\)/.exec(started.stderr)?.[1] ?? ''
    started.apiUrl = /captures +(https?:\S+)\/api\//.exec(started.stderr)?.[1] ?? ''
    return started
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** Sends a signal; `ended` tells when it has worked. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Posts OTLP protobuf, or JSON text; resolves with the HTTP status. */
  async sendSpans(request: Uint8Array | string, packed = false): Promise<number> {
    const body = packed ? gzipSync(request) : request
    const response = await fetch(`${this.otlpUrl}/v1/traces`, {
      method: 'POST',
      body,
      headers: {
        'content-type': typeof request === 'string' ? 'application/json' : 'application/x-protobuf',
        ...(packed ? { 'content-encoding': 'gzip' } : {}),
      },
    })
    await response.arrayBuffer()
    return response.status
  }

  /** Posts a capture; resolves with its id. */
  async sendCapture(capture: Uint8Array, service = '', instance = ''): Promise<string> {
    const query = new URLSearchParams({ service, instance })
    const response = await fetch(`${this.apiUrl}/api/v1/captures?${query.toString()}`, {
      method: 'POST',
      body: capture,
    })
    const answer = (await response.json()) as { id: string }
    if (response.status !== 202) throw new Error(`${response.status}: ${JSON.stringify(answer)}`)
    return answer.id
  }

  async announce(service: string, instance: string, seconds: number): Promise<void> {
    const response = await fetch(`${this.apiUrl}/api/v1/captures/announce`, {
      method: 'POST',
      body: JSON.stringify({ service, instance, seconds }),
    })
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`)
  }

  /** Has a target of pull.targets recorded; resolves with the capture's id once that is under way. */
  async pull(target: string, seconds: number): Promise<string> {
    const response = await fetch(`${this.apiUrl}/api/v1/captures/pull`, {
      method: 'POST',
      body: JSON.stringify({ target, seconds }),
    })
    const answer = (await response.json()) as { id: string }
    if (response.status !== 202) throw new Error(`${response.status}: ${JSON.stringify(answer)}`)
    return answer.id
  }

  /** The capture as the API shows it, once it is decoded or set aside. */
  async captureEnded(id: string): Promise<{ state: string; spans: { joined: Record<string, number> } }> {
    let view = { state: '', spans: { joined: {} } }
    await until(async () => {
      view = (await (await fetch(`${this.apiUrl}/api/v1/captures/${id}`)).json()) as typeof view
      return view.state !== 'pending' && view.state !== 'decoding'
    })
    return view
  }
}

/** Waits until something holds; a test that waits too long fails by its own time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}
