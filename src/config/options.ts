// options.ts: every option: where it lies in the configuration, what it may be, what it is by default, and a sentence on it.

import { parse } from 'yaml'
import { z } from 'zod'
import type { DestinationConfig, DoorConfig, PullTargetConfig, SubspanConfig, WatchedFolderConfig } from './config.ts'

/** One option. */
export interface OptionRow {
  /** Place in `SubspanConfig`: `hold.maxMs`. */
  readonly field: string
  /** What people write: `hold.max`. Times are written with their unit, so that the name needs none. */
  readonly name: string
  /** The variable that sets it: `SUBSPAN_HOLD_MAX`. */
  readonly variable: string
  /** What may be written, in words. */
  readonly allowed: string
  /** Turns what was written (text, or a value of YAML) into the value; the error is a clause that goes on after "is". */
  readonly value: z.ZodType
  /** How a value is shown; what is secret is not. */
  readonly show: (value: unknown) => string
  /** Neither its value nor what was written for it is ever told. */
  readonly secret: boolean
  readonly doc: string
}

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTES = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const
const MOST_MS = 365 * MS.d
const MOST_BYTES = 2 ** 50

interface Kind {
  readonly allowed: string
  readonly value: z.ZodType
  readonly show: (value: unknown) => string
}

/** A number with a unit of the table; whole numbers alone count in the smallest where `bare` is set. */
function withUnit(units: Readonly<Record<string, number>>, most: number, bare: boolean, example: string): z.ZodType {
  return z.union([z.string(), z.number()], { error: `neither text nor a number` }).transform((written, context) => {
    const match = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(String(written).trim())
    const unit = match?.[2] ?? ''
    const size = unit === '' && (bare || Number(match?.[1]) === 0) ? 1 : units[unit]
    const value = size === undefined ? NaN : Math.round(Number(match?.[1]) * size)
    if (!(value <= most)) {
      context.issues.push({
        code: 'custom',
        input: written,
        message: Number.isNaN(value)
          ? `no number with one of the units ${Object.keys(units).join(', ')}, as in ${example}`
          : `larger than ${most.toLocaleString('en-US')}`,
      })
      return z.NEVER
    }
    return value
  })
}

function shown(units: Readonly<Record<string, number>>, value: unknown): string {
  const number = Number(value)
  const fitting = Object.entries(units).filter(([, size]) => number % size === 0 && number >= size)
  const [unit, size] = fitting.sort(([, one], [, other]) => other - one)[0] ?? Object.entries(units)[0]
  return `${number / size}${unit}`
}

