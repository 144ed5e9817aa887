// join.ts: `subspan join`: which task is which span, and why the others have none, offline.

import { Failure } from '../base/failure.ts'
import { type JoinOptions, joinTasks } from '../join/join.ts'
import type { JoinResult, JoinSpan, TaskMatch, UnmatchedReason } from '../join/match.ts'
import { taskType } from '../join/task-name.ts'
import { type LoadedCapture, loadCaptures } from './capture-files.ts'
import { counted, duration, fitted, table } from './human.ts'
import { inputName } from './input-name.ts'
import { type ConfigFlags, loadJoinOptions } from './join-options.ts'
import { joinSpansOf, readSpanFile, type SpanRequest } from './span-files.ts'
import { escapeName, type Terminal } from './terminal.ts'

/** Options of the command. */
export interface JoinCommand extends ConfigFlags {
  readonly spans: readonly string[]
  readonly capture: readonly string[]
  readonly format: 'text' | 'json'
  readonly ticksPerSecond?: number
}

/** Spans joined over several captures: one capture enriches a span, the first in which it is found whole. */
export interface JoinedSpan {
  /** Row in the spans. */
  readonly span: number
  /** Row in the captures. */
  readonly capture: number
  readonly match: TaskMatch
}

/** Several captures' joins as one. */
export interface Joined {
  readonly matches: readonly JoinedSpan[]
  readonly unmatched: readonly { readonly span: number; readonly reason: UnmatchedReason }[]
  readonly results: readonly JoinResult[]
}

/** Of several captures' reasons the one that says most is told: what nearly was a match before what never could be. */
const TELLING: readonly UnmatchedReason[] = [
  'ambiguous',
  'capture-damaged',
  'no-task',
  'no-clock',
  'not-in-capture',
  'other-process',
]

/**
 * Joins spans and captures read from files.
 *
 * @returns the exit code: 0, or 1 when an input could not be used (the others are still done)
 * @throws Failure CONFIG when something is wrong in the configuration
 */
export async function join(options: JoinCommand, terminal: Terminal): Promise<number> {
  const joinOptions = loadJoinOptions(options)
  const { requests, failed: failedSpans } = await readSpanFiles(options.spans, terminal)
  const { captures, failed } = await loadCaptures(options.capture, { ticksPerSecond: options.ticksPerSecond }, terminal)
  const spans = joinSpansOf(requests)
  const joined = joinCaptures(spans, captures, joinOptions)
  if (options.format === 'json') terminal.write(`${JSON.stringify(joinJson(spans, captures, joined))}\n`)
  else terminal.write(joinText(spans, captures, joined, terminal))
  return failed + failedSpans > 0 ? 1 : 0
}

/** Reads all span files; what cannot be used is told and counted. */
export async function readSpanFiles(
  paths: readonly string[],
  terminal: Terminal,
): Promise<{ requests: SpanRequest[]; failed: number }> {
  const requests: SpanRequest[] = []
  let failed = 0
  const refuse = (failure: Error): void => {
    failed++
    terminal.tell(failure.message)
  }
  for (const path of paths) {
    try {
      for (const request of await readSpanFile(path, refuse)) requests.push(request)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      refuse(error)
    }
  }
  return { requests, failed }
}

/** Joins the spans with each capture in turn. */
export function joinCaptures(
  spans: readonly JoinSpan[],
  captures: readonly LoadedCapture[],
  options: JoinOptions,
): Joined {
  const results = captures.map((capture) => joinTasks(spans, capture, options))
  const best: (JoinedSpan | undefined)[] = new Array<JoinedSpan | undefined>(spans.length)
  const whole = ({ capture, match }: JoinedSpan): boolean => captures[capture].tasks[match.task].path !== null
  results.forEach((result, capture) => {
    for (const match of result.matches) {
      const found: JoinedSpan = { span: match.span, capture, match }
      const known = best[match.span]
      if (known === undefined || (!whole(known) && whole(found))) best[match.span] = found
    }
  })
  const reasons: (UnmatchedReason | undefined)[] = new Array<UnmatchedReason | undefined>(spans.length)
  for (const result of results) {
    for (const { span, reason } of result.unmatched) {
      const known = reasons[span]
      if (known === undefined || TELLING.indexOf(reason) < TELLING.indexOf(known)) reasons[span] = reason
    }
  }
  const matches: JoinedSpan[] = []
  const unmatched: { span: number; reason: UnmatchedReason }[] = []
  for (let span = 0; span < spans.length; span++) {
    const found = best[span]
    if (found !== undefined) matches.push(found)
    else unmatched.push({ span, reason: reasons[span] ?? 'not-in-capture' })
  }
  return { matches, unmatched, results }
}

