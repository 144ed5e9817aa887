// requests.ts: which requests came lately, so that one sent again after a lost answer is known for what it is.
//
// What tells a request from all others is kept as it is, not as a hash of it: one that is taken for another would be lost. Fifty bytes
// for each, in columns: as texts and objects they would be half of what the engine has to look through.

import { hexOf } from '../base/hex.ts'
import type { SpanTable } from '../span/span.ts'

/** Senders give up on a request within this time. */
const MAX_AGE_MS = 300_000
const MOST_REQUESTS = 100_000

/** What is known of a request. */
export interface KnownRequest {
  /** Whether it reached the disk. */
  readonly stored: Promise<boolean>
  /** Whether all of its spans left as they came. */
  readonly asItCame: boolean
}

/**
 * What tells a request from all others: its length, its number of spans, and the ids of the first and the last. Null when these have
 * none.
 */
export function requestKeyOf({ bytes, length, traceIdAt, spanIdAt }: SpanTable): string | null {
  const last = length - 1
  if (traceIdAt[0] < 0 || spanIdAt[0] < 0 || spanIdAt[last] < 0) return null
  const first = hexOf(bytes, traceIdAt[0], traceIdAt[0] + 16) + hexOf(bytes, spanIdAt[0], spanIdAt[0] + 8)
  return `${bytes.length}-${length}-${first}-${hexOf(bytes, spanIdAt[last], spanIdAt[last] + 8)}`
}

const KEY = /^(\d{1,10})-(\d{1,10})-([0-9a-f]{48})-([0-9a-f]{16})$/
/** A key as numbers: bytes, spans, then eight digits of hex each. */
const KEY_WORDS = 10
/** Slots of the table: a power of two, at least twice as many as requests. */
const SLOTS = 1 << Math.ceil(Math.log2(2 * MOST_REQUESTS))
const NONE = -1

/** The requests of the last minutes, the oldest first in a ring of rows. */
export class Requests {
  private readonly keys = new Uint32Array(MOST_REQUESTS * KEY_WORDS)
  /** Unix milliseconds. */
  private readonly atMs = new Float64Array(MOST_REQUESTS)
  private readonly asItCame = new Uint8Array(MOST_REQUESTS)
  /** 0: it did not reach the disk, and is found no more. */
  private readonly valid = new Uint8Array(MOST_REQUESTS)
  /** First row of each slot, and the next row of the same one. */
  private readonly slots = new Int32Array(SLOTS).fill(NONE)
  private readonly next = new Int32Array(MOST_REQUESTS)
  private oldest = 0
  private length = 0
  /** Those that are being written, by row. */
  private readonly writing = new Map<number, Promise<boolean>>()
  private readonly words = new Uint32Array(KEY_WORDS)
  /** The key that stands in `words`. */
  private wordsOf = ''
  /** Senders choose the keys; which of them fall into one slot they must not know. */
  private readonly seed = Math.floor(Math.random() * 4294967296)

  find(key: string): KnownRequest | null {
    const row = this.read(key) ? this.rowOf(this.words) : NONE
    if (row === NONE) return null
    return { stored: this.writing.get(row) ?? IS_STORED, asItCame: this.asItCame[row] === 1 }
  }

  /** @param stored fails when the request did not reach the disk; it is forgotten then */
  add(key: string, stored: Promise<void>, asItCame: boolean, atMs: number): void {
    this.forget(atMs)
    if (!this.read(key)) return
    const row = this.push(asItCame, atMs)
    const outcome: Promise<boolean> = stored.then(
      () => this.written(row, outcome, true),
      () => this.written(row, outcome, false),
    )
    this.writing.set(row, outcome)
  }

  /** After a restart: a part of the request is in the journal. */
  restore(key: unknown, asItCame: boolean, atMs: number, nowMs: number): void {
    if (typeof key !== 'string' || nowMs - atMs > MAX_AGE_MS || !this.read(key)) return
    const before = this.rowOf(this.words)
    if (before !== NONE) {
      if (!asItCame) this.asItCame[before] = 0
      return
    }
    this.forget(nowMs)
    this.push(asItCame, atMs)
  }

  /** Whether the row was written; the row may be another request's by now. */
  private written(row: number, outcome: Promise<boolean>, stored: boolean): boolean {
    if (this.writing.get(row) === outcome) {
      this.writing.delete(row)
      if (!stored) this.valid[row] = 0
    }
    return stored
  }

  private forget(nowMs: number): void {
    while (this.length > 0 && (this.length === MOST_REQUESTS || nowMs - this.atMs[this.oldest] > MAX_AGE_MS)) {
      const row = this.oldest
      const slot = this.slotOf(this.keys.subarray(row * KEY_WORDS, (row + 1) * KEY_WORDS))
      if (this.slots[slot] === row) this.slots[slot] = this.next[row]
      else {
        let before = this.slots[slot]
        while (this.next[before] !== row) before = this.next[before]
        this.next[before] = this.next[row]
      }
      this.writing.delete(row)
      this.oldest = (row + 1) % MOST_REQUESTS
      this.length--
    }
  }

  /** The key that was read last, as the newest row. */
  private push(asItCame: boolean, atMs: number): number {
    const row = (this.oldest + this.length) % MOST_REQUESTS
    this.length++
    const slot = this.slotOf(this.words)
    this.keys.set(this.words, row * KEY_WORDS)
    this.atMs[row] = atMs
    this.asItCame[row] = asItCame ? 1 : 0
    this.valid[row] = 1
    this.next[row] = this.slots[slot]
    this.slots[slot] = row
    return row
  }

  private rowOf(words: Uint32Array): number {
    const { keys, next, valid } = this
    for (let row = this.slots[this.slotOf(words)]; row !== NONE; row = next[row]) {
      if (valid[row] === 0) continue
      let same = 0
      while (same < KEY_WORDS && keys[row * KEY_WORDS + same] === words[same]) same++
      if (same === KEY_WORDS) return row
    }
    return NONE
  }

  private slotOf(words: Uint32Array): number {
    let hash = this.seed
    for (let i = 0; i < KEY_WORDS; i++) hash = Math.imul((hash ^ words[i]) + (hash >>> 15), 0x9e3779b1)
    return (hash ^ (hash >>> 16)) & (SLOTS - 1)
  }

  /** Reads a key into `words`; false for what is none. */
  private read(key: string): boolean {
    if (key === this.wordsOf) return true
    const found = KEY.exec(key)
    if (found === null) return false
    const { words } = this
    words[0] = Number(found[1])
    words[1] = Number(found[2])
    for (let i = 0; i < 6; i++) words[2 + i] = parseInt(found[3].slice(i * 8, i * 8 + 8), 16)
    for (let i = 0; i < 2; i++) words[8 + i] = parseInt(found[4].slice(i * 8, i * 8 + 8), 16)
    this.wordsOf = key
    return true
  }
}

const IS_STORED = Promise.resolve(true)
