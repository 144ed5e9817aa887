// young-garbage.ts: has the engine collect what bodies leave behind, before it thinks that it must look through the whole heap.
//
// The chunks in which a body comes are memory outside the engine's heap with small handles in it. The engine counts that memory towards
// a full collection, but collects the young only when the handles fill their space, which is much later: at 100 MB/s it marks the whole
// heap ten times a second for garbage that a look at the young frees in a millisecond. Measured with `npm run bench:spans`.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Garbage of so many bytes is collected together. */
const COLLECT_AT_BYTES = 4 << 20

let garbageBytes = 0
let collect: (() => void) | null = null

/** Says that so many bytes of bodies are needed no longer. */
export function leaveBehind(bytes: number): void {
  garbageBytes += bytes
  if (garbageBytes < COLLECT_AT_BYTES) return
  garbageBytes = 0
  collect ??= collector()
  collect()
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
