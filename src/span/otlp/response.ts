// response.ts: what a receiver of traces answers, and how an exporter reads it.

import { ByteWriter, halvesOf, utf8Of } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { FieldCursor } from '../protobuf.ts'
import { messageFromJson } from './json-reader.ts'
import {
  ANY,
  DURATION,
  PARTIAL_SUCCESS,
  RETRY_INFO,
  RPC_STATUS,
  STATUS_WITH_DETAILS,
  TRACE_RESPONSE,
} from './schema.ts'
import { writeText } from './write.ts'

/** Said by a receiver that took a request but not all of it, or that has a warning (`rejectedSpans` 0). */
export interface PartialSuccess {
  readonly rejectedSpans: bigint
  readonly message: string
}

/** An error answer: google.rpc.Status without its details. */
export interface RpcStatus {
  /** gRPC's number of the error; 3 is INVALID_ARGUMENT, 14 UNAVAILABLE. OTLP/HTTP clients do not interpret it. */
  readonly code: number
  readonly message: string
}

/** Body of ExportTraceServiceResponse. Full success (`partial` null) is zero bytes in protobuf and `{}` in JSON. */
export function encodeTraceResponse(json: boolean, partial: PartialSuccess | null): Uint8Array {
  if (json) {
    if (partial === null) return utf8Of('{}')
    const { rejectedSpans, message } = partial
    return utf8Of(JSON.stringify({ partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: message } }))
  }
  const out = new ByteWriter(64)
  if (partial !== null) {
    out.byte(0x0a)
    const part = out.beginPart()
    const { low, high } = halvesOf(partial.rejectedSpans)
    if (low !== 0 || high !== 0) {
      out.byte(0x08)
      out.varint64(low, high)
    }
    writeText(out, 0x12, partial.message)
    out.endPart(part)
  }
  return out.take()
}

/** Body of an error answer. */
export function encodeStatus(json: boolean, status: RpcStatus): Uint8Array {
  const { code, message } = status
  if (json) return utf8Of(JSON.stringify({ code, message }))
  const out = new ByteWriter(64)
  if (code !== 0) {
    const { low, high } = halvesOf(code)
    out.byte(0x08)
    out.varint64(low, high)
  }
  writeText(out, 0x12, message)
  return out.take()
}

const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo'

/** A google.rpc.Status that says after how many seconds to try again, for `grpc-status-details-bin`. */
export function encodeRetryStatus(status: RpcStatus, seconds: number): Uint8Array {
  const out = new ByteWriter(128)
  out.raw(encodeStatus(false, status))
  out.byte(0x1a)
  const detail = out.beginPart()
  writeText(out, 0x0a, RETRY_INFO_TYPE)
  out.byte(0x12)
  const info = out.beginPart()
  out.byte(0x0a)
  const delay = out.beginPart()
  out.byte(0x08)
  out.varint(Math.max(0, Math.ceil(seconds)))
  out.endPart(delay)
  out.endPart(info)
  out.endPart(detail)
  return out.take()
}

/** Milliseconds after which a google.rpc.Status of `grpc-status-details-bin` says to try again; null when it does not. Never throws. */
export function retryDelayMs(status: Uint8Array): number | null {
  try {
    const details = new FieldCursor(status, 0, status.length, STATUS_WITH_DETAILS)
    while (details.next()) {
      if (details.field !== 3) continue
      let type = ''
      let value = new FieldCursor(status, details.to, details.to, RETRY_INFO)
      const detail = new FieldCursor(status, details.from, details.to, ANY)
      while (detail.next()) {
        if (detail.field === 1) type = detail.text()
        else if (detail.field === 2) value = new FieldCursor(status, detail.from, detail.to, RETRY_INFO)
      }
      if (type.endsWith('/google.rpc.RetryInfo')) return delayMs(status, value)
    }
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
  }
  return null
}

/** RetryInfo without a delay says: at once. */
function delayMs(status: Uint8Array, info: FieldCursor): number {
  let ms = 0
  while (info.next()) {
    if (info.field !== 1) continue
    const duration = new FieldCursor(status, info.from, info.to, DURATION)
    while (duration.next()) {
      if (duration.field === 1) ms += Number(BigInt.asIntN(64, duration.big())) * 1_000
      else if (duration.field === 2) ms += (duration.low | 0) / 1e6
    }
  }
  return Math.max(0, ms)
}

/**
 * What a 2xx answer says: null for full success (also zero bytes in either encoding and an empty `partialSuccess`).
 *
 * @throws Failure SPANS_MALFORMED when the body is no such answer (a login page with status 200).
 */
export function parseTraceResponse(bytes: Uint8Array, json: boolean): PartialSuccess | null {
  const response = json && bytes.length > 0 ? messageFromJson(TRACE_RESPONSE, bytes) : bytes
  let rejectedSpans = 0n
  let message = ''
  const outer = new FieldCursor(response, 0, response.length, TRACE_RESPONSE)
  while (outer.next()) {
    if (outer.field !== 1) continue
    const partial = new FieldCursor(response, outer.from, outer.to, PARTIAL_SUCCESS)
    while (partial.next()) {
      if (partial.field === 1) rejectedSpans = BigInt.asIntN(64, partial.big())
      else if (partial.field === 2) message = partial.text()
    }
  }
  return rejectedSpans === 0n && message === '' ? null : { rejectedSpans, message }
}

/** The code and message of an error answer; null when the body is none (proxies answer HTML) or empty. Never throws. */
export function parseStatus(bytes: Uint8Array, json: boolean): RpcStatus | null {
  let code = 0
  let message = ''
  try {
    const status = json ? messageFromJson(RPC_STATUS, bytes) : bytes
    const cursor = new FieldCursor(status, 0, status.length, RPC_STATUS)
    while (cursor.next()) {
      if (cursor.field === 1) code = cursor.low | 0
      else if (cursor.field === 2) message = cursor.text()
    }
  } catch (thrown) {
    if (thrown instanceof Failure) return null
    throw thrown
  }
  return code === 0 && message === '' ? null : { code, message }
}
