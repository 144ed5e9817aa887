// Go's own tree has twelve captures of Go 1.11 to 1.21. They are not ours to copy: they are read where Go is installed.
// The counts are what the reader of Go 1.26 (internal/trace) makes of them, counted with a program.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { Ev } from '../../src/capture/event-types.ts'

function folder(): { path: string; missing: string } {
  try {
    const root = execFileSync('go', ['env', 'GOROOT'], {
      encoding: 'utf8',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    })
    const path = join(root.trim(), 'src/internal/trace/internal/tracev1/testdata')
    return { path, missing: existsSync(path) ? '' : `the Go in ${root.trim()} has no captures of Go 1.21 and older` }
  } catch {
    return { path: '', missing: 'Go is not installed' }
  }
}

const { path, missing } = folder()

/** Go's kinds of event. */
const kindOf = new Map<number, string>([
  [Ev.ProcsChange, 'metric'],
  [Ev.HeapAlloc, 'metric'],
  [Ev.HeapGoal, 'metric'],
  [Ev.STWBegin, 'rangeBegin'],
  [Ev.GCBegin, 'rangeBegin'],
  [Ev.GCSweepBegin, 'rangeBegin'],
  [Ev.GCMarkAssistBegin, 'rangeBegin'],
  [Ev.STWEnd, 'rangeEnd'],
  [Ev.GCEnd, 'rangeEnd'],
  [Ev.GCSweepEnd, 'rangeEnd'],
  [Ev.GCMarkAssistEnd, 'rangeEnd'],
  [Ev.GoLabel, 'label'],
  [Ev.UserTaskBegin, 'taskBegin'],
  [Ev.UserTaskEnd, 'taskEnd'],
  [Ev.UserRegionBegin, 'regionBegin'],
  [Ev.UserRegionEnd, 'regionEnd'],
  [Ev.UserLog, 'log'],
  [Ev.CPUSample, 'sample'],
  [Ev.Sync, 'sync'],
])

describe.skipIf(missing !== '')(
  `the captures of Go 1.11 to 1.21 in Go's own tree${missing === '' ? '' : ` (skipped: ${missing})`}`,
  () => {
    const ranges = (begin: number, end = begin) => ({ rangeBegin: begin, rangeEnd: end })
    const task = (regionEnd: number) => ({ taskBegin: 1, taskEnd: 1, regionBegin: 3, regionEnd, log: 1 })
    test.each([
      ['fmt_1_21_pprof_good', 25_772, 1_839, { transition: 1_605, metric: 217, ...ranges(4), label: 3, sample: 4 }],
      ['http_1_19_good', 28_172, 2_326, { transition: 2_252, metric: 41, ...ranges(9), label: 13 }],
      ['http_1_21_good', 6_744, 791, { transition: 743, metric: 30, ...ranges(5), label: 6 }],
      ['stress_1_11_good', 370_129, 107_356, { transition: 98_329, metric: 2_132, ...ranges(2_005), label: 2_883 }],
      ['stress_1_19_good', 322_338, 88_642, { transition: 78_884, metric: 2_340, ...ranges(1_999), label: 3_418 }],
      ['stress_1_21_good', 353_725, 98_571, { transition: 90_219, metric: 2_513, ...ranges(1_521), label: 2_795 }],
      ['stress_start_stop_1_11_good', 4_882, 632, { transition: 568, metric: 20, ...ranges(12), label: 18 }],
      ['stress_start_stop_1_19_good', 7_448, 1_229, { transition: 1_092, metric: 33, ...ranges(28, 27), label: 47 }],
      ['stress_start_stop_1_21_good', 5_002, 412, { transition: 365, metric: 17, ...ranges(10), label: 8 }],
      ['user_task_region_1_11_good', 2_000, 33, { transition: 20, metric: 2, ...task(3) }],
      ['user_task_region_1_19_good', 1_922, 31, { transition: 21, ...task(2) }],
      ['user_task_region_1_21_good', 2_404, 33, { transition: 22, metric: 1, ...task(2) }],
    ])('%s: %i bytes are %i events, of each kind as many as Go counts', (name, size, events, kinds) => {
      const bytes = new Uint8Array(readFileSync(join(path, name)))
      const counts: Record<string, number> = {}
      const decoder = new CaptureDecoder(
        {},
        {
          events: ({ kind, length }) => {
            for (const one of kind.subarray(0, length)) {
              const name = kindOf.get(one) ?? 'transition'
              counts[name] = (counts[name] ?? 0) + 1
            }
          },
        },
      )
      decoder.push(bytes)
      const info = decoder.end()
      expect({ bytes: info.bytes, events: info.events, problems: info.problems }).toEqual({
        bytes: size,
        events,
        problems: [],
      })
      // Go's reader tells the end as a second synchronisation.
      expect(counts).toEqual({ ...kinds, sync: 1 })
    })
  },
)
