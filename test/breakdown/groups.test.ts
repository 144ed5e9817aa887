import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyBreakdown, GoState, type Timeline } from '../../src/breakdown/breakdown.ts'
import { type Group, groupOfReason, groupParts, groupWindow, GROUPS } from '../../src/breakdown/groups.ts'
import { breakDownWindow } from '../../src/breakdown/window.ts'

/** A timeline of pieces that follow each other: [end, state, reason, via]. */
function timelineOf(startNs: number, pieces: readonly (readonly [number, GoState, number, number])[]): Timeline {
  const { length } = pieces
  return {
    length,
    startNs: Float64Array.from(pieces, (_, i) => (i === 0 ? startNs : pieces[i - 1][0])),
    endNs: Float64Array.from(pieces, ([endNs]) => endNs),
    state: Uint8Array.from(pieces, ([, state]) => state),
    reason: Uint16Array.from(pieces, ([, , reason]) => reason),
    via: Uint16Array.from(pieces, ([, , , via]) => via),
    goroutine: new Float64Array(length).fill(1),
    wakerGoroutine: new Float64Array(length).fill(-1),
    wakerTask: new Float64Array(length).fill(-1),
    stack: new Int32Array(length).fill(-1),
  }
}

const reasons = ['', 'select', 'sync', 'network', 'sleep', 'wait until GC ends', 'forever']
const tables = { reasons, rangeNames: [], stacks: [] }

// The reasons of Go 1.22 to 1.27 (execution-trace format, section "reasons"), by the groups that people are shown.
test.each<[Group, readonly string[]]>([
  ['network', ['network']],
  ['lock', ['sync', 'sync.(*Cond).Wait', 'synctest']],
  ['chan', ['chan send', 'chan receive', 'select']],
  ['syscall', ['syscall']],
  ['gcWait', ['GC mark assist wait for work', 'wait until GC ends', 'GC weak to strong wait', 'preempted']],
  ['sleep', ['sleep']],
  ['other', ['', 'forever', 'unspecified', 'system goroutine wait', 'wait for debug call', 'toString', '__proto__']],
])('waits of group %s', (group, itsReasons) => {
  for (const reason of itsReasons) expect(groupOfReason(reason)).toBe(group)
})

describe('a window of a timeline', () => {
  test('counts each state in its group, a wait under its cause, and what is not covered as unknown', () => {
    const timeline = timelineOf(100, [
      [110, GoState.running, 0, 0],
      [130, GoState.waiting, 1, 0],
      [160, GoState.waiting, 1, 3],
      [200, GoState.runnable, 0, 0],
      [250, GoState.syscall, 0, 0],
      [310, GoState.syscallBlocked, 0, 0],
      [380, GoState.waiting, 2, 0],
      [390, GoState.unknown, 0, 0],
      [400, GoState.running, 0, 0],
    ])
    expect(groupWindow({ timeline }, tables, 95, 405)).toEqual({
      exec: 20,
      schedWait: 40,
      network: 30,
      lock: 70,
      chan: 20,
      syscall: 110,
      gcWait: 0,
      sleep: 0,
      other: 0,
      unknown: 20,
    })
  })

  test('of a task without a timeline is unknown', () => {
    expect(groupWindow({ timeline: null }, tables, 10, 25).unknown).toBe(15)
  })

  test('its groups always add up to it, and agree with the breakdown of the same window', () => {
    const piece = fc.tuple(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.constantFrom(...Object.values(GoState)),
      fc.integer({ min: 0, max: reasons.length - 1 }),
      fc.constantFrom(0, 0, 3, 4),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.nat(20_000_000),
        fc.nat(100_000_000),
        (pieces, from, length) => {
          let end = 1_000_000
          const timeline = timelineOf(
            end,
            pieces.map(([ns, state, reason, via]) => {
              end += ns
              return [end, state, state === GoState.waiting ? reason : 0, state === GoState.waiting ? via : 0] as const
            }),
          )
          const parts = groupWindow({ timeline }, tables, from, from + length)
          expect(GROUPS.reduce((sum, group) => sum + parts[group], 0)).toBe(length)
          const gc = { startNs: [], endNs: [], beforeNs: [] }
          const breakdown = breakDownWindow({ timeline, ranges: null }, tables, gc, from, from + length)
          expect(parts.exec).toBe(breakdown.execNs)
          expect(parts.schedWait).toBe(breakdown.schedWaitNs)
          expect(parts.unknown).toBe(breakdown.unknownNs)
          if (Object.keys(breakdown.viaNs).length === 0) expect(groupParts(breakdown)).toEqual(parts)
        },
      ),
    )
  })
})

test('the parts of a breakdown are grouped by reason', () => {
  const breakdown = { ...emptyBreakdown(), totalNs: 36, execNs: 1, schedWaitNs: 2, syscallNs: 3, syscallBlockNs: 4 }
  breakdown.unknownNs = 5
  breakdown.blockNs = { sync: 6, 'sync.(*Cond).Wait': 7, select: 8 }
  const parts = groupParts(breakdown)
  expect(parts).toMatchObject({ exec: 1, schedWait: 2, syscall: 7, unknown: 5, lock: 13, chan: 8 })
  expect(GROUPS.reduce((sum, group) => sum + parts[group], 0)).toBe(36)
})