const duration: Kind = {
  allowed: 'a time such as 500ms, 8s or 10m',
  value: withUnit(MS, MOST_MS, false, '8s'),
  show: (value) => shown(MS, value),
}
const bytes: Kind = {
  allowed: 'a size such as 64MiB or 1GB',
  value: withUnit(BYTES, MOST_BYTES, true, '64MiB'),
  show: (value) => shown(BYTES, value),
}
/** What is smaller could not hold a single request. */
const disk: Kind = {
  allowed: 'a size from 1MiB, such as 4GiB',
  value: bytes.value.refine((value) => Number(value) >= BYTES.MiB, { error: 'smaller than 1MiB' }),
  show: bytes.show,
}
const text: Kind = {
  allowed: 'a text',
  value: z.union([z.string(), z.number()], { error: 'no text' }).transform(String),
  show: (value) => (value === '' ? "''" : String(value)),
}
const name: Kind = {
  allowed: 'a text that is not empty',
  value: text.value.refine((value) => value !== '', { error: 'empty' }),
  show: text.show,
}
const YES = ['true', 'on', 'yes']
const NO = ['false', 'off', 'no']
const yesNo: Kind = {
  allowed: 'true or false',
  value: z
    .union([z.boolean(), z.enum([...YES, ...NO])], { error: 'neither true nor false' })
    .transform((value) => value === true || YES.includes(String(value))),
  show: String,
}
const yesNoAuto: Kind = {
  allowed: 'true, false or auto',
  value: z
    .union([z.boolean(), z.enum(['auto', ...YES, ...NO])], { error: 'neither true nor false nor auto' })
    .transform((value) => (value === 'auto' ? value : String(value === true || YES.includes(String(value))))),
  show: String,
}
const address: Kind = {
  allowed: 'an address such as http://host:4318',
  value: z.union([z.literal(''), z.url({ protocol: /^https?$/ })], { error: 'no http or https address' }),
  show: (value) => (value === '' ? "''" : withoutSecrets(String(value))),
}
const headers: Kind = {
  allowed: 'names with texts: {name: text}, or name=text with commas between',
  value: z
    .preprocess(
      (written) => (typeof written === 'string' ? headersOf(written) : written),
      z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]), { error: 'no names with texts' }),
    )
    .transform((all) => Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]))),
  show: (value) => {
    const names = Object.keys(value as object)
    return names.length === 0 ? '{}' : `{${names.map((name) => `${name}: (not shown)`).join(', ')}}`
  },
}
const tokens: Kind = {
  ...list(
    z.string().regex(/^[\x21-\x7e]+$/, { error: 'no token of visible characters without spaces' }),
    'texts between commas',
  ),
  show: (value) => (Array.isArray(value) && value.length > 0 ? `[${value.map(() => '(not shown)').join(', ')}]` : '[]'),
}
const pattern = z.string().refine(isPattern, { error: 'no regular expression with a group named span' })

function whole(least: number, most: number): Kind {
  return {
    allowed: `a whole number from ${least} to ${most.toLocaleString('en-US')}`,
    value: z
      .union([z.string().regex(/^\d+$/, { error: 'no whole number' }), z.number()], { error: 'no whole number' })
      .transform(Number)
      .refine((value) => Number.isInteger(value) && value >= least && value <= most, {
        error: `no whole number from ${least} to ${most.toLocaleString('en-US')}`,
      }),
    show: String,
  }
}

/** Slower and faster clocks are none. */
const LEAST_TICKS = 1e3
const MOST_TICKS = 1e12
const ticks: Kind = {
  allowed: 'a number from 1,000 to 1,000,000,000,000 such as 39062500, or 0',
  value: z
    .union([z.string().regex(/^\d+(\.\d+)?$/, { error: 'no number' }), z.number()], { error: 'no number' })
    .transform(Number)
    .refine((value) => value === 0 || (value >= LEAST_TICKS && value <= MOST_TICKS), {
      error: 'neither 0 nor from 1,000 to 1,000,000,000,000',
    }),
  show: String,
}

function oneOf(...choices: string[]): Kind {
  return {
    allowed: choices.join(', '),
    value: z.enum(choices, { error: `none of ${choices.join(', ')}` }),
    show: String,
  }
}

/** A list; as text, its items stand between commas, or in brackets as in YAML where a comma may be in them. */
function list(of: z.ZodType, allowed: string): Kind {
  const split = (written: string): unknown => {
    const text = written.trim()
    if (text.startsWith('[')) return parsed(text)
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  }
  return {
    allowed,
    value: z
      .preprocess(
        (written) => (typeof written === 'string' ? split(written) : written),
        z.array(z.unknown(), { error: 'no list' }),
      )
      .pipe(z.array(of)),
    show: (value) => (Array.isArray(value) && value.length > 0 ? JSON.stringify(value) : '[]'),
  }
}

/** `name=text,name=text`, or a map in braces as in YAML; null when it is neither. */
function headersOf(written: string): unknown {
  const text = written.trim()
  if (text.startsWith('{')) return parsed(text)
  const pairs = text.split(',').filter((pair) => pair.trim() !== '')
  if (pairs.some((pair) => pair.indexOf('=') <= 0)) return null
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]),
  )
}

