// cursors.ts: how far each destination has come in the journal, in one small file.
//
// The file is written a second after a change at the latest, not at every one: what was delivered in between is delivered again
// after a crash, the same bytes.

import { textOf, utf8Of } from '../base/bytes.ts'
import { messageOf } from '../base/failure.ts'
import type { Clock, Log } from '../bridge/ports.ts'
import type { Disk } from './disk.ts'

const WRITE_AFTER_MS = 1_000

/** What the cursors need. */
export interface CursorsSetup {
  readonly path: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
}

/** How far one destination has come. */
export interface Cursor {
  readonly destination: string
  /** Sequence number of the journal through which everything was taken, or set aside. */
  readonly through: number
  /** Moves on; never back. */
  advance(through: number): void
}

/** Reads the cursors' file. One that cannot be understood is told: everything that is kept is then delivered again. */
export async function openCursors(setup: CursorsSetup): Promise<Cursors> {
  const bytes = await setup.disk.read(setup.path)
  return new Cursors(setup, bytes === null ? new Map() : parse(bytes, setup))
}

/** The cursors of all destinations; made by `openCursors`. */
export class Cursors {
  private readonly cursors = new Map<string, StoredCursor>()
  private begun = false
  private cancelWrite: (() => void) | null = null
  private writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly setup: CursorsSetup,
    private readonly stored: ReadonlyMap<string, number>,
  ) {}

  /** Highest sequence number that any cursor on disk has. */
  get usedThrough(): number {
    return Math.max(0, ...this.stored.values())
  }

  /**
   * Says which destinations there are, at the start and whenever that changes. One that is new goes on where one left that is there no longer, for it likely has a new name;
   * else, beside others, it begins with what comes from now on, and alone with everything that is kept.
   *
   * @param lastSequence of the journal
   */
  begin(destinations: readonly string[], lastSequence: number): void {
    const before = this.begun ? new Map([...this.cursors].map(([name, { through }]) => [name, through])) : this.stored
    const left = [...before].filter(([name]) => !destinations.includes(name))
    for (const [destination, through] of left) {
      const fields = { destination, through, lastSequence }
      this.setup.log.info(fields, 'a destination is configured no longer: nothing is kept for it')
    }
    const gone = left.map(([, through]) => through)
    const fresh = gone.length > 0 ? Math.min(...gone) : before.size > 0 ? lastSequence : 0
    this.begun = true
    for (const [name] of left) this.cursors.delete(name)
    for (const name of destinations) {
      if (this.cursors.has(name)) continue
      const through = Math.min(before.get(name) ?? fresh, lastSequence)
      this.cursors.set(name, new StoredCursor(name, through, () => this.scheduleWrite()))
    }
    if (destinations.length > 0 || left.length > 0) this.scheduleWrite()
  }

  /** The cursor of a destination that `begin` was told. */
  of(destination: string): Cursor {
    const cursor = this.cursors.get(destination)
    if (cursor === undefined) throw new Error(`there is no destination ${destination}`)
    return cursor
  }

  /** Sequence number through which every destination has taken everything; Infinity when there is none. */
  lowest(): number {
    let lowest = Infinity
    for (const { through } of this.cursors.values()) lowest = Math.min(lowest, through)
    return lowest
  }

  /** Writes what has changed since the last time. */
  async flush(): Promise<void> {
    if (this.cancelWrite !== null) {
      this.cancelWrite()
      this.cancelWrite = null
      this.write()
    }
    await this.writing
  }

  private scheduleWrite(): void {
    this.cancelWrite ??= this.setup.clock.after(WRITE_AFTER_MS, () => {
      this.cancelWrite = null
      this.write()
    })
  }

  private write(): void {
    this.writing = this.writing.then(async () => {
      const destinations = Object.fromEntries(
        [...this.cursors.values()].map((cursor) => [cursor.destination, cursor.through]),
      )
      try {
        await this.setup.disk.replace(this.setup.path, utf8Of(`${JSON.stringify({ destinations })}\n`))
      } catch (thrown) {
        this.setup.log.warn({ error: messageOf(thrown) }, 'the cursors of the destinations could not be written')
        this.scheduleWrite()
      }
    })
  }
}

class StoredCursor implements Cursor {
  constructor(
    readonly destination: string,
    public through: number,
    private readonly changed: () => void,
  ) {}

  advance(through: number): void {
    if (through <= this.through) return
    this.through = through
    this.changed()
  }
}

function parse(bytes: Uint8Array, { path, log }: CursorsSetup): Map<string, number> {
  try {
    const { destinations } = JSON.parse(textOf(bytes)) as { destinations: Record<string, unknown> }
    const cursors = Object.entries(destinations).filter((entry): entry is [string, number] =>
      Number.isSafeInteger(entry[1]),
    )
    return new Map(cursors)
  } catch (thrown) {
    log.error(
      { file: path, error: messageOf(thrown) },
      'the cursors of the destinations cannot be read: everything that is kept is delivered again',
    )
    return new Map()
  }
}
