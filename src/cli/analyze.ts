// analyze.ts: `subspan analyze`: tasks, regions and breakdowns of captures, offline.

import { Failure, messageOf } from '../base/failure.ts'
import { CaptureAnalysis } from '../breakdown/analysis.ts'
import type { TaskRecord } from '../breakdown/breakdown.ts'
import { AnalysisText } from './analysis-text.ts'
import { captureJson, taskJson } from './analysis-json.ts'
import { inputName, readInput } from './input.ts'
import { Progress, type Terminal } from './terminal.ts'

/** Options of the command. */
export interface AnalyzeOptions {
  readonly format: 'text' | 'json' | 'jsonl'
  readonly goTimes: boolean
}

/**
 * Analyses captures one after the other and writes the results to standard output.
 *
 * @returns the exit code: 0, or 1 when an input could not be used (the others are still done)
 */
export async function analyze(paths: readonly string[], options: AnalyzeOptions, terminal: Terminal): Promise<number> {
  let failed = 0
  for (const path of paths) {
    try {
      await analyzeOne(path, options, terminal)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      failed++
      terminal.tell(`${inputName(path)}: ${messageOf(error)}`)
    }
  }
  return failed > 0 ? 1 : 0
}

async function analyzeOne(path: string, options: AnalyzeOptions, terminal: Terminal): Promise<void> {
  const text = options.format === 'text' ? new AnalysisText() : null
  let tasks = 0
  const write = (task: TaskRecord): void => {
    if (text !== null) {
      text.add(task)
    } else if (options.format === 'jsonl') {
      terminal.write(`${JSON.stringify(taskJson(task))}\n`)
    } else {
      // The object is written as a stream: tasks first, the capture, known at the end, last.
      terminal.write(`${tasks === 0 ? '{"tasks":[' : ','}${JSON.stringify(taskJson(task))}`)
    }
    tasks++
  }
  const analysis = new CaptureAnalysis({ goTimes: options.goTimes }, { task: write })
  const progress = new Progress(terminal, `reading ${inputName(path)}`)
  const failure = await feed(analysis, path, progress, terminal)
  progress.clear()
  const info = analysis.end()
  const capture = captureJson(inputName(path), info)
  if (text !== null) terminal.write(text.render(inputName(path), info, terminal.style))
  else if (options.format === 'jsonl') terminal.write(`${JSON.stringify({ capture })}\n`)
  else terminal.write(`${tasks === 0 ? '{"tasks":[' : ''}],"capture":${JSON.stringify(capture)}}\n`)
  await terminal.flush()
  for (const problem of info.problems) {
    const more = problem.count > 1 ? ` (and ${(problem.count - 1).toLocaleString('en-US')} more of this kind)` : ''
    terminal.tell(`${inputName(path)}: ${problem.message}${more}`)
  }
  if (failure !== null) throw failure
}

/** Feeds the bytes; a broken wrapper ends the reading but keeps what was unpacked. */
async function feed(
  analysis: CaptureAnalysis,
  path: string,
  progress: Progress,
  terminal: Terminal,
): Promise<Failure | null> {
  let fed = 0
  try {
    for await (const chunk of readInput(path, (seen) => progress.show(seen.readBytes, seen.totalBytes))) {
      analysis.push(chunk)
      fed += chunk.length
      if (terminal.blocked) await terminal.flush()
    }
  } catch (error) {
    if (error instanceof Failure && error.code === 'CAPTURE_COMPRESSION' && fed > 0) return error
    throw error
  }
  return null
}
