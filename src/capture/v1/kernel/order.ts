// order.ts: the loop that decodes the events of a capture of Go 1.11 to 1.21 and puts them in order, in WebAssembly (AssemblyScript).
//
// What it leaves to TypeScript, `../order.ts` says. It has the shape of `../../v2/kernel/order.ts`, which explains it; here a run is of a processor, and times
// are ticks. Three things are its own: an event of three arguments and more says how long it is; strings and stacks stand among
// the events and are passed over; and each event becomes one of the newer model here, a system call that does not block even two.

import { findRow, insertRow, nextRow, removeRow } from '../../../base/kernel/id-table.ts'
import {
  BLOCK_A,
  BLOCK_B,
  BLOCK_C,
  BLOCK_END,
  BLOCK_GOROUTINE,
  BLOCK_KIND,
  BLOCK_PROCESSOR,
  BLOCK_ROWS,
  BLOCK_STACK,
  BLOCK_THREAD,
  BLOCK_TIME,
} from '../../block-layout.ts'
import * as Ev from '../../event-numbers.ts'
import { RUNNABLE, RUNNING, WAITING } from '../../statuses.ts'
import { secondTime, siftUp, update } from '../../kernel/heap.ts'
import * as EvV1 from '../event-numbers.ts'
import {
  ASIDE,
  ASIDE_TICKS,
  BATCH,
  CALL_BEGUN,
  CALL_NONE,
  CURSOR,
  DAMAGED,
  DAMAGED_TICKS,
  DONE,
  FULL,
  G_CALL,
  G_ID,
  G_ROOM,
  G_SEQUENCE,
  G_STATUS,
  GO_TIMES,
  GOROUTINES,
  HEAD_ARGUMENTS,
  HEAD_AT,
  HEAD_END,
  HEAD_GOROUTINE,
  HEAD_KIND,
  HEAD_MAX_TICKS,
  HEAD_MESSAGES,
  HEAD_PROCESSOR,
  HEAD_THREAD,
  HEAD_TICKS,
  HEAD_TOLD,
  HEAP_CURSORS,
  HEAP_LENGTH,
  HEAP_TIMES,
  LAST_NS,
  LIMIT_TICKS,
  LISTING,
  LOSS_TICKS,
  MARK_TICKS,
  MODEL,
  NS_PER_TICK,
  NUMBERS,
  ORIGIN_TICKS,
  PARKED,
  PAUSING,
  REASONS,
  ROOM_FOR_ONE,
  ROWS,
  SHAPE_LOG,
  SHAPE_SHORT,
  SHAPE_UNTIMED,
  SHAPES,
  THREADS,
} from '../order-layout.ts'
import { passTable, passText } from './tables.ts'
import { longEnd, readLong } from './varint.ts'

const FULL_ROWS: u32 = BLOCK_ROWS - ROOM_FOR_ONE
const NONE: i32 = -1

/**
 * Takes events in order, beginning with those of one processor.
 *
 * @param first cursor; the top of the heap unless it begins
 * @param begins the cursor is not in the heap yet: its first event is read, and nothing taken
 * @param given whether the cursor's head is in hand; else the event after it is read first
 * @returns DONE, MODEL, BATCH, DAMAGED, ASIDE or FULL
 */
