// order.ts: the loop that decodes the events of a generation and puts them in order, in WebAssembly (AssemblyScript).
//
// What it leaves to TypeScript, `../order.ts` says; why it is a kernel, the room's README. What it costs: about 14 ns an event (test/bench/README.md).
//
// Two loops, one in the other. The outer one has a run of one thread: it brings the thread's place and its event in hand into locals, and writes them
// back when another thread has its turn, which is once in several events. The inner one has an event: the one in hand against the state of
// goroutines and processors, its row in the block, the next one's number, time and arguments, and whether its time is still the earliest.
//
// A case of the inner loop first asks all that the model would, and leaves with `plain` unset where an answer is odd: nothing has changed by then
// (but for columns B and C of the next row, which the model writes too), so that the model may take the event as if nobody had looked at it. An id
// is looked up only where an event names one (create, start, unblock); all others happen on what the thread holds.
//
// Memory is reached by bare positions. All but one are this program's own: columns that are as long as the rows they are asked for (rows come out of the
// table of goroutines and of the model, never out of a capture). The one is the place in a batch. It is compared with the batch's end before each event and
// after it; in between it reaches no further than the five numbers of an event, and so much lies behind every batch (`BATCH_SLACK`).

import {
  BLOCK_A,
  BLOCK_B,
  BLOCK_C,
  BLOCK_END,
  BLOCK_GOROUTINE,
  BLOCK_KIND,
  BLOCK_PROCESSOR,
  BLOCK_STACK,
  BLOCK_THREAD,
  BLOCK_TIME,
} from '../../block-layout.ts'
import * as Ev from '../../event-numbers.ts'
import { PROC_IDLE, PROC_RUNNING, PROC_SYSCALL, RUNNABLE, RUNNING, SYSCALL, WAITING } from '../../statuses.ts'
import { findRowOf, insertRow, nextRow, removeRow } from '../../../base/kernel/id-table.ts'
import { secondTime, siftUp, update } from '../../kernel/heap.ts'
import {
  ARGUMENT_COUNTS,
  BATCH,
  CURSOR,
  DAMAGED,
  DONE,
  FULL_ROWS,
  G_GENERATION,
  G_ID,
  G_OPEN,
  G_ROOM,
  G_SEQUENCE,
  G_STATUS,
  GO_TIMES,
  GOROUTINES,
  HEAD_ARGUMENTS,
  HEAD_AT,
  HEAD_END,
  HEAD_KIND,
  HEAD_SHIFT,
  HEAD_THREAD,
  HEADS,
  HEAP_CURSORS,
  HEAP_LENGTH,
  HEAP_TIMES,
  LAST_NS,
  M_G,
  M_P,
  MAX_TIME_NS,
  MODEL,
  MODEL_ARGUMENTS,
  MOST_ARGUMENTS,
  MOVED,
  MOVED_ARGUMENTS,
  NS_PER_UNIT,
  OPEN_ASSIST,
  ORDINAL,
  P_GENERATION,
  P_SEQUENCE,
  P_STATUS,
  P_SWEEPING,
  PROCESSORS,
  ROWS,
  TAKEN,
  TRUNCATING,
  UNTIL_NS,
  WHOLE_UNITS,
} from '../order-layout.ts'
import { readMoved } from './moved.ts'
import { readStacks, readStrings } from './tables.ts'
import { longEnd, readLong } from './varint.ts'

export { readStacks, readStrings }

const NONE: i32 = -1

/**
 * Takes events in order, beginning with those of one thread.
 *
 * @param first cursor
 * @param index place of the cursor in the heap; -1 when it is not there yet. Of any but the top one event is taken at most.
 * @param given whether the cursor's head is in hand; else the event after it is read first
 * @returns DONE, MODEL, BATCH or DAMAGED
 */
