// body-pool.ts: memory for bodies, used again and again: fresh memory for each would be garbage at the rate of the traffic.

/** Sizes are powers of two from here on. */
const SMALLEST_BYTES = 256 << 10
/** Kept for the next bodies, at most. */
const MOST_KEPT_BYTES = 32 << 20

/** Memory that was given back. */
export class BodyPool {
  private readonly kept = new Map<number, Uint8Array[]>()
  private keptBytes = 0

  /** Memory of at least so many bytes; what lies in it is anything. */
  take(bytes: number): Uint8Array {
    let size = SMALLEST_BYTES
    while (size < bytes) size *= 2
    const known = this.kept.get(size)?.pop()
    if (known !== undefined) {
      this.keptBytes -= size
      return known
    }
    return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
  }

  /** Gives memory back that `take` gave; nobody may look at it any more. */
  give(memory: Uint8Array): void {
    if (this.keptBytes + memory.length > MOST_KEPT_BYTES) return
    this.keptBytes += memory.length
    const others = this.kept.get(memory.length)
    if (others === undefined) this.kept.set(memory.length, [memory])
    else others.push(memory)
  }
}
