// capture-view.ts: a capture as the API shows it: what came, from whom, what became of it, and how well joining went.

import type { CaptureInfo } from '../capture/capture.ts'
import type { NameTimeReport } from '../join/match.ts'
import type { ProcessIdentity } from '../span/span.ts'
import { adviceOf } from './advice.ts'
import type { CaptureState, KnownCapture, Way } from './known-capture.ts'
import type { CaptureOrigin } from './ports.ts'

/** A capture as the API shows it. Times in nanoseconds, 64-bit ones as decimal strings. */
export interface CaptureView {
  readonly id: string
  readonly state: CaptureState
  readonly service: string
  readonly instance: string
  /** How it came, from where, and for a recording on demand the seconds asked for. */
  readonly origin: CaptureOrigin
  /** When it was accepted, or its recording begun. */
  readonly receivedUnixNs: string
  readonly fileBytes: number
  /** It is being recorded: more of it comes. */
  readonly receiving: boolean
  /** Null until decoded. */
  readonly capture: {
    readonly header: string
    readonly bytes: number
    readonly events: number
    readonly durationNs: number
    readonly wallOffsetNs: string | null
  } | null
  readonly problems: CaptureInfo['problems']
  /** Why it was set aside. */
  readonly failure: { readonly code: string; readonly message: string } | null
  readonly clock: { readonly method: string; readonly offsetNs: string | null; readonly errorNs: number | null }
  readonly tasks: { readonly total: number; readonly joined: number; readonly dropped: number }
  readonly spans: {
    readonly joined: Readonly<Record<string, number>>
    readonly unmatched: Readonly<Record<string, number>>
    /** Spans in its time that another capture enriched, for one does. */
    readonly elsewhere: number
    readonly left: Readonly<Record<Way, number>>
    /** Joined spans of those that lay in the capture; null when there were none. */
    readonly joinRate: number | null
  }
  /** How the spans that no task names fit by name and time, those looked at when the clocks were last fitted; null while none was. */
  readonly nameTime: NameTimeReport | null
  /** Keys of the processes whose spans were joined. */
  readonly processes: readonly string[]
  /** What to do when it explains no span; null where it does, or it cannot be told yet. */
  readonly advice: string | null
}

/**
 * A capture as the API shows it: it counts as being decoded until everything that it adds is written down.
 *
 * @param seen processes whose spans have left lately, for advice; null when that is not kept
 * @param settled whether it is
 */
export function viewOf(
  capture: KnownCapture,
  seen: () => readonly ProcessIdentity[] | null,
  settled = capture.settled,
): CaptureView {
  const { info, name, clock } = capture
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
  const joined = sum(capture.joined)
  // Spans beyond the capture's time or of other processes say nothing about how well joining went.
  const { 'not-in-capture': outside = 0, 'other-process': foreign = 0 } = capture.unmatched
  const inside = joined + sum(capture.unmatched) - outside - foreign
  const isDone = capture.state !== 'done' || settled
  return {
    id: capture.id,
    state: isDone ? capture.state : 'decoding',
    service: name.service,
    instance: name.instance,
    origin: capture.origin,
    receivedUnixNs: unixNs(capture.acceptedMs),
    fileBytes: capture.fileBytes,
    receiving: capture.receiving,
    capture:
      info === null
        ? null
        : {
            header: info.header,
            bytes: info.bytes,
            events: info.events,
            durationNs: info.durationNs,
            wallOffsetNs: info.wallOffsetNs === null ? null : String(info.wallOffsetNs),
          },
    problems: [...cutShort(capture), ...(info === null ? [] : info.problems)],
    failure: capture.failure,
    clock: {
      method: clock.method,
      offsetNs: clock.offsetNs === null ? null : String(clock.offsetNs),
      errorNs: clock.errorNs,
    },
    tasks: { total: capture.taskCount, joined: capture.tasksJoined, dropped: capture.tasksDropped },
    spans: {
      joined: { ...capture.joined },
      unmatched: { ...capture.unmatched },
      elsewhere: capture.elsewhere,
      left: { ...capture.left },
      joinRate: inside === 0 ? null : joined / inside,
    },
    nameTime: capture.nameTime,
    processes: [...capture.processes.keys()],
    advice: isDone && capture.tasksJoined === 0 ? adviceOf(capture, seen()) : null,
  }
}

/** That a recording ended before its time, as a problem. */
function cutShort({ cut, fileBytes }: KnownCapture): CaptureInfo['problems'] {
  return cut === null ? [] : [{ code: 'CAPTURE_TRUNCATED', message: cut, byteOffset: fileBytes, count: 1 }]
}

/** Milliseconds as decimal nanoseconds. */
export function unixNs(unixMs: number): string {
  return `${Math.round(unixMs)}000000`
}