export function run(first: u32, index: i32, given: bool): i32 {
  const heads: usize = load<u32>(HEADS)
  const times: usize = load<u32>(HEAP_TIMES)
  const cursors: usize = load<u32>(HEAP_CURSORS)
  const gStatus: usize = load<u32>(G_STATUS)
  const gGeneration: usize = load<u32>(G_GENERATION)
  const gSequence: usize = load<u32>(G_SEQUENCE)
  const pStatus: usize = load<u32>(P_STATUS)
  const mG: usize = load<u32>(M_G)
  const mP: usize = load<u32>(M_P)
  const ordinal = load<i32>(ORDINAL)
  const goTimes = load<u32>(GO_TIMES) !== 0
  const wholeUnits = load<u32>(WHOLE_UNITS) !== 0
  const truncating = load<u32>(TRUNCATING) !== 0
  const nsPerUnit = load<f64>(NS_PER_UNIT)
  const maxTimeNs = load<f64>(MAX_TIME_NS)
  const untilNs = load<f64>(UNTIL_NS)

  const fullRows = load<u32>(FULL_ROWS)
  let rows = load<u32>(ROWS)
  let lastNs = load<f64>(LAST_NS)
  let cursor = first
  let inHand = given
  let taken = false
  let answer = DONE

  for (;;) {
    // ---- A run of one thread. ----
    const head = heads + ((<usize>cursor) << HEAD_SHIFT)
    const thread = load<i32>(head, HEAD_THREAD)
    const end: usize = load<u32>(head, HEAD_END)
    const limit = index === 0 ? min(secondTime(times, cursors, load<u32>(HEAP_LENGTH)), untilNs) : -Infinity
    let at: usize = load<u32>(head, HEAD_AT)
    let time = load<f64>(times + (cursor << 3))
    let kind = load<u32>(head, HEAD_KIND)
    let a0 = load<u64>(head, HEAD_ARGUMENTS)
    let a1 = load<u64>(head, HEAD_ARGUMENTS + 8)
    let a2 = load<u64>(head, HEAD_ARGUMENTS + 16)
    let a3 = load<u64>(head, HEAD_ARGUMENTS + 24)

    for (;;) {
      if (inHand) {
        // ---- The event in hand against the model. ----
        const g = thread < 0 ? NONE : load<i32>(mG + (thread << 2))
        const p = thread < 0 ? NONE : load<i32>(mP + (thread << 2))
        let rowA: f64 = 0
        const of8 = rows << 3
        let rowStack: f64 = 0
        let plain = false
        switch (kind) {
          case Ev.GoStart: {
            const row = findRowOf(GOROUTINES, a0)
            if (row < 0 || load<u8>(gStatus + row) !== RUNNABLE || load<i32>(gGeneration + (row << 2)) !== ordinal)
              break
            const sequence = <f64>a1
            if (load<f64>(gSequence + (row << 3)) + 1 !== sequence || p < 0 || g >= 0) break
            store<u8>(gStatus + row, RUNNING)
            store<f64>(gSequence + (row << 3), sequence)
            store<i32>(mG + (thread << 2), row)
            rowA = row
            plain = true
            break
          }
          case Ev.GoStop:
          case Ev.GoBlock:
            if (g < 0 || p < 0 || load<u8>(gStatus + g) !== RUNNING) break
            store<u8>(gStatus + g, kind === Ev.GoStop ? RUNNABLE : WAITING)
            store<i32>(mG + (thread << 2), NONE)
            rowA = <f64>a0
            rowStack = <f64>a1
            plain = true
            break
          case Ev.GoUnblock: {
            const row = findRowOf(GOROUTINES, a0)
            if (row < 0 || load<u8>(gStatus + row) !== WAITING || load<i32>(gGeneration + (row << 2)) !== ordinal) break
            const sequence = <f64>a1
            if (load<f64>(gSequence + (row << 3)) + 1 !== sequence) break
            store<u8>(gStatus + row, RUNNABLE)
            store<f64>(gSequence + (row << 3), sequence)
            rowA = row
            rowStack = <f64>a2
            plain = true
            break
          }
          case Ev.GoSyscallBegin: {
            if (g < 0 || p < 0 || load<u8>(gStatus + g) !== RUNNING) break
            const pSequence: usize = load<u32>(P_SEQUENCE)
            const sequence = <f64>a0
            if (load<i32>(load<u32>(P_GENERATION) + (p << 2)) !== ordinal) break
            if (load<f64>(pSequence + (p << 3)) + 1 !== sequence) break
            store<u8>(gStatus + g, SYSCALL)
            store<u8>(pStatus + p, PROC_SYSCALL)
            store<f64>(pSequence + (p << 3), sequence)
            rowA = sequence
            rowStack = <f64>a1
            plain = true
            break
          }
          case Ev.GoSyscallEnd:
            if (g < 0 || p < 0 || load<u8>(gStatus + g) !== SYSCALL || load<u8>(pStatus + p) !== PROC_SYSCALL) break
            store<u8>(gStatus + g, RUNNING)
            store<u8>(pStatus + p, PROC_RUNNING)
            plain = true
            break
          case Ev.GoCreate:
          case Ev.GoCreateBlocked: {
            if (p < 0 || (g >= 0 && load<u8>(gStatus + g) !== RUNNING) || findRowOf(GOROUTINES, a0) >= 0) break
            const row = nextRow(GOROUTINES)
            if (row < 0 || row >= load<i32>(G_ROOM)) break
            insertRow(GOROUTINES, <f64>a0, row)
            store<u8>(gStatus + row, kind === Ev.GoCreate ? RUNNABLE : WAITING)
            store<i32>(gGeneration + (row << 2), ordinal)
            store<f64>(gSequence + (row << 3), 0)
            store<u8>(load<u32>(G_OPEN) + row, 0)
            store<f64>(load<u32>(G_ID) + (row << 3), <f64>a0)
            rowA = row
            store<f64>(of8, <f64>a1, BLOCK_B)
            store<f64>(of8, <f64>a0, BLOCK_C)
            rowStack = <f64>a2
            plain = true
            break
          }
          case Ev.GoDestroy:
            if (g < 0 || p < 0 || load<u8>(gStatus + g) !== RUNNING) break
            removeRow(GOROUTINES, load<f64>(load<u32>(G_ID) + (g << 3)))
            store<i32>(mG + (thread << 2), NONE)
            plain = true
            break
          case Ev.ProcStart: {
            if (p >= 0 || thread < 0) break
            const row = findRowOf(PROCESSORS, a0)
            if (row < 0 || load<u8>(pStatus + row) !== PROC_IDLE) break
            const pSequence: usize = load<u32>(P_SEQUENCE)
            const sequence = <f64>a1
            if (load<i32>(load<u32>(P_GENERATION) + (row << 2)) !== ordinal) break
            if (load<f64>(pSequence + (row << 3)) + 1 !== sequence) break
            store<u8>(pStatus + row, PROC_RUNNING)
            store<f64>(pSequence + (row << 3), sequence)
            store<i32>(mP + (thread << 2), row)
            rowA = row
            plain = true
            break
          }
          case Ev.ProcStop:
            if (p < 0 || load<u8>(pStatus + p) !== PROC_RUNNING) break
            store<u8>(pStatus + p, PROC_IDLE)
            store<i32>(mP + (thread << 2), NONE)
            rowA = p
            plain = true
            break
          case Ev.GCSweepBegin:
          case Ev.GCSweepEnd: {
            const begins = kind === Ev.GCSweepBegin
            const sweeping: usize = load<u32>(P_SWEEPING) + p
            if (p < 0 || (load<u8>(sweeping) !== 0) === begins) break
            store<u8>(sweeping, begins ? 1 : 0)
            if (begins) rowStack = <f64>a0
            else {
              rowA = <f64>a0
              store<f64>(of8, <f64>a1, BLOCK_B)
            }
            plain = true
            break
          }
          case Ev.GCMarkAssistBegin:
          case Ev.GCMarkAssistEnd: {
            if (g < 0 || p < 0) break
            const begins = kind === Ev.GCMarkAssistBegin
            const ofOpen: usize = load<u32>(G_OPEN) + g
            const open: u32 = load<u8>(ofOpen)
            if (((open & OPEN_ASSIST) !== 0) === begins) break
            store<u8>(ofOpen, open ^ OPEN_ASSIST)
            if (begins) rowStack = <f64>a0
            plain = true
            break
          }
          case Ev.GoLabel:
            rowA = <f64>a0
            plain = g >= 0 && p >= 0
            break
          case Ev.HeapAlloc:
            rowA = <f64>a0
            plain = p >= 0
            break
          case Ev.UserRegionBegin:
          case Ev.UserRegionEnd:
            rowA = <f64>a0
            store<f64>(of8, <f64>a1, BLOCK_B)
            rowStack = <f64>a2
            plain = g >= 0 && p >= 0
            break
          case Ev.UserTaskBegin:
          case Ev.UserLog:
            rowA = <f64>a0
            store<f64>(of8, <f64>a1, BLOCK_B)
            store<f64>(of8, <f64>a2, BLOCK_C)
            rowStack = <f64>a3
            plain = g >= 0 && p >= 0
            break
          case Ev.UserTaskEnd:
            rowA = <f64>a0
            rowStack = <f64>a1
            plain = g >= 0 && p >= 0
            break
        }
        if (!plain) {
          store<f64>(MODEL_ARGUMENTS, <f64>a0)
          store<f64>(MODEL_ARGUMENTS + 8, <f64>a1)
          store<f64>(MODEL_ARGUMENTS + 16, <f64>a2)
          store<f64>(MODEL_ARGUMENTS + 24, <f64>a3)
          answer = MODEL
          break
        }
        let t = wholeUnits ? time : Math.floor(time)
        if (t > lastNs) lastNs = t
        else if (goTimes) {
          lastNs += 1
          t = lastNs
        }
        const of4 = rows << 2
        store<u8>(rows, kind, BLOCK_KIND)
        store<f64>(of8, t, BLOCK_TIME)
        store<i32>(of4, g, BLOCK_GOROUTINE)
        store<i32>(of4, p, BLOCK_PROCESSOR)
        store<i32>(of4, thread, BLOCK_THREAD)
        store<f64>(of8, rowA, BLOCK_A)
        store<f64>(of8, rowStack, BLOCK_STACK)
        rows++
        taken = true
      }

      // ---- The next event of this thread. ----
      if (at >= end) {
        answer = BATCH
        break
      }
      const before = time
      kind = load<u8>(at)
      at++
      const count: u32 = load<u8>(kind, ARGUMENT_COUNTS)
      let sound = count <= <u32>MOST_ARGUMENTS
      if (sound) {
        // The time since the previous event and up to four arguments, read where they stand: seven numbers of ten are one byte, and a call for each
        // would cost more than reading it.
        let byte: u32 = load<u8>(at++)
        let value: u64 = byte
        if (byte >= 0x80) {
          value = readLong(at, byte)
          at = longEnd
        }
        const ns = <f64>value * nsPerUnit
        time += truncating ? Math.trunc(ns) : ns
        if (count > 0) {
          byte = load<u8>(at++)
          a0 = byte
          if (byte >= 0x80) {
            a0 = readLong(at, byte)
            at = longEnd
          }
          if (count > 1) {
            byte = load<u8>(at++)
            a1 = byte
            if (byte >= 0x80) {
              a1 = readLong(at, byte)
              at = longEnd
            }
            if (count > 2) {
              byte = load<u8>(at++)
              a2 = byte
              if (byte >= 0x80) {
                a2 = readLong(at, byte)
                at = longEnd
              }
              if (count > 3) {
                byte = load<u8>(at++)
                a3 = byte
                if (byte >= 0x80) {
                  a3 = readLong(at, byte)
                  at = longEnd
                }
              }
            }
          }
        }
        // After a number without an end the place is before all batches: further from their first byte than any end, counted without a sign.
        sound = at - BLOCK_END <= end - BLOCK_END && time <= maxTimeNs
      } else if (count === MOVED) {
        at = readMoved(kind, at, end)
        const ns = <f64>load<u64>(MOVED_ARGUMENTS) * nsPerUnit
        time += truncating ? Math.trunc(ns) : ns
        a0 = load<u64>(MOVED_ARGUMENTS, 8)
        a1 = load<u64>(MOVED_ARGUMENTS, 16)
        a2 = load<u64>(MOVED_ARGUMENTS, 24)
        a3 = load<u64>(MOVED_ARGUMENTS, 32)
        sound = at !== 0 && time <= maxTimeNs
      }
      if (!sound) {
        time = before
        answer = DAMAGED
        break
      }
      inHand = true

      // ---- Its place among the heads. ----
      if (!(time <= limit) || rows > fullRows) break
    }

    store<u32>(head, at, HEAD_AT)
    store<u32>(head, kind, HEAD_KIND)
    store<u64>(head, a0, HEAD_ARGUMENTS)
    store<u64>(head, a1, HEAD_ARGUMENTS + 8)
    store<u64>(head, a2, HEAD_ARGUMENTS + 16)
    store<u64>(head, a3, HEAD_ARGUMENTS + 24)
    store<f64>(times + (cursor << 3), time)
    if (answer !== DONE) break
    const length = load<u32>(HEAP_LENGTH)
    if (index < 0) {
      store<u32>(cursors + (length << 2), cursor)
      store<u32>(HEAP_LENGTH, length + 1)
      siftUp(times, cursors, length)
    } else {
      update(times, cursors, length, index)
    }
    if (index !== 0 || rows > fullRows) break
    cursor = load<u32>(cursors)
    if (load<f64>(times + (cursor << 3)) > untilNs) break
  }
  store<u32>(ROWS, rows)
  store<f64>(LAST_NS, lastNs)
  store<u32>(CURSOR, cursor)
  store<u32>(TAKEN, taken ? 1 : 0)
  return answer
}
