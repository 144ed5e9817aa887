// capture.ts: what is known of a capture as a whole, besides its events.

/** Something that was wrong with a capture and what it cost. Everything else of the capture is kept. */
export interface CaptureProblem {
  readonly code: CaptureProblemCode
  /** What is wrong, where, both numbers, what was lost, what to do. */
  readonly message: string
  /** Position in the unpacked capture; null when the problem has no single place (a mis-nested region). */
  readonly byteOffset: number | null
  /** How often it was seen; the message is that of the first. */
  count: number
}

export type CaptureProblemCode =
  | 'CAPTURE_TRUNCATED' // the bytes end inside a batch or a generation
  | 'CAPTURE_MALFORMED' // bytes that no Go runtime writes
  | 'BATCH_DAMAGED' // the rest of one batch was skipped
  | 'GENERATION_INCOMPLETE' // tables or the end mark of a generation are missing
  | 'EVENTS_LOST' // the stretches of which events are missing, and how many tasks lie in them
  | 'ORIGIN_LOST' // the first events are missing: times count from the first that is left
  | 'ORDER_FORCED' // events fit no order: one was taken all the same
  | 'STATE_CONFLICT' // an event contradicts what was known of a goroutine, processor or thread
  | 'UNKNOWN_STRING'
  | 'UNKNOWN_STACK'
  | 'REGION_MISUSE'
  | 'TASK_MISUSE'
  | 'CLOCK_STEP' // times that ran backwards were held still
  | 'TRAILING_BYTES'
  | 'LIMIT' // a configured bound was met; what lies beyond was not kept

/** One pairing of the trace clock with the wall clock (Go 1.25 on, once a generation). */
export interface ClockSnapshot {
  /** Nanoseconds from the capture's origin. */
  readonly traceNs: number
  /** The same instant by the wall clock of the process, Unix nanoseconds. */
  readonly unixNs: bigint
  /** The same instant by the machine's monotonic clock, nanoseconds. */
  readonly monotonicNs: bigint
}

/** A capture as a whole. Times count from `originNs`. */
export interface CaptureInfo {
  /** The header's text without the padding: `go 1.26 trace`. */
  readonly header: string
  /** Size after unpacking. */
  readonly bytes: number
  /** Events as Go's reader would count them, the synchronisation events included. */
  readonly events: number
  /** The capture's first event on the trace clock, nanoseconds; exceeds 2^53 on machines up for more than 104 days. */
  readonly originNs: bigint
  /** Ticks of the trace clock per second, as the capture states them or as they were assumed; 0 without any event. */
  readonly ticksPerSecond: number
  /** From the first to the last event. */
  readonly durationNs: number
  /** Unix nanoseconds of the origin by the first clock snapshot; null before Go 1.25. */
  readonly wallOffsetNs: bigint | null
  readonly clockSnapshots: readonly ClockSnapshot[]
  readonly problems: readonly CaptureProblem[]
}