/** What YAML text in a variable says; null when it is none. */
function parsed(text: string): unknown {
  try {
    return parse(text) as unknown
  } catch {
    return null
  }
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source)
    return source.includes('(?<span>')
  } catch {
    return false
  }
}

const DESTINATION_NAME = /^[a-z0-9][a-z0-9.:-]{0,62}$/
const destinationName: Kind = {
  allowed: 'lower-case letters, digits and dashes',
  value: z.string().regex(DESTINATION_NAME, { error: 'no name of lower-case letters, digits and dashes' }),
  show: String,
}
/** Told item by item; see `load.ts`. */
const items: Kind = {
  allowed: 'a list, see below',
  value: z.array(z.unknown()),
  show: (value) => (Array.isArray(value) && value.length > 0 ? `${value.length} of them` : '[]'),
}

/** An address without the user and password that may stand in it. */
export function withoutSecrets(address: string): string {
  try {
    const url = new URL(address)
    if (url.username !== '' || url.password !== '') url.username = url.password = '***'
    return url.href.replace(/\/$/, '')
  } catch {
    return '(no address)'
  }
}

const NO_FILES = { headersFile: '', caFile: '', certFile: '', keyFile: '' }

/** What a destination is unless it is told otherwise; there is no default endpoint. */
export const DESTINATION_DEFAULTS: DestinationConfig = {
  name: 'default',
  endpoint: '',
  protocol: 'http/protobuf',
  headers: {},
  compression: 'none',
  timeoutMs: 10 * MS.s,
  late: true,
  lateMaxAgeMs: 10 * MS.m,
  ...NO_FILES,
}

/** What a target of pulls is unless it is told otherwise. */
export const PULL_TARGET_DEFAULTS: PullTargetConfig = {
  name: '',
  url: '',
  service: '',
  instance: '',
  headers: {},
  ...NO_FILES,
}

/** What a watched folder is unless it is told otherwise. */
export const WATCHED_FOLDER_DEFAULTS: WatchedFolderConfig = { folder: '', service: '', instance: '', remove: false }

/** A door that listens for this machine and asks nobody who they are. */
const OPEN_DOOR: Omit<DoorConfig, 'port'> = {
  host: '127.0.0.1',
  maxConnections: 1_000,
  certFile: '',
  keyFile: '',
  clientCaFile: '',
  tokens: [],
  tokensFile: '',
}
const HTTP_DOOR = { ...OPEN_DOOR, timeoutMs: 30 * MS.s }
/** Clients of these protocols send small requests, which cost more memory while they are converted. */
const CONVERTED_BYTES = 16 * BYTES.MiB

/** What everything is unless it is told otherwise. */
export const DEFAULTS: SubspanConfig = {
  publicUrl: '',
  data: { dir: './subspan-data' },
  receivers: {
    maxBytes: 256 * BYTES.MiB,
    otlpHttp: { enabled: true, port: 4318, maxBodyBytes: 64 * BYTES.MiB, ...HTTP_DOOR },
    otlpGrpc: { enabled: true, port: 4317, maxMessageBytes: 64 * BYTES.MiB, ...OPEN_DOOR },
    opencensus: { enabled: 'auto', port: 55678, maxMessageBytes: 4 * BYTES.MiB, ...OPEN_DOOR },
    jaegerHttp: { enabled: 'auto', port: 14268, maxBodyBytes: CONVERTED_BYTES, ...HTTP_DOOR },
    jaegerGrpc: { enabled: 'auto', port: 14250, maxMessageBytes: CONVERTED_BYTES, ...OPEN_DOOR },
    zipkin: { enabled: 'auto', port: 9411, maxBodyBytes: CONVERTED_BYTES, ...HTTP_DOOR },
  },
  api: { port: 6061, allowedHosts: [], ...OPEN_DOOR },
  hold: { mode: 'auto', maxMs: 8 * MS.s, maxBytes: 256 * BYTES.MiB },
  join: {
    keepMs: 10 * MS.m,
    keepBytes: 512 * BYTES.MiB,
    namePatterns: [],
    traceLogKeys: [],
    spanLogKeys: [],
    idLogKeys: [],
    nameTime: true,
  },
  late: { enabled: true, maxAgeMs: 10 * MS.m, keepBytes: 64 * BYTES.MiB },
  enrich: { mode: 'both', maxChildrenPerSpan: 16, maxChildrenPerTrace: 500, maxBytesPerTrace: 256 * BYTES.KiB },
  captures: { maxBytes: 512 * BYTES.MiB, keepBytes: 4 * BYTES.GiB, idleTimeoutMs: 60 * MS.s },
  pull: { targets: [], maxLengthMs: 1 * MS.m, timeoutMs: 30 * MS.s, maxAtATime: 4 },
  watch: { folders: [] },
  decode: { workers: 1, memoryBytes: 1 * BYTES.GiB, deadlineMs: 5 * MS.m, ticksPerSecond: 0 },
  store: { maxBytes: 4 * BYTES.GiB, retainMs: 15 * MS.m, fsync: true, segmentBytes: 64 * BYTES.MiB },
  destinations: [],
  log: { level: 'info', format: 'auto' },
  telemetry: { tracesEndpoint: '', serviceName: 'subspan' },
  reload: { filesEveryMs: 30 * MS.s },
  shutdown: { deadlineMs: 10 * MS.s },
}

