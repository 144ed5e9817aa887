// growing-file.ts: a file that is read while another thread writes it.

import { open } from 'node:fs/promises'

/** How far a file that is being written has come. */
export class FileGrowth {
  private bytes = 0
  private ended = false
  private wake: (() => void) | null = null

  /** @param waits called with the number of bytes that were read when there are no more yet */
  constructor(private readonly waits: (bytes: number) => void = () => undefined) {}

  /** The file has so many bytes. */
  reach(bytes: number): void {
    this.bytes = Math.max(this.bytes, bytes)
    this.tell()
  }

  /** It will have no more. */
  end(): void {
    this.ended = true
    this.tell()
  }

  /** Resolves with the file's length when it is beyond `at`; null when it ends there. */
  async beyond(at: number): Promise<number | null> {
    while (this.bytes <= at && !this.ended) {
      this.waits(at)
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    return this.bytes > at ? this.bytes : null
  }

  private tell(): void {
    this.wake?.()
    this.wake = null
  }
}

/** The bytes of a file as they come, at most `chunkBytes` at a time. */
export async function* growingFile(
  path: string,
  growth: FileGrowth,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  const file = await open(path)
  try {
    let at = 0
    for (let length = await growth.beyond(at); length !== null; length = await growth.beyond(at)) {
      const chunk = new Uint8Array(Math.min(length - at, chunkBytes))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
      if (bytesRead === 0) throw new Error(`${path} has ${at} bytes, though ${length} were written`)
      at += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
