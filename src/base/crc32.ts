// crc32.ts: CRC-32C (Castagnoli), eight bytes a step; Node's own crc32 is younger than the oldest Node that is supported.

const POLYNOMIAL = 0x82f63b78

/** Eight tables of 256: row k holds the checksum of a byte followed by k zero bytes. */
const tables = new Uint32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (POLYNOMIAL & -(sum & 1))
  tables[byte] = sum
}
for (let at = 256; at < tables.length; at++) {
  const before = tables[at - 256]
  tables[at] = (before >>> 8) ^ tables[before & 0xff]
}

/**
 * CRC-32C of `bytes[from, to)`, unsigned.
 *
 * @param before checksum of what comes before them, so that parts can be summed one after another; 0 at the beginning.
 */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length, before = 0): number {
  let sum = ~before
  let at = from
  for (const last = to - 7; at < last; at += 8) {
    sum ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    sum =
      tables[1792 + (sum & 0xff)] ^
      tables[1536 + ((sum >>> 8) & 0xff)] ^
      tables[1280 + ((sum >>> 16) & 0xff)] ^
      tables[1024 + (sum >>> 24)] ^
      tables[768 + bytes[at + 4]] ^
      tables[512 + bytes[at + 5]] ^
      tables[256 + bytes[at + 6]] ^
      tables[bytes[at + 7]]
  }
  for (; at < to; at++) sum = (sum >>> 8) ^ tables[(sum ^ bytes[at]) & 0xff]
  return ~sum >>> 0
}