export function run(first: u32, begins: bool, given: bool): i32 {
  const times: usize = load<u32>(HEAP_TIMES)
  const cursors: usize = load<u32>(HEAP_CURSORS)
  const gStatus: usize = load<u32>(G_STATUS)
  const gSequence: usize = load<u32>(G_SEQUENCE)
  const goTimes = load<u32>(GO_TIMES) !== 0
  const ofModel = load<u32>(PARKED) > 0
  const nsPerTick = load<f64>(NS_PER_TICK)
  const originTicks = load<f64>(ORIGIN_TICKS)
  const asideTicks = load<f64>(ASIDE_TICKS)
  const markTicks = load<f64>(MARK_TICKS)

  let rows = load<u32>(ROWS)
  let lastNs = load<f64>(LAST_NS)
  let limit = load<f64>(LIMIT_TICKS)
  let cursor = first
  let inHand = given
  let answer = DONE

  for (;;) {
    // ---- A run of one processor. ----
    const head4: u32 = cursor << 2
    const head8: u32 = cursor << 3
    const ofArguments = load<u32>(HEAD_ARGUMENTS) + (cursor << 5)
    const end: usize = load<u32>(load<u32>(HEAD_END) + head4)
    const processor = load<i32>(load<u32>(HEAD_PROCESSOR) + head4)
    const maxTicks = load<f64>(load<u32>(HEAD_MAX_TICKS) + head8)
    let at: usize = load<u32>(load<u32>(HEAD_AT) + head4)
    let ticks = load<f64>(load<u32>(HEAD_TICKS) + head8)
    let kind: u32 = load<u8>(load<u32>(HEAD_KIND) + cursor)
    let a0 = load<f64>(ofArguments)
    let a1 = load<f64>(ofArguments, 8)
    let a2 = load<f64>(ofArguments, 16)
    let a3 = load<f64>(ofArguments, 24)
    let g = load<i32>(load<u32>(HEAD_GOROUTINE) + head4)
    let thread = load<i32>(load<u32>(HEAD_THREAD) + head4)

    for (;;) {
      if (inHand) {
        if (ticks > asideTicks) {
          answer = ASIDE
          break
        }
        if (rows > FULL_ROWS) {
          answer = FULL
          break
        }
        // ---- The event in hand against the model. ----
        let rowKind: u32 = 0
        let rowG = g
        let rowA = a0
        let rowB: f64 = 0
        let rowC: f64 = 0
        let rowStack: f64 = 0
        let returns = false
        if (!ofModel) {
          switch (kind) {
            case EvV1.GoStartLocal:
            case EvV1.GoStart: {
              const row = findRow(GOROUTINES, a0)
              if (row < 0 || load<u8>(gStatus + row) !== RUNNABLE || load<u32>(LISTING) !== 0) break
              const sequence = load<f64>(gSequence + (row << 3))
              if (kind === EvV1.GoStart && sequence !== a1) break
              store<u8>(gStatus + row, RUNNING)
              store<f64>(gSequence + (row << 3), sequence + 1)
              g = row
              rowG = NONE
              rowA = row
              rowKind = Ev.GoStart
              break
            }
            case EvV1.GoStop:
            case EvV1.GoSleep:
            case EvV1.GoBlock:
            case EvV1.GoBlockSend:
            case EvV1.GoBlockRecv:
            case EvV1.GoBlockSelect:
            case EvV1.GoBlockSync:
            case EvV1.GoBlockCond:
            case EvV1.GoBlockNet:
            case EvV1.GoBlockGC:
            case EvV1.GoSched:
            case EvV1.GoPreempt: {
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING) break
              const stops = kind === EvV1.GoSched || kind === EvV1.GoPreempt
              store<u8>(gStatus + g, stops ? RUNNABLE : WAITING)
              g = NONE
              rowA = load<f64>(load<u32>(REASONS) + (kind << 3))
              rowStack = a0
              rowKind = stops ? Ev.GoStop : Ev.GoBlock
              break
            }
            case EvV1.GoUnblockLocal:
            case EvV1.GoUnblock: {
              const row = findRow(GOROUTINES, a0)
              if (row < 0 || load<u8>(gStatus + row) !== WAITING) break
              const sequence = load<f64>(gSequence + (row << 3))
              if (kind === EvV1.GoUnblock && sequence !== a1) break
              store<u8>(gStatus + row, RUNNABLE)
              store<f64>(gSequence + (row << 3), sequence + 1)
              rowA = row
              rowStack = kind === EvV1.GoUnblock ? a2 : a1
              rowKind = Ev.GoUnblock
              break
            }
            case EvV1.GoCreate: {
              if (load<u32>(LISTING) !== 0 || findRow(GOROUTINES, a0) >= 0) break
              const row = nextRow(GOROUTINES)
              if (row < 0 || row >= load<i32>(G_ROOM)) break
              insertRow(GOROUTINES, a0, row)
              store<u8>(gStatus + row, RUNNABLE)
              store<f64>(gSequence + (row << 3), 1)
              store<f64>(load<u32>(G_ID) + (row << 3), a0)
              store<u8>(load<u32>(G_CALL) + row, CALL_NONE)
              rowA = row
              rowB = a1
              rowC = a0
              rowStack = a2
              rowKind = Ev.GoCreate
              break
            }
            case EvV1.GoEnd:
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING) break
              removeRow(GOROUTINES, load<f64>(load<u32>(G_ID) + (g << 3)))
              g = NONE
              rowKind = Ev.GoDestroy
              break
            case EvV1.GoSysCall: {
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING || at >= end) break
              // Whether it blocks the next event says. What else may stand there is looked at elsewhere.
              const next = load<u8>(at)
              if (next === EvV1.GoSysBlock) {
                if (goTimes) break
                store<u8>(load<u32>(G_CALL) + g, CALL_BEGUN)
              } else {
                if (load<u8>(next, SHAPES) === SHAPE_UNTIMED) break
                returns = true
              }
              rowA = 0
              rowStack = a0
              rowKind = Ev.GoSyscallBegin
              break
            }
            case EvV1.HeapAlloc:
              rowKind = Ev.HeapAlloc
              break
            case EvV1.ProcStart: {
              if (load<u8>(load<u32>(HEAD_TOLD) + cursor) === 0) break
              const row = findRow(THREADS, a0)
              if (row < 0) break
              thread = row
              rowA = processor
              rowKind = Ev.ProcStart
              break
            }
            case EvV1.ProcStop:
              if (load<u8>(load<u32>(HEAD_TOLD) + cursor) === 0) break
              rowA = processor
              rowKind = Ev.ProcStop
              break
            case EvV1.GCSweepStart:
            case EvV1.GCMarkAssistStart:
              rowA = 0
              rowStack = a0
              rowKind = kind === EvV1.GCSweepStart ? Ev.GCSweepBegin : Ev.GCMarkAssistBegin
              break
            case EvV1.GCSweepDone:
              rowB = a1
              rowKind = Ev.GCSweepEnd
              break
            case EvV1.GCMarkAssistDone:
              rowKind = Ev.GCMarkAssistEnd
              break
            case EvV1.UserTaskCreate:
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING) break
              rowB = a1
              rowC = a2
              rowStack = a3
              rowKind = Ev.UserTaskBegin
              break
            case EvV1.UserTaskEnd:
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING) break
              rowStack = a1
              rowKind = Ev.UserTaskEnd
              break
            case EvV1.UserRegion:
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING || a1 > 1) break
              rowB = a2
              rowStack = a3
              rowKind = a1 === 0 ? Ev.UserRegionBegin : Ev.UserRegionEnd
              break
            case EvV1.UserLog:
              if (g < 0 || load<u8>(gStatus + g) !== RUNNING) break
              rowB = a1
              rowC = a3
              rowStack = a2
              rowKind = Ev.UserLog
              break
          }
        }
        if (rowKind === 0) {
          answer = MODEL
          break
        }
        let t = max<f64>(0, Math.trunc((ticks - originTicks) * nsPerTick))
        if (t > lastNs) lastNs = t
        else if (goTimes) {
          lastNs += 1
          t = lastNs
        }
        let of4 = rows << 2
        let of8 = rows << 3
        store<u8>(rows, rowKind, BLOCK_KIND)
        store<f64>(of8, t, BLOCK_TIME)
        store<i32>(of4, rowG, BLOCK_GOROUTINE)
        store<i32>(of4, processor, BLOCK_PROCESSOR)
        store<i32>(of4, thread, BLOCK_THREAD)
        store<f64>(of8, rowA, BLOCK_A)
        store<f64>(of8, rowB, BLOCK_B)
        store<f64>(of8, rowC, BLOCK_C)
        store<f64>(of8, rowStack, BLOCK_STACK)
        rows++
        if (returns) {
          // A call that does not block is an instant: the newer model gives it the shortest time there is.
          t += 1
          if (t > lastNs) lastNs = t
          of4 += 4
          of8 += 8
          store<u8>(rows, Ev.GoSyscallEnd, BLOCK_KIND)
          store<f64>(of8, t, BLOCK_TIME)
          store<i32>(of4, g, BLOCK_GOROUTINE)
          store<i32>(of4, processor, BLOCK_PROCESSOR)
          store<i32>(of4, thread, BLOCK_THREAD)
          store<f64>(of8, 0, BLOCK_A)
          store<f64>(of8, 0, BLOCK_B)
          store<f64>(of8, 0, BLOCK_C)
          store<f64>(of8, 0, BLOCK_STACK)
          rows++
        }
        if (kind === EvV1.ProcStop) thread = NONE
      }

      // ---- The next event of this processor. ----
      let shape: u32 = 0
      let stop: usize = 0
      let count: u32 = 0
      let ended = true
      while (at < end) {
        const first: u32 = load<u8>(at)
        at++
        shape = load<u8>(first, SHAPES)
        kind = first & 63
        if (shape === SHAPE_UNTIMED) {
          at = passTable(kind, at, end)
          continue
        }
        if (shape !== SHAPE_SHORT) {
          stop = load<u8>(at)
          at++
          stop += at
          if (kind === EvV1.CPUSample) {
            at = stop
            continue
          }
        }
        count = load<u8>(kind, NUMBERS)
        ended = false
        break
      }
      if (ended) {
        answer = BATCH
        break
      }
      const before = ticks
      // The time since the event before and up to four arguments. Most numbers are one byte, most others two.
      let byte: u32 = load<u8>(at)
      at++
      let value: f64 = byte
      if (byte >= 0x80) {
        value = readLong(at, byte)
        at = longEnd
      }
      ticks += value
      if (count > 1) {
        byte = load<u8>(at)
        at++
        a0 = byte
        if (byte >= 0x80) {
          a0 = readLong(at, byte)
          at = longEnd
        }
        if (count > 2) {
          byte = load<u8>(at)
          at++
          a1 = byte
          if (byte >= 0x80) {
            a1 = readLong(at, byte)
            at = longEnd
          }
          if (count > 3) {
            byte = load<u8>(at)
            at++
            a2 = byte
            if (byte >= 0x80) {
              a2 = readLong(at, byte)
              at = longEnd
            }
            if (count > 4) {
              byte = load<u8>(at)
              at++
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
      const sound = shape === SHAPE_SHORT ? at - BLOCK_END <= end - BLOCK_END : at === stop
      if (shape === SHAPE_LOG) {
        a3 = load<f64>(load<u32>(HEAD_MESSAGES) + head8) + <f64>stop
        at = passText(stop, end)
      }
      if (!sound || !(ticks <= maxTicks)) {
        store<f64>(DAMAGED_TICKS, ticks)
        ticks = before
        answer = DAMAGED
        break
      }
      inHand = true

      // ---- Its place among the heads. ----
      if (!(ticks <= limit)) break
    }

    store<u32>(load<u32>(HEAD_AT) + head4, at)
    store<f64>(load<u32>(HEAD_TICKS) + head8, ticks)
    store<u8>(load<u32>(HEAD_KIND) + cursor, kind)
    store<f64>(ofArguments, a0)
    store<f64>(ofArguments, a1, 8)
    store<f64>(ofArguments, a2, 16)
    store<f64>(ofArguments, a3, 24)
    store<i32>(load<u32>(HEAD_GOROUTINE) + head4, g)
    store<i32>(load<u32>(HEAD_THREAD) + head4, thread)
    if (answer !== DONE) break
    store<f64>(times + head8, ticks)
    const length = load<u32>(HEAP_LENGTH)
    if (begins) {
      store<u32>(cursors + (length << 2), cursor)
      store<u32>(HEAP_LENGTH, length + 1)
      siftUp(times, cursors, length)
      break
    }
    update(times, cursors, length, 0)
    if (ofModel || load<u32>(PAUSING) !== 0) break
    cursor = load<u32>(cursors)
    ticks = load<f64>(times + (cursor << 3))
    if (ticks >= load<f64>(LOSS_TICKS) || ticks > markTicks) break
    limit = min(secondTime(times, cursors, length), markTicks)
  }
  store<u32>(ROWS, rows)
  store<f64>(LAST_NS, lastNs)
  store<f64>(LIMIT_TICKS, limit)
  store<u32>(CURSOR, cursor)
  return answer
}
