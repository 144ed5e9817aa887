// destination.ts: what a destination is, from the configuration or from OpenTelemetry's variables, and which ones are refused.

import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { Failure } from '../base/failure.ts'
import { isHeaderName, isHeaderValue } from '../base/header-lines.ts'

/** What holds for a destination as it is configured and as it is used. */
interface DestinationTerms {
  /** Names its cursor on disk and its metrics. */
  readonly name: string
  readonly protocol: Protocol
  /** Sent with every request; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** For one request and its whole answer. */
  readonly timeoutMs: number
  /** Whether children of spans that have left are sent there. */
  readonly late: boolean
  /** Such children are sent up to this time after their parent left. */
  readonly lateMaxAgeMs: number
  /** PEM files; empty: Node's own authorities, no client certificate. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  /** File with more headers; empty: none. */
  readonly headersFile: string
}

/** A backend that takes OTLP. */
export interface Destination extends DestinationTerms {
  /** Whole address that requests are posted to; for gRPC `http` or, with TLS, `https`, host and port. */
  readonly url: string
  readonly gzip: boolean
}

/** How requests are written and sent. */
export type Protocol = 'http/protobuf' | 'http/json' | 'grpc'

/** A destination as it is configured; `endpoint` is a base address, an empty `name` stands for its host and port. */
export interface ConfiguredDestination extends DestinationTerms {
  readonly endpoint: string
  readonly compression: 'gzip' | 'none'
}

const TRACES_PATH = '/v1/traces'
const PROTOCOLS: readonly Protocol[] = ['http/protobuf', 'http/json', 'grpc']
const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_LATE_MAX_AGE_MS = 600_000
/** Name of the destination that the environment gives, whatever its address. */
const ENVIRONMENT_NAME = 'otlp'

/**
 * The destinations: those configured, or, without any, the one that OpenTelemetry's variables name.
 *
 * @throws Failure DESTINATION for addresses, names and variables that cannot be used
 */
export function destinationsOf(
  configured: readonly ConfiguredDestination[],
  env: Readonly<Record<string, string | undefined>>,
): readonly Destination[] {
  const destinations = configured.map(destinationOf)
  for (const [at, { name }] of destinations.entries()) {
    const twin = destinations.findIndex((other) => other.name === name)
    if (twin < at) {
      throw new Failure(
        'DESTINATION',
        `destinations.${twin} and destinations.${at} are both named ${JSON.stringify(name)}: give each a name of its own, for what was delivered is remembered by it.`,
      )
    }
  }
  if (destinations.length > 0) return destinations
  const fromEnvironment = destinationFromEnvironment(env)
  return fromEnvironment === null ? [] : [fromEnvironment]
}

function destinationOf(configured: ConfiguredDestination, at: number): Destination {
  const { endpoint, protocol, compression, name, headers, ...rest } = configured
  const url = addressOf(endpoint, `destinations.${at}.endpoint`)
  if (protocol === 'grpc') url.pathname = '/'
  // Who writes the whole address means it.
  else if (!url.pathname.endsWith(TRACES_PATH)) url.pathname = `${url.pathname.replace(/\/+$/, '')}${TRACES_PATH}`
  checkHeaders(headers, `destinations.${at}.headers`)
  return {
    ...rest,
    headers: Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value])),
    name: name === '' ? url.host : name,
    url: url.href,
    protocol,
    gzip: compression === 'gzip',
  }
}

/**
 * The destination that OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT names, by the rules of OpenTelemetry: the
 * variable with TRACES_ wins over the one without; the general endpoint is a base that `v1/traces` is added to, the one for traces is
 * taken as it is; an empty variable is none. There is no default endpoint.
 *
 * @throws Failure DESTINATION naming the variable
 */
export function destinationFromEnvironment(env: Readonly<Record<string, string | undefined>>): Destination | null {
  const named = (option: string): { readonly name: string; readonly value: string } => {
    for (const name of [`OTEL_EXPORTER_OTLP_TRACES_${option}`, `OTEL_EXPORTER_OTLP_${option}`]) {
      const value = env[name]?.trim() ?? ''
      if (value !== '') return { name, value }
    }
    return { name: '', value: '' }
  }
  const endpoint = named('ENDPOINT')
  if (endpoint.value === '') return null
  const told = named('PROTOCOL')
  const protocol = PROTOCOLS.find((known) => known === told.value) ?? (told.value === '' ? 'http/protobuf' : null)
  if (protocol === null) throw unusable(told, `${PROTOCOLS.join(', ')} are what Subspan sends`)
  let url: URL
  if (protocol === 'grpc') {
    const insecure = named('INSECURE')
    if (!['', 'true', 'false'].includes(insecure.value.toLowerCase()))
      throw unusable(insecure, 'true and false are possible')
    // An address of gRPC may have no scheme; then this variable says whether TLS is spoken.
    const scheme = insecure.value.toLowerCase() === 'true' ? 'http' : 'https'
    url = addressOf(endpoint.value.includes('://') ? endpoint.value : `${scheme}://${endpoint.value}`, endpoint.name)
    url.pathname = '/'
  } else {
    url = addressOf(endpoint.value, endpoint.name)
    if (!endpoint.name.includes('TRACES')) url.pathname = `${url.pathname.replace(/\/+$/, '')}${TRACES_PATH}`
  }
  const compression = named('COMPRESSION')
  if (!['', 'gzip', 'none'].includes(compression.value)) throw unusable(compression, 'gzip and none are possible')
  const timeout = named('TIMEOUT')
  const timeoutMs = timeout.value === '' ? DEFAULT_TIMEOUT_MS : Number(timeout.value)
  if (!Number.isInteger(timeoutMs) || timeoutMs <= 0) {
    throw unusable(timeout, 'it must be a whole number of milliseconds above 0')
  }
  return {
    name: ENVIRONMENT_NAME,
    url: url.href,
    protocol,
    headers: headersOf(named('HEADERS')),
    gzip: compression.value === 'gzip',
    timeoutMs,
    late: true,
    lateMaxAgeMs: DEFAULT_LATE_MAX_AGE_MS,
    caFile: named('CERTIFICATE').value,
    certFile: named('CLIENT_CERTIFICATE').value,
    keyFile: named('CLIENT_KEY').value,
    headersFile: '',
  }
}

