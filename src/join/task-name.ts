// task-name.ts: ids in a task's name, and the task's type: its name without them.

import { Failure } from '../base/failure.ts'
import type { NameKind } from '../breakdown/name-kinds.ts'
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

/** A run of letters and digits that may be an id and is replaced in the shape of a name. */
const RUN = /(?<![0-9A-Za-z])(?=[a-f]*[0-9])(?=[0-9]*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})(?![0-9A-Za-z])/g

/**
 * The type of a name, without configured patterns, and whether all names of its shape are of it. What is cut from a name depends on its shape, not on
 * the digits of the ids in it; where a run is not cut, the type holds it, and is another for each name.
 */
export function typeOfShape(name: string): NameKind {
  const { cuts } = idsInName(name, {})
  const isCut = ({ index }: { readonly index: number }): boolean => {
    for (let i = 0; i < cuts.length; i += 2) if (index >= cuts[i] && index < cuts[i + 1]) return true
    return false
  }
  return { kind: textWithoutIds(name, cuts), ofShape: [...name.matchAll(RUN)].every(isCut) }
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
