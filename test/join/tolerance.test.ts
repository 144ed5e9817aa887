// tolerance.test.ts: how far a lag may lie on the impossible side.

import { describe, expect, test } from 'vitest'
import { joinTasks } from '../../src/join/join.ts'
import type { JoinSpan, JoinTask } from '../../src/join/match.ts'
import { capture, span, task } from './builders.ts'

describe('what a clock may be off by, as many pairs tell', () => {
  /** Sixty spans of OpenCensus a millisecond apart, tasks within by microseconds; and one whose own task ended 2 ms before it, beside another's. */
  function besides(offNs: number) {
    const spans: JoinSpan[] = []
    const tasks: JoinTask[] = []
    for (let i = 0; i < 60; i++) {
      const fromNs = 10_000_123 + i * 1_000_019
      spans.push(
        span({
          traceId: i.toString(16).padStart(32, '0'),
          spanId: i.toString(16).padStart(16, '0'),
          fromNs,
          toNs: fromNs + 400_000 + i * 977,
        }),
      )
      tasks.push(
        task({
          startNs: fromNs - offNs + 200 + ((i * 37) % 300),
          endNs: fromNs - offNs + 400_000 + i * 977 - 100 - ((i * 53) % 900),
        }),
      )
    }
    const own = task({ startNs: 90_000_423 - offNs, endNs: 93_000_000 - offNs })
    const others = task({ startNs: 90_003_623 - offNs, endNs: 95_000_800 - offNs })
    spans.push(span({ traceId: 'f'.repeat(32), spanId: 'f'.repeat(16), fromNs: 90_000_123, toNs: 95_000_000 }))
    const { matches } = joinTasks(spans, capture([...tasks, own, others]))
    return {
      right: matches.filter((match) => match.span === match.task).length,
      wrong: matches.filter((match) => match.span !== match.task).length,
    }
  }

  test('a task that ends 0.8 us on the impossible side is not the span’s where all others tell the clock to 0.1 us', () => {
    expect(besides(0)).toEqual({ right: 61, wrong: 0 })
  })

  test.each([700, -700])('a snapshot that is off by %i ns loses none', (offNs) => {
    expect(besides(offNs).right).toBeGreaterThanOrEqual(60)
  })
})
