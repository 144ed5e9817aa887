// doors.ts: opens the doors that the configuration asks for: for spans in each protocol, and for the API.

import { isDeepStrictEqual } from 'node:util'
import type {
  DoorConfig,
  EnabledOrAuto,
  GrpcReceiverConfig,
  HttpReceiverConfig,
  SubspanConfig,
} from '../config/config.ts'
import type { Counters, Log } from '../bridge/ports.ts'
import { Failure } from '../base/failure.ts'
import { fieldOf } from '../config/load.ts'
import { api, type ApiDoor } from '../server/api.ts'
import { BodyBudget } from '../server/body.ts'
import type { ConvertedDoor } from '../server/converted.ts'
import { listenGrpc, type StreamMethod, type UnaryMethod } from '../server/grpc.ts'
import { jaegerGrpc } from '../server/jaeger-grpc.ts'
import { listen, type Listener, type ListenOptions, PortTaken } from '../server/listen.ts'
import { opencensusGrpc } from '../server/opencensus-grpc.ts'
import { otlpGrpc } from '../server/otlp-grpc.ts'
import { otlpHttp } from '../server/otlp-http.ts'
import {
  openSecurity,
  type Security,
  type SecurityOptions,
  tlsOf,
  type TlsMaterial,
  type Tokens,
  tokensOf,
} from '../server/security.ts'
import { spansHttp } from '../server/spans-http.ts'
import { type HttpSpanProtocol, JAEGER_THRIFT, ZIPKIN_JSON } from '../span/protocols.ts'

/** What the doors hand on to. */
export interface DoorPorts {
  readonly acceptSpans: (request: Uint8Array) => Promise<void>
  /** What the API is asked for. */
  readonly api: Omit<
    ApiDoor,
    'maxCaptureBytes' | 'maxCaptureOption' | 'idleTimeoutMs' | 'allowedHosts' | 'budget' | 'counters' | 'log'
  >
  readonly counters: Counters
  readonly log: Log
}

/** A door for spans that is open. */
export interface SpanDoor {
  /** Its name in `receivers`. */
  readonly receiver: keyof typeof NAMES
  /** Address with its path, and what is taken there, for people. */
  readonly told: string
  readonly url: string
}

/** The doors that are open. */
export interface Doors {
  readonly spans: readonly SpanDoor[]
  readonly apiUrl: string
  /** Where something of ours listens. */
  readonly listening: readonly { readonly host: string; readonly port: number }[]
  /** Doors that are not open because another program has their port. */
  readonly missing: readonly { readonly name: string; readonly port: number; readonly option: string }[]
  /**
   * Reads the certificates and tokens of the doors that are open.
   *
   * @throws Failure CONFIG for files that cannot be used, and where a door would be guarded in another way than since its start
   */
  readSecurity(config: SubspanConfig): Promise<RenewedSecurity>
  close(deadlineMs: number): Promise<void>
}

/** Certificates and tokens that were read and are not used yet. */
export interface RenewedSecurity {
  /** Options of the doors for which they are others than before: `receivers.otlpHttp`. */
  readonly changed: readonly string[]
  /** Has them used from now on; connections that are open go on as they are. */
  use(): void
}

/** Name of each receiver, its label in metrics, and what it is for people. */
const NAMES = {
  otlpHttp: ['OTLP/HTTP', 'otlp_http'],
  otlpGrpc: ['OTLP/gRPC', 'otlp_grpc'],
  opencensus: ['OpenCensus', 'opencensus'],
  jaegerHttp: ['Jaeger over HTTP', 'jaeger_http'],
  jaegerGrpc: ['Jaeger over gRPC', 'jaeger_grpc'],
  zipkin: ['Zipkin', 'zipkin'],
} as const

type Receiver = keyof typeof NAMES

/** A large capture over a slow line takes minutes. */
const API_TIMEOUT_MS = 30 * 60_000

/** @throws Failure CONFIG when a port cannot be had or a file not be used; no door is left open then */
export async function openDoors(config: SubspanConfig, ports: DoorPorts): Promise<Doors> {
  const opening = new Opening(config, ports)
  try {
    return await opening.all()
  } catch (thrown) {
    await opening.close(0)
    throw thrown
  }
}

