// analyze.ts: `subspan analyze`: tasks, regions and breakdowns of captures, offline. What a capture takes is loaded (`analyze-capture.ts`) when the
// thread that decodes it has been started: both take a while.

import { availableParallelism } from 'node:os'
import { DecodeAhead } from '../decoding/decode-ahead.ts'
import { openPlain } from './plain-capture.ts'
import type { Terminal } from './terminal.ts'

/** Options of the command. */
export interface AnalyzeOptions {
  readonly format: 'text' | 'json' | 'jsonl'
  readonly goTimes: boolean
  readonly ticksPerSecond?: number
}

/** Bytes from which on a file is decoded in a thread of its own: below, starting one takes longer than it saves. */
const LEAST_BYTES_AHEAD = 24 << 20

/**
 * Analyses captures one after the other and writes the results to standard output.
 *
 * @returns the exit code: 0, or 1 when an input could not be used (the others are still done)
 */
export async function analyze(paths: readonly string[], options: AnalyzeOptions, terminal: Terminal): Promise<number> {
  let failed = 0
  for (const path of paths) {
    const plain = openPlain(path)
    const ahead = plain !== null && plain.bytes >= LEAST_BYTES_AHEAD && availableParallelism() > 1
    const decoder = ahead ? new DecodeAhead(plain, options, workerUrl()) : null
    const { analyzeCapture } = await import('./analyze-capture.ts')
    if (!(await analyzeCapture(path, plain, decoder, options, terminal))) failed++
  }
  return failed > 0 ? 1 : 0
}

function workerUrl(): URL {
  return new URL('../decoding/decode-ahead-worker.js', import.meta.url)
}
