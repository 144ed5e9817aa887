// announcements.ts: captures that will be sent: spans of their processes wait for them.

import { Failure } from '../base/failure.ts'
import type { ProcessIdentity } from '../span/span.ts'
import { unixNs } from './capture-view.ts'
import { mayBeOf } from './known-capture.ts'
import type { CaptureName, Clock, Log } from './ports.ts'

/** A capture that was announced. */
export interface Announcement extends CaptureName {
  readonly seconds: number
  /** Until then spans of the process wait for the capture, each at most `hold.max`; Unix nanoseconds. */
  readonly untilUnixNs: string
}

interface Awaited {
  readonly announcement: Announcement
  readonly cancel: () => void
}

/** Each of them is looked at for every request. */
const MOST = 1_000
const RETRY_AFTER_SECONDS = 10

/** The captures that are awaited. */
export class Announcements {
  private awaited: Awaited[] = []

  /**
   * @param graceMs the upload takes its time after the recording
   * @param over what waited for one need not wait any longer
   */
  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly graceMs: number,
    private readonly over: () => void,
  ) {}

  /** @throws Failure OVERLOADED when too many are awaited */
  add(name: CaptureName, seconds: number): Announcement {
    if (this.awaited.length >= MOST) {
      throw new Failure(
        'OVERLOADED',
        `${MOST.toLocaleString('en-US')} captures are announced and have not come: announce more when some have.`,
        RETRY_AFTER_SECONDS,
      )
    }
    const lastsMs = seconds * 1_000 + this.graceMs
    const announcement = { ...name, seconds, untilUnixNs: unixNs(this.clock.nowMs() + lastsMs) }
    const awaited: Awaited = {
      announcement,
      cancel: this.clock.after(lastsMs, () => {
        this.awaited = this.awaited.filter((other) => other !== awaited)
        this.log.warn({ ...name, seconds }, 'an announced capture did not come')
        this.over()
      }),
    }
    this.awaited.push(awaited)
    return announcement
  }

  /** Whether a capture of the process is announced. */
  include(process: ProcessIdentity): boolean {
    return this.awaited.some(({ announcement }) => mayBeOf(announcement, process))
  }

  /** A capture came: the first announcement that it may be the answer to is met. */
  meet(name: CaptureName): void {
    const met = this.awaited.findIndex(({ announcement }) => sameName(announcement, name))
    if (met >= 0) for (const { cancel } of this.awaited.splice(met, 1)) cancel()
  }

  /** Those that have not come yet, oldest first. */
  all(): readonly Announcement[] {
    return this.awaited.map(({ announcement }) => announcement)
  }

  stop(): void {
    for (const { cancel } of this.awaited.splice(0)) cancel()
  }
}

function sameName(first: CaptureName, second: CaptureName): boolean {
  if (first.service !== second.service) return false
  return first.instance === '' || second.instance === '' || first.instance === second.instance
}
