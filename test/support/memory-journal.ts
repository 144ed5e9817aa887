// memory-journal.ts: a journal and capture files in memory, with everything a test wants to do to them.

import { createHash, randomBytes } from 'node:crypto'
import { Failure } from '../../src/base/failure.ts'
import {
  type CaptureFiles,
  EntryKind,
  type GrowingCapture,
  type Journal,
  type JournalEntry,
  type NewEntry,
  type StoredCapture,
} from '../../src/bridge/ports.ts'

/** A journal that keeps its entries in a list. What is on disk is what `entries` holds. */
export class MemoryJournal implements Journal {
  readonly entries: JournalEntry[] = []
  /** Groups as they were written together, by sequence numbers. */
  readonly groups: number[][] = []
  /** Thrown by the next appends, in order; null lets one pass. */
  readonly failures: (Failure | null)[] = []
  /** While set, appends wait for it: the disk is slow. */
  gate: Promise<void> | null = null

  constructor(private readonly nowMs: () => number = () => 0) {}

  async append(entries: readonly NewEntry[]): Promise<readonly number[]> {
    const failure = this.failures.shift() ?? null
    if (failure !== null) throw failure
    const written = entries.map((entry) => ({
      ...entry,
      // What JSON does not keep must not be relied on.
      meta: JSON.parse(JSON.stringify(entry.meta)) as Record<string, unknown>,
      body: entry.body.slice(),
    }))
    await (this.gate ?? Promise.resolve())
    const sequences = written.map((entry) => {
      const sequence = this.entries.length + 1
      this.entries.push({ ...entry, sequence, writtenMs: this.nowMs() })
      return sequence
    })
    this.groups.push(sequences)
    return sequences
  }

  async *replay(): AsyncIterable<JournalEntry> {
    for (const entry of [...this.entries]) {
      await Promise.resolve()
      yield entry
    }
  }

  body(sequence: number): Promise<Uint8Array | null> {
    return Promise.resolve(this.entries.find((entry) => entry.sequence === sequence)?.body ?? null)
  }

  /** A journal with the first entries only: the process died when these were on disk. */
  cutAt(length: number): MemoryJournal {
    const cut = new MemoryJournal(this.nowMs)
    cut.entries.push(...this.entries.slice(0, length))
    return cut
  }

  /** What a destination is sent: bodies of outgoing entries and of releases, in order. */
  sent(): { readonly sequence: number; readonly meta: Readonly<Record<string, unknown>>; readonly body: Uint8Array }[] {
    return this.entries
      .filter(({ kind }) => kind === EntryKind.outgoing || kind === EntryKind.released)
      .map(({ sequence, meta, body, settles, kind }) => ({
        sequence,
        meta,
        body:
          kind === EntryKind.released && body.length === 0
            ? (this.entries.find((entry) => entry.sequence === settles)?.body ?? body)
            : body,
      }))
  }

  ofKind(kind: EntryKind): JournalEntry[] {
    return this.entries.filter((entry) => entry.kind === kind)
  }
}

const contents = new Map<string, Uint8Array>()

/** Capture files in a map; `path` is `memory:<id>`. */
export class MemoryCaptureFiles implements CaptureFiles {
  readonly files = new Map<string, Uint8Array>()
  /** How often each file is needed. */
  readonly uses = new Map<string, number>()

  async write(chunks: AsyncIterable<Uint8Array>): Promise<StoredCapture> {
    const parts: Uint8Array[] = []
    for await (const chunk of chunks) parts.push(chunk.slice())
    const bytes = Buffer.concat(parts)
    if (bytes.length === 0) throw new Failure('CAPTURE_EMPTY', 'the capture is empty: 0 bytes.')
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
    const known = this.files.has(id)
    // The same bytes are the same array in every test of a file, so that they need decoding once only.
    const same = contents.get(id) ?? bytes
    contents.set(id, same)
    this.files.set(id, same)
    this.needed(id)
    return { id, bytes: bytes.length, known }
  }

  begin(): GrowingCapture {
    const id = randomBytes(16).toString('hex')
    const parts: Uint8Array[] = []
    return {
      id,
      add: (chunk) => {
        if (parts.length === 0) this.needed(id)
        parts.push(chunk.slice())
        this.files.set(id, Buffer.concat(parts))
        return Promise.resolve()
      },
      end: () => {
        const bytes = Buffer.concat(parts)
        const contentId = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
        return Promise.resolve({ contentId, bytes: bytes.length })
      },
    }
  }

  path(id: string): string {
    return `memory:${id}`
  }

  needed(id: string): number {
    this.uses.set(id, (this.uses.get(id) ?? 0) + 1)
    return this.files.get(id)?.length ?? 0
  }

  settled(id: string): void {
    this.uses.set(id, (this.uses.get(id) ?? 0) - 1)
  }

  remove(id: string): Promise<void> {
    this.files.delete(id)
    return Promise.resolve()
  }
}
