// invariants.ts: what must hold of every capture, whatever is wrong with it.

import { Failure } from '../../src/base/failure.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { Breakdown, TaskRecord } from '../../src/breakdown/breakdown.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { Ev } from '../../src/capture/event-types.ts'
import { countArrayBytes } from './array-bytes.ts'
import { plainTask, sumOf } from './fixtures.ts'

/** Problems that are told one by one, of each kind. */
const TOLD_PER_CODE = 8

/**
 * Typed arrays made while a capture is analysed, all in all, at most: so much, and so many bytes per byte of the capture. Tables double when
 * they are full, so what lives at one time is about half; a byte of a capture can be a whole event, which takes a stay of about fifty bytes.
 */
export const ARRAY_BYTES_BASE = 48 << 20
export const ARRAY_BYTES_PER_BYTE = 400

/** What came of a capture. */
export interface Outcome {
  /** Null when the capture was refused. */
  readonly info: CaptureInfo | null
  readonly tasks: number
  /** Bytes of all typed arrays that were made. */
  readonly arrayBytes: number
}

function fail(what: string): never {
  throw new Error(what)
}

/** Analyses a capture and checks all that must hold. Throws when it does not; whatever else is thrown is a crash. */
export function checkInvariants(capture: Uint8Array, chunkBytes = 65_521): Outcome {
  const tasks: TaskRecord[] = []
  let info: CaptureInfo | null = null
  const arrayBytes = countArrayBytes(() => {
    const analysis = new CaptureAnalysis(
      { timelines: true, stacks: true },
      { task: (task) => tasks.push(plainTask(task)) },
    )
    try {
      for (let at = 0; at < capture.length; at += chunkBytes) analysis.push(capture.subarray(at, at + chunkBytes))
      info = analysis.end()
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      if (thrown.message.length < 20) fail(`a refusal that says nothing: ${thrown.message}`)
    }
    if (info !== null) checkInfo(info, capture.length)
    for (const phase of ['startNs', 'endNs'] as const) {
      for (const ns of analysis.tables.gcPhases[phase]) if (!(ns >= 0)) fail(`a mark phase at ${ns} ns`)
    }
    for (const task of tasks) checkTask(task, analysis.tables)
  })
  const most = ARRAY_BYTES_BASE + ARRAY_BYTES_PER_BYTE * capture.length
  if (arrayBytes > most) fail(`${arrayBytes} bytes of arrays for a capture of ${capture.length}; ${most} are allowed`)
  return { info, tasks: tasks.length, arrayBytes }
}

/** Decodes a capture with Go's times: each event is later than the one before, and rows are what they may be. */
export function checkGoTimes(capture: Uint8Array): void {
  let last = -1
  const decoder = new CaptureDecoder(
    { goTimes: true },
    {
      events: ({ length, kind, timeNs, goroutine, processor, thread, a, b, c, stack }) => {
        for (let i = 0; i < length; i++) {
          // Go's reader puts the beginning of an old capture a nanosecond before its origin.
          if (!(timeNs[i] > last) && !(last === 0 && i === 1 && kind[0] === Ev.Sync))
            fail(`Go's time ${timeNs[i]} after ${last}`)
          last = timeNs[i]
          if (goroutine[i] < -1 || processor[i] < -1 || thread[i] < -1) fail('a row below -1')
          if (!Number.isFinite(a[i]) || !Number.isFinite(b[i]) || !Number.isFinite(c[i]) || !(stack[i] >= 0)) {
            fail(`an argument that is no number: ${a[i]} ${b[i]} ${c[i]} ${stack[i]}`)
          }
        }
      },
    },
  )
  try {
    decoder.push(capture)
    decoder.end()
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
  }
}

