// capture-files.ts: capture files of the commands, read whole.

import { createHash } from 'node:crypto'
import { Failure } from '../base/failure.ts'
import { type AnalysisOptions, CaptureAnalysis } from '../breakdown/analysis.ts'
import type { TaskRecord, TaskSet } from '../breakdown/breakdown.ts'
import type { CaptureInfo } from '../capture/capture.ts'
import type { JoinCapture } from '../join/match.ts'
import { problemText } from './analysis-json.ts'
import { readInput } from './input.ts'
import { inputName } from './input-name.ts'
import { Progress, type Terminal } from './terminal.ts'

/** A capture with all its tasks. */
export interface LoadedCapture extends JoinCapture, TaskSet {
  readonly path: string
  /** First 32 hex digits of the SHA-256 of the unpacked bytes. */
  readonly id: string
  readonly info: CaptureInfo
  readonly tasks: readonly TaskRecord[]
}

/**
 * Feeds a file to an analysis; a broken wrapper (gzip, zstd) ends the reading, but what was unpacked before is used.
 *
 * @param seen is handed every chunk of unpacked bytes
 * @returns the failure of the wrapper, null when there was none
 * @throws Failure when nothing can be read
 */
export async function feedCapture(
  analysis: CaptureAnalysis,
  path: string,
  terminal: Terminal,
  seen: (chunk: Uint8Array) => void = () => undefined,
): Promise<Failure | null> {
  const progress = new Progress(terminal, `reading ${inputName(path)}`)
  let fed = 0
  try {
    for await (const chunk of readInput(path, (done) => progress.show(done.readBytes, done.totalBytes))) {
      seen(chunk)
      analysis.push(chunk)
      fed += chunk.length
      if (terminal.blocked) await terminal.flush()
    }
  } catch (error) {
    if (error instanceof Failure && error.code === 'CAPTURE_COMPRESSION' && fed > 0) return error
    throw error
  } finally {
    progress.clear()
  }
  return null
}

/** Tells why an input could not be used; what is wrong with the file itself names it already. */
export function tellFailure(path: string, failure: Failure, terminal: Terminal): void {
  terminal.tell(failure.code === 'FILE' ? failure.message : `${inputName(path)}: ${failure.message}`)
}

/** Tells what was wrong with a capture, a line each. */
export function tellProblems(path: string, info: CaptureInfo, terminal: Terminal): void {
  for (const problem of info.problems) terminal.tell(`${inputName(path)}: ${problemText(problem)}`)
}

/**
 * Reads captures whole, for joining. What is wrong with one goes to standard error; one that cannot be used is left out.
 *
 * @returns the captures, and how many files could not be used (a broken wrapper counts, though what came before it is used)
 */
export async function loadCaptures(
  paths: readonly string[],
  options: AnalysisOptions,
  terminal: Terminal,
): Promise<{ captures: LoadedCapture[]; failed: number }> {
  const captures: LoadedCapture[] = []
  let failed = 0
  for (const path of paths) {
    try {
      const tasks: TaskRecord[] = []
      const hash = createHash('sha256')
      const analysis = new CaptureAnalysis(options, { task: (task) => tasks.push(task) })
      const failure = await feedCapture(analysis, path, terminal, (chunk) => hash.update(chunk))
      const info = analysis.end()
      const { clockSnapshots, durationNs } = info
      const id = hash.digest('hex').slice(0, 32)
      captures.push({ path, id, info, tasks, ...analysis.tables, clockSnapshots, durationNs, lost: analysis.lost })
      tellProblems(path, info, terminal)
      if (failure !== null) throw failure
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      failed++
      tellFailure(path, error, terminal)
    }
  }
  return { captures, failed }
}
