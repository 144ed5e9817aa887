// config.ts: the whole configuration as the program sees it: times in milliseconds, sizes in bytes.
//
// The names in a file, in variables and in flags are the same without the `Ms`: `hold.maxMs` is written `hold.max: 8s`.
// What each is by default, and a sentence on it, stands in `options.ts`.

/** Everything Subspan can be told. */
export interface SubspanConfig {
  /** Where people reach the pages, for links on spans; empty: no links. */
  readonly publicUrl: string
  readonly data: {
    /** Folder of the journal, the capture files and what was set aside. */
    readonly dir: string
  }
  readonly receivers: {
    /** Bytes of request bodies in memory at a time, over all doors. */
    readonly maxBytes: number
    readonly otlpHttp: HttpReceiverConfig & { readonly enabled: boolean }
    readonly otlpGrpc: GrpcReceiverConfig & { readonly enabled: boolean }
    readonly opencensus: GrpcReceiverConfig & { readonly enabled: EnabledOrAuto }
    readonly jaegerHttp: HttpReceiverConfig & { readonly enabled: EnabledOrAuto }
    readonly jaegerGrpc: GrpcReceiverConfig & { readonly enabled: EnabledOrAuto }
    readonly zipkin: HttpReceiverConfig & { readonly enabled: EnabledOrAuto }
  }
  readonly api: DoorConfig & {
    /** Host names beside addresses, localhost and names without a dot. */
    readonly allowedHosts: readonly string[]
  }
  readonly hold: {
    readonly mode: 'auto' | 'always' | 'never'
    readonly maxMs: number
    readonly maxBytes: number
  }
  readonly join: {
    readonly keepMs: number
    readonly keepBytes: number
    /** Regular expressions with the groups `span` and `trace`. */
    readonly namePatterns: readonly string[]
    /** Categories of logs whose message is a trace id, a span id, a text with both. */
    readonly traceLogKeys: readonly string[]
    readonly spanLogKeys: readonly string[]
    readonly idLogKeys: readonly string[]
    /** Whether spans that no task names are looked for by name and time. */
    readonly nameTime: boolean
  }
  readonly late: {
    readonly enabled: boolean
    readonly maxAgeMs: number
    /** Bytes of the index of spans that have left. */
    readonly keepBytes: number
  }
  readonly enrich: {
    readonly mode: 'attributes' | 'children' | 'both'
    readonly maxChildrenPerSpan: number
    readonly maxChildrenPerTrace: number
    readonly maxBytesPerTrace: number
  }
  readonly captures: {
    /** Bytes of one capture. */
    readonly maxBytes: number
    /** Bytes of all capture files. */
    readonly keepBytes: number
    /** An upload that sends nothing for this long is given up. */
    readonly idleTimeoutMs: number
  }
  readonly pull: {
    /** Programs that captures may be pulled from. */
    readonly targets: readonly PullTargetConfig[]
    /** Longest recording that may be asked for. */
    readonly maxLengthMs: number
    /** For a recording to end, beyond its length. */
    readonly timeoutMs: number
    readonly maxAtATime: number
  }
  readonly watch: {
    /** Folders into which captures fall. */
    readonly folders: readonly WatchedFolderConfig[]
  }
  readonly decode: {
    readonly workers: number
    readonly memoryBytes: number
    readonly deadlineMs: number
    /** Clock of captures that do not state theirs; 0: one is assumed. */
    readonly ticksPerSecond: number
  }
  readonly store: {
    readonly maxBytes: number
    readonly retainMs: number
    readonly fsync: boolean
    readonly segmentBytes: number
  }
  readonly destinations: readonly DestinationConfig[]
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
    /** auto: text on a terminal, JSON elsewhere. */
    readonly format: 'auto' | 'text' | 'json'
  }
  readonly telemetry: {
    /** OTLP/HTTP address that Subspan's own spans are sent to; empty: none are made. */
    readonly tracesEndpoint: string
    readonly serviceName: string
  }
  readonly reload: {
    /** How often files of certificates, tokens and headers are looked at for other contents; 0: at a reload only. */
    readonly filesEveryMs: number
  }
  readonly shutdown: {
    /** What is under way at SIGTERM ends within it. */
    readonly deadlineMs: number
  }
}

/** auto: on, unless the port is taken; then the others go on without it. */
export type EnabledOrAuto = 'true' | 'false' | 'auto'

/** Where a door listens, and who may use it. */
export interface DoorConfig extends DoorSecurityConfig {
  readonly host: string
  readonly port: number
  /** Connections at a time. */
  readonly maxConnections: number
}

/** A door for spans over HTTP. */
export interface HttpReceiverConfig extends DoorConfig {
  /** Bytes of one body, unpacked. */
  readonly maxBodyBytes: number
  /** A request must have come whole within it. */
  readonly timeoutMs: number
}

/** A door for spans over gRPC. */
export interface GrpcReceiverConfig extends DoorConfig {
  /** Bytes of one message, unpacked. */
  readonly maxMessageBytes: number
}

/** Who may use a door. */
export interface DoorSecurityConfig {
  /** PEM files; with both the door speaks TLS. */
  readonly certFile: string
  readonly keyFile: string
  /** PEM file of the authorities of which clients must show a certificate; empty: they need none. */
  readonly clientCaFile: string
  /** Bearer tokens, one of which every request must have; empty: none is asked for. They are never printed. */
  readonly tokens: readonly string[]
  /** File with more of them, one a line; empty: none. */
  readonly tokensFile: string
}

/** One backend that spans are sent to. */
export interface DestinationConfig {
  /** Names its cursor on disk, so that it must stay the same. */
  readonly name: string
  /** Base address; `/v1/traces` is added to its path, unless the protocol is grpc. */
  readonly endpoint: string
  readonly protocol: 'http/protobuf' | 'http/json' | 'grpc'
  /** Sent with every request; they may hold secrets and are never printed. */
  readonly headers: Readonly<Record<string, string>>
  readonly compression: 'gzip' | 'none'
  readonly timeoutMs: number
  /** Whether children of spans that have left are sent there. */
  readonly late: boolean
  readonly lateMaxAgeMs: number
  /** File with more headers, one a line; empty: none. */
  readonly headersFile: string
  /** PEM files; empty: Node's own authorities, no client certificate. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** A program that captures may be pulled from. */
export interface PullTargetConfig {
  /** What people call it; empty: host and port of its address. */
  readonly name: string
  /** Base address of its pprof. */
  readonly url: string
  /** `service.name` of its spans, and which instance of it; empty: not known. */
  readonly service: string
  readonly instance: string
  /** Sent with every request; they may hold secrets and are never printed. */
  readonly headers: Readonly<Record<string, string>>
  /** File with more headers, one a line; empty: none. */
  readonly headersFile: string
  /** PEM files; empty: Node's own authorities, no client certificate. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** A folder into which captures fall. */
export interface WatchedFolderConfig {
  readonly folder: string
  /** `service.name` of their spans, and which instance of it; empty: not known. */
  readonly service: string
  readonly instance: string
  /** Whether a capture is deleted once it is taken. */
  readonly remove: boolean
}
