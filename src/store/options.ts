// options.ts: what the store can be told. Sizes in bytes, times in milliseconds; `config/` says what each is by default.

/** Settings of the journal. */
export interface JournalOptions {
  /** Bytes of all segments; beyond them the oldest delivered leave, then new entries are refused. */
  readonly maxBytes: number
  /** Time for which what was delivered stays, so that a capture that comes later can still be joined with it. */
  readonly retainMs: number
  /** Off: an entry counts as stored when the system has it; a power cut, not a crash of Subspan, can then lose it. */
  readonly fsync: boolean
  /** Size at which a segment ends and the next begins; a thirty-second of `maxBytes` at most. */
  readonly segmentBytes: number
}

/** Settings of the capture files. */
export interface CaptureFileOptions {
  /** Bytes of one capture. */
  readonly maxBytes: number
  /** Bytes of all; beyond them the oldest decoded ones are removed. */
  readonly keepBytes: number
}