/** The JSON of the command; a stable contract. */
function joinJson(spans: readonly JoinSpan[], captures: readonly LoadedCapture[], joined: Joined): object {
  return {
    matches: joined.matches.map(({ span, capture, match }) => ({
      traceId: spans[span].traceId,
      spanId: spans[span].spanId,
      taskId: String(captures[capture].tasks[match.task].id),
      evidence: match.evidence,
      clockErrorNs: match.clock.errorNs,
      capture: captures[capture].path,
    })),
    unmatched: joined.unmatched.map(({ span, reason }) => ({
      traceId: spans[span].traceId,
      spanId: spans[span].spanId,
      reason,
    })),
    clocks: joined.results.map(({ clock }, capture) => ({
      capture: captures[capture].path,
      method: clock.method,
      offsetNs: clock.offsetNs === null ? null : clock.offsetNs.toString(),
      errorNs: clock.errorNs,
    })),
  }
}

const WHY: Readonly<Record<UnmatchedReason, string>> = {
  'not-in-capture': 'the span lies outside the time that was captured',
  'no-task': 'inside the captured time, but no task bears its ids, and none has its name and its times',
  ambiguous:
    'several tasks fit equally, or one that spans of another process might fit as well; a wrong join is worse than none',
  'other-process': 'made by another process than the captured one',
  'no-clock':
    "nothing tells how the capture's clock and the spans' relate: no snapshot (Go 1.25 on), no ids in tasks, no offset that fits",
  'capture-damaged': 'its time lies where the capture was lost',
}

/** What is said of spans that fit a task and were not joined with it. */
const DISBELIEVED =
  'found a task that spans of another process might fit as well, and were not joined: a service.instance.id of each process, or ids in the tasks, would settle it.'

/** Names shown of each kind of outcome. */
const NAMES_SHOWN = 20
const NAME_WIDTH = 40

function joinText(
  spans: readonly JoinSpan[],
  captures: readonly LoadedCapture[],
  joined: Joined,
  terminal: Terminal,
): string {
  const { style } = terminal
  const percent = spans.length === 0 ? 0 : (100 * joined.matches.length) / spans.length
  const text = [
    style.bold(`${joined.matches.length.toLocaleString('en-US')} of ${counted(spans.length, 'span')} joined`),
    ` (${percent.toFixed(1)} %)\n\n`,
  ]
  const clocks = captures.map((capture, at) => {
    const { clock, matches } = joined.results[at]
    const tasks = capture.tasks.filter(({ id }) => id !== 0).length
    return [
      fitted(escapeName(inputName(capture.path)), 60),
      tasks.toLocaleString('en-US'),
      matches.length.toLocaleString('en-US'),
      clock.method,
      clock.errorNs === null ? '' : `± ${duration(clock.errorNs)}`,
    ]
  })
  if (clocks.length > 0) {
    text.push(table(['capture', 'tasks', 'joined', 'clock', 'error'], [false, true, true, false, false], clocks, style))
  }
  captures.forEach((capture, at) => {
    const { refused = null, disbelieved = 0 } = joined.results[at].nameTime ?? {}
    const name = escapeName(inputName(capture.path))
    if (refused !== null) text.push(`\n${name}: not joined by name and time: ${refused}\n`)
    else if (disbelieved > 0) text.push(`\n${name}: ${counted(disbelieved, 'span')} ${DISBELIEVED}\n`)
  })
  const byName = new Map<string, { joined: number; all: number; evidence: Map<string, number> }>()
  const entry = (name: string) => {
    const key = taskType(name)
    let known = byName.get(key)
    if (known === undefined) byName.set(key, (known = { joined: 0, all: 0, evidence: new Map() }))
    return known
  }
  for (const { name } of spans) entry(name).all++
  for (const { span, match } of joined.matches) {
    const of = entry(spans[span].name)
    of.joined++
    of.evidence.set(match.evidence, (of.evidence.get(match.evidence) ?? 0) + 1)
  }
  const names = [...byName].sort(([, one], [, other]) => other.all - one.all)
  const rows = names
    .slice(0, NAMES_SHOWN)
    .map(([name, of]) => [
      fitted(escapeName(name === '' ? '(no name)' : name), NAME_WIDTH),
      of.all.toLocaleString('en-US'),
      of.joined.toLocaleString('en-US'),
      [...of.evidence].map(([evidence, count]) => `${evidence} ${count.toLocaleString('en-US')}`).join(', '),
    ])
  if (rows.length > 0)
    text.push('\n', table(['span', 'count', 'joined', 'by'], [false, true, true, false], rows, style))
  if (names.length > rows.length) text.push(`  … and ${counted(names.length - rows.length, 'more name')}\n`)
  const reasons = new Map<UnmatchedReason, number>()
  for (const { reason } of joined.unmatched) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  const why = [...reasons]
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => [reason, count.toLocaleString('en-US'), WHY[reason]])
  if (why.length > 0) text.push('\n', table(['not joined', 'count', 'because'], [false, true, false], why, style))
  return text.join('')
}
