import { describe, expect, test } from 'vitest'
import { Failure, type FailureCode } from '../../src/base/failure.ts'
import { readHeader } from '../../src/capture/header.ts'

function header(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes.set(new TextEncoder().encode(text).subarray(0, 16))
  return bytes
}

function refusal(bytes: Uint8Array): { code: FailureCode; message: string } {
  try {
    readHeader(bytes)
  } catch (error) {
    if (error instanceof Failure) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('the header was accepted')
}

describe('the header of a capture', () => {
  test.each([
    ['go 1.11 trace', 11, 'v1', false],
    ['go 1.19 trace', 19, 'v1', false],
    ['go 1.21 trace', 21, 'v1', false],
    ['go 1.22 trace', 22, 'v2', true],
    ['go 1.23 trace', 23, 'v2', true],
    ['go 1.25 trace', 25, 'v2', true],
    ['go 1.26 trace', 26, 'v2', true],
  ])('%s is known', (text, version, family, streams) => {
    expect(readHeader(header(text))).toEqual({ version, family, streams, text })
  })

  test('nothing at all is called empty, with both numbers', () => {
    expect(refusal(new Uint8Array(0))).toEqual({
      code: 'CAPTURE_EMPTY',
      message: expect.stringMatching(/0 bytes instead of at least 16/) as string,
    })
  })

  test.each([
    ['go 1.10 trace', /go 1\.10 trace.*no user tasks.*Go 1\.11 or newer/],
    ['go 1.5 trace', /go 1\.5 trace.*Go 1\.11 or newer/],
    ['go 1.99 trace', /newer than the newest known format \(go 1\.26.*Update Subspan/],
    ['go 1.24 trace', /no Go release writes/],
  ])('%s is refused with its version named', (text, sentence) => {
    const { code, message } = refusal(header(text))
    expect(code).toBe('CAPTURE_VERSION')
    expect(message).toMatch(sentence)
  })

  test.each([
    ['<!DOCTYPE html><html><title>Sign in</title>', /HTML page.*Sign in.*login or error page/],
    ['{"error":"unauthorized"}', /JSON.*unauthorized/],
    ['Could not enable tracing: tracing is already enabled', /already running.*pull again/],
    ['go 1.26', /ends inside its header: 7 of 16 bytes/],
    ['\u001f\u008b not unpacked', /pprof profile/],
    [
      'Z\u0004\b\u0001\u0010\u0002`\u0080\u0080 \n\u0004\b\u0003\u0010\u0004',
      /pprof profile \(CPU, heap.*debug\/pprof\/trace/,
    ],
    ['HÊÚôÅ·¶ßõ\u0018\n\u0004\b\u0001\u0010\u0002', /pprof profile/],
    ['go 2.00 trace\0\0\0', /not a Go execution trace/],
    ['\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0', /00 00 00 00/],
  ])('%j is refused with what it looks like', (text, sentence) => {
    const { code, message } = refusal(Uint8Array.from(text, (character) => character.charCodeAt(0)))
    expect(code).toBe('CAPTURE_NOT_GO')
    expect(message).toMatch(sentence)
  })
})
