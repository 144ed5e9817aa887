// watched-folders.test.ts: which files of a folder are taken, when, as whose, and what becomes of them.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import type { CaptureName, CaptureOrigin, Clock } from '../../src/bridge/ports.ts'
import { type WatchedFolder, WatchedFolders } from '../../src/watch/watched-folders.ts'
import { MemoryCounters, MemoryLog } from '../support/fake-clock.ts'

const START_MS = 1_800_000_000_000
const AGE_MS = 600_000

/** Time moves by `pass`, which waits for what is done at each moment; files are real. */
class SteppedClock implements Clock {
  private now = START_MS
  private due: { readonly atMs: number; readonly run: () => void }[] = []

  nowMs(): number {
    return this.now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.now + ms, run }
    this.due.push(timer)
    return () => void (this.due = this.due.filter((other) => other !== timer))
  }

  /** Timers that are set. */
  get timers(): number {
    return this.due.length
  }

  /** Lets a look take place, and ends when the next is due. */
  async look(): Promise<void> {
    const [next] = this.due.splice(0, 1)
    this.now = next.atMs
    next.run()
    await expect.poll(() => this.timers, { interval: 2 }).toBe(1)
  }
}

interface Taken {
  readonly name: CaptureName
  readonly origin: CaptureOrigin
  readonly bytes: string
}

let folder: string
let clock: SteppedClock
let counters: MemoryCounters
let log: MemoryLog
let taken: Taken[]
let refusals: Failure[]
let watching: WatchedFolders

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'subspan-watch-'))
  clock = new SteppedClock()
  counters = new MemoryCounters()
  log = new MemoryLog()
  taken = []
  refusals = []
})
afterEach(async () => {
  await watching.stop()
  rmSync(folder, { recursive: true, force: true })
})

function watch(options: Partial<WatchedFolder> = {}): void {
  watching = new WatchedFolders({
    folders: [{ folder, service: 'auth', instance: '', remove: false, ...options }],
    acceptCapture: async (name, origin, chunks) => {
      const parts: Uint8Array[] = []
      for await (const chunk of chunks) parts.push(chunk)
      const refusal = refusals.shift()
      if (refusal !== undefined) throw refusal
      taken.push({ name, origin, bytes: Buffer.concat(parts).toString() })
      return { id: `c${taken.length}` }
    },
    maxAgeMs: AGE_MS,
    clock,
    counters,
    log,
  })
  watching.start()
}

function messages(): string[] {
  return log.lines.map(({ message }) => message)
}

/** Writes a file; its time of change is that of the clock, or so much before it. */
function write(name: string, text: string, agoMs = 0): void {
  const path = join(folder, name)
  writeFileSync(path, text)
  const seconds = (clock.nowMs() - agoMs) / 1_000
  utimesSync(path, seconds, seconds)
}