function row(field: string, kind: Kind, doc: string, secret = false): OptionRow {
  const name = field.replace(/Ms$/, '')
  const variable = `SUBSPAN_${name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`
  return { field, name, variable, allowed: kind.allowed, value: kind.value, show: kind.show, secret, doc }
}

const AUTO = 'auto: unless the port is taken by another program.'
const CONNECTIONS = 'Connections at a time; more are closed as they come.'

/** The options that say where a door listens. */
function listenRows(door: string): OptionRow[] {
  return [
    row(`${door}.host`, name, 'Address it listens on; 0.0.0.0 for every one.'),
    row(`${door}.port`, whole(0, 65_535), 'Port it listens on; 0 takes a free one.'),
    row(`${door}.maxConnections`, whole(1, 100_000), CONNECTIONS),
  ]
}

/** The options of a door for spans over HTTP, besides whether there is one. */
function httpRows(door: string): OptionRow[] {
  return [
    ...listenRows(door),
    row(`${door}.maxBodyBytes`, bytes, 'Largest body, unpacked; more is answered 413.'),
    row(`${door}.timeoutMs`, duration, 'A request that is not there whole after this time is given up.'),
    ...securityRows(door),
  ]
}

/** The options of a door for spans over gRPC, besides whether there is one. */
function grpcRows(door: string): OptionRow[] {
  return [
    ...listenRows(door),
    row(`${door}.maxMessageBytes`, bytes, 'Largest message, unpacked; more is refused with RESOURCE_EXHAUSTED.'),
    ...securityRows(door),
  ]
}

/** The options that say who may use a door. */
function securityRows(door: string): OptionRow[] {
  return [
    row(`${door}.certFile`, text, 'PEM file with the certificate that it shows; with keyFile it speaks TLS.'),
    row(`${door}.keyFile`, text, 'PEM file with the key of that certificate.'),
    row(`${door}.clientCaFile`, text, 'PEM file with the authorities of which clients must show a certificate.'),
    row(
      `${door}.tokens`,
      tokens,
      'Bearer tokens, one of which every request must have (`Authorization: Bearer …`); never shown.',
      true,
    ),
    row(`${door}.tokensFile`, text, 'File with such tokens, one a line.'),
  ]
}