/** A door that is open. */
interface OpenDoor {
  /** `receivers.otlpHttp`, `api`. */
  readonly option: string
  readonly host: string
  readonly listener: Listener
  readonly tokens: Tokens
  tls: TlsMaterial | null
  /** To be done before it is closed. */
  readonly before?: () => void
}

class Opening {
  private readonly open: OpenDoor[] = []
  private readonly spans: SpanDoor[] = []
  private readonly missing: { readonly name: string; readonly port: number; readonly option: string }[] = []
  private readonly budget: BodyBudget

  constructor(
    private readonly config: SubspanConfig,
    private readonly ports: DoorPorts,
  ) {
    this.budget = new BodyBudget(config.receivers.maxBytes, 'receivers.maxBytes')
  }

  async all(): Promise<Doors> {
    const { receivers } = this.config
    const { acceptSpans } = this.ports
    if (receivers.otlpHttp.enabled) await this.otlpHttp()
    if (receivers.otlpGrpc.enabled) await this.grpc('otlpGrpc', 'true', { unary: [otlpGrpc(acceptSpans)], streams: [] })
    const opencensus = opencensusGrpc(this.converted('opencensus'))
    await this.grpc(
      'opencensus',
      receivers.opencensus.enabled,
      { unary: [], streams: opencensus.methods },
      opencensus.stop,
    )
    await this.http('jaegerHttp', JAEGER_THRIFT)
    await this.grpc('jaegerGrpc', receivers.jaegerGrpc.enabled, {
      unary: [jaegerGrpc(this.converted('jaegerGrpc'))],
      streams: [],
    })
    await this.http('zipkin', ZIPKIN_JSON)
    const apiUrl = await this.api()
    return {
      spans: this.spans,
      apiUrl,
      listening: this.open.map(({ host, listener }) => ({ host, port: listener.port })),
      missing: this.missing,
      readSecurity: (config) => this.readSecurity(config),
      close: (deadlineMs) => this.close(deadlineMs),
    }
  }

  private async readSecurity(config: SubspanConfig): Promise<RenewedSecurity> {
    const read: { readonly door: OpenDoor; readonly tls: TlsMaterial | null; readonly tokens: readonly string[] }[] = []
    for (const door of this.open) {
      const { option } = door
      const configured = fieldOf(config, option) as SecurityOptions
      const tokens = await tokensOf(configured, option)
      const tls = await tlsOf(configured, option)
      for (const [before, after, what] of [
        [door.tokens.asked, tokens.length > 0, 'ask for tokens'],
        [door.tls !== null, tls !== null, 'speak TLS'],
        [(door.tls?.clientCa ?? null) !== null, (tls?.clientCa ?? null) !== null, 'ask for certificates of clients'],
      ] as const) {
        if (before === after) continue
        const change = before ? `would not ${what} any more` : `would begin to ${what}`
        throw new Failure('CONFIG', `${option} ${change}: restart Subspan for that.`)
      }
      if (!door.tokens.same(tokens) || !isDeepStrictEqual(door.tls, tls)) read.push({ door, tls, tokens })
    }
    return {
      changed: read.map(({ door }) => door.option),
      use() {
        for (const { door, tls, tokens } of read) {
          door.tokens.replace(tokens)
          if (tls !== null) door.listener.renewTls(tls)
          door.tls = tls
        }
      },
    }
  }

  async close(deadlineMs: number): Promise<void> {
    for (const { before } of this.open) before?.()
    await Promise.all(this.open.map(({ listener }) => listener.close(deadlineMs)))
  }

  private async otlpHttp(): Promise<void> {
    const door = this.config.receivers.otlpHttp
    const { acceptSpans, counters, log } = this.ports
    const limits = { maxBytes: door.maxBodyBytes, option: 'receivers.otlpHttp.maxBodyBytes' }
    const handle = otlpHttp({ acceptSpans, limits, budget: this.budget, counters, log })
    const options = await this.httpOptions('otlpHttp', door)
    const listener = await listen(handle, options)
    this.add('otlpHttp', door, options.security, listener, '/v1/traces (OTLP/HTTP, protobuf and JSON)')
  }

  private async http(receiver: 'jaegerHttp' | 'zipkin', protocol: HttpSpanProtocol): Promise<void> {
    const door = this.config.receivers[receiver]
    const limits = { maxBytes: door.maxBodyBytes, option: `receivers.${receiver}.maxBodyBytes` }
    const handle = spansHttp({ ...this.converted(receiver), protocol, limits })
    await this.unlessTaken(receiver, door.enabled, door.port, async () => {
      const options = await this.httpOptions(receiver, door)
      const listener = await listen(handle, options)
      this.add(receiver, door, options.security, listener, `${protocol.path} (${NAMES[receiver][0]})`)
    })
  }

