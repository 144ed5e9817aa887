// preceding-log.ts: ids in the log written on the same goroutine right before the task began.
//
// A SpanProcessor's OnStart runs before the SDK begins the span's task and cannot log under it (facts: OpenTelemetry Go's tracer.Start).

import type { IdEvidence } from './id-evidence.ts'
import { idsInLog } from './task-log.ts'

export const precedingLogEvidence: IdEvidence = {
  evidence: 'preceding-log',
  idsOf({ precedingLog }, options) {
    const ids = precedingLog === null ? null : idsInLog(precedingLog, options)
    if (ids === null || precedingLog === null || ids.spanId === null) return null
    return { traceId: ids.traceId, spanId: ids.spanId, evidence: 'preceding-log', category: precedingLog.category }
  },
}
