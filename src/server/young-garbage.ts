// young-garbage.ts: has the engine collect what bodies leave behind, before it thinks that it must look through the whole heap.
//
// The chunks in which a body comes are memory outside the engine's heap with small handles in it. The engine counts that memory towards
// a full collection, but collects the young only when the handles fill their space, which is much later: at 100 MB/s it marks the whole
// heap ten times a second for garbage that a look at the young frees in a millisecond. And where the heap is small, as ours is, eight
// megabytes more of such memory than there were at the last full collection are enough for the next one, be they in use or not. Measured
// with `npm run bench:spans`.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Garbage of so many bytes is collected together. */
const COLLECT_AT_BYTES = 4 << 20
/** A small heap may grow by so much before all of it is looked at; a larger one by as much as the engine thinks right. */
const GROWTH_BYTES = 32 << 20
const SMALL_HEAP_BYTES = 96 << 20
/** The heap's size is looked at once in so many collections. */
const LOOK_EVERY = 64

let garbageBytes = 0
let collections = 0
let growthPercent = 0
let collect: (() => void) | null = null

/** Says that so many bytes of bodies are needed no longer. */
export function leaveBehind(bytes: number): void {
  garbageBytes += bytes
  if (garbageBytes < COLLECT_AT_BYTES) return
  garbageBytes = 0
  if (collections++ % LOOK_EVERY === 0) allowGrowth(getHeapStatistics().used_heap_size)
  collect ??= collector()
  collect()
}

/** The engine takes the percentage that holds when a full collection ends; 0 is its own choice. */
function allowGrowth(heapBytes: number): void {
  const percent = heapBytes > SMALL_HEAP_BYTES ? 0 : Math.round((100 * GROWTH_BYTES) / heapBytes)
  if (percent === growthPercent) return
  growthPercent = percent
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

/** A function that collects the young; one that does nothing where the engine has none. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  return typeof gc === 'function'
    ? () => void (gc as (options: { type: 'minor' }) => void)({ type: 'minor' })
    : () => undefined
}
