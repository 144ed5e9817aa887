// metrics.ts: the one table of Subspan's own metrics, and their counting.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Counters } from '../bridge/ports.ts'

/** One metric; with every name that Prometheus sees stands here what it means. */
export interface MetricRow {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

const SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]

/** Every metric of Subspan. A name or label that is not here is a defect. */
export const METRICS: readonly MetricRow[] = [
  // The doors
  counter(
    'subspan_receiver_requests_total',
    'Requests answered, by door and status: of HTTP, or of gRPC for otlp_grpc, jaeger_grpc and opencensus, where each message counts.',
    'receiver',
    'status',
  ),
  counter('subspan_receiver_bytes_total', 'Bytes of request bodies, unpacked, by door.', 'receiver'),
  counter(
    'subspan_receiver_refused_spans_total',
    'Spans of other protocols than OTLP that could not be taken, by door: not understood in a request that was, or of a stream that ended.',
    'receiver',
  ),
  counter(
    'subspan_receiver_connections_refused_total',
    'Connections closed for there were too many, by door.',
    'receiver',
  ),
  // The flow of spans
  counter('subspan_spans_accepted_total', 'Spans that are on disk and were acknowledged.'),
  counter('subspan_requests_repeated_total', 'Requests that had been accepted before and came again, bytes and all.'),
  counter(
    'subspan_spans_left_total',
    'Spans that left, by way: now, pass, hold, hold-as-it-came; late counts spans under which children were sent.',
    'way',
  ),
  counter('subspan_spans_joined_total', 'Spans whose task was found, by evidence and way.', 'evidence', 'way'),
  counter('subspan_spans_unmatched_total', 'Spans of captured processes without a task, by reason.', 'reason'),
  counter('subspan_child_spans_total', 'Child spans added, by way.', 'way'),
  counter(
    'subspan_holds_ended_total',
    'Held requests that left: decided, at the deadline, crowded out of memory, or at shutdown.',
    'reason',
  ),
  counter('subspan_holds_recovered_total', 'Held requests found in the journal at a start.'),
  counter('subspan_late_bodies_gone_total', 'Requests that a late capture came for but that are kept no longer.'),
  gauge('subspan_held_requests', 'Requests that wait for a capture.'),
  gauge('subspan_held_spans', 'Spans that wait for a capture.'),
  gauge('subspan_held_bytes', 'Bytes of the requests that wait for a capture.'),
  gauge('subspan_recent_bytes', 'Bytes of the index of spans that have left.'),
  gauge('subspan_task_bytes', 'Bytes of the tasks kept for spans that come later.'),
  // Captures
  counter('subspan_captures_total', 'Captures that were decoded or given up, by state.', 'state'),
  counter('subspan_pulls_total', 'Recordings on demand that ended: whole, or the code of what ended them.', 'result'),
  counter(
    'subspan_watched_files_total',
    'Files of watched folders: taken, or the code of what is wrong with them.',
    'result',
  ),
  counter('subspan_captures_crowded_out_total', 'Captures whose tasks left early because others needed the memory.'),
  gauge('subspan_captures_waiting', 'Captures that wait to be decoded or are being decoded.'),
  counter('subspan_capture_problems_total', 'Problems found in captures, by code.', 'code'),
  counter('subspan_capture_bytes_total', 'Bytes of decoded captures, unpacked.'),
  counter('subspan_capture_events_total', 'Events of decoded captures.'),
  histogram(
    'subspan_decode_seconds',
    'Time to decode one capture, by result: done, or the code of the failure.',
    'result',
  ),
  // The store
  gauge('subspan_journal_bytes', 'Bytes of the journal.'),
  counter('subspan_journal_entries_total', 'Entries written to the journal, by kind.', 'kind'),
  counter('subspan_journal_written_bytes_total', 'Bytes written to the journal.'),
  counter('subspan_journal_fsyncs_total', 'Times the journal was made safe on disk.'),
  counter('subspan_journal_refused_total', 'Appends refused: OVERLOADED, or STORE when the disk refused.', 'code'),
  counter('subspan_journal_deleted_bytes_total', 'Bytes of the journal deleted, for age or for space.', 'reason'),
  counter('subspan_journal_damaged_bytes_total', 'Bytes of the journal that could not be read at a start.'),
  counter('subspan_journal_damaged_entries_total', 'Entries of the journal that could not be read while running.'),
  gauge('subspan_capture_files_bytes', 'Bytes of the capture files.'),
  // Destinations
  counter(
    'subspan_export_requests_total',
    'Requests to destinations, by result: delivered, partial, again (to be tried again), refused.',
    'destination',
    'result',
  ),
  counter('subspan_export_bytes_total', 'Bytes of trace requests that destinations took, unpacked.', 'destination'),
  counter(
    'subspan_export_rejected_spans_total',
    'Spans that a destination rejected of requests it took.',
    'destination',
  ),
  histogram('subspan_export_seconds', 'Time until a destination answered.', 'destination'),
  counter(
    'subspan_dead_letters_total',
    'Requests refused for good and set aside, by HTTP status, or the one that stands for a status of gRPC.',
    'destination',
    'status',
  ),
  gauge('subspan_queue_bytes', 'Bytes of the journal that a destination has not taken yet.', 'destination'),
  gauge('subspan_queue_oldest_seconds', 'Age of the oldest request that is being sent.', 'destination'),
  gauge('subspan_destination_failing_seconds', 'For how long a destination has taken nothing.', 'destination'),
  gauge('subspan_info', 'Always 1; the version that runs.', 'version'),
]

