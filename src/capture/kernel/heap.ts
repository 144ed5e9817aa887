// heap.ts: the binary heap of `../cursor-heap.ts`, which says why it moves as it does, where it is used for each run of events.

/** Time of the earliest head below the top: while the top's is not later, it stays the top. */
export function secondTime(times: usize, cursors: usize, length: u32): f64 {
  if (length < 2) return Infinity
  const left = load<f64>(times + (load<u32>(cursors, 4) << 3))
  if (length === 2) return left
  const right = load<f64>(times + (load<u32>(cursors, 8) << 3))
  return right < left ? right : left
}

/** The head at a place has a new time. */
export function update(times: usize, cursors: usize, length: u32, index: u32): void {
  if (siftUp(times, cursors, index) === index) siftDown(times, cursors, length, index)
}

/** Moves the cursor at a place up; returns its place. */
export function siftUp(times: usize, cursors: usize, from: u32): u32 {
  let at = from
  const cursor = load<u32>(cursors + (at << 2))
  const time = load<f64>(times + (cursor << 3))
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = load<u32>(cursors + (parent << 2))
    if (!(load<f64>(times + (above << 3)) > time)) break
    store<u32>(cursors + (at << 2), above)
    at = parent
  }
  store<u32>(cursors + (at << 2), cursor)
  return at
}

function siftDown(times: usize, cursors: usize, length: u32, from: u32): void {
  let at = from
  const cursor = load<u32>(cursors + (at << 2))
  const time = load<f64>(times + (cursor << 3))
  for (;;) {
    const left: u32 = 2 * at + 1
    if (left >= length) break
    let least = left
    let below = load<u32>(cursors + (left << 2))
    let leastTime = load<f64>(times + (below << 3))
    const right: u32 = left + 1
    if (right < length) {
      const other = load<u32>(cursors + (right << 2))
      const otherTime = load<f64>(times + (other << 3))
      if (otherTime < leastTime) {
        least = right
        below = other
        leastTime = otherTime
      }
    }
    if (!(leastTime < time)) break
    store<u32>(cursors + (at << 2), below)
    at = least
  }
  store<u32>(cursors + (at << 2), cursor)
}
