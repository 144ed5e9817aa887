// spans-of.ts: spans of a file of OTLP JSON lines, as joining sees them.

import { readFileSync } from 'node:fs'
import type { JoinSpan } from '../../src/join/match.ts'
import { endUnixNs, parentSpanIdHex, spanIdHex, spanName, startUnixNs, traceIdHex } from '../../src/span/otlp/rows.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'

/** All spans of the file, in its order. */
export function spansOf(path: string): JoinSpan[] {
  const spans: JoinSpan[] = []
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line.trim() === '') continue
    const table = scanTraceRequest(traceRequestFromJson(line))
    for (let row = 0; row < table.length; row++) {
      spans.push({
        traceId: traceIdHex(table, row),
        spanId: spanIdHex(table, row),
        parentSpanId: parentSpanIdHex(table, row),
        name: spanName(table, row),
        startUnixNs: startUnixNs(table, row),
        endUnixNs: endUnixNs(table, row),
        processKey: table.resources[table.resource[row]].process.key,
      })
    }
  }
  return spans
}
