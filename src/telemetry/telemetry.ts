// telemetry.ts: what Subspan tells of itself, set up in one place: log, metrics, own spans.

import { Failure } from '../base/failure.ts'
import type { Counters, Decoder, Log } from '../bridge/ports.ts'
import { type LogOptions, type LogStream, openLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { openOwnSpans, type OwnSpansOptions } from './own-spans.ts'

/** What can be told about it. */
export interface TelemetryOptions {
  readonly log: LogOptions
  readonly telemetry: OwnSpansOptions
}

/** What is looked at whenever metrics are read. */
export interface Gauges {
  readonly heldRequests: number
  readonly heldSpans: number
  readonly heldBytes: number
  readonly recentBytes: number
  readonly taskBytes: number
  readonly capturesWaiting: number
  readonly captureFilesBytes: number
  readonly backlogs: readonly {
    readonly destination: string
    readonly bytes: number
    readonly oldestAgeMs: number
    readonly failingForMs: number
  }[]
}

/** Log, metrics and own spans of a running Subspan. */
export interface Telemetry {
  readonly counters: Counters
  readonly log: Log
  /** All metrics in Prometheus' form. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** Says what the gauges are read from. */
  watch(read: () => Gauges): void
  /** The same decoder, its captures counted, timed and put into own spans. */
  watchDecoder(decoder: Decoder): Decoder
  /** Runs the sending of one request to a destination, timed and in a span of its own. */
  watchExport<T>(destination: string, bytes: number, send: () => Promise<T>): Promise<T>
  /** Sends what is left of the own spans. */
  close(): Promise<void>
}

/** Sets everything up. */
export function openTelemetry(options: TelemetryOptions, version: string, stream?: LogStream): Telemetry {
  const log = openLog(options.log, stream)
  const metrics = new Metrics(true)
  const spans = openOwnSpans(options.telemetry, version, log)
  metrics.set('subspan_info', 1, { version })
  return {
    counters: metrics,
    log,
    metrics: () => metrics.read(),
    watch(read) {
      metrics.onRead(() => setGauges(metrics, read()))
    },
    watchDecoder: (decoder) => ({
      checkHead: (head) => decoder.checkHead(head),
      async decode(path, name, listener, growth) {
        const startedMs = performance.now()
        let result = 'done'
        try {
          const info = await spans.within('decode capture', { 'subspan.capture': name }, () =>
            decoder.decode(path, name, listener, growth),
          )
          metrics.add('subspan_capture_bytes_total', info.bytes)
          metrics.add('subspan_capture_events_total', info.events)
          for (const { code, count } of info.problems) metrics.add('subspan_capture_problems_total', count, { code })
          return info
        } catch (thrown) {
          result = thrown instanceof Failure ? thrown.code : 'INTERNAL'
          throw thrown
        } finally {
          metrics.observe('subspan_decode_seconds', (performance.now() - startedMs) / 1000, { result })
        }
      },
    }),
    async watchExport(destination, bytes, send) {
      const startedMs = performance.now()
      try {
        return await spans.within('export spans', { 'subspan.destination': destination, 'subspan.bytes': bytes }, send)
      } finally {
        metrics.observe('subspan_export_seconds', (performance.now() - startedMs) / 1000, { destination })
      }
    },
    close: () => spans.close(),
  }
}

function setGauges(metrics: Metrics, gauges: Gauges): void {
  metrics.set('subspan_held_requests', gauges.heldRequests)
  metrics.set('subspan_held_spans', gauges.heldSpans)
  metrics.set('subspan_held_bytes', gauges.heldBytes)
  metrics.set('subspan_recent_bytes', gauges.recentBytes)
  metrics.set('subspan_task_bytes', gauges.taskBytes)
  metrics.set('subspan_captures_waiting', gauges.capturesWaiting)
  metrics.set('subspan_capture_files_bytes', gauges.captureFilesBytes)
  for (const { destination, bytes, oldestAgeMs, failingForMs } of gauges.backlogs) {
    metrics.set('subspan_queue_bytes', bytes, { destination })
    metrics.set('subspan_queue_oldest_seconds', oldestAgeMs / 1000, { destination })
    metrics.set('subspan_destination_failing_seconds', failingForMs / 1000, { destination })
  }
}