/** All options, in the order in which they are shown. */
export const OPTIONS: readonly OptionRow[] = [
  row(
    'publicUrl',
    address,
    'Address under which people reach Subspan, for `subspan.url` on spans; empty leaves it out.',
  ),
  row('data.dir', name, 'Folder of the journal, the captures and what was set aside; one process at a time.'),
  row(
    'receivers.maxBytes',
    bytes,
    'Request bodies in memory at a time, over all doors; more is answered 429, try again.',
  ),
  row('receivers.otlpHttp.enabled', yesNo, 'Whether spans are taken as OTLP/HTTP (`/v1/traces`, protobuf and JSON).'),
  ...httpRows('receivers.otlpHttp'),
  row('receivers.otlpGrpc.enabled', yesNo, 'Whether spans are taken as OTLP/gRPC.'),
  ...grpcRows('receivers.otlpGrpc'),
  row(
    'receivers.opencensus.enabled',
    yesNoAuto,
    `Whether spans are taken from OpenCensus' agent exporters (gRPC). ${AUTO}`,
  ),
  ...grpcRows('receivers.opencensus'),
  row(
    'receivers.jaegerHttp.enabled',
    yesNoAuto,
    `Whether spans are taken as Jaeger's Thrift over HTTP (\`/api/traces\`). ${AUTO}`,
  ),
  ...httpRows('receivers.jaegerHttp'),
  row(
    'receivers.jaegerGrpc.enabled',
    yesNoAuto,
    `Whether spans are taken as Jaeger's protobuf over gRPC (PostSpans). ${AUTO}`,
  ),
  ...grpcRows('receivers.jaegerGrpc'),
  row(
    'receivers.zipkin.enabled',
    yesNoAuto,
    `Whether spans are taken as Zipkin's v2 JSON (\`/api/v2/spans\`). ${AUTO}`,
  ),
  ...httpRows('receivers.zipkin'),
  row('api.host', name, 'Address of the API, the health checks and the metrics.'),
  row('api.port', whole(0, 65_535), 'Port of the API; 0 takes a free one.'),
  row('api.maxConnections', whole(1, 100_000), CONNECTIONS),
  row(
    'api.allowedHosts',
    list(z.string(), 'names between commas'),
    'Host names under which the API may be asked, besides addresses, localhost and names without a dot (against DNS rebinding).',
  ),
  ...securityRows('api'),
  row(
    'hold.mode',
    oneOf('auto', 'always', 'never'),
    'auto: spans wait while a capture of their process is announced or being decoded; always: every span waits `hold.max`; never: none does.',
  ),
  row(
    'hold.maxMs',
    duration,
    'Longest wait of a span; then it leaves as it came. Keep it under the idle limits of tail samplers behind.',
  ),
  row('hold.maxBytes', bytes, 'Bytes of spans that wait; beyond it the oldest leave as they came.'),
  row('join.keepMs', duration, 'How long the tasks of a capture can be joined with spans that come after it.'),
  row('join.keepBytes', bytes, 'Memory for these tasks; beyond it the oldest captures are forgotten.'),
  row(
    'join.namePatterns',
    list(pattern, 'regular expressions with a group named span, and one named trace if there is one'),
    'Where ids stand in task names, tried before the known forms.',
  ),
  row(
    'join.traceLogKeys',
    list(z.string(), 'categories of logs, with commas between'),
    "Logs (`trace.Log`) of tasks whose message is the span's trace id, besides the known ones.",
  ),
  row(
    'join.spanLogKeys',
    list(z.string(), 'categories of logs, with commas between'),
    'The same for span ids: hex, decimal or base64.',
  ),
  row(
    'join.idLogKeys',
    list(z.string(), 'categories of logs, with commas between'),
    'The same for texts that hold both ids, in any form that task names may have.',
  ),
  row(
    'join.nameTime',
    yesNo,
    'Whether spans that no task names are looked for by name and time: stock OpenTelemetry and OpenCensus.',
  ),
  row('late.enabled', yesNo, 'Whether the breakdown of spans that have left is sent as child spans.'),
  row('late.maxAgeMs', duration, 'Age, since the span left, up to which it is.'),
  row(
    'late.keepBytes',
    bytes,
    'Memory for the index of spans that have left: 75,000 spans in a MiB, those of 50 seconds at 100,000 a second in 64 MiB.',
  ),
  row('enrich.mode', oneOf('attributes', 'children', 'both'), 'What is added to spans.'),
  row(
    'enrich.maxChildrenPerSpan',
    whole(0, 10_000),
    'Most child spans under one span; what is left out is said on it.',
  ),
  row('enrich.maxChildrenPerTrace', whole(0, 1_000_000), 'Most child spans in one trace.'),
  row('enrich.maxBytesPerTrace', bytes, 'Most bytes of child spans in one trace.'),
  row('captures.maxBytes', bytes, 'Largest capture, unpacked.'),
  row('captures.keepBytes', bytes, 'Disk for capture files; the oldest that are decoded go first.'),
  row('captures.idleTimeoutMs', duration, 'An upload that sends nothing for this long is given up.'),
  row(
    'pull.targets',
    items,
    'Programs that captures may be pulled from (POST /api/v1/captures/pull, `subspan pull`); no others are asked.',
  ),
  row('pull.maxLengthMs', duration, 'Longest recording that may be asked for.'),
  row('pull.timeoutMs', duration, 'For a recording to end beyond its length: large programs take seconds to stop.'),
  row('pull.maxAtATime', whole(1, 1_000), 'Recordings under way at a time, a decoding thread each.'),
  row('watch.folders', items, 'Folders into which captures fall, such as those of flight recorders; each is taken.'),
  row('decode.workers', whole(1, 64), 'Captures decoded at a time, a thread each.'),
  row('decode.memoryBytes', bytes, 'Memory of one such thread; a capture that needs more is set aside.'),
  row(
    'decode.deadlineMs',
    duration,
    'A capture that takes longer is set aside; while it is recorded, one whose decoding stays behind for longer.',
  ),
  row(
    'decode.ticksPerSecond',
    ticks,
    'Clock of captures of Go 1.21 and older that were cut before they state it (a whole one from the same machine tells: capture.ticksPerSecond of `subspan analyze --format json`); 0: a usual one is assumed, and said so.',
  ),
  row(
    'store.maxBytes',
    disk,
    'Disk for accepted spans that have not been delivered; beyond it new ones are answered 429, try again.',
  ),
  row('store.retainMs', duration, 'How long delivered spans are kept, for captures that come after them.'),
  row(
    'store.fsync',
    yesNo,
    'Whether an acknowledged span is on the disk itself; false trades that for speed: a crash of the machine loses the last seconds.',
  ),
  row('store.segmentBytes', disk, 'Size of one file of the journal.'),
  row('destinations', items, 'Where spans go. None: OTEL_EXPORTER_OTLP_ENDPOINT names one, or they stay in the store.'),
  row('log.level', oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'), 'What is logged, on standard error.'),
  row(
    'log.format',
    oneOf('auto', 'text', 'json'),
    'How it is logged: a line of text for people, or of JSON for programs; auto is text on a terminal.',
  ),
  row('telemetry.tracesEndpoint', address, "OTLP/HTTP address for Subspan's own spans; empty: none are made."),
  row('telemetry.serviceName', name, '`service.name` of these.'),
  row(
    'reload.filesEveryMs',
    duration,
    'How often files of certificates, tokens and headers are looked at; what has changed there is used from then on. 0: only at a reload (SIGHUP, POST /api/v1/reload).',
  ),
  row('shutdown.deadlineMs', duration, 'What is under way at SIGTERM ends within it.'),
]

/** Files for whoever is asked: more headers, and what is shown over TLS. */
const FILE_OPTIONS: readonly OptionRow[] = [
  row(
    'headersFile',
    text,
    'File with more such headers, one a line, as in `authorization: Bearer …`, so that no secret stands in the configuration.',
  ),
  row('caFile', text, 'PEM file with the authorities that its certificate must be of; empty: those of Node.'),
  row('certFile', text, 'PEM file with the certificate that we show; with keyFile.'),
  row('keyFile', text, 'PEM file with the key of that certificate.'),
]

/** The options of each of `destinations`; the names are those below `destinations.0.`, `destinations.1.` and so on. */
export const DESTINATION_OPTIONS: readonly OptionRow[] = [
  row('name', destinationName, 'Names it in metrics, and on disk how far it has come: it must stay the same.'),
  row('endpoint', address, 'Base address; /v1/traces is added to its path unless it ends so, or the protocol is grpc.'),
  row('protocol', oneOf('http/protobuf', 'http/json', 'grpc'), 'How requests are written and sent.'),
  row('headers', headers, 'Sent with every request, for authorization and the like; never shown.', true),
  row('compression', oneOf('gzip', 'none'), 'How requests are packed.'),
  row('timeoutMs', duration, 'For one request and its answer; then it is tried again.'),
  row('late', yesNo, 'Whether the breakdown of spans that have left is sent there; off behind a tail sampler.'),
  row('lateMaxAgeMs', duration, 'Age of these spans, since they left, up to which it is.'),
  ...FILE_OPTIONS,
]

/** The options of each of `pull.targets`. */
export const PULL_TARGET_OPTIONS: readonly OptionRow[] = [
  row('name', text, 'What it is called in requests and answers; empty: the host and port of its address.'),
  row(
    'url',
    address,
    'Base address of its net/http/pprof; /debug/pprof/trace is added to its path unless that ends in /trace.',
  ),
  row('service', text, '`service.name` of its spans, so that they wait while it is recorded.'),
  row('instance', text, 'Its instance id, pod uid or name, host or host:pid.'),
  row('headers', headers, 'Sent with every request, for authorization or another Host; never shown.', true),
  ...FILE_OPTIONS,
]

/** The options of each of `watch.folders`. */
export const WATCHED_FOLDER_OPTIONS: readonly OptionRow[] = [
  row('folder', text, 'Its path; files in it and right below it are taken when they have not changed for two seconds.'),
  row('service', text, '`service.name` of their spans; empty: the process is found by ids, or by the best fit.'),
  row(
    'instance',
    text,
    'Instance id, pod uid or name, host or host:pid; empty: the name of the folder right below, if any.',
  ),
  row('remove', yesNo, 'Whether a capture is deleted once it is taken; what is refused stays in any case.'),
]

/** An option that is a list of groups of options. */
export interface OptionList {
  readonly name: string
  readonly variable: string
  readonly rows: readonly OptionRow[]
  /** Of one item. */
  readonly defaults: object
  /** Option that each item must have. */
  readonly address: string
  /** What that is, and what the items are, for messages. */
  readonly of: string
  readonly what: string
  readonly example: string
  readonly most: number
}

export const LISTS: readonly OptionList[] = [
  {
    name: 'destinations',
    variable: 'SUBSPAN_DESTINATIONS',
    rows: DESTINATION_OPTIONS,
    defaults: DESTINATION_DEFAULTS,
    address: 'endpoint',
    of: 'the address of the backend',
    what: 'destinations',
    example: '[{name: tempo, endpoint: "http://tempo:4318"}]',
    most: 32,
  },
  {
    name: 'pull.targets',
    variable: 'SUBSPAN_PULL_TARGETS',
    rows: PULL_TARGET_OPTIONS,
    defaults: PULL_TARGET_DEFAULTS,
    address: 'url',
    of: "the address of the program's pprof",
    what: 'targets',
    example: '[{url: "http://auth:6060", service: auth}]',
    most: 1_000,
  },
  {
    name: 'watch.folders',
    variable: 'SUBSPAN_WATCH_FOLDERS',
    rows: WATCHED_FOLDER_OPTIONS,
    defaults: WATCHED_FOLDER_DEFAULTS,
    address: 'folder',
    of: 'the path of the folder',
    what: 'folders',
    example: '[{folder: /dumps, service: auth}]',
    most: 100,
  },
]
