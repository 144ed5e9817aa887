// spans-of.ts: spans of a file of OTLP JSON lines, as joining sees them.

import { readFileSync } from 'node:fs'
import { joinSpanOf } from '../../src/bridge/release.ts'
import type { JoinSpan } from '../../src/join/match.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { scanTraceRequest } from '../../src/span/otlp/scan.ts'

/** All spans of the file, in its order. */
export function spansOf(path: string): JoinSpan[] {
  const spans: JoinSpan[] = []
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line.trim() === '') continue
    const table = scanTraceRequest(traceRequestFromJson(line))
    for (let row = 0; row < table.length; row++) spans.push(joinSpanOf(table, row))
  }
  return spans
}