function counter(name: string, help: string, ...labels: string[]): MetricRow {
  return { name, type: 'counter', help, labels }
}

function gauge(name: string, help: string, ...labels: string[]): MetricRow {
  return { name, type: 'gauge', help, labels }
}

function histogram(name: string, help: string, ...labels: string[]): MetricRow {
  return { name, type: 'histogram', help, labels }
}

type Labels = Readonly<Record<string, string>>

/** Subspan's metrics in Prometheus' form. */
export class Metrics implements Counters {
  private readonly registry = new Registry()
  private readonly counters = new Map<string, Counter>()
  private readonly gauges = new Map<string, Gauge>()
  private readonly histograms = new Map<string, Histogram>()
  private readonly beforeReading: (() => void)[] = []

  /** @param processMetrics with memory, processor time and event-loop delay of the process */
  constructor(processMetrics: boolean) {
    for (const { name, type, help, labels } of METRICS) {
      const row = { name, help, labelNames: [...labels], registers: [this.registry] }
      if (type === 'counter') this.counters.set(name, new Counter(row))
      else if (type === 'gauge') this.gauges.set(name, new Gauge(row))
      else this.histograms.set(name, new Histogram({ ...row, buckets: SECONDS }))
    }
    if (processMetrics) collectDefaultMetrics({ register: this.registry })
  }

  /** Adds to a counter. Throws for names and labels that are not in the table: a defect, which a test meets first. */
  add(name: string, value: number, labels: Labels = {}): void {
    known(this.counters, name, 'counter').inc(labels, value)
  }

  /** Sets a gauge. */
  set(name: string, value: number, labels: Labels = {}): void {
    known(this.gauges, name, 'gauge').set(labels, value)
  }

  /** Puts a value, in seconds, into a histogram. */
  observe(name: string, seconds: number, labels: Labels = {}): void {
    known(this.histograms, name, 'histogram').observe(labels, seconds)
  }

  /** Has gauges set each time before the metrics are read. */
  onRead(set: () => void): void {
    this.beforeReading.push(set)
  }

  /** All metrics as text, with the content type that says in which form. */
  async read(): Promise<{ readonly contentType: string; readonly text: string }> {
    for (const set of this.beforeReading) set()
    return { contentType: this.registry.contentType, text: await this.registry.metrics() }
  }
}

function known<T>(metrics: ReadonlyMap<string, T>, name: string, type: string): T {
  const metric = metrics.get(name)
  if (metric === undefined) throw new Error(`there is no ${type} ${name}: add it to the table in telemetry/metrics.ts`)
  return metric
}
