// analyze.ts: `subspan analyze`: tasks, regions and breakdowns of captures, offline.

import { closeSync } from 'node:fs'
import { Failure } from '../base/failure.ts'
import { CaptureAnalysis } from '../breakdown/analysis.ts'
import type { AnalysisSink } from '../breakdown/task-records.ts'
import type { TaskRecord } from '../breakdown/breakdown.ts'
import { typeOfShape } from '../join/task-name.ts'
import { analysisText } from './analysis-text.ts'
import { captureJson, taskJson } from './analysis-json.ts'
import { openPlain, readOn } from './plain-capture.ts'
import { feedCapture, tellFailure, tellProblems } from './capture-files.ts'
import { inputName } from './input.ts'
import { Progress, type Terminal } from './terminal.ts'

/** Options of the command. */
export interface AnalyzeOptions {
  readonly format: 'text' | 'json' | 'jsonl'
  readonly goTimes: boolean
  readonly ticksPerSecond?: number
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
      tellFailure(path, error, terminal)
    }
  }
  return failed > 0 ? 1 : 0
}

/** Has an input analysed to its end. @returns what was wrong with its wrapper; null: nothing */
async function feed(analysis: CaptureAnalysis, path: string, terminal: Terminal): Promise<Failure | null> {
  const plain = openPlain(path)
  if (plain === null) {
    const failure = await feedCapture(analysis, path, terminal)
    while (analysis.step()) if (terminal.blocked) await terminal.flush()
    return failure
  }
  const progress = new Progress(terminal, `reading ${plain.name}`)
  try {
    let bytes = 0
    for (let count = -1; count !== 0; bytes += count) {
      count = readOn(plain, analysis, bytes)
      progress.show(bytes + count, plain.bytes)
      if (terminal.blocked) await terminal.flush()
    }
  } finally {
    progress.clear()
    closeSync(plain.file)
  }
  return null
}

async function analyzeOne(path: string, options: AnalyzeOptions, terminal: Terminal): Promise<void> {
  let tasks = 0
  const write = (task: TaskRecord): void => {
    if (options.format === 'jsonl') {
      terminal.write(`${JSON.stringify(taskJson(task))}\n`)
    } else {
      // The object is written as a stream: tasks first, the capture, known at the end, last.
      terminal.write(`${tasks === 0 ? '{"tasks":[' : ','}${JSON.stringify(taskJson(task))}`)
    }
    tasks++
  }
  const sink: AnalysisSink = options.format === 'text' ? { kindOf: typeOfShape } : { task: write }
  const { goTimes, ticksPerSecond } = options
  const analysis = new CaptureAnalysis({ goTimes, ticksPerSecond }, sink)
  const failure = await feed(analysis, path, terminal)
  const info = analysis.end()
  const capture = captureJson(path, info)
  if (analysis.sums !== null)
    terminal.write(analysisText(inputName(path), info, analysis.sums, analysis.taskCount, terminal.style))
  else if (options.format === 'jsonl') terminal.write(`${JSON.stringify({ capture })}\n`)
  else terminal.write(`${tasks === 0 ? '{"tasks":[' : ''}],"capture":${JSON.stringify(capture)}}\n`)
  await terminal.flush()
  tellProblems(path, info, terminal)
  if (failure !== null) throw failure
}
