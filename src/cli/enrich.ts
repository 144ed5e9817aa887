// enrich.ts: `subspan enrich`: spans from files with the runtime breakdown added, as OTLP JSON lines or protobuf, offline.

import { writeFile } from 'node:fs/promises'
import { utf8Of } from '../base/bytes.ts'
import { Failure, messageOf } from '../base/failure.ts'
import { KnownCapture } from '../bridge/known-capture.ts'
import type { CaptureOrigin } from '../bridge/ports.ts'
import type { BridgeOptions } from '../bridge/options.ts'
import { type JoinedSpan, release } from '../bridge/release.ts'
import { TraceBudget } from '../enrich/budget.ts'
import { DEFAULT_ENRICH_OPTIONS, DEFAULT_TRACE_LIMITS } from '../enrich/enrich.ts'
import { traceRequestToJson } from '../span/otlp/json.ts'
import { type LoadedCapture, loadCaptures } from './capture-files.ts'
import { counted } from './human.ts'
import { joinCaptures, readSpanFiles } from './join.ts'
import { type ConfigFlags, loadJoinOptions } from './join-options.ts'
import { joinSpansOf } from './span-files.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Options of the command. */
export interface EnrichCommand extends ConfigFlags {
  readonly spans: readonly string[]
  readonly capture: readonly string[]
  /** File to write; null for JSON lines to standard output. */
  readonly out: string | null
  readonly ticksPerSecond?: number
}

/**
 * Joins spans and captures read from files and writes the spans with their breakdown, request by request, in order.
 *
 * @returns the exit code: 0, or 1 when an input could not be used (the others are still done)
 * @throws Failure FILE when the result cannot be written, CONFIG when something is wrong in the configuration
 */
export async function enrich(options: EnrichCommand, terminal: Terminal): Promise<number> {
  const joinOptions = loadJoinOptions(options)
  const { requests, failed: failedSpans } = await readSpanFiles(options.spans, terminal)
  const { ticksPerSecond } = options
  const reading = { timelines: true, stacks: true, ticksPerSecond }
  const { captures, failed } = await loadCaptures(options.capture, reading, terminal)
  const spans = joinSpansOf(requests)
  const joined = joinCaptures(spans, captures, joinOptions)
  const known = captures.map(knownCaptureOf)
  const foundOf = new Map<number, JoinedSpan['found']>()
  for (const { span, capture, match } of joined.matches) {
    known[capture].own(match.task, spans[span], match.evidence, 'now')
    const { task, evidence, clock } = match
    foundOf.set(span, { capture: known[capture], task, evidence, clock })
  }
  const bridgeOptions: Pick<BridgeOptions, 'enrich' | 'version'> = { enrich: DEFAULT_ENRICH_OPTIONS, version: VERSION }
  const budget = new TraceBudget(DEFAULT_TRACE_LIMITS)
  const protobuf = options.out?.endsWith('.pb') === true || options.out?.endsWith('.bin') === true
  const bodies: Uint8Array[] = []
  let first = 0
  let enriched = 0
  let children = 0
  for (const { table } of requests) {
    const rows: JoinedSpan[] = []
    for (let row = 0; row < table.length; row++) {
      const found = foundOf.get(first + row)
      // A span that carries a breakdown already leaves as it came.
      if (found !== undefined && table.enriched[row] === 0) rows.push({ row, span: spans[first + row], found })
    }
    first += table.length
    const released = release(table, rows, 'now', bridgeOptions, budget)
    enriched += rows.length
    children += released.children
    if (protobuf) {
      bodies.push(released.body)
      continue
    }
    const line = `${traceRequestToJson(released.body)}\n`
    if (options.out !== null) {
      bodies.push(utf8Of(line))
      continue
    }
    terminal.write(line)
    if (terminal.blocked) await terminal.flush()
  }
  if (options.out !== null) await save(options.out, bodies)
  terminal.tell(
    `${counted(enriched, 'span')} of ${spans.length.toLocaleString('en-US')} enriched, ${counted(children, 'child span')} added.`,
  )
  return failed + failedSpans > 0 ? 1 : 0
}

/** It is a file, and nobody sent it. */
const NOT_SENT: CaptureOrigin = { by: 'upload', from: '', seconds: null }

/** A loaded capture in the form in which the bridge releases spans. */
function knownCaptureOf(capture: LoadedCapture): KnownCapture {
  const known = new KnownCapture(capture.id, { service: '', instance: '' }, NOT_SENT, 0, {})
  known.take(
    {
      tasks: capture.tasks,
      newReasons: capture.reasons,
      newRangeNames: capture.rangeNames,
      newStacks: capture.stacks,
      decodedUntilNs: capture.durationNs,
      gcPhases: capture.gcPhases,
      clockSnapshots: capture.clockSnapshots,
      originNs: capture.info.originNs,
      lost: capture.lost ?? [],
    },
    Infinity,
  )
  known.end(capture.info)
  return known
}

async function save(path: string, parts: readonly Uint8Array[]): Promise<void> {
  try {
    await writeFile(path, parts)
  } catch (error) {
    throw new Failure('FILE', `${path} cannot be written: ${messageOf(error)}. Name a file in a folder that exists.`)
  }
}
