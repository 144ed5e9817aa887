// header.ts: the sixteen bytes a capture begins with, and which captures can be read.
//
// "go 1.NN trace" padded with zero bytes. NN is the Go version that introduced the wire format, not the one that wrote the
// file: Go 1.27 writes "go 1.26 trace". Source: internal/trace/version, Go 1.26.

import { Failure } from '../base/failure.ts'

/** Bytes of the header. */
export const HEADER_BYTES = 16

/** The formats there are: the number in the header, their family, and the versions of Go that write them, oldest first. */
const formats = [
  { version: 11, family: 'v1', writers: 'Go 1.11 to 1.18' },
  { version: 19, family: 'v1', writers: 'Go 1.19 and 1.20' },
  { version: 21, family: 'v1', writers: 'Go 1.21' },
  { version: 22, family: 'v2', writers: 'Go 1.22' },
  { version: 23, family: 'v2', writers: 'Go 1.23 and 1.24' },
  { version: 25, family: 'v2', writers: 'Go 1.25' },
  { version: 26, family: 'v2', writers: 'Go 1.26 and 1.27' },
] as const
const newest = formats[formats.length - 1]

/** The number in the header. */
export type HeaderVersion = (typeof formats)[number]['version']

/** The two families: before Go 1.22 one stream ordered as a whole, from Go 1.22 on generations. */
export interface CaptureHeader {
  readonly version: HeaderVersion
  readonly family: 'v1' | 'v2'
  /** Its events can be told while its bytes arrive; else only once all of them are there. */
  readonly streams: boolean
  /** "go 1.26 trace" */
  readonly text: string
}

/**
 * Reads the header.
 *
 * @throws Failure CAPTURE_EMPTY without any byte; CAPTURE_NOT_GO when the bytes are something else, with what they look like;
 *   CAPTURE_VERSION when a Go version wrote them that cannot be read.
 */
export function readHeader(bytes: Uint8Array): CaptureHeader {
  if (bytes.length === 0) {
    throw new Failure(
      'CAPTURE_EMPTY',
      'the capture is empty: 0 bytes instead of at least 16. The target may have closed the connection before the tracer wrote; record it again.',
    )
  }
  const start = asciiOf(bytes.subarray(0, Math.min(bytes.length, HEADER_BYTES)))
  const match = /^go 1\.(\d{1,4}) trace\0*$/.exec(start)
  if (bytes.length < HEADER_BYTES || match === null) {
    throw new Failure('CAPTURE_NOT_GO', describeStranger(bytes, start))
  }
  const minor = Number(match[1])
  const format = formats.find(({ version }) => version === minor)
  if (format === undefined) throw new Failure('CAPTURE_VERSION', describeVersion(minor))
  const { version, family } = format
  return { version, family, streams: family === 'v2', text: `go 1.${version} trace` }
}

function describeVersion(minor: number): string {
  if (minor <= 10) {
    return `the capture's header says "go 1.${minor} trace": Go 1.5 to 1.10 wrote no user tasks or regions, so there is nothing to join. Record it with a program built by Go 1.11 or newer.`
  }
  if (minor > newest.version) {
    return `the capture's header says "go 1.${minor} trace", newer than the newest known format (go 1.${newest.version}, written by ${newest.writers}). Update Subspan.`
  }
  return `the capture's header says "go 1.${minor} trace", which no Go release writes (known: ${formats.map(({ version }) => `1.${version}`).join(', ')}). The first 16 bytes may be damaged.`
}

/** Says what the bytes look like instead, since the usual cause is an error page saved as a capture. */
function describeStranger(bytes: Uint8Array, start: string): string {
  const text = asciiOf(bytes.subarray(0, 80)).trimStart()
  const quoted = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  const size = `${bytes.length.toLocaleString('en-US')} byte${bytes.length === 1 ? '' : 's'}`
  if (/^could not enable tracing/i.test(text)) {
    return `this is the answer of a target whose tracer was already running (${quoted}), not a capture: somebody else records. Wait until they have finished and pull again.`
  }
  if (/^(<!doctype|<html|<\?xml)/i.test(text)) {
    return `this is an HTML page (${quoted}, ${size}), not a Go execution trace: the URL may lead to a login or error page. It must end in /debug/pprof/trace?seconds=N.`
  }
  if (/^[{[]/.test(text)) {
    return `this is JSON (${quoted}, ${size}), not a Go execution trace: probably an error message of the target or a proxy.`
  }
  if (bytes.length < HEADER_BYTES && 'go 1.'.startsWith(start.slice(0, 5))) {
    return `the capture ends inside its header: ${bytes.length} of 16 bytes are there. Record it again.`
  }
  if (isProfile(bytes) || (bytes[0] === 0x1f && bytes[1] === 0x8b)) {
    return `the bytes begin with ${hex(bytes)} (${size}), not with "go 1.": this may be a pprof profile (CPU, heap, goroutines) instead of an execution trace. The path for traces is /debug/pprof/trace?seconds=N.`
  }
  return `the bytes begin with ${quoted} (${hex(bytes)}, ${size}), not with the 16-byte header "go 1.NN trace": not a Go execution trace.`
}

/**
 * Whether the bytes begin as a pprof profile (github.com/google/pprof, proto/profile.proto): one of its first fields is a sample type, two
 * numbers of one byte each. Go writes the time or the period's type before it.
 */
function isProfile(bytes: Uint8Array): boolean {
  for (let at = 0; at < 16 && at + 6 <= bytes.length; at++) {
    if (bytes[at] === 0x0a && bytes[at + 1] === 4 && bytes[at + 2] === 0x08 && bytes[at + 4] === 0x10) return true
  }
  return false
}

function asciiOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
