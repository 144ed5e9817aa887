// pulls.ts: recordings on demand: which targets may be asked, which are being recorded, and how many at a time.

import { isDeepStrictEqual } from 'node:util'
import { Failure, messageOf } from '../base/failure.ts'
import type { Counters, LiveCapture, Recorder } from '../bridge/ports.ts'
import { recordTrace, type RecordingLimits } from './pprof-trace.ts'
import { findTarget, type PullTarget, shownAddress } from './target.ts'

/** What pulls need. */
export interface PullsSetup {
  readonly targets: readonly PullTarget[]
  /** Takes the captures. @throws Failure STORE while there is none yet */
  readonly recorder: () => Recorder
  readonly limits: Omit<RecordingLimits, 'seconds'>
  /** Longest recording that may be asked for. */
  readonly maxSeconds: number
  readonly maxAtATime: number
  /** Version of Subspan. */
  readonly version: string
  readonly counters: Counters
}

/** Answer to a pull: the recording is under way. */
export interface Pull {
  readonly id: string
  /** Name of the target. */
  readonly target: string
  readonly service: string
  readonly instance: string
  readonly seconds: number
}

/**
 * A target that refuses does so at once. One that says nothing is recording: with little to record, the first bytes come only
 * when it ends.
 */
const REFUSES_WITHIN_MS = 1_000
const RETRY_AFTER_SECONDS = 5

/** The recordings on demand. */
export class Pulls {
  /** Id of the capture, by the target that is being recorded. */
  private readonly running = new Map<PullTarget, LiveCapture>()
  private readonly stopping = new AbortController()
  private targets: readonly PullTarget[]

  constructor(private readonly setup: PullsSetup) {
    this.targets = setup.targets
  }

  /** Says which programs may be asked from now on; recordings under way go on. */
  setTargets(targets: readonly PullTarget[]): void {
    // One that is as it was stays the same object: it is known by that to be under way.
    this.targets = targets.map((target) => this.targets.find((known) => isDeepStrictEqual(known, target)) ?? target)
  }

  /**
   * Begins a recording; resolves when it is under way.
   *
   * @param wanted name or address of a target
   * @throws Failure NOT_FOUND, REQUEST, OVERLOADED, TARGET, TARGET_BUSY
   */
  async begin(wanted: string, seconds: number): Promise<Pull> {
    const { recorder, limits, maxSeconds, maxAtATime, version } = this.setup
    const target = findTarget(this.targets, wanted)
    if (!(seconds > 0) || seconds > maxSeconds) {
      throw new Failure(
        'REQUEST',
        `seconds is ${seconds}: it must be above 0 and at most ${maxSeconds}, the length of the recording; pull.maxLength raises it.`,
      )
    }
    const other = this.running.get(target)
    if (other !== undefined) {
      throw new Failure(
        'TARGET_BUSY',
        `${target.name} is being recorded already, as capture ${other.id}: spans wait for that one; Go records a program once at a time.`,
      )
    }
    if (this.running.size >= maxAtATime) {
      throw new Failure(
        'OVERLOADED',
        `${this.running.size} recordings are under way, pull.maxAtATime allows ${maxAtATime}: try again when one has ended.`,
        RETRY_AFTER_SECONDS,
      )
    }
    const { name, service, instance, url } = target
    const origin = { by: 'pull', from: shownAddress(url), seconds } as const
    const chunks = this.counted(recordTrace(target, { seconds, ...limits }, version, this.stopping.signal))
    const capture = recorder().record({ service, instance }, origin, chunks)
    this.running.set(target, capture)
    void capture.received.finally(() => this.running.delete(target))
    await within(capture.began, REFUSES_WITHIN_MS)
    return { id: capture.id, target: name, service, instance, seconds }
  }

  /** Breaks every recording off; resolves when all have ended. */
  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.allSettled([...this.running.values()].map(({ received }) => received))
  }

  private async *counted(chunks: AsyncGenerator<Uint8Array, void, void>): AsyncGenerator<Uint8Array, void, void> {
    // What came to an end without a byte is no capture, as whoever takes it says.
    let result = 'CAPTURE_EMPTY'
    try {
      for await (const chunk of chunks) {
        if (chunk.length > 0) result = 'whole'
        yield chunk
      }
    } catch (thrown) {
      result = thrown instanceof Failure ? thrown.code : 'INTERNAL'
      throw thrown instanceof Failure ? thrown : new Failure('TARGET', messageOf(thrown))
    } finally {
      this.setup.counters.add('subspan_pulls_total', 1, { result })
    }
  }
}

/** Waits for the promise, at most so long. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
