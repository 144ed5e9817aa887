// analyze.ts: `subspan analyze`: tasks, regions and breakdowns of captures, offline. What a capture takes is loaded (`analyze-capture.ts`) when the
// thread that decodes it has been started: both take a while.

import { DecodeAhead } from '../decoding/decode-ahead.ts'
import { usableProcessors } from '../decoding/processors.ts'
import { openPlain, type PlainCapture } from './plain-capture.ts'
import type { Terminal } from './terminal.ts'

/** Options of the command. */
export interface AnalyzeOptions {
  readonly format: 'text' | 'json' | 'jsonl'
  readonly goTimes: boolean
  readonly ticksPerSecond?: number
}

/**
 * Bytes from which on a file whose tasks are only added up is decoded in a thread of its own: below, starting one takes longer than it saves, and where
 * each task is written, that is all that is waited for.
 */
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
    const ahead = plain !== null && plain.bytes >= LEAST_BYTES_AHEAD && options.format === 'text'
    const decoder = ahead && usableProcessors() > 1 ? startedAhead(plain, options) : null
    const { analyzeCapture } = await import('./analyze-capture.ts')
    if (!(await analyzeCapture(path, plain, decoder, options, terminal))) failed++
  }
  return failed > 0 ? 1 : 0
}

/** The thread that decodes a file; null where none can be had: then it is decoded here, as smaller ones are. */
function startedAhead(plain: PlainCapture, options: AnalyzeOptions): DecodeAhead | null {
  try {
    return new DecodeAhead(plain, options, new URL('../decoding/decode-ahead-worker.js', import.meta.url))
  } catch {
    return null
  }
}
