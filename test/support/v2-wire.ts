// v2-wire.ts: captures of Go 1.22 on as batches and events, read and written by a hand of the tests' own.
//
// Nothing of `src/` but the table of events is used, so that what the decoder says can be held against it, and so that captures can be broken on
// purpose where it hurts: between batches, between events, inside one argument.

import { Ev, eventSpecs } from '../../src/capture/event-types.ts'

/** 2^64 - 1: no thread, no processor. */
export const NONE = (1n << 64n) - 1n

export const HEADER_BYTES = 16

/** A batch as it lies in a capture; `experiment` is -1 for an ordinary one. */
export interface Batch {
  experiment: number
  generation: bigint
  thread: bigint
  time: bigint
  payload: Uint8Array
  /** Whether the end mark of Go 1.26 follows. */
  endsGeneration: boolean
}

/** An event of a batch: its number and its arguments, the time since the event before first. */
export interface WireEvent {
  kind: number
  args: bigint[]
}

/** The 16 bytes that a capture begins with. */
export function headerBytes(minor: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  bytes.set(new TextEncoder().encode(`go 1.${minor} trace`))
  return bytes
}

/** Minor version that a header states. */
export function minorVersion(capture: Uint8Array): number {
  return Number(/^go 1\.(\d+) trace/.exec(new TextDecoder().decode(capture.subarray(0, HEADER_BYTES)))?.[1] ?? 0)
}

/** Cuts a whole capture into its batches; what is left over when a batch header cannot be read or is cut is not told. */
export function splitBatches(capture: Uint8Array): Batch[] {
  const batches: Batch[] = []
  const marked = minorVersion(capture) >= 26
  let at = HEADER_BYTES
  while (at < capture.length) {
    const kind = capture[at++]
    if (kind === Ev.EndOfGeneration && marked) {
      const last = batches.at(-1)
      if (last !== undefined) last.endsGeneration = true
      continue
    }
    if (kind !== Ev.EventBatch && kind !== Ev.ExperimentalBatch) break
    const experiment = kind === Ev.ExperimentalBatch ? capture[at++] : -1
    const fields: bigint[] = []
    for (let i = 0; i < 4; i++) {
      const { value, next } = readNumber(capture, at)
      fields.push(value)
      at = next
    }
    const size = Number(fields[3])
    if (!(at + size <= capture.length)) break
    const [generation, thread, time] = fields
    const payload = capture.subarray(at, at + size)
    batches.push({ experiment, generation, thread, time, payload, endsGeneration: false })
    at += size
  }
  return batches
}

/** A capture of batches, sizes padded to ten bytes as the runtime writes them. */
export function joinBatches(header: Uint8Array, batches: readonly Batch[]): Uint8Array {
  const out: number[] = [...header]
  const parts: Uint8Array[] = []
  for (const { experiment, generation, thread, time, payload, endsGeneration } of batches) {
    if (experiment < 0) out.push(Ev.EventBatch)
    else out.push(Ev.ExperimentalBatch, experiment)
    for (const field of [generation, thread, time]) writeNumber(out, field)
    writePadded(out, payload.length)
    parts.push(Uint8Array.from(out), payload)
    out.length = 0
    if (endsGeneration) out.push(Ev.EndOfGeneration)
  }
  parts.push(Uint8Array.from(out))
  return concatBytes(parts)
}

/** Arguments that follow the time of an event; null for what may not stand among timed events. */
export function argumentCount(kind: number): number | null {
  const spec = eventSpecs.find(({ number }) => number === kind)
  return spec?.args[0] === 'dt' && kind !== Ev.ClockSnapshot ? spec.args.length - 1 : null
}

/** The timed events of a payload; null when it holds a table, or anything else than timed events. */
export function splitEvents(payload: Uint8Array): WireEvent[] | null {
  const events: WireEvent[] = []
  let at = 0
  while (at < payload.length) {
    const kind = payload[at++]
    const count = argumentCount(kind)
    if (count === null) return null
    const args: bigint[] = []
    for (let i = 0; i <= count; i++) {
      const { value, next } = readNumber(payload, at)
      if (next > payload.length) return null
      args.push(value)
      at = next
    }
    events.push({ kind, args })
  }
  return events
}

/** The bytes of events, numbers as short as they can be. */
export function joinEvents(events: readonly WireEvent[]): Uint8Array {
  const out: number[] = []
  for (const { kind, args } of events) {
    out.push(kind)
    for (const arg of args) writeNumber(out, arg)
  }
  return Uint8Array.from(out)
}

/** An event by its name, its arguments in the order of Go's textual form. */
export function wireEvent(name: string, ...args: readonly (bigint | number)[]): WireEvent {
  const spec = eventSpecs.find((one) => one.name === name)
  if (spec === undefined || spec.args.length !== args.length) {
    throw new Error(`${name} takes ${spec?.args.join(' ') ?? 'nothing: there is no such event'}`)
  }
  return { kind: spec.number, args: args.map(BigInt) }
}

/** Payload of a string table. */
export function stringsPayload(strings: readonly (readonly [id: bigint | number, text: string])[]): Uint8Array {
  const out: number[] = [Ev.Strings]
  for (const [id, text] of strings) {
    const bytes = new TextEncoder().encode(text)
    out.push(Ev.String)
    writeNumber(out, BigInt(id))
    writeNumber(out, BigInt(bytes.length))
    out.push(...bytes)
  }
  return Uint8Array.from(out)
}

/** A number of a payload, and where it ends: beyond the payload when it does not end. */
export function readNumber(bytes: Uint8Array, from: number): { value: bigint; next: number } {
  let value = 0n
  for (let i = 0; i < 10; i++) {
    if (from + i >= bytes.length) return { value, next: Infinity }
    const byte = bytes[from + i]
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return { value, next: from + i + 1 }
  }
  return { value, next: Infinity }
}

/** Writes a number as short as it can be. */
export function writeNumber(out: number[], value: bigint): void {
  let rest = value
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
}

/** Writes a number in ten bytes, as the runtime writes the sizes of batches. */
export function writePadded(out: number[], value: number): void {
  let rest = value
  for (let i = 0; i < 9; i++) {
    out.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  out.push(0)
}

/** Arrays one after another. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
