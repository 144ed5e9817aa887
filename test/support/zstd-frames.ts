// zstd-frames.ts: zstd frames made by hand (RFC 8878), for what no packer makes.

const LARGEST_BLOCK = 128 << 10

/** A frame with a window descriptor and one block of a byte repeated. */
export function zstdFrame(windowDescriptor: number, length: number, byte: number): Uint8Array {
  const blocks: number[] = []
  for (let left = length; left > 0; left -= LARGEST_BLOCK) {
    const size = Math.min(left, LARGEST_BLOCK)
    const header = (size << 3) | (1 << 1) | (left <= LARGEST_BLOCK ? 1 : 0)
    blocks.push(header & 0xff, (header >> 8) & 0xff, header >> 16, byte)
  }
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, windowDescriptor, ...blocks])
}

/** A frame that unpacks to a byte repeated. */
export function repeatingFrame(length: number, byte: number): Uint8Array {
  return zstdFrame(0x38, length, byte)
}

/** A frame that unpacks to nothing. */
export function emptyFrame(): Uint8Array {
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 1, 0, 0])
}
