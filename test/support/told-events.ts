// told-events.ts: all that a decoder tells of a capture, for holding one way of decoding against another.

import { CaptureDecoder } from '../../src/capture/decode.ts'
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

/**
 * Decodes a capture, handed over in chunks.
 *
 * @param goTimes whether times are told as Go's reader moves them apart
 */
export function toldEvents(capture: Uint8Array, goTimes: boolean): ToldEvents {
  const rows: string[] = []
  const decoder = new CaptureDecoder(
    { goTimes },
    {
      events: ({ length, kind, timeNs, goroutine, processor, thread, a, b, c, stack }) => {
        for (let row = 0; row < length; row++) {
          const of = withoutA.has(kind[row]) ? '' : a[row]
          rows.push(
            `${kind[row]} ${timeNs[row]} ${goroutine[row]} ${processor[row]} ${thread[row]} ${of} ${b[row]} ${c[row]} ${stack[row]}`,
          )
        }
      },
      generationEnd: (timeNs) => rows.push(`until ${timeNs}`),
    },
  )
  try {
    for (let at = 0; at < capture.length; at += 65_521) decoder.push(capture.subarray(at, at + 65_521))
    return { rows, end: { info: decoder.end(), lost: [...decoder.lost] } }
  } catch (thrown) {
    return { rows, end: String(thrown) }
  }
}
