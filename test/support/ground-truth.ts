// ground-truth.ts: what the recording programs knew of their own tasks, and what the analysis says of the same.

import { readFileSync } from 'node:fs'
import type { TaskRecord, TaskTables } from '../../src/breakdown/breakdown.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { Ev } from '../../src/capture/event-types.ts'
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
  /** No longer than this, where `atLeast` says how long at least. */
  readonly atMostNs?: number
}

/** Who held the task up in its longest wait of a state, and what that one did most meanwhile. */
export interface KnownBlame {
  readonly state: string
  readonly name: string
  /** What the goroutine runs where it worked for no task: then there is no name. */
  readonly function?: string
  readonly meanwhile?: string
  /** Kind of lock, as `lockKindOf` tells it. */
  readonly lock?: string
}

/** How long a task held the lock that another waited for. */
export interface KnownHolding {
  readonly name: string
  readonly ns: number
}

/** What the program knew of one task. */
export interface KnownTask {
  readonly task: string
  readonly name: string
  readonly claims: readonly Claim[]
  readonly blames?: readonly KnownBlame[]
  /** Who held the lock of its longest wait for one. */
  readonly holders?: readonly KnownHolding[]
  /** Tasks that ran while it waited for a processor. */
  readonly runners?: readonly string[]
  /** What the verdict on its span has to say, as a pattern. */
  readonly verdict?: string
  /** The goroutine that began it did all the work. */
  readonly alone?: boolean
  /** For how long threads of the program were ready to run and others ran: no reading of its clock is surer than that. */
  readonly stolenNs?: number
}

/** The ground truth beside a capture; null when there is none. */
export function groundTruthOf(fixture: CaptureFixture): readonly KnownTask[] | null {
  const file = fixture.beside('.ground.jsonl')
  if (file === null) return null
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as KnownTask)
}

/** What the format of a capture shows of the states. */
export type Format = 'v1' | 'v2'

/**
 * What the analysis says of a claim, nanoseconds.
 *
 * @param format the format of Go 1.21 and older shows a system call only where the processor was taken away meanwhile, else as execution
 */
export function measured(claim: Claim, task: TaskRecord, tables: TaskTables, format: Format): number {
  const { startNs, endNs, path, work } = task
  if (startNs === null || endNs === null || path === null || work === null)
    throw new Error(`task ${task.id} is not whole`)
  if (claim.view === 'range') return claim.states.reduce((sum, name) => sum + (path.rangeNs[name] ?? 0), 0)
  const parts = claim.view === 'path' ? groupWindow(task, tables, startNs, endNs) : groupParts(work)
  const states = new Set(claim.states)
  if (format === 'v1' && states.has('syscall')) states.add('exec')
  return [...states].reduce((sum, state) => sum + parts[state as keyof GroupedParts], 0)
}

/** How far a measure is from what a claim says, nanoseconds; 0 within its bounds. */
export function errorNs(claim: Claim, ns: number): number {
  if (claim.atLeast !== true) return Math.abs(ns - claim.ns)
  return Math.max(0, claim.ns - ns, ns - (claim.atMostNs ?? Infinity))
}

/** How far a measure may be off: one per cent of the task, or 50 us. */
export function goalNs(task: TaskRecord): number {
  return Math.max(50_000, 0.01 * ((task.endNs ?? 0) - (task.startNs ?? 0)))
}

/** A stretch in which a goroutine ran because the system had to wake a thread for another that it had made ready, before it waited itself. */
export interface ThreadWakeUp {
  readonly goroutine: number
  readonly fromNs: number
  readonly ns: number
}

/**
 * The wake-ups of threads between a goroutine's making another ready and its own wait, by the events alone: the next that is heard of it is
 * the wait, and a processor was started in between. A program that reads its clock before the first has them in what it claims of the wait.
 */
export function threadWakeUpsOf(capture: Uint8Array): readonly ThreadWakeUp[] {
  const found: ThreadWakeUp[] = []
  const ids = new Map<number, number>()
  /** By goroutine row: when it made another ready, and when a processor was started since. */
  const woke = new Map<number, { readonly atNs: number; startedNs: number | null }>()
  const decoder = new CaptureDecoder(
    {},
    {
      events: ({ length, kind, timeNs, goroutine, a, c }) => {
        for (let i = 0; i < length; i++) {
          const row = goroutine[i]
          if (kind[i] === Ev.GoCreate || (kind[i] === Ev.GoStatus && c[i] >= 0)) ids.set(a[i], c[i])
          if (kind[i] === Ev.ProcStart) {
            for (const one of woke.values()) one.startedNs ??= timeNs[i]
            continue
          }
          const before = woke.get(row)
          woke.delete(row)
          if (kind[i] === Ev.GoUnblock && row >= 0) woke.set(row, { atNs: timeNs[i], startedNs: null })
          if (kind[i] !== Ev.GoBlock || before === undefined || before.startedNs === null) continue
          found.push({ goroutine: ids.get(row) ?? -1, fromNs: before.atNs, ns: before.startedNs - before.atNs })
        }
      },
    },
  )
  decoder.push(capture)
  decoder.end()
  return found
}

/** How far it may be off beside what the program's own clock may be, and the wake-ups of threads that it may have counted to a wait. */
export function toleranceNs(task: TaskRecord, known: KnownTask, wakeUps: readonly ThreadWakeUp[]): number {
  const { startNs, endNs, goroutines } = task
  const inTask = wakeUps.filter(
    ({ goroutine, fromNs }) => goroutines.includes(goroutine) && fromNs >= (startNs ?? 0) && fromNs < (endNs ?? 0),
  )
  return goalNs(task) + (known.stolenNs ?? 0) + inTask.reduce((sum, { ns }) => sum + ns, 0)
}
