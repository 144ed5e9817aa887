// dead-letters.ts: requests that a destination refused for good, set aside in a file of JSON lines that people can read and send again.

import { utf8Of } from '../base/bytes.ts'
import { diskFailure, type Disk } from './disk.ts'
import type { Clock } from '../bridge/ports.ts'

/** A request that was refused for good. */
export interface DeadLetter {
  readonly destination: string
  /** HTTP status; null when the request could not even be made. */
  readonly status: number | null
  /** What the destination said. */
  readonly reason: string
  /** OTLP protobuf trace request. */
  readonly body: Uint8Array
}

/** What the dead letters need. */
export interface DeadLettersSetup {
  /** The newer half; the older one has `.1` behind it. */
  readonly path: string
  /** Bytes of both together; beyond them the older half leaves. */
  readonly maxBytes: number
  readonly disk: Disk
  readonly clock: Clock
}

/** The dead letters of all destinations. Each line has `time`, `destination`, `status`, `reason`, `bytes` and `body` in base64. */
export class DeadLetters {
  private bytes: number | null = null
  private adding: Promise<void> = Promise.resolve()

  constructor(private readonly setup: DeadLettersSetup) {}

  /**
   * Resolves when the letter is on disk.
   *
   * @throws Failure STORE when the disk refuses
   */
  add(letter: DeadLetter): Promise<void> {
    const added = this.adding.then(() => this.write(letter))
    this.adding = added.catch(() => undefined)
    return added
  }

  private async write({ destination, status, reason, body }: DeadLetter): Promise<void> {
    const { path, maxBytes, disk, clock } = this.setup
    const half = Math.floor(maxBytes / 2)
    const said = { time: new Date(clock.nowMs()).toISOString(), destination, status, reason, bytes: body.length }
    const whole = { ...said, body: Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64') }
    let line = utf8Of(`${JSON.stringify(whole)}\n`)
    // What would not fit alone is told without its bytes.
    if (line.length > half) line = utf8Of(`${JSON.stringify({ ...said, body: null })}\n`)
    try {
      this.bytes ??= await disk.size(path)
      if (this.bytes > 0 && this.bytes + line.length > half) {
        await disk.rename(path, `${path}.1`)
        this.bytes = 0
      }
      await disk.append(path, line)
      this.bytes += line.length
    } catch (thrown) {
      this.bytes = null
      throw diskFailure(thrown, `a refused request could not be set aside in ${path}`)
    }
  }
}
