// task-name.ts: ids in a task's name, and the task's type: its name without them.

import { textOf } from '../base/bytes.ts'
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
/** Runs looked at in one name; what comes after belongs to the shape as it stands. */
const MOST_RUNS = 8

/** Stand for a run in the hash of a shape; no byte has these values. */
const SPAN_RUN = 0x100
const TRACE_RUN = 0x101

/** What bytes of letters and digits tell of the run they are in, 0 for others: a table, since the digits of ids are nothing that a branch could foresee. */
const LOOKS = new Uint8Array(256)
const DIGIT = 1
const HEX_LETTER = 3
const OTHER_LETTER = 7
const HEX_WITH_LETTERS = DIGIT | HEX_LETTER
for (let letter = 0; letter < 26; letter++) {
  LOOKS[0x41 + letter] = OTHER_LETTER
  LOOKS[0x61 + letter] = letter < 6 ? HEX_LETTER : OTHER_LETTER
}
LOOKS.fill(DIGIT, 0x30, 0x3a)

/** A shape that was seen. */
interface Shape {
  /** A name of this shape, as UTF-8. */
  readonly name: Uint8Array
  /** Where its runs begin and end. */
  readonly runs: readonly number[]
  /** Null where the type holds one of the runs, so that it is another for each name. */
  readonly type: string | null
}

/**
 * Types of many names. What is cut from a name depends on its shape, not on the digits of the ids in it: a name whose shape was seen
 * before is not looked through again.
 *
 * The shape is the name with each run of 16 or 32 lower-case hex digits (letters among them: other runs may be read as decimal or as no id
 * at all) replaced by its length. It is never written out: names are told apart by a hash over it and then compared with one of that shape,
 * byte by byte, so that a name of a known shape never becomes a text: each has ids of its own, and texts were a tenth of a whole analysis.
 */
export class TaskTypes {
  private readonly shapes = new Map<number, Shape>()
  /** Runs of the name in hand. */
  private readonly runs = new Int32Array(MOST_RUNS * 2)
  private runsLength = 0

  /** As `taskType` of a name in UTF-8, which is a part of some bytes, without configured patterns. */
  of(bytes: Uint8Array, from: number, to: number): string {
    const hash = this.scan(bytes, from, to)
    const known = this.shapes.get(hash)
    if (known !== undefined && known.type !== null && this.isOfShape(bytes, from, to, known)) return known.type
    const text = textOf(bytes, from, to)
    const { cuts } = idsInName(text, {})
    const type = textWithoutIds(text, cuts)
    if (known === undefined && this.shapes.size < MOST_SHAPES) {
      const runs = [...this.runs.subarray(0, this.runsLength)]
      this.shapes.set(hash, { name: bytes.slice(from, to), runs, type: allCut(runs, cuts) ? type : null })
    }
    return type
  }

  /** Finds the runs of a name. @returns the hash of its shape */
  private scan(bytes: Uint8Array, start: number, end: number): number {
    const { runs } = this
    let length = 0
    let hash = 0
    let from = -1
    let hashBefore = 0
    let seen = 0
    for (let at = start; at <= end; at++) {
      const byte = at < end ? bytes[at] : 0
      const looks = LOOKS[byte]
      if (looks !== 0) {
        if (from < 0) {
          from = at
          hashBefore = hash
          seen = 0
        }
        seen |= looks
      } else if (from >= 0) {
        const digits = at - from
        if (seen === HEX_WITH_LETTERS && (digits === 16 || digits === 32) && length < runs.length) {
          runs[length++] = from - start
          runs[length++] = at - start
          hash = Math.imul(hashBefore, 31) + (digits === 16 ? SPAN_RUN : TRACE_RUN)
        }
        from = -1
      }
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    this.runsLength = length
    return hash
  }

  /** Whether the name in hand is that of a shape but for the digits in its runs. */
  private isOfShape(bytes: Uint8Array, start: number, end: number, shape: Shape): boolean {
    const { runs } = this
    const { name } = shape
    if (end - start !== name.length || this.runsLength !== shape.runs.length) return false
    let at = 0
    for (let run = 0; run <= this.runsLength; run += 2) {
      const to = run < this.runsLength ? runs[run] : name.length
      if (run < this.runsLength && (to !== shape.runs[run] || runs[run + 1] !== shape.runs[run + 1])) return false
      for (; at < to; at++) if (bytes[start + at] !== name[at]) return false
      if (run < this.runsLength) at = runs[run + 1]
    }
    return true
  }
}

function allCut(runs: readonly number[], cuts: readonly number[]): boolean {
  for (let run = 0; run < runs.length; run += 2) {
    let cut = false
    for (let i = 0; i < cuts.length; i += 2) cut ||= runs[run] >= cuts[i] && runs[run] < cuts[i + 1]
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
