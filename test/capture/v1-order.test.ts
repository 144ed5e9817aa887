// v1-order.test.ts: what becomes of single events of Go 1.21 and older where something else is due than usual, each in a capture written by hand.

import { describe, expect, test } from 'vitest'
import { CaptureDecoder } from '../../src/capture/decode.ts'
import { Ev, eventSpecs, GoStatus, ProcStatus } from '../../src/capture/event-types.ts'
import { EvV1 } from '../../src/capture/v1/event-types.ts'
import { batchV1, beginV1, captureV1, eventV1 } from '../support/v1-wire.ts'

interface Row {
  readonly name: string
  readonly timeNs: number
  readonly goroutine: number
  readonly processor: number
  readonly thread: number
  readonly a: number
  readonly b: number
}

const names = new Map(eventSpecs.map(({ number, name }) => [number, name]))
names.set(Ev.CPUSample, 'CPUSample').set(Ev.Sync, 'Sync')

/** What is told of a capture of the usual begin and these batches: events, and codes of problems other than that it has no stacks. */
function told(batches: readonly (readonly number[])[], goTimes = false): { rows: Row[]; problems: string[] } {
  const rows: Row[] = []
  const decoder = new CaptureDecoder(
    { goTimes },
    {
      events: ({ length, kind, timeNs, goroutine, processor, thread, a, b }) => {
        for (let row = 0; row < length; row++) {
          rows.push({
            name: names.get(kind[row]) ?? `kind ${kind[row]}`,
            timeNs: timeNs[row],
            goroutine: goroutine[row],
            processor: processor[row],
            thread: thread[row],
            a: a[row],
            b: b[row],
          })
        }
      },
    },
  )
  decoder.push(captureV1([beginV1, ...batches]))
  const { problems } = decoder.end()
  return { rows, problems: problems.map(({ code }) => code).filter((code) => code !== 'UNKNOWN_STACK') }
}

/** Names of the events that are about system calls. */
function calls(rows: readonly Row[]): string[] {
  return rows.map(({ name }) => name).filter((name) => name.startsWith('GoSyscall'))
}

const { GoSysCall, GoSysBlock, GoBlock, GoCreate, GoStartLocal, GoUnblockLocal, GoEnd } = EvV1

describe('a system call of Go 1.21 or older', () => {
  const call = [eventV1(GoSysCall, 10, 0), eventV1(GoSysBlock, 50)]

  test("in which its goroutine was sampled did not block by Go's times, and did by the true ones", () => {
    // The call begins at tick 2,010; its processor is taken 50 ticks later.
    const sample = eventV1(EvV1.CPUSample, 1, 2_030, 0, 1, 0)
    const batches = [batchV1(0, 2_000, ...call), batchV1(1, 2_000, sample)]
    expect(calls(told(batches, true).rows)).toEqual(['GoSyscallBegin', 'GoSyscallEnd'])
    expect(calls(told(batches).rows)).toEqual(['GoSyscallBegin'])
    // Not sampled, or another one: it blocked.
    const other = eventV1(EvV1.CPUSample, 1, 2_030, 0, 2, 0)
    expect(calls(told([batchV1(0, 2_000, ...call), batchV1(1, 2_000, other)], true).rows)).toEqual(['GoSyscallBegin'])
  })

  test('blocks although a string stands between it and the event that says so', () => {
    const [begin, block] = call
    const { rows, problems } = told([batchV1(0, 2_000, begin, [EvV1.String, 1, 2, 0x68, 0x69], block)])
    expect(problems).toEqual([])
    expect(calls(rows)).toEqual(['GoSyscallBegin'])
  })

  test('of a goroutine that ended within it is none of the goroutine that has its row next', () => {
    const { rows } = told([
      batchV1(
        0,
        2_000,
        eventV1(GoCreate, 10, 2, 0, 0),
        eventV1(GoBlock, 10, 0),
        eventV1(GoStartLocal, 10, 2),
        ...call,
        // No return: it is woken, goes on and ends.
        eventV1(GoUnblockLocal, 10, 2, 0),
        eventV1(GoStartLocal, 10, 2),
        eventV1(GoEnd, 10),
        eventV1(GoUnblockLocal, 10, 1, 0),
        eventV1(GoStartLocal, 10, 1),
        eventV1(GoCreate, 10, 3, 0, 0),
        eventV1(GoBlock, 10, 0),
        eventV1(GoStartLocal, 10, 3),
        eventV1(GoBlock, 10, 0),
        // It says that it returned some time before.
        eventV1(EvV1.GoSysExitLocal, 200, 3, 2_300),
      ),
    ])
    const created = rows.filter(({ name }) => name === 'GoCreate').map(({ a }) => a)
    expect(created).toEqual([created[0], created[0]])
    // It is told where it stands: of a call in which the processor was taken, it would have been told on none.
    const returns = rows.filter(({ name }) => name === 'GoSyscallEndBlocked')
    expect(returns).toMatchObject([{ goroutine: created[0], processor: 0, thread: 0 }])
  })
})

test('a processor of Go 1.21 or older is told of before it starts, though its thread is known', () => {
  const { rows, problems } = told([
    batchV1(0, 2_000, eventV1(GoBlock, 10, 0), eventV1(EvV1.ProcStop, 10)),
    batchV1(1, 2_100, eventV1(EvV1.ProcStart, 10, 0), eventV1(EvV1.ProcStop, 10), eventV1(EvV1.ProcStart, 10, 0)),
  ])
  expect(problems).toEqual([])
  expect(rows.slice(1).map(({ name, a, b }) => [name, a, b])).toEqual([
    ['ProcStatus', 0, ProcStatus.running],
    ['GoStatus', 0, GoStatus.running],
    ['GoBlock', expect.any(Number), 0],
    ['ProcStop', 0, 0],
    ['ProcStatus', 1, ProcStatus.running],
    ['ProcStop', 1, 0],
    ['ProcStart', 1, 0],
  ])
})

test('an event of Go 1.21 or older that is longer than its numbers is none, nor is what follows it', () => {
  // A region of seven bytes, of which its five numbers take five.
  const region = [EvV1.UserRegion | (3 << 6), 7, 1, 0, 0, 0, 0, EvV1.HeapAlloc | (1 << 6), 5]
  const { rows, problems } = told([batchV1(0, 2_000, eventV1(EvV1.HeapAlloc, 10, 4_096), region)])
  expect(problems).toContain('BATCH_DAMAGED')
  expect(rows.map(({ name }) => name)).not.toContain('UserRegionBegin')
  expect(rows.filter(({ name }) => name === 'HeapAlloc')).toMatchObject([{ a: 4_096 }])
})
