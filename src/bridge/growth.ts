// growth.ts: how far a file that is being written has come, for whoever reads it meanwhile.

/** Lengths of a growing file. Who is slow hears the latest only. */
export class Growth implements AsyncIterable<number> {
  private bytes = 0
  private ended = false
  private wake: (() => void) | null = null

  /** The file has so many bytes. */
  reach(bytes: number): void {
    this.bytes = bytes
    this.wake?.()
  }

  /** It will have no more. */
  end(): void {
    this.ended = true
    this.wake?.()
  }

  /** For one reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, void> {
    let told = 0
    for (;;) {
      if (this.bytes > told) yield (told = this.bytes)
      else if (this.ended) return
      else await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }
}