function unusable({ name, value }: { readonly name: string; readonly value: string }, next: string): Failure {
  return new Failure('DESTINATION', `${name} is ${JSON.stringify(value)}: ${next}.`)
}

function addressOf(text: string, where: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Failure(
      'DESTINATION',
      `${where} is ${JSON.stringify(text)}: write it as http://host:4318 or https://host.`,
    )
  }
  if (url.username !== '' || url.password !== '') {
    // The address is printed; what is in it would be too.
    throw new Failure('DESTINATION', `${where} has a user or password in it: send them as a header, authorization.`)
  }
  return url
}

/** `k1=v1,k2=v2` with percent signs. The values are never told: they may be secrets. */
function headersOf({ name, value }: { readonly name: string; readonly value: string }): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [at, pair] of value.split(',').entries()) {
    if (pair.trim() === '') continue
    const split = pair.indexOf('=')
    const key = pair.slice(0, split).trim()
    try {
      if (split <= 0) throw new URIError('no key')
      headers[decodeURIComponent(key).toLowerCase()] = decodeURIComponent(pair.slice(split + 1).trim())
    } catch {
      throw new Failure(
        'DESTINATION',
        `entry ${at + 1} of ${name} cannot be read: write key=value, with commas between them and percent signs for special characters.`,
      )
    }
  }
  checkHeaders(headers, name)
  return headers
}

function checkHeaders(headers: Readonly<Record<string, string>>, where: string): void {
  for (const [key, value] of Object.entries(headers)) {
    if (!isHeaderName(key)) {
      throw new Failure('DESTINATION', `${where} has a name that is none of HTTP: ${JSON.stringify(key)}.`)
    }
    if (!isHeaderValue(value)) {
      throw new Failure('DESTINATION', `${where}: the value of ${key} has characters that HTTP does not allow.`)
    }
  }
}

/** Where one of our doors listens. */
export interface ListeningAddress {
  /** A name or an address; 0.0.0.0 and :: are all of the machine. */
  readonly host: string
  readonly port: number
}

/** Addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>

/**
 * Refuses destinations that are one of our own doors: every span would come back for ever.
 *
 * @throws Failure DESTINATION
 */
export async function refuseOwnListeners(
  destinations: readonly Pick<Destination, 'name' | 'url'>[],
  listening: readonly ListeningAddress[],
  resolve: Resolve = resolveByDns,
): Promise<void> {
  for (const { name, url } of destinations) {
    if (!(await isOwnListener(url, listening, resolve))) continue
    throw new Failure(
      'DESTINATION',
      `destination ${JSON.stringify(name)} is ${url}, where Subspan itself listens: every span would come back for ever. Give the address of the backend.`,
    )
  }
}

/** Whether requests to this address would come to one of our own doors. */
export async function isOwnListener(
  url: string,
  listening: readonly ListeningAddress[],
  resolve: Resolve = resolveByDns,
): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url)
  const targetPort = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  const doors = listening.filter((door) => door.port === targetPort)
  if (doors.length === 0) return false
  const targets = (await resolve(plain(hostname))).map(plain)
  const ours = new Set(
    Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => plain(address)) ?? []),
  )
  const isLocal = (address: string): boolean => isLoopback(address) || isAny(address) || ours.has(address)
  for (const door of doors) {
    const addresses = isAny(plain(door.host)) ? null : (await resolve(plain(door.host))).map(plain)
    for (const target of targets) {
      // "Any address" as a target is this machine's loopback.
      if (
        addresses === null
          ? isLocal(target)
          : addresses.includes(target) || (isAny(target) && addresses.some(isLoopback))
      ) {
        return true
      }
    }
  }
  return false
}

async function resolveByDns(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  } catch {
    // A name that nobody knows is not ours.
    return []
  }
}

/** An address without brackets and zone, an IPv4 one without its IPv6 forms. */
function plain(address: string): string {
  const text = address
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/.exec(text)
  if (mapped === null) return text
  const [, dotted, high, low] = mapped
  if (dotted !== undefined) return dotted
  const bytes = [parseInt(high, 16), parseInt(low, 16)].flatMap((half) => [half >> 8, half & 0xff])
  return bytes.join('.')
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^127\./.test(address)
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
