// varint.ts: unsigned LEB128 numbers of two bytes and more, as `base/varint.ts` reads them: numbers above 2^53 are rounded as there.

/** Position after the number that `readLong` read last; 0, which no batch lies at, when it was none. */
export let longEnd: usize = 0

/**
 * Reads on in a number whose first byte, 0x80 or more, is known. Most are of two bytes, nearly all others of three.
 *
 * @param from position of the second byte
 */
export function readLong(from: usize, first: u32): f64 {
  const second: u32 = load<u8>(from)
  if (second < 0x80) {
    longEnd = from + 1
    return <f64>((first & 0x7f) | (second << 7))
  }
  const third: u32 = load<u8>(from, 1)
  if (third < 0x80) {
    longEnd = from + 2
    return <f64>((first & 0x7f) | ((second & 0x7f) << 7) | (third << 14))
  }
  return readLongest(from, first)
}

/** As `readLong`, by a loop. A number that no writer makes (longer than ten bytes, above 2^64 - 1) has no end. */
function readLongest(from: usize, first: u32): f64 {
  let at = from
  let value: f64 = first & 0x7f
  let scale: f64 = 128
  for (let length = 2; length <= 10; length++) {
    const byte: u32 = load<u8>(at)
    at++
    value += <f64>(byte & 0x7f) * scale
    if (byte < 0x80) {
      longEnd = length === 10 && byte > 1 ? 0 : at
      return value
    }
    scale *= 128
  }
  longEnd = 0
  return value
}