function checkInfo(info: CaptureInfo, bytes: number): void {
  if (info.bytes !== bytes) fail(`${info.bytes} of ${bytes} bytes told`)
  if (!(info.durationNs >= 0 && Number.isFinite(info.durationNs))) fail(`a duration of ${info.durationNs}`)
  if (!(info.events >= 1)) fail(`${info.events} events`)
  const told = new Map<string, number>()
  for (const { code, message, byteOffset, count } of info.problems) {
    told.set(code, (told.get(code) ?? 0) + 1)
    if (message.length < 20 || /undefined|NaN|\[object/.test(message)) fail(`a problem that says nothing: ${message}`)
    if (message.length > 4_000) fail(`a problem told in ${message.length} characters`)
    if (byteOffset !== null && !(byteOffset >= 0 && byteOffset <= bytes)) fail(`${code} at ${byteOffset} of ${bytes}`)
    if (!(count >= 1)) fail(`${code} seen ${count} times`)
  }
  for (const [code, count] of told) if (count > TOLD_PER_CODE) fail(`${code} told ${count} times`)
}

function checkTask(task: TaskRecord, { reasons, rangeNames, stacks }: CaptureAnalysis['tables']): void {
  const { id, startNs, endNs, path, work, regions, logs, timeline, ranges } = task
  const where = `task ${id}`
  if (!(id >= 0) || !Number.isFinite(id)) fail(`a task of id ${id}`)
  for (const ns of [startNs, endNs]) if (ns !== null && !(ns >= 0 && Number.isFinite(ns))) fail(`${where} at ${ns}`)
  if (startNs !== null && endNs !== null && endNs < startNs) fail(`${where} ends before it starts`)
  if ((path === null) !== (startNs === null || endNs === null)) fail(`${where} has a path without start or end`)
  if (path !== null && path.totalNs !== (endNs ?? 0) - (startNs ?? 0)) fail(`${where}: its path is no path of it`)
  // Not so for the work, which may be less than the time that passed while the collector marked.
  for (const breakdown of [path, ...regions.map((region) => region.breakdown)]) {
    if (breakdown !== null && breakdown.gcOverlapNs > breakdown.totalNs)
      fail(`${where}: more in mark phases than in all`)
  }
  for (const breakdown of [path, work]) if (breakdown !== null) checkBreakdown(breakdown, where)
  for (const region of regions) {
    if (region.startNs !== null && region.endNs !== null && region.endNs < region.startNs) {
      fail(`${where}: a region ends before it starts`)
    }
    if (region.stack >= stacks.length) fail(`${where}: a region without its stack`)
    checkBreakdown(region.breakdown, `${where}, region "${region.name}"`)
  }
  const loggedNs = new Map<number, number>()
  for (const { timeNs, goroutine } of logs) {
    if (!(timeNs >= (loggedNs.get(goroutine) ?? 0))) fail(`${where}: time runs backwards over the logs of a goroutine`)
    loggedNs.set(goroutine, timeNs)
  }
  if (timeline !== null) {
    const seenNs = new Map<number, number>()
    for (let i = 0; i < timeline.length; i++) {
      const start = timeline.startNs[i]
      const end = timeline.endNs[i]
      if (!(end >= start)) fail(`${where}: a stretch from ${start} to ${end}`)
      if (i > 0 && start !== timeline.endNs[i - 1]) fail(`${where}: stretches that do not touch`)
      const goroutine = timeline.goroutine[i]
      if (!(start >= (seenNs.get(goroutine) ?? -Infinity))) fail(`${where}: time runs backwards on a goroutine`)
      seenNs.set(goroutine, end)
      if (timeline.reason[i] >= reasons.length || timeline.via[i] >= reasons.length) fail(`${where}: a lost reason`)
      if (timeline.stack[i] >= stacks.length) fail(`${where}: a lost stack`)
    }
  }
  if (ranges !== null) {
    for (let i = 0; i < ranges.length; i++) {
      if (!(ranges.endNs[i] >= ranges.startNs[i])) fail(`${where}: a range that ends before it starts`)
      if (ranges.name[i] >= rangeNames.length) fail(`${where}: a range without its name`)
    }
  }
}

function checkBreakdown(breakdown: Breakdown, where: string): void {
  const { totalNs, execNs, schedWaitNs, syscallNs, syscallBlockNs, unknownNs, gcOverlapNs } = breakdown
  const { blockNs, viaNs, rangeNs } = breakdown
  const parts = { totalNs, execNs, schedWaitNs, syscallNs, syscallBlockNs, unknownNs, gcOverlapNs }
  for (const [name, ns] of [parts, blockNs, viaNs, rangeNs].flatMap((group) => Object.entries(group))) {
    if (!(ns >= 0 && Number.isFinite(ns))) fail(`${where}: ${name} of ${ns} ns`)
  }
  // Whole numbers below 2^53 add up exactly.
  if (sumOf(breakdown) !== totalNs) fail(`${where}: parts of ${sumOf(breakdown)} ns instead of ${totalNs}`)
  for (const [name, ns] of Object.entries(rangeNs))
    if (ns > totalNs) fail(`${where}: ${name} of ${ns} ns of ${totalNs}`)
}
