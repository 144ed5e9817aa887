// span-id-set.ts: span ids by 32 bits of hash: who asks by them whether a span is among those that tasks name finds a few too many, and
// never one too few.

/** Slots for each hash at least: with half of them empty a look-up is one or two reads. */
const SLOTS_PER_HASH = 2
const FIRST_SLOTS = 64

/** Hash of the span id at `bytes[at, at + 8)`; never 0. */
export function spanIdHash(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
  const low = (bytes[at + 4] << 24) | (bytes[at + 5] << 16) | (bytes[at + 6] << 8) | bytes[at + 7]
  return mixed(high, low)
}

/** Hash of a span id in 16 hex digits: that of its bytes. */
export function spanIdHashOfHex(id: string): number {
  return mixed(parseInt(id.slice(0, 8), 16), parseInt(id.slice(8, 16), 16))
}

/** Every bit of both halves counts, and ids that differ in one half only never have one hash (the finalizer of MurmurHash3). */
function mixed(high: number, low: number): number {
  let hash = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ low
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}

/** Hashes of span ids: an open table, four to eight bytes for each. */
export class SpanIdSet {
  private slots = new Uint32Array(FIRST_SLOTS)
  private size = 0

  add(hash: number): void {
    if ((this.size + 1) * SLOTS_PER_HASH > this.slots.length) this.grow()
    if (put(this.slots, hash)) this.size++
  }

  has(hash: number): boolean {
    const { slots } = this
    const mask = slots.length - 1
    for (let at = hash & mask; slots[at] !== 0; at = (at + 1) & mask) if (slots[at] === hash) return true
    return false
  }

  private grow(): void {
    const grown = new Uint32Array(this.slots.length * 2)
    for (const hash of this.slots) if (hash !== 0) put(grown, hash)
    this.slots = grown
  }
}

/** False when it is there already. */
function put(slots: Uint32Array, hash: number): boolean {
  const mask = slots.length - 1
  let at = hash & mask
  for (; slots[at] !== 0; at = (at + 1) & mask) if (slots[at] === hash) return false
  slots[at] = hash
  return true
}
