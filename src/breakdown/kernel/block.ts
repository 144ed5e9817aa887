// block.ts: where a task is written as it is kept (`../compact-task.ts` reads it): doubles one after another, and breakdowns of them.

import { KEPT_BREAKDOWN, KEPT_PART, KEPT_PARTS, MAX_NAMES, PART_KIND_SHIFT } from '../states-layout.ts'

/** Bytes of a breakdown with every part that has a name. */
export const MOST_BREAKDOWN_BYTES: u32 = (KEPT_BREAKDOWN + 4 * MAX_NAMES * KEPT_PART) << 3
/** Of one that has reasons only. */
export const MOST_BLOCKED_BYTES: u32 = (KEPT_BREAKDOWN + MAX_NAMES * KEPT_PART) << 3

/** Where the next double goes. */
export let at: usize = 0

/** What comes next goes to another place. */
/* @inline */ export function goTo(place: usize): void {
  at = place
}

/* @inline */ export function put(value: f64): void {
  store<f64>(at, value)
  at += 8
}

/** Copies doubles that lie elsewhere. */
export function putAll(from: usize, bytes: usize): void {
  memory.copy(at, from, bytes)
  at += bytes
}

/** Writes the parts that have no name. @returns where they begin */
export function beginBreakdown(
  totalNs: f64,
  execNs: f64,
  schedWaitNs: f64,
  syscallNs: f64,
  syscallBlockNs: f64,
  unknownNs: f64,
  gcOverlapNs: f64,
): usize {
  const head = at
  put(0)
  put(totalNs)
  put(execNs)
  put(schedWaitNs)
  put(syscallNs)
  put(syscallBlockNs)
  put(unknownNs)
  put(gcOverlapNs)
  return head
}

/** Writes a part that has a name, of the breakdown that begins at a place. */
export function putPart(head: usize, kind: u32, row: u32, ns: f64): void {
  putCodedPart(head, (kind << PART_KIND_SHIFT) | row, ns)
}

/** As `putPart`, by the code of its name. */
export function putCodedPart(head: usize, code: u32, ns: f64): void {
  put(code)
  put(ns)
  store<f64>(head, load<f64>(head, KEPT_PARTS << 3) + 1, KEPT_PARTS << 3)
}
