// damage.test.ts: recorded requests of other protocols, cut and with bytes changed: each becomes an OTLP request or is refused with a known code.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../src/base/failure.ts'
import { scanTraceRequest } from '../../../src/span/otlp/scan.ts'
import type { ConvertedRequest } from '../../../src/span/span.ts'
import { foreignFixtures } from '../../support/foreign-fixtures.ts'

/** Converts; what comes of it can be scanned, and is no larger than a request can make it. */
function tried(convert: (message: Uint8Array) => ConvertedRequest, message: Uint8Array): 'taken' | 'refused' {
  let converted: ConvertedRequest
  try {
    converted = convert(message)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    expect(['SPANS_MALFORMED', 'REQUEST']).toContain(thrown.code)
    expect(thrown.message).toMatch(/\.$/)
    return 'refused'
  }
  expect(scanTraceRequest(converted.otlp).length).toBe(converted.spans)
  expect(converted.otlp.length).toBeLessThan(1_000 + 40 * message.length)
  return 'taken'
}

describe.each(foreignFixtures())('$file', ({ messages, converter }) => {
  const whole = messages[messages.length - 1]

  /** A converter that knows what came before the last message. */
  const ready = (): ((message: Uint8Array) => ConvertedRequest) => {
    const convert = converter()
    for (const message of messages.slice(0, -1)) convert(message)
    return convert
  }

  test('cut anywhere', () => {
    const convert = ready()
    let refused = 0
    for (let end = 0; end < whole.length; end++) if (tried(convert, whole.subarray(0, end)) === 'refused') refused++
    expect(refused).toBeGreaterThan(whole.length / 2)
  })

  test('with bytes changed, taken out or put in', () => {
    const edit = fc.record({
      at: fc.nat(whole.length - 1),
      byte: fc.nat(255),
      kind: fc.constantFrom('set', 'cut', 'put'),
    })
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        const bytes = [...whole]
        for (const { at, byte, kind } of edits) {
          bytes.splice(at, kind === 'put' ? 0 : 1, ...(kind === 'cut' ? [] : [byte]))
        }
        tried(ready(), Uint8Array.from(bytes))
      }),
      { numRuns: 400 },
    )
  })

  test('anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        tried(ready(), bytes)
      }),
      { numRuns: 300 },
    )
  })
})