describe('a file in a watched folder', () => {
  test('is taken once, when it has not changed for two seconds', async () => {
    watch()
    await clock.look()
    write('a.trace', 'begun')
    await clock.look()
    await clock.look()
    write('a.trace', 'begun and whole')
    await clock.look()
    await clock.look()
    expect(taken).toEqual([])
    await clock.look()
    const path = join(folder, 'a.trace')
    const from = { by: 'watch', from: path, seconds: null }
    expect(taken).toEqual([{ name: { service: 'auth', instance: '' }, origin: from, bytes: 'begun and whole' }])
    for (let look = 0; look < 5; look++) await clock.look()
    expect(taken).toHaveLength(1)
    expect(readdirSync(folder)).toEqual(['a.trace'])
    expect(counters.of('subspan_watched_files_total', { result: 'taken' })).toBe(1)
  })

  test('that is written anew is another capture', async () => {
    write('a.trace', 'one', 10_000)
    watch()
    await clock.look()
    write('a.trace', 'two')
    for (let look = 0; look < 4; look++) await clock.look()
    expect(taken.map(({ bytes }) => bytes)).toEqual(['one', 'two'])
  })

  test('that was there before the start is taken unless its spans are known no more', async () => {
    write('fresh.trace', 'fresh', 5_000)
    write('old.trace', 'old', AGE_MS + 1_000)
    watch()
    for (let look = 0; look < 4; look++) await clock.look()
    expect(taken.map(({ bytes }) => bytes)).toEqual(['fresh'])
    expect(messages()).toContain('old files in watched folders are left alone: their spans are known no more')
  })

  test.each(['.hidden', 'a.trace.tmp', 'a.part', 'a.PARTIAL', 'a.trace~', 'a.swp'])(
    'is not taken under a name of what is unfinished: %s',
    async (name) => {
      write(name, 'begun', 10_000)
      write('z.trace', 'whole', 10_000)
      watch()
      await clock.look()
      expect(taken.map(({ bytes }) => bytes)).toEqual(['whole'])
    },
  )

  test('is not taken when it is empty, a link or lies deeper than one folder', async () => {
    mkdirSync(join(folder, 'pod', 'deeper'), { recursive: true })
    write('empty.trace', '', 10_000)
    write('pod/deeper/a.trace', 'deep', 10_000)
    symlinkSync('/etc/hostname', join(folder, 'link.trace'))
    symlinkSync('/etc', join(folder, 'linked'))
    watch()
    for (let look = 0; look < 4; look++) await clock.look()
    expect(taken).toEqual([])
  })

  test('in a folder below is of the instance that the folder is named for, unless one is configured', async () => {
    mkdirSync(join(folder, 'auth-7f9c'))
    write('auth-7f9c/a.trace', 'a', 10_000)
    watch()
    await clock.look()
    expect(taken[0].name).toEqual({ service: 'auth', instance: 'auth-7f9c' })
    await watching.stop()
    clock = new SteppedClock()
    watch({ instance: 'auth-0' })
    await clock.look()
    expect(taken[1].name).toEqual({ service: 'auth', instance: 'auth-0' })
  })

  test('that is no capture is told once and left there, even where captures are deleted', async () => {
    write('b.trace', 'a capture', 10_000)
    write('a.txt', 'notes', 10_000)
    watch({ remove: true })
    refusals.push(new Failure('CAPTURE_NOT_GO', 'this is no capture'))
    for (let look = 0; look < 5; look++) await clock.look()
    // They are taken in the order of their names.
    expect(taken.map(({ bytes }) => bytes)).toEqual(['a capture'])
    expect(readdirSync(folder)).toEqual(['a.txt'])
    expect(counters.of('subspan_watched_files_total', { result: 'CAPTURE_NOT_GO' })).toBe(1)
    expect(messages().filter((message) => message.includes('is not taken'))).toHaveLength(1)
  })

  test.each(['OVERLOADED', 'STORE'] as const)('is tried again when it was refused with %s', async (code) => {
    write('a.trace', 'a', 10_000)
    refusals.push(new Failure(code, 'not now'), new Failure(code, 'not now'))
    watch()
    for (let look = 0; look < 3; look++) await clock.look()
    expect(taken.map(({ bytes }) => bytes)).toEqual(['a'])
    expect(messages().filter((message) => message.includes('is not taken'))).toEqual([])
  })
})

test('a folder that is not there is told once, and watched when it comes', async () => {
  rmSync(folder, { recursive: true })
  watch()
  for (let look = 0; look < 3; look++) await clock.look()
  expect(messages().filter((message) => message.includes('cannot be read'))).toHaveLength(1)
  mkdirSync(folder)
  write('a.trace', 'a')
  for (let look = 0; look < 4; look++) await clock.look()
  expect(taken).toHaveLength(1)
  expect(messages()).toContain('a watched folder can be read now')
})

test('nothing is watched without folders', () => {
  watch()
  const idle = new SteppedClock()
  new WatchedFolders({
    folders: [],
    acceptCapture: () => Promise.reject(new Error('nothing should come')),
    maxAgeMs: AGE_MS,
    clock: idle,
    counters,
    log,
  }).start()
  expect(idle.timers).toBe(0)
})
