// analyze-capture.ts: one capture of `subspan analyze`, from its input to what is written.

import { closeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { Failure } from '../base/failure.ts'
import { CaptureAnalysis } from '../breakdown/analysis.ts'
import { letGo } from '../breakdown/compact-task.ts'
import type { KeptTask } from '../breakdown/kept-columns.ts'
import type { AnalysisSink } from '../breakdown/task-records.ts'
import { HEADER_BYTES } from '../capture/header.ts'
import type { DecodeAhead } from '../decoding/decode-ahead.ts'
import { typeOfShape } from '../join/task-name.ts'
import { analysisText } from './analysis-text.ts'
import { captureJson, taskJson } from './analysis-json.ts'
import type { AnalyzeOptions } from './analyze.ts'
import { feedCapture, tellFailure, tellProblems } from './capture-files.ts'
import { inputName } from './input-name.ts'
import { type PlainCapture, readOn } from './plain-capture.ts'
import { Progress, type Terminal } from './terminal.ts'

/**
 * Has the engine optimise only what has run for four times as long as it asks for otherwise. Where tasks are only added up nearly all is done in kernels: what
 * is left runs for less time than its compilation takes (8 % of an analysis of 100 MB, 10 % of one of 10 MB). Records of tasks are another matter.
 */
const COMPILE_LATE = '--interrupt-budget=500000'

/**
 * Analyses one capture and writes the result to standard output; why it cannot be used, to standard error.
 *
 * @param plain the input, where it is a file that need not be unpacked; closed when this returns
 * @param decoder of that file, where another thread decodes it; ended likewise
 * @returns whether it could be used
 */
export async function analyzeCapture(
  path: string,
  plain: PlainCapture | null,
  decoder: DecodeAhead | null,
  options: AnalyzeOptions,
  terminal: Terminal,
): Promise<boolean> {
  try {
    await tellAnalysis(path, plain, decoder, options, terminal).catch(async (error: unknown) => {
      if (decoder === null || !(error instanceof Failure) || error.code !== 'CAPTURE_WORKER') throw error
      // Nothing of a text was written yet, and one thread needs less of the machine than two.
      terminal.tell(`${inputName(path)}: ${error.message} It is read again by one thread.`)
      await decoder.close()
      await tellAnalysis(path, plain, null, options, terminal)
    })
    return true
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    tellFailure(path, error, terminal)
    return false
  } finally {
    await decoder?.close()
    if (plain !== null) closeSync(plain.file)
  }
}

/** Has an input of any kind analysed to its end. @returns what was wrong with its wrapper; null: nothing */
async function feed(analysis: CaptureAnalysis, path: string, terminal: Terminal): Promise<Failure | null> {
  if (analysis.sums !== null) setFlagsFromString(COMPILE_LATE)
  const failure = await feedCapture(analysis, path, terminal)
  while (analysis.step()) if (terminal.blocked) await terminal.flush()
  return failure
}

/** Has a file analysed to its end, by whichever thread it is decoded. */
async function read(
  analysis: CaptureAnalysis,
  plain: PlainCapture,
  decoder: DecodeAhead | null,
  terminal: Terminal,
): Promise<null> {
  const progress = new Progress(terminal, `reading ${plain.name}`)
  try {
    let bytes = 0
    let early = analysis.sums !== null
    for (let more = true; more;) {
      if (decoder === null) {
        const count = readOn(plain, analysis, bytes)
        bytes += count
        more = count > 0
      } else {
        more = analysis.step()
        bytes = decoder.bytes
        await turn()
      }
      // Not at once: what Node brings compiled for the start of this thread, and of the other one, is compiled anew under other flags.
      if (early && bytes > HEADER_BYTES) {
        setFlagsFromString(COMPILE_LATE)
        early = false
      }
      progress.show(bytes, plain.bytes)
      if (terminal.blocked) await terminal.flush()
    }
  } finally {
    progress.clear()
  }
  return null
}

async function tellAnalysis(
  path: string,
  plain: PlainCapture | null,
  decoder: DecodeAhead | null,
  options: AnalyzeOptions,
  terminal: Terminal,
): Promise<void> {
  let tasks = 0
  const write = (task: KeptTask): void => {
    if (options.format === 'jsonl') {
      terminal.write(`${JSON.stringify(taskJson(task))}\n`)
    } else {
      // The object is written as a stream: tasks first, the capture, known at the end, last.
      terminal.write(`${tasks === 0 ? '{"tasks":[' : ','}${JSON.stringify(taskJson(task))}`)
    }
    tasks++
    letGo(task)
  }
  const sink: AnalysisSink = options.format === 'text' ? { kindOf: typeOfShape } : { task: write }
  const { goTimes, ticksPerSecond } = options
  const analysis = new CaptureAnalysis({ goTimes, ticksPerSecond }, sink, decoder?.to)
  const failure = plain === null ? await feed(analysis, path, terminal) : await read(analysis, plain, decoder, terminal)
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
