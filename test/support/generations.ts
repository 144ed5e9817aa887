// generations.ts: a capture of some of a recording's generations, as a flight recorder or a second recording of the same time has them.

const HEADER_BYTES = 16
const BATCH = 1
const EXPERIMENTAL_BATCH = 50
const END_OF_GENERATION = 52

/** Where the generations of a capture of Go 1.22 or newer begin and end. */
function generationsOf(capture: Uint8Array): { readonly number: number; readonly from: number; to: number }[] {
  let at = HEADER_BYTES
  const number = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = capture[at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  const found: { readonly number: number; readonly from: number; to: number }[] = []
  while (at < capture.length) {
    const from = at
    const kind = capture[at++]
    if (kind !== END_OF_GENERATION) {
      if (kind === EXPERIMENTAL_BATCH) at++
      else if (kind !== BATCH) throw new Error(`no batch begins at byte ${from}`)
      const generation = number()
      number() // thread
      number() // time
      const bytes = number()
      at += bytes
      if (found.at(-1)?.number !== generation) found.push({ number: generation, from, to: at })
    }
    found[found.length - 1].to = at
  }
  return found
}

/** A capture of the generations from one to another, counted from 0, both included. */
export function withGenerations(capture: Uint8Array, first: number, last: number): Uint8Array {
  const generations = generationsOf(capture)
  const kept = capture.subarray(generations[first].from, generations[last].to)
  const cut = new Uint8Array(HEADER_BYTES + kept.length)
  cut.set(capture.subarray(0, HEADER_BYTES))
  cut.set(kept, HEADER_BYTES)
  return cut
}
