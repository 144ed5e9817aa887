// mutations.ts: ways to break a capture: blindly, byte by byte, and with knowledge of batches and events, where plain noise hardly ever gets.

import { Ev } from '../../src/capture/event-types.ts'
import type { Random } from './random.ts'
import {
  type Batch,
  concatBytes,
  HEADER_BYTES,
  headerBytes,
  joinBatches,
  joinEvents,
  minorVersion,
  NONE,
  splitBatches,
  splitEvents,
} from './v2-wire.ts'

/** Numbers at which widths and signs change. */
const ODD_NUMBERS: readonly bigint[] = [
  0n, 1n, 2n, 4n, 5n, 127n, 128n, 255n, 256n, 65_535n, 65_536n, (1n << 31n) - 1n, 1n << 31n, 1n << 32n,
  (1n << 53n) - 1n, 1n << 53n, (1n << 53n) + 1n, 1n << 62n, 1n << 63n, NONE - 1n, NONE,
] // prettier-ignore

type Mutation = (capture: Uint8Array, random: Random, other: () => Uint8Array) => Uint8Array

/** Whether batches and events can be told apart: the format from Go 1.22 on. */
function isBatched(capture: Uint8Array): boolean {
  return minorVersion(capture) >= 22
}

/** Mutations that know nothing of the format. */
const blind: readonly Mutation[] = [
  function flipBits(capture, random) {
    const changed = capture.slice()
    for (let left = 1 + random.below(8); left > 0; left--) changed[random.below(changed.length)] ^= 1 << random.below(8)
    return changed
  },
  function setBytes(capture, random) {
    const changed = capture.slice()
    const from = random.below(changed.length)
    const value = random.pick([0, 1, 0x7f, 0x80, 0xff, Ev.EventBatch, Ev.EndOfGeneration, random.below(256)])
    changed.fill(value, from, from + 1 + random.below(16))
    return changed
  },
  function cut(capture, random) {
    return capture.slice(0, random.below(capture.length))
  },
  function remove(capture, random) {
    const from = random.below(capture.length)
    const to = from + random.below(1 + random.pick([8, 512, capture.length]))
    return concatBytes([capture.subarray(0, from), capture.subarray(to)])
  },
  function repeat(capture, random) {
    const from = random.below(capture.length)
    const part = capture.subarray(from, from + random.below(1 + random.pick([8, 4096, capture.length])))
    return concatBytes([capture.subarray(0, from), part, capture.subarray(from)])
  },
  function insertNoise(capture, random) {
    const at = random.below(capture.length)
    const noise = Uint8Array.from({ length: random.below(256) }, () => random.below(256))
    return concatBytes([capture.subarray(0, at), noise, capture.subarray(at)])
  },
  function spliceOther(capture, random, other) {
    const tail = other()
    return concatBytes([capture.subarray(0, random.below(capture.length)), tail.subarray(random.below(tail.length))])
  },
  function changeHeader(capture, random) {
    const changed = capture.slice()
    changed.set(headerBytes(random.pick([11, 19, 21, 22, 23, 25, 26])))
    return changed
  },
]

/** Mutations of whole batches. */
const ofBatches: readonly ((batches: Batch[], random: Random) => Batch[])[] = [
  function dropBatches(batches, random) {
    const share = random.pick([0.02, 0.2, 0.6])
    return batches.filter(() => random.next() >= share)
  },
  function repeatBatch(batches, random) {
    batches.splice(random.below(batches.length + 1), 0, random.pick(batches))
    return batches
  },
  function moveBatch(batches, random) {
    const [batch] = batches.splice(random.below(batches.length), 1)
    batches.splice(random.below(batches.length + 1), 0, batch)
    return batches
  },
  function changeBatchHeader(batches, random) {
    const at = random.below(batches.length)
    const field = random.pick(['generation', 'thread', 'time'] as const)
    const value = random.pick([...ODD_NUMBERS, batches[at][field] + 1n, random.pick(batches)[field]])
    batches[at] = { ...batches[at], [field]: value & NONE }
    return batches
  },
  function mixGenerations(batches, random) {
    return batches.map((batch) =>
      random.next() < 0.1 ? { ...batch, generation: random.pick(batches).generation } : batch,
    )
  },
  function manyGenerations(batches) {
    let generation = batches[0]?.generation ?? 1n
    return batches.map((batch) => ({ ...batch, generation: generation++, endsGeneration: true }))
  },
  function manyThreads(batches, random) {
    return batches.map((batch) => (random.next() < 0.5 ? { ...batch, thread: BigInt(random.below(1 << 30)) } : batch))
  },
  function loseEndMarks(batches) {
    return batches.map((batch) => ({ ...batch, endsGeneration: false }))
  },
]

/** Mutations of the events of one batch. */
const ofEvents: readonly ((events: { kind: number; args: bigint[] }[], random: Random) => void)[] = [
  function dropEvents(events, random) {
    events.splice(random.below(events.length), 1 + random.below(4))
  },
  function repeatEvent(events, random) {
    const event = random.pick(events)
    for (let left = random.pick([1, 1, 1, 300]); left > 0; left--) {
      events.splice(random.below(events.length + 1), 0, { kind: event.kind, args: [...event.args] })
    }
  },
  function swapEvents(events, random) {
    const one = random.below(events.length)
    const other = random.below(events.length)
    const held = events[one]
    events[one] = events[other]
    events[other] = held
  },
  function changeArgument(events, random) {
    const event = random.pick(events)
    const at = random.below(event.args.length)
    const like = random.pick(events)
    event.args[at] = random.pick([...ODD_NUMBERS, event.args[at] + 1n, random.pick(like.args)]) & NONE
  },
  function confuseGoroutines(events, random) {
    const like = random.pick(events).args[1] ?? 1n
    for (const event of events) {
      if (random.next() < 0.3 && event.args.length > 1) event.args[1] = like
    }
  },
  function changeKind(events, random) {
    const event = random.pick(events)
    const like = random.pick(events)
    event.kind = like.kind
    while (event.args.length < like.args.length) event.args.push(random.pick(ODD_NUMBERS))
    event.args.length = like.args.length
  },
]

const inside: Mutation = (capture, random) => {
  const batches = splitBatches(capture)
  if (batches.length === 0) return blind[0](capture, random, () => capture)
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(batches.length)
    const events = splitEvents(batches[at].payload)
    if (events === null || events.length === 0) continue
    random.pick(ofEvents)(events, random)
    // A batch of more than 64 KiB is none to the decoder: that is tried by other means.
    const payload = joinEvents(events)
    if (payload.length <= 65_536) batches[at] = { ...batches[at], payload }
  }
  return joinBatches(capture.subarray(0, HEADER_BYTES), batches)
}

const between: Mutation = (capture, random) => {
  const batches = splitBatches(capture)
  if (batches.length === 0) return blind[0](capture, random, () => capture)
  return joinBatches(capture.subarray(0, HEADER_BYTES), random.pick(ofBatches)(batches, random))
}

/**
 * A capture with something wrong.
 *
 * @param other gives another capture, for splicing
 */
export function mutate(capture: Uint8Array, random: Random, other: () => Uint8Array): Uint8Array {
  let mutated = capture
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && mutated.length > HEADER_BYTES; left--) {
    const knowing = isBatched(mutated) && random.next() < 0.6
    const mutation = !knowing ? random.pick(blind) : random.next() < 0.6 ? inside : between
    mutated = mutation(mutated, random, other)
  }
  return mutated
}
