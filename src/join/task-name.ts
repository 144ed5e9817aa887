// task-name.ts: ids in a task's name, and the task's type: its name without them.

import { Failure } from '../base/failure.ts'
import type { IdEvidence, IdOptions } from './id-evidence.ts'
import { findIds, type FoundIds, textWithoutIds } from './id-text.ts'

/** Trace and span id in the task's name, or the span id alone. */
export const taskNameEvidence: IdEvidence = {
  evidence: 'task-name',
  idsOf({ name }, options) {
    const { traceId, spanId } = idsInName(name, options)
    return spanId === null ? null : { traceId, spanId, evidence: 'task-name', category: '' }
  },
}

/** The name of a task without ids and without the separators that held them: `cache.Lookup traceID=… spanID=…` is of type `cache.Lookup`. */
export function taskType(name: string, options: IdOptions = {}): string {
  return textWithoutIds(name, idsInName(name, options).cuts)
}

/** Names of different shapes remembered. */
const MOST_SHAPES = 10_000

/**
 * Types of many names. What is cut from a name depends on its shape, not on the digits of the ids in it: a name whose shape was seen
 * before costs a tenth of one that is looked through.
 *
 * The shape is the name with each run of 16 or 32 lower-case hex digits (letters among them: other runs may be read as decimal or as no id
 * at all) replaced by its length.
 */
export class TaskTypes {
  /** Type by shape; null where the type holds one of the runs, so that it is another for each name. */
  private readonly types = new Map<string, string | null>()

  /** As `taskType`, without configured patterns. */
  of(name: string): string {
    const shape = shapeOf(name)
    const known = this.types.get(shape)
    if (known !== undefined && known !== null) return known
    const { cuts } = idsInName(name, {})
    const type = textWithoutIds(name, cuts)
    if (known === undefined && this.types.size < MOST_SHAPES) {
      this.types.set(shape, shape === name || allRunsCut(name, cuts) ? type : null)
    }
    return type
  }
}

const ID_RUN = /(?<![0-9A-Za-z])(?=[0-9]*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})(?![0-9A-Za-z])/g

function shapeOf(name: string): string {
  return name.replace(ID_RUN, (run) => (run.length === 32 ? '\u0000T' : '\u0000S'))
}

function allRunsCut(name: string, cuts: readonly number[]): boolean {
  for (const { index } of name.matchAll(ID_RUN)) {
    let cut = false
    for (let i = 0; i < cuts.length; i += 2) cut ||= index >= cuts[i] && index < cuts[i + 1]
    if (!cut) return false
  }
  return true
}

/**
 * A configured pattern for ids in task names, ready for `IdOptions.namePatterns`.
 *
 * @param pattern a regular expression with the group `span`, and `trace` where the name tells it: `\[(?<trace>\w+)\|(?<span>\w+)\]`
 * @throws Failure CONFIG when it is no regular expression or has no group `span`
 */
export function compilePattern(pattern: string): RegExp {
  let compiled: RegExp
  try {
    compiled = new RegExp(pattern)
  } catch (error) {
    throw new Failure(
      'CONFIG',
      `task name pattern ${JSON.stringify(pattern)} is no regular expression: ${String(error)}`,
    )
  }
  if (!pattern.includes('(?<span>')) {
    throw new Failure(
      'CONFIG',
      `task name pattern ${JSON.stringify(pattern)} has no group named span: write (?<span>…) around the span id, and (?<trace>…) around the trace id.`,
    )
  }
  return compiled
}

function idsInName(name: string, options: IdOptions): FoundIds {
  return findIds(name, { patterns: options.namePatterns ?? [], bareSpanId: true })
}
