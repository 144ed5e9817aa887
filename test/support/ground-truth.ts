// ground-truth.ts: what the recording programs knew of their own tasks, and what the analysis says of the same.

import { readFileSync } from 'node:fs'
import type { TaskRecord, TaskTables } from '../../src/breakdown/breakdown.ts'
import { type GroupedParts, groupParts, groupWindow } from '../../src/breakdown/groups.ts'
import type { CaptureFixture } from './fixtures.ts'

/** Over a view of a task, some states took so long together, by the program's own clock. */
export interface Claim {
  readonly view: 'path' | 'work' | 'range'
  readonly state: string
  readonly states: readonly string[]
  readonly ns: number
  /** So long or longer; else exactly so long. */
  readonly atLeast?: boolean
}

/** Who ended the task's longest wait of a state, and what that one did most meanwhile. */
export interface KnownBlame {
  readonly state: string
  readonly name: string
  readonly meanwhile?: string
}

/** What the program knew of one task. */
export interface KnownTask {
  readonly task: string
  readonly name: string
  readonly claims: readonly Claim[]
  readonly blames?: readonly KnownBlame[]
  /** Tasks that ran while it waited for a processor. */
  readonly runners?: readonly string[]
  /** The goroutine that began it did all the work. */
  readonly alone?: boolean
}

/** The ground truth beside a capture; null when there is none. */
export function groundTruthOf(fixture: CaptureFixture): readonly KnownTask[] | null {
  const file = fixture.beside('.ground.jsonl')
  if (file === null) return null
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as KnownTask)
}

/** What the analysis says of a claim, nanoseconds. */
export function measured(claim: Claim, task: TaskRecord, tables: TaskTables): number {
  const { startNs, endNs, path, work } = task
  if (startNs === null || endNs === null || path === null || work === null)
    throw new Error(`task ${task.id} is not whole`)
  if (claim.view === 'range') return claim.states.reduce((sum, name) => sum + (path.rangeNs[name] ?? 0), 0)
  const parts = claim.view === 'path' ? groupWindow(task, tables, startNs, endNs) : groupParts(work)
  return claim.states.reduce((sum, state) => sum + parts[state as keyof GroupedParts], 0)
}

/** How far a measure may be off: one per cent of the task, or 50 us. */
export function toleranceNs(task: TaskRecord): number {
  return Math.max(50_000, 0.01 * ((task.endNs ?? 0) - (task.startNs ?? 0)))
}
