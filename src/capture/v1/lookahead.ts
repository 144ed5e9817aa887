// lookahead.ts: looks at events that are still to come, in their bytes: whether a system call blocks, and when a batch ends.

import { longEnd, readLong } from '../../base/varint.ts'
import type { CursorsV1 } from './cursors.ts'
import { EvV1, Shape, timedNumbers } from './event-types.ts'

/** First byte of a GoSysBlock. */
const SYS_BLOCK = EvV1.GoSysBlock

/**
 * When the system call that a processor's goroutine just entered blocks: then the processor's next event is a GoSysBlock, since nothing else can come
 * between but tables and CPU samples. (Go's reader looks through all events for it.)
 *
 * @param cursor of the processor, at its GoSysCall
 * @returns ticks from the call to its GoSysBlock; -1 when the call does not block
 */
export function ticksToBlock(bytes: Uint8Array, shapes: Uint8Array, cursors: CursorsV1, cursor: number): number {
  let at = cursors.at(cursor)
  let end = cursors.end(cursor)
  for (let ahead = 0; ;) {
    if (at >= end) {
      const batch = cursors.batchAhead(cursor, ahead++)
      if (batch === null) return -1
      at = batch.from
      end = batch.to
      continue
    }
    const first = bytes[at]
    if (shapes[first] === Shape.untimed) at = passTable(bytes, first & 63, at + 1)
    else if ((first & 63) === EvV1.CPUSample) at += 2 + bytes[at + 1]
    else return first === SYS_BLOCK ? numberAt(bytes, at + 1) : -1
  }
}

/** Ticks from the begin of a batch, `bytes[from, to)`, to its last event. */
export function spanOf(bytes: Uint8Array, shapes: Uint8Array, from: number, to: number): number {
  let ticks = 0
  for (let at = from; at < to;) {
    const first = bytes[at++]
    const kind = first & 63
    const shape = shapes[first]
    if (shape === Shape.untimed) {
      at = passTable(bytes, kind, at)
      continue
    }
    const stop = shape === Shape.short ? -1 : at + 1 + bytes[at]
    const value = numberAt(bytes, stop < 0 ? at : at + 1)
    if (kind !== EvV1.CPUSample) ticks += value
    if (stop < 0) {
      at = numberEnd
      for (let left = timedNumbers[kind] - 1; left > 0; left--) {
        numberAt(bytes, at)
        at = numberEnd
      }
    } else {
      at = shape === Shape.log ? passText(bytes, stop) : stop
    }
  }
  return ticks
}

/** Position after a String, Stack, Frequency or TimerGoroutine whose first byte is before `at`. */
function passTable(bytes: Uint8Array, kind: number, at: number): number {
  if (kind === EvV1.Stack) return passText(bytes, at)
  numberAt(bytes, at)
  return kind === EvV1.String ? passText(bytes, numberEnd) : numberEnd
}

/** Position after a length and as many bytes. */
function passText(bytes: Uint8Array, at: number): number {
  const length = numberAt(bytes, at)
  return numberEnd + length
}

/** Position after the number that `numberAt` read last. */
let numberEnd = 0

function numberAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first < 0x80) {
    numberEnd = at + 1
    return first
  }
  const value = readLong(bytes, at + 1, first)
  numberEnd = longEnd
  return value
}
