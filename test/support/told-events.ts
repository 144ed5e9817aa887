// told-events.ts: all that a decoder tells of a capture, for holding one way of decoding against another.

import { CaptureDecoder } from '../../src/capture/decode.ts'
import type { DecodeSink } from '../../src/capture/event-source.ts'
import type { LostTime } from '../../src/capture/lost-time.ts'
import { Ev } from '../../src/capture/event-types.ts'

/** What a decoder told: each event and each end of a generation as a line, and what else it says in the end. */
export interface ToldEvents {
  readonly rows: readonly string[]
  readonly end: unknown
}

/** Kinds whose column `a` says nothing: whatever lies there is as good as anything else. */
const withoutA: ReadonlySet<number> = new Set([
  Ev.ProcStop,
  Ev.GoDestroy,
  Ev.GoSyscallBegin,
  Ev.GoSyscallEnd,
  Ev.GoSyscallEndBlocked,
  Ev.GCMarkAssistBegin,
  Ev.GCMarkAssistEnd,
  Ev.GCSweepBegin,
])

/** Kinds that have a column `b`, and those of them that have `c`: for all others it is as with `a`. */
const withB: ReadonlySet<number> = new Set([Ev.ProcSteal, Ev.GCSweepEnd, Ev.UserRegionBegin, Ev.UserRegionEnd])
const withC: ReadonlySet<number> = new Set([
  Ev.ProcStatus,
  Ev.GoCreate,
  Ev.GoCreateBlocked,
  Ev.GoCreateSyscall,
  Ev.GoStatus,
  Ev.UserTaskBegin,
  Ev.UserLog,
])

/** Lost stretches, copied; a zero is one, however it is signed. */
export function lostOf({ lost }: { readonly lost: readonly LostTime[] }): readonly LostTime[] {
  return lost.map(({ startNs, endNs }) => ({ startNs: startNs + 0, endNs }))
}

/** A sink that writes all that it is told down. */
export function writingTo(rows: string[]): DecodeSink {
  return {
    events: ({ length, kind, timeNs, goroutine, processor, thread, a, b, c, stack }) => {
      for (let row = 0; row < length; row++) {
        const ofA = withoutA.has(kind[row]) ? '' : a[row]
        const ofC = withC.has(kind[row]) ? c[row] : ''
        const ofB = ofC !== '' || withB.has(kind[row]) ? b[row] : ''
        rows.push(
          `${kind[row]} ${timeNs[row]} ${goroutine[row]} ${processor[row]} ${thread[row]} ${ofA} ${ofB} ${ofC} ${stack[row]}`,
        )
      }
    },
    generationEnd: (timeNs) => rows.push(`until ${timeNs}`),
  }
}

/**
 * Decodes a capture, handed over in chunks.
 *
 * @param goTimes whether times are told as Go's reader moves them apart
 */
export function toldEvents(capture: Uint8Array, goTimes: boolean): ToldEvents {
  const rows: string[] = []
  const decoder = new CaptureDecoder({ goTimes }, writingTo(rows))
  try {
    for (let at = 0; at < capture.length; at += 65_521) decoder.push(capture.subarray(at, at + 65_521))
    return { rows, end: { info: decoder.end(), lost: lostOf(decoder) } }
  } catch (thrown) {
    return { rows, end: String(thrown) }
  }
}
