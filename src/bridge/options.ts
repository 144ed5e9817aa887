// options.ts: what the flow can be told. Times in milliseconds, sizes in bytes.

import type { JoinOptions } from '../join/join.ts'
import type { TraceLimits } from '../enrich/budget.ts'
import type { EnrichOptions } from '../enrich/enrich.ts'

/** Settings of the flow; `config/` says what each is by default. */
export interface BridgeOptions {
  /** auto: a span waits while a capture of its process is announced or being decoded; always: every span waits; never: none does. */
  readonly holdMode: 'auto' | 'always' | 'never'
  /** Longest wait of a span, from its acceptance. */
  readonly holdMaxMs: number
  /** Bytes of the requests that wait; beyond it the oldest leave as they came. */
  readonly holdMaxBytes: number
  /** How long the tasks of a capture can be joined with spans that come after it. */
  readonly joinKeepMs: number
  /** Bytes of the tasks kept. */
  readonly joinMaxBytes: number
  /** Whether children are sent under spans that have left. */
  readonly late: boolean
  /** Age, since the span left, up to which they are. */
  readonly lateMaxAgeMs: number
  /** Bytes of the index of spans that have left. */
  readonly recentMaxBytes: number
  /** Captures decoded at a time. */
  readonly decodeWorkers: number
  readonly ids: JoinOptions
  readonly enrich: EnrichOptions
  /** Most that is added to one trace. */
  readonly traceLimits: TraceLimits
  /** Version of the scope of the spans that we add. */
  readonly version: string
}