  private async grpc(
    receiver: 'otlpGrpc' | 'jaegerGrpc' | 'opencensus',
    enabled: EnabledOrAuto,
    methods: { readonly unary: readonly UnaryMethod[]; readonly streams: readonly StreamMethod[] },
    before?: () => void,
  ): Promise<void> {
    const door: GrpcReceiverConfig = this.config.receivers[receiver]
    const { counters, log } = this.ports
    const options = {
      receiver: NAMES[receiver][1],
      maxMessageBytes: door.maxMessageBytes,
      maxMessageOption: `receivers.${receiver}.maxMessageBytes`,
    }
    await this.unlessTaken(receiver, enabled, door.port, async () => {
      const security = await openSecurity(door, `receivers.${receiver}`)
      const listener = await listenGrpc(
        { ...options, budget: this.budget, counters, log },
        methods,
        this.listenOptions(NAMES[receiver][0], `receivers.${receiver}`, door),
        security,
      )
      this.add(receiver, door, security, listener, ` (${NAMES[receiver][0]})`, before)
    })
  }

  private async api(): Promise<string> {
    const { api: door, captures } = this.config
    const { counters, log } = this.ports
    const security = await openSecurity(door, 'api')
    const handle = api({
      ...this.ports.api,
      // Whoever reaches the API may ask it; who changes where spans go must show who they are.
      reload: security.tokens.asked ? this.ports.api.reload : null,
      maxCaptureBytes: captures.maxBytes,
      maxCaptureOption: 'captures.maxBytes',
      idleTimeoutMs: captures.idleTimeoutMs,
      allowedHosts: door.allowedHosts,
      budget: this.budget,
      counters,
      log,
    })
    const listener = await listen(handle, {
      ...this.listenOptions('the API', 'api', door),
      requestTimeoutMs: API_TIMEOUT_MS,
      onRefusedConnection: this.countRefused('api'),
      security,
      openPaths: ['/healthz', '/readyz'],
    })
    this.open.push({ option: 'api', host: door.host, listener, ...security })
    return listener.url
  }

  /** Opens a door; one that is on by itself is left closed when its port is taken. */
  private async unlessTaken(
    receiver: Receiver,
    enabled: EnabledOrAuto,
    port: number,
    open: () => Promise<void>,
  ): Promise<void> {
    if (enabled === 'false') return
    try {
      await open()
    } catch (thrown) {
      if (enabled !== 'auto' || !(thrown instanceof PortTaken)) throw thrown
      this.missing.push({ name: NAMES[receiver][0], port, option: `receivers.${receiver}` })
    }
  }

  private add(
    receiver: Receiver,
    { host }: DoorConfig,
    security: Security,
    listener: Listener,
    told: string,
    before?: () => void,
  ): void {
    const option = `receivers.${receiver}`
    this.open.push({ option, host, listener, ...security, ...(before === undefined ? {} : { before }) })
    this.spans.push({ receiver, told: listener.url + told, url: listener.url })
  }

  private converted(receiver: Receiver): ConvertedDoor {
    const { acceptSpans, counters, log } = this.ports
    return { acceptSpans, receiver: NAMES[receiver][1], budget: this.budget, counters, log }
  }

  private listenOptions(name: string, option: string, door: DoorConfig): Omit<ListenOptions, 'requestTimeoutMs'> {
    const { host, port, maxConnections } = door
    return { host, port, maxConnections, name, portOption: `${option}.port` }
  }

  private async httpOptions(
    receiver: Receiver,
    door: HttpReceiverConfig,
  ): Promise<ListenOptions & { readonly security: Security }> {
    const [name, label] = NAMES[receiver]
    return {
      ...this.listenOptions(name, `receivers.${receiver}`, door),
      requestTimeoutMs: door.timeoutMs,
      onRefusedConnection: this.countRefused(label),
      security: await openSecurity(door, `receivers.${receiver}`),
    }
  }

  private countRefused(receiver: string): () => void {
    return () => this.ports.counters.add('subspan_receiver_connections_refused_total', 1, { receiver })
  }
}
