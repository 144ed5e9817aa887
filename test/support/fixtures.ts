// fixtures.ts: the recorded captures, for tests that walk all of them: a new file is a new test.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KernelMemory } from '../../src/base/kernel-memory.ts'
import { CaptureAnalysis, type AnalysisOptions } from '../../src/breakdown/analysis.ts'
import type { Breakdown, TaskRecord } from '../../src/breakdown/breakdown.ts'
import type { KindSums } from '../../src/breakdown/kind-sums.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'

/** A recorded capture. */
export interface CaptureFixture {
  /** `go1.26/messages` */
  readonly name: string
  readonly path: string
  readonly bytes: () => Uint8Array
  /** A file beside it with the same name and another ending (`.expected.json`); null when there is none. */
  readonly beside: (ending: string) => string | null
}

const root = fileURLToPath(new URL('../../proto-fixtures/', import.meta.url))

/** All recorded captures of a folder of `proto-fixtures/`, by name. */
export function captureFixtures(folder = 'captures'): CaptureFixture[] {
  const base = join(root, folder)
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.trace'))
    .sort()
    .map((file) => {
      const path = join(base, file)
      return {
        name: file.slice(0, -'.trace'.length).replaceAll('\\', '/'),
        path,
        bytes: () => new Uint8Array(readFileSync(path)),
        beside: (ending: string) => {
          const sibling = `${path.slice(0, -'.trace'.length)}${ending}`
          return existsSync(sibling) ? sibling : null
        },
      }
    })
}

/** A corpus of further captures beside the project, each in a folder of its own with what belongs to it; most machines have none. */
const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url))

/** Captures of the corpus beside the project; none where it is not there. */
export function corpusFixtures(): CaptureFixture[] {
  if (!existsSync(corpus)) return []
  return readdirSync(corpus)
    .sort()
    .flatMap((folder) => {
      const path = join(corpus, folder, 'trace.out')
      if (!existsSync(path)) return []
      const beside = (ending: string): string | null => {
        const sibling = join(corpus, folder, ending.slice(1))
        return existsSync(sibling) ? sibling : null
      }
      return [{ name: `corpus/${folder}`, path, bytes: () => new Uint8Array(readFileSync(path)), beside }]
    })
}

/** Whether a capture's header is of Go 1.22 or newer. */
export function isV2(fixture: CaptureFixture): boolean {
  const header = new TextDecoder().decode(fixture.bytes().subarray(0, 16))
  return Number(/^go 1\.(\d+) trace/.exec(header)?.[1] ?? 0) >= 22
}

/** Path of a file in `proto-fixtures/`. */
export function fixturePath(...parts: string[]): string {
  return join(root, ...parts)
}

/** A task with all that it tells as values of its own, which can be compared and copied. */
export function plainTask(task: TaskRecord): TaskRecord {
  return {
    id: task.id,
    parentId: task.parentId,
    name: task.name,
    startNs: task.startNs,
    endNs: task.endNs,
    startGoroutine: task.startGoroutine,
    goroutines: task.goroutines,
    logs: task.logs,
    precedingLog: task.precedingLog,
    regions: task.regions,
    path: task.path,
    work: task.work,
    timeline: task.timeline,
    ranges: task.ranges,
    longWaits: task.longWaits,
    samples: task.samples,
    partial: task.partial,
  }
}

/** What an analysis gives. */
export interface Analysed {
  readonly info: CaptureInfo
  readonly tasks: readonly TaskRecord[]
  readonly tables: CaptureAnalysis['tables']
}

/** Analyses a whole capture, handed over in chunks. */
export function analyse(
  bytes: Uint8Array,
  options: AnalysisOptions = {},
  chunkBytes = 65_521,
  memory?: KernelMemory,
): Analysed {
  const tasks: TaskRecord[] = []
  const analysis = new CaptureAnalysis(
    options,
    { task: (task) => tasks.push(plainTask(task)) },
    (decode, events) => new CaptureDecoder(decode, events, memory),
  )
  for (let at = 0; at < bytes.length; at += chunkBytes) analysis.push(bytes.subarray(at, at + chunkBytes))
  return { info: analysis.end(), tasks, tables: analysis.tables }
}

/** What a whole capture comes to: its kinds of task, told by their names up to the first space, and of region, and its slowest tasks. */
export function addUp(bytes: Uint8Array, options: AnalysisOptions = {}, chunkBytes = 65_521): unknown {
  const analysis = new CaptureAnalysis(options, {
    kindOf: (name) => ({ kind: name.split(' ')[0], ofShape: !/[0-9a-f]{16}/.test(name.split(' ')[0]) }),
  })
  for (let at = 0; at < bytes.length; at += chunkBytes) analysis.push(bytes.subarray(at, at + chunkBytes))
  const info = analysis.end()
  const { sums, taskCount } = analysis
  if (sums === null) throw new Error('nothing was added up')
  const rows = (kinds: KindSums) =>
    Array.from({ length: kinds.size }, (_, row) => ({
      name: kinds.nameOf(row),
      count: kinds.countOf(row),
      totalNs: kinds.totalNsOf(row),
      longestNs: kinds.longestNsOf(row),
      percentiles: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.997].map((share) => kinds.percentile(row, share)),
      parts: kinds.partsOf(row),
    }))
  const { slowest, whole, regionCount } = sums
  return { info, taskCount, whole, regionCount, slowest, types: rows(sums.types), regions: rows(sums.regions) }
}

/** The parts of a breakdown that do not overlap, added up. */
export function sumOf(breakdown: Breakdown): number {
  const { execNs, schedWaitNs, syscallNs, syscallBlockNs, blockNs, unknownNs } = breakdown
  const rest = execNs + schedWaitNs + syscallNs + syscallBlockNs + unknownNs
  return Object.values(blockNs).reduce((total, ns) => total + ns, rest)
}
