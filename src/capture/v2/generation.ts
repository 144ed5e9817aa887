// generation.ts: one generation of a capture (about a second): its batches, tables and clock, still undecoded events.

import { VarintReader } from '../../base/varint.ts'
import { Ev } from '../event-types.ts'
import type { ProblemList } from '../problems.ts'
import type { StackTable } from '../stack-table.ts'
import type { StringTable } from '../string-table.ts'
import type { Damaged, GenerationTables } from './tables.ts'
import type { WireFormat } from './wire-format.ts'

/** Trace clock units per second on every platform but Windows: nanoseconds / 64. */
const USUAL_FREQUENCY = 15_625_000

/** Batches of a generation begin within this time of one another; a generation takes about a second. */
const MAX_GENERATION_SECONDS = 600

/** A batch of timed events of one thread. */
export interface TimedBatch {
  /** Thread id; `NONE_U64` for statuses written on behalf of nobody. */
  readonly thread: number
  /** Clock at the start, trace clock units. */
  readonly timeUnits: number
  /** Payload in the generation's bytes. */
  readonly from: number
  readonly to: number
}

/** A CPU sample, times still in trace clock units. */
export interface CpuSample {
  readonly timeUnits: number
  readonly thread: number
  readonly processor: number
  readonly goroutine: number
  readonly stack: number
}

/** Pairing of clocks at the start of a generation (Go 1.25 on). */
export interface RawClockSnapshot {
  readonly timeUnits: number
  readonly monotonicNs: bigint
  readonly unixNs: bigint
}

/** One generation, tables read, timed events not. */
export interface Generation {
  readonly number: number
  readonly bytes: Uint8Array
  /** Position of `bytes[0]` in the unpacked capture. */
  readonly byteOffset: number
  readonly timed: readonly TimedBatch[]
  readonly strings: StringTable
  readonly stacks: StackTable
  readonly cpuSamples: readonly CpuSample[]
  /** Trace clock units per second. */
  readonly frequency: number
  readonly clockSnapshot: RawClockSnapshot | null
  /** Smallest start time of its batches, trace clock units. */
  readonly minTimeUnits: number
  readonly maxTimeUnits: number
  /** False when the bytes ended before the generation did: tables at its end may be missing. */
  readonly complete: boolean
}

/** Where a batch lies; `experiment` is -1 for an ordinary one. */
export interface RawBatch {
  readonly experiment: number
  readonly thread: number
  readonly timeUnits: number
  readonly from: number
  readonly to: number
}

/**
 * Sorts the batches of a generation by kind and reads its tables, which hold until the next. Whatever does not fit is noted and passed over.
 *
 * @param bytes in the kernel's memory
 */
