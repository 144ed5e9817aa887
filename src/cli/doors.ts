// doors.ts: opens the doors that the configuration asks for: for spans in each protocol, and for the API.

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
import { openSecurity, type Security, type SecurityOptions, type Tokens, tokensOf } from '../server/security.ts'
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
   * Reads the tokens of the doors that are open.
   *
   * @returns what has them known from then on
   * @throws Failure CONFIG for files that cannot be used, and where a door would ask for none any more, or would begin to
   */
  readTokens(config: SubspanConfig): Promise<() => void>
  close(deadlineMs: number): Promise<void>
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

class Opening {
  private readonly open: { readonly host: string; readonly listener: Listener; readonly before?: () => void }[] = []
  private readonly spans: SpanDoor[] = []
  private readonly missing: { readonly name: string; readonly port: number; readonly option: string }[] = []
  private readonly budget: BodyBudget
  /** Of each door that is open, by its option. */
  private readonly tokens = new Map<string, Tokens>()

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
      readTokens: (config) => this.readTokens(config),
      close: (deadlineMs) => this.close(deadlineMs),
    }
  }

  private async readTokens(config: SubspanConfig): Promise<() => void> {
    const read: [Tokens, readonly string[]][] = []
    for (const [option, known] of this.tokens) {
      const tokens = await tokensOf(fieldOf(config, option) as SecurityOptions, option)
      if (known.asked !== tokens.length > 0) {
        const change = known.asked ? 'would ask for no token any more' : 'would begin to ask for tokens'
        throw new Failure('CONFIG', `${option} ${change}: restart Subspan for that.`)
      }
      read.push([known, tokens])
    }
    return () => {
      for (const [known, tokens] of read) known.replace(tokens)
    }
  }

  private async security(option: string, door: SecurityOptions): Promise<Security> {
    const security = await openSecurity(door, option)
    this.tokens.set(option, security.tokens)
    return security
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
    const listener = await listen(handle, await this.httpOptions('otlpHttp', door))
    this.add('otlpHttp', door, listener, '/v1/traces (OTLP/HTTP, protobuf and JSON)')
  }

  private async http(receiver: 'jaegerHttp' | 'zipkin', protocol: HttpSpanProtocol): Promise<void> {
    const door = this.config.receivers[receiver]
    const limits = { maxBytes: door.maxBodyBytes, option: `receivers.${receiver}.maxBodyBytes` }
    const handle = spansHttp({ ...this.converted(receiver), protocol, limits })
    await this.unlessTaken(receiver, door.enabled, door.port, async () => {
      const listener = await listen(handle, await this.httpOptions(receiver, door))
      this.add(receiver, door, listener, `${protocol.path} (${NAMES[receiver][0]})`)
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
    const options = { receiver: NAMES[receiver][1], maxMessageBytes: door.maxMessageBytes }
    await this.unlessTaken(receiver, enabled, door.port, async () => {
      const listener = await listenGrpc(
        { ...options, budget: this.budget, counters, log },
        methods,
        this.listenOptions(NAMES[receiver][0], `receivers.${receiver}`, door),
        await this.security(`receivers.${receiver}`, door),
      )
      this.add(receiver, door, listener, ` (${NAMES[receiver][0]})`, before)
    })
  }

  private async api(): Promise<string> {
    const { api: door, captures } = this.config
    const { counters, log } = this.ports
    const security = await this.security('api', door)
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
    this.open.push({ host: door.host, listener })
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

  private add(receiver: Receiver, { host }: DoorConfig, listener: Listener, told: string, before?: () => void): void {
    this.open.push({ host, listener, ...(before === undefined ? {} : { before }) })
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

  private async httpOptions(receiver: Receiver, door: HttpReceiverConfig): Promise<ListenOptions> {
    const [name, label] = NAMES[receiver]
    return {
      ...this.listenOptions(name, `receivers.${receiver}`, door),
      requestTimeoutMs: door.timeoutMs,
      onRefusedConnection: this.countRefused(label),
      security: await this.security(`receivers.${receiver}`, door),
    }
  }

  private countRefused(receiver: string): () => void {
    return () => this.ports.counters.add('subspan_receiver_connections_refused_total', 1, { receiver })
  }
}
