// whole.ts: whole numbers that lie in columns of doubles, for kernels.

/** 2^52: added to a whole number from 0 on that is less, it leaves that as the low bits of the sum. */
const IN_LOW_BITS: f64 = 4503599627370496

/**
 * The whole number that a double is, which has to be one of 32 bits without a sign: of any other these are some bits, to be looked at against what
 * they lead to. A conversion looks at that itself, at five times the cost (some 4 ns with what waits for it), for each row of a goroutine.
 */
/* @inline */ export function wholeOf(value: f64): u32 {
  return <u32>reinterpret<u64>(value + IN_LOW_BITS)
}
