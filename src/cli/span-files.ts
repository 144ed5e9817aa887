// span-files.ts: span files of the commands: OTLP JSON lines or protobuf, one scanned request each.

import { Failure } from '../base/failure.ts'
import { joinSpanOf } from '../bridge/release.ts'
import type { JoinSpan } from '../join/match.ts'
import { traceRequestFromJson } from '../span/otlp/json.ts'
import { scanTraceRequest } from '../span/otlp/scan.ts'
import type { SpanTable } from '../span/span.ts'
import { readInput } from './input.ts'
import { inputName } from './input-name.ts'

/** Bytes of one span file: it is held in memory, as read and as protobuf. */
const MAX_SPAN_BYTES = 2 ** 31 - 1

/** A request of a span file. */
export interface SpanRequest {
  readonly table: SpanTable
  /** File and, for JSON lines, line: for messages. */
  readonly place: string
}

/**
 * Reads one span file: protobuf (a whole ExportTraceServiceRequest or TracesData), or JSON, one request per line or a single one over
 * many lines. Which it is is told by the first bytes. gzip and zstd are unpacked.
 *
 * @param refuse is told of each request that cannot be used; the others are still read
 * @throws Failure FILE when the file cannot be read
 */
export async function readSpanFile(path: string, refuse: (failure: Failure) => void): Promise<SpanRequest[]> {
  const bytes = await wholeFile(path)
  const name = inputName(path)
  const requests: SpanRequest[] = []
  const add = (place: string, protobuf: () => Uint8Array): void => {
    try {
      requests.push({ table: scanTraceRequest(protobuf()), place })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      refuse(new Failure(error.code, `${place}: ${error.message}`))
    }
  }
  if (!startsLikeJson(bytes) || isProtobuf(bytes)) {
    if (bytes.length > 0) add(name, () => bytes)
    return requests
  }
  const lines = linesOf(bytes)
  // Pretty-printed JSON has no whole value on its first line.
  if (lines.length > 1 && !isWhole(lines[0].bytes)) {
    add(name, () => traceRequestFromJson(bytes))
    return requests
  }
  for (const { bytes: line, number } of lines) add(`${name}, line ${number}`, () => traceRequestFromJson(line))
  return requests
}

/** The spans of requests as joining sees them, in order. */
export function joinSpansOf(requests: readonly SpanRequest[]): JoinSpan[] {
  return requests.flatMap(({ table }) => Array.from({ length: table.length }, (_, row) => joinSpanOf(table, row)))
}

async function wholeFile(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readInput(path)) {
    length += chunk.length
    if (length > MAX_SPAN_BYTES) {
      throw new Failure(
        'FILE',
        `${inputName(path)} holds more than ${MAX_SPAN_BYTES.toLocaleString('en-US')} bytes of spans, the most that is read at once: split the file.`,
      )
    }
    chunks.push(chunk.slice())
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** Whether the first byte that is neither a byte order mark nor white space opens a JSON object. */
function startsLikeJson(bytes: Uint8Array): boolean {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  while (at < bytes.length && (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d || bytes[at] === 0x0a))
    at++
  return at === bytes.length || bytes[at] === 0x7b
}

/** A request in protobuf begins with 0x0a, a line feed to JSON, and the length after it may be the code of "{": then all of it must fit. */
function isProtobuf(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x0a) return false
  try {
    return scanTraceRequest(bytes).length > 0
  } catch {
    return false
  }
}

function isWhole(line: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder().decode(line))
    return true
  } catch {
    // One bad line among whole ones is told as such; one that only opens an object begins a value over many lines.
    return line.length > 8
  }
}

function linesOf(bytes: Uint8Array): { bytes: Uint8Array; number: number }[] {
  const lines: { bytes: Uint8Array; number: number }[] = []
  let from = 0
  for (let number = 1; from < bytes.length; number++) {
    const found = bytes.indexOf(0x0a, from)
    const to = found < 0 ? bytes.length : found
    const line = bytes.subarray(from, to)
    if (line.some((byte) => byte > 0x20)) lines.push({ bytes: line, number })
    from = to + 1
  }
  return lines
}