export function readGeneration(
  number: number,
  bytes: Uint8Array,
  byteOffset: number,
  batches: readonly RawBatch[],
  complete: boolean,
  format: WireFormat,
  previousFrequency: number,
  tables: GenerationTables,
  problems: ProblemList,
): Generation {
  const timed: TimedBatch[] = []
  tables.begin(bytes, batches)
  const cpuSamples: CpuSample[] = []
  let frequency = 0
  let clockSnapshot: RawClockSnapshot | null = null
  let minTimeUnits = Infinity
  let maxTimeUnits = 0
  for (const batch of batches) {
    if (batch.timeUnits < minTimeUnits) minTimeUnits = batch.timeUnits
    if (batch.timeUnits > maxTimeUnits) maxTimeUnits = batch.timeUnits
    if (batch.experiment >= 0 || batch.from === batch.to) continue
    const damaged = (offset: number, what: string): void =>
      problems.add(
        'BATCH_DAMAGED',
        byteOffset + offset,
        () =>
          `${what} at byte ${(byteOffset + offset).toLocaleString('en-US')} (generation ${number}): the rest of that table batch, ${(batch.to - offset).toLocaleString('en-US')} of ${(batch.to - batch.from).toLocaleString('en-US')} bytes, is left out; names or stacks may be missing.`,
      )
    switch (bytes[batch.from]) {
      case Ev.Strings:
        tables.readStrings(batch, damaged)
        break
      case Ev.Stacks:
        tables.readStacks(batch, damaged)
        break
      case Ev.CPUSamples:
        readCpuSamples(bytes, batch, cpuSamples, damaged)
        break
      case Ev.Frequency:
        // From Go 1.25 on it is part of a synchronisation batch.
        if (!format.has(Ev.Sync)) {
          const reader = tableReader.restart(bytes, batch.from + 1, batch.to)
          frequency = reader.read()
          if (reader.failed) damaged(reader.offset, 'a clock frequency that does not end')
        } else {
          timed.push(batch)
        }
        break
      case Ev.Sync:
        if (!format.has(Ev.Sync)) {
          timed.push(batch)
          break
        }
        {
          const clock = readClock(bytes, batch, damaged)
          if (clock.frequency !== null) frequency = clock.frequency
          if (clock.snapshot !== null) clockSnapshot = clock.snapshot
        }
        break
      default:
        timed.push(batch)
    }
  }
  tables.end()
  if (!(frequency >= 1000 && frequency <= 1e12)) {
    const assumed = previousFrequency > 0 ? previousFrequency : USUAL_FREQUENCY
    problems.add(
      complete ? 'CAPTURE_MALFORMED' : 'GENERATION_INCOMPLETE',
      byteOffset,
      () =>
        `generation ${number} states ${frequency === 0 ? 'no clock frequency' : `a clock frequency of ${frequency} per second`}: ${assumed.toLocaleString('en-US')} per second is assumed (${previousFrequency > 0 ? 'that of the generation before' : 'usual on all platforms but Windows'}).`,
    )
    frequency = assumed
  }
  const times = batches.map(({ timeUnits }) => timeUnits).sort((one, other) => one - other)
  const middle = times[times.length >> 1]
  const sound = (timeUnits: number): boolean =>
    times.length < 3 || Math.abs(timeUnits - middle) <= MAX_GENERATION_SECONDS * frequency
  const strays = times.filter((timeUnits) => !sound(timeUnits))
  if (strays.length > 0) {
    minTimeUnits = times.find(sound) ?? minTimeUnits
    maxTimeUnits = times.findLast(sound) ?? maxTimeUnits
    problems.add(
      'BATCH_DAMAGED',
      byteOffset,
      () =>
        `${strays.length} of ${times.length} batches of generation ${number} begin more than ${MAX_GENERATION_SECONDS} s from the others (at ${strays[0]} instead of about ${middle} clock units): they are left out.`,
    )
  }
  cpuSamples.sort((x, y) => x.timeUnits - y.timeUnits)
  return {
    number,
    bytes,
    byteOffset,
    timed: strays.length === 0 ? timed : timed.filter(({ timeUnits }) => sound(timeUnits)),
    strings: tables.strings,
    stacks: tables.stacks,
    cpuSamples,
    frequency,
    clockSnapshot,
    minTimeUnits,
    maxTimeUnits,
    complete: complete && strays.length === 0,
  }
}

/** One reader for all: the engine throws compiled code away when the last object of a class that it was compiled for is collected. */
const tableReader = new VarintReader(new Uint8Array(0), 0, 0)

function readCpuSamples(bytes: Uint8Array, batch: RawBatch, samples: CpuSample[], damaged: Damaged): void {
  const reader = tableReader.restart(bytes, batch.from + 1, batch.to)
  while (!reader.done) {
    const kind = reader.byte()
    const sample = {
      timeUnits: reader.read(),
      thread: reader.read(),
      processor: reader.read(),
      goroutine: reader.read(),
      stack: reader.read(),
    }
    if (kind !== Ev.CPUSample || reader.failed) {
      damaged(reader.offset, `a CPU sample that is none (event ${kind})`)
      return
    }
    samples.push(sample)
  }
}

/** The clock records of a synchronisation batch; null where there is none. */
function readClock(
  bytes: Uint8Array,
  batch: RawBatch,
  damaged: Damaged,
): { frequency: number | null; snapshot: RawClockSnapshot | null } {
  const reader = tableReader.restart(bytes, batch.from + 1, batch.to)
  let frequency: number | null = null
  let snapshot: RawClockSnapshot | null = null
  while (!reader.done) {
    const kind = reader.byte()
    if (kind === Ev.Frequency) {
      frequency = reader.read()
    } else if (kind === Ev.ClockSnapshot) {
      const timeUnits = batch.timeUnits + reader.read()
      const monotonicNs = reader.readBig()
      const unixNs = reader.readBig() * 1_000_000_000n + reader.readBig()
      if (!reader.failed) snapshot = { timeUnits, monotonicNs, unixNs }
    } else {
      reader.failed = true
    }
    if (reader.failed) {
      damaged(reader.offset, `a clock record that is none (event ${kind})`)
      break
    }
  }
  return { frequency, snapshot }
}
