// attributes.ts: the attributes that tell a span's breakdown.

import type { Breakdown } from '../breakdown/breakdown.ts'
import { type Group, type GroupedParts, GROUPS } from '../breakdown/groups.ts'
import type { Attribute } from '../span/span.ts'

/** Text attributes are cut at this many bytes of UTF-8. */
export const MOST_TEXT_BYTES = 1024

/** Names of the parts that sum to the span's duration. */
export const PART_KEYS: Readonly<Record<Group, string>> = {
  exec: 'subspan.exec_us',
  schedWait: 'subspan.sched_wait_us',
  network: 'subspan.network_us',
  lock: 'subspan.lock_us',
  chan: 'subspan.chan_us',
  syscall: 'subspan.syscall_us',
  gcWait: 'subspan.gc_wait_us',
  sleep: 'subspan.sleep_us',
  other: 'subspan.other_us',
  unknown: 'subspan.unknown_us',
}

/** Times that overlap the parts, nanoseconds. */
export interface Overlaps {
  readonly gcAssistNs: number
  /** Of it waiting for work to assist with: a part of its own (`gcWait`). */
  readonly gcAssistWaitNs: number
  /** With the world stopped: by the span itself, or by others while it waited for a processor. */
  readonly gcStwNs: number
  /** Of it by the span itself. */
  readonly gcStwOwnNs: number
  /** What for, where that was one thing for more than half of it, as the runtime names it; else null. */
  readonly gcStwReason: string | null
  readonly gcSweepNs: number
  /** Inside concurrent mark phases. */
  readonly gcOverlapNs: number
}

/** A stop of the world with what it was for, as the tracer names it. */
const STOP_REASON = /^stop-the-world \((.+)\)$/

/** What of a breakdown overlaps its parts. */
export function overlapsOf({
  rangeNs,
  blockNs,
  gcOverlapNs,
  stwWaitNs,
}: Pick<Breakdown, 'rangeNs' | 'blockNs' | 'gcOverlapNs' | 'stwWaitNs'>): Overlaps {
  const own = Object.entries(rangeNs).filter(([name]) => name.startsWith('stop-the-world'))
  const gcStwOwnNs = own.reduce((sum, [, ns]) => sum + ns, 0)
  const byReason = new Map<string, number>()
  for (const [name, ns] of [...own, ...Object.entries(stwWaitNs)]) {
    const reason = STOP_REASON.exec(name)?.[1] ?? ''
    byReason.set(reason, (byReason.get(reason) ?? 0) + ns)
  }
  const gcStwNs = [...byReason.values()].reduce((sum, ns) => sum + ns, 0)
  const [gcStwReason] = [...byReason]
    .filter(([reason, ns]) => reason !== '' && ns * 2 > gcStwNs)
    .map(([reason]) => reason)
  return {
    gcAssistNs: rangeNs['GC mark assist'] ?? 0,
    gcAssistWaitNs: blockNs['GC mark assist wait for work'] ?? 0,
    gcStwNs,
    gcStwOwnNs,
    gcStwReason: gcStwReason ?? null,
    gcSweepNs: rangeNs['GC incremental sweep'] ?? 0,
    gcOverlapNs,
  }
}

/** Whole nanoseconds as microseconds with three decimals: exact, `Math.round(us * 1000)` gives them back below 2^50 (13 days). */
export function microseconds(ns: number): number {
  return ns / 1000
}

/** All parts, zeros too: their sum is the duration, to the nanosecond. */
export function partAttributes(parts: GroupedParts): Attribute[] {
  return GROUPS.map((group) => ({ key: PART_KEYS[group], value: microseconds(parts[group]) }))
}

/** The times that overlap the parts. */
export function overlapAttributes(overlaps: Overlaps): Attribute[] {
  return [
    { key: 'subspan.gc_assist_us', value: microseconds(overlaps.gcAssistNs) },
    { key: 'subspan.gc_stw_us', value: microseconds(overlaps.gcStwNs) },
    { key: 'subspan.gc_sweep_us', value: microseconds(overlaps.gcSweepNs) },
    { key: 'subspan.gc_overlap_us', value: microseconds(overlaps.gcOverlapNs) },
  ]
}

/** A text cut at so many bytes of UTF-8, at a character's end; what was cut leaves an ellipsis. */
export function cutText(text: string, mostBytes = MOST_TEXT_BYTES): string {
  // No character takes more than three bytes per UTF-16 unit.
  if (text.length * 3 <= mostBytes) return text
  let bytes = 0
  let kept = 0
  for (const character of text) {
    const size = utf8Size(character.codePointAt(0) ?? 0)
    if (bytes + size > mostBytes) return `${text.slice(0, kept)}…`
    // The ellipsis takes three bytes itself.
    if (bytes + size <= mostBytes - 3) kept += character.length
    bytes += size
  }
  return text
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    // A pair of surrogates takes four bytes: two for each of its units.
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(at + 1)
      if (next >= 0xdc00 && next < 0xe000) at++
    }
  }
  return bytes
}

function utf8Size(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
}
