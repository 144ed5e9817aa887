// builders.ts: spans, tasks and logs for tests of joining.

import type { LogRecord } from '../../src/breakdown/breakdown.ts'
import type { JoinCapture, JoinSpan, JoinTask } from '../../src/join/match.ts'

export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
export const OTHER_TRACE = '0af7651916cd43dd8448eb211c80319c'
export const SPAN = '00f067aa0ba902b7'
export const OTHER_SPAN = 'b7ad6b7169203331'

/** Unix nanoseconds of the origin of the captures here. */
export const ORIGIN = 1_795_392_525_000_000_000n

export function span(given: Partial<JoinSpan> & { readonly fromNs?: number; readonly toNs?: number } = {}): JoinSpan {
  const { fromNs = 1_000_000, toNs = 2_000_000, ...rest } = given
  return {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: '',
    name: 'cache.Lookup',
    startUnixNs: ORIGIN + BigInt(fromNs),
    endUnixNs: ORIGIN + BigInt(toNs),
    kind: 1,
    processKey: 'messages',
    processShared: false,
    ...rest,
  }
}

let lastId = 0

export function task(given: Partial<JoinTask> = {}): JoinTask {
  return {
    id: ++lastId,
    parentId: null,
    name: 'cache.Lookup',
    startNs: 1_001_500,
    endNs: 2_000_300,
    logs: [],
    precedingLog: null,
    ...given,
  }
}

export function log(category: string, message: string, messageBytes: Uint8Array | null = null): LogRecord {
  return { timeNs: 0, goroutine: 1, category, message, messageBytes }
}

/** A capture of ten seconds; its clock is known unless told otherwise. */
export function capture(tasks: readonly JoinTask[], given: Partial<JoinCapture> = {}): JoinCapture {
  const clockSnapshots = [{ traceNs: 0, unixNs: ORIGIN, monotonicNs: 0n }]
  return { tasks, clockSnapshots, durationNs: 10_000_000_000, ...given }
}
