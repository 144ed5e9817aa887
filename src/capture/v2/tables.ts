// tables.ts: the strings and stacks of a generation: where they lie in its bytes, by id.
//
// The entries are passed over by a kernel (`kernel/tables.ts`), which fills the columns of places. What it leaves is read here: ids that leave
// most of the ids below them out, and damage.

import { VarintReader } from '../../base/varint.ts'
import { Ev } from '../event-types.ts'
import { Places } from '../places.ts'
import { StackTable } from '../stack-table.ts'
import { StringTable } from '../string-table.ts'
import type { RawBatch } from './generation.ts'
import type { OrderKernel } from './order-kernel.ts'
import {
  PLACES_COUNT,
  PLACES_EXTENT,
  PLACES_FROM,
  PLACES_HIGHEST,
  PLACES_ROOM,
  STACK_PLACES,
  STRING_PLACES,
} from './order-layout.ts'

/** Bytes of the shortest entries that there are a place for each: a string of one byte, a stack of one frame. */
const STRING_ENTRY_BYTES = 4
const STACK_ENTRY_BYTES = 7
/** Entries that there is room for at least. */
const LEAST_ENTRIES = 1 << 10

/** Notes that a table batch is damaged from a place on. */
export type Damaged = (offset: number, what: string) => void

/** Reads the tables of generation after generation; those of one hold until the next is begun, or longer. */
export class GenerationTables {
  strings!: StringTable
  stacks!: StackTable
  private bytes: Uint8Array = new Uint8Array(0)
  /** As many as there are generations whose tables hold. */
  private readonly columns: { readonly strings: TableColumns; readonly stacks: TableColumns }[] = []
  private stringPlaces!: Places
  private stackPlaces!: Places
  private readonly reader = new VarintReader(this.bytes, 0, 0)

  /** @param held generations whose tables hold at a time */
  constructor(
    private readonly kernel: OrderKernel,
    held = 1,
  ) {
    for (let i = 0; i < held; i++) {
      const strings = new TableColumns(kernel, STRING_PLACES)
      this.columns.push({ strings, stacks: new TableColumns(kernel, STACK_PLACES) })
    }
  }

  /**
   * Begins with a generation.
   *
   * @param bytes its bytes, in the kernel's memory
   * @param batches all its batches
   */
  begin(bytes: Uint8Array, batches: readonly RawBatch[]): void {
    let stringBytes = 0
    let stackBytes = 0
    for (const { experiment, from, to } of batches) {
      if (experiment >= 0) continue
      if (bytes[from] === Ev.Strings) stringBytes += to - from
      else if (bytes[from] === Ev.Stacks) stackBytes += to - from
    }
    this.bytes = bytes
    const [columns] = this.columns
    this.columns.push(...this.columns.splice(0, 1))
    this.stringPlaces = columns.strings.begin(stringBytes / STRING_ENTRY_BYTES)
    this.stackPlaces = columns.stacks.begin(stackBytes / STACK_ENTRY_BYTES)
    this.strings = new StringTable(bytes, this.stringPlaces)
    this.stacks = new StackTable(this.strings, bytes, this.stackPlaces)
  }

  /** Takes the strings of a batch. */
  readStrings(batch: RawBatch, damaged: Damaged): void {
    const base = this.bytes.byteOffset
    const reader = this.reader.restart(this.bytes, batch.from + 1, batch.to)
    for (;;) {
      reader.offset = this.kernel.call.readStrings(base + reader.offset, base + batch.to, base) - base
      if (reader.done) break
      const kind = reader.byte()
      const id = reader.read()
      const length = reader.read()
      if (kind !== Ev.String || reader.failed || length > batch.to - reader.offset) {
        damaged(reader.offset, `a string table entry that is none (event ${kind}, length ${length})`)
        break
      }
      this.stringPlaces.add(id, reader.offset, reader.offset + length)
      reader.offset += length
    }
  }

  /** Takes the stacks of a batch. */
  readStacks(batch: RawBatch, damaged: Damaged): void {
    const base = this.bytes.byteOffset
    const reader = this.reader.restart(this.bytes, batch.from + 1, batch.to)
    for (;;) {
      reader.offset = this.kernel.call.readStacks(base + reader.offset, base + batch.to, base) - base
      if (reader.done) break
      const kind = reader.byte()
      const id = reader.read()
      const frameCount = reader.read()
      const from = reader.offset
      // Each frame takes four bytes at least; a larger count is damage, not a long stack.
      if (kind !== Ev.Stack || reader.failed || frameCount * 4 > batch.to - from) {
        damaged(from, `a stack table entry that is none (event ${kind}, ${frameCount} frames)`)
        break
      }
      const end = skipVarints(this.bytes, from, batch.to, frameCount * 4)
      if (end < 0) {
        damaged(from, 'a stack whose frames do not end')
        break
      }
      reader.offset = end
      this.stackPlaces.add(id, from, frameCount)
    }
  }

  /** All batches were read. */
  end(): void {
    const { strings, stacks } = this.columns[this.columns.length - 1]
    this.stringPlaces.size += strings.end()
    this.stackPlaces.size += stacks.end()
  }
}

/** Columns of places in the kernel's memory, used for one generation after another. */
class TableColumns {
  private from: Int32Array
  private extent: Int32Array
  /** Of the generation they were used for last. */
  private highest = 0

  constructor(
    private readonly kernel: OrderKernel,
    private readonly registers: number,
  ) {
    this.from = kernel.memory.int32(LEAST_ENTRIES)
    this.extent = kernel.memory.int32(LEAST_ENTRIES)
  }

  /** Makes all places empty, and room for so many. */
  begin(entries: number): Places {
    if (entries >= this.from.length) this.makeRoom(Math.ceil(entries) + LEAST_ENTRIES)
    else this.from.fill(0, 0, this.highest + 1)
    const { kernel, registers, from, extent } = this
    const { words } = kernel
    words[(registers + PLACES_FROM) >> 2] = from.byteOffset
    words[(registers + PLACES_EXTENT) >> 2] = extent.byteOffset
    words[(registers + PLACES_ROOM) >> 2] = from.length
    words[(registers + PLACES_HIGHEST) >> 2] = 0
    words[(registers + PLACES_COUNT) >> 2] = 0
    return new Places({ from, extent })
  }

  private makeRoom(entries: number): void {
    const { memory } = this.kernel
    memory.release(this.from)
    memory.release(this.extent)
    this.from = memory.int32(entries)
    this.extent = memory.int32(entries)
  }

  /** The kernel has read all. @returns ids that it noted an entry for */
  end(): number {
    const { words } = this.kernel
    this.highest = words[(this.registers + PLACES_HIGHEST) >> 2]
    return words[(this.registers + PLACES_COUNT) >> 2]
  }
}

/** Offset after `count` varints, or -1 when they do not end before `to`. */
function skipVarints(bytes: Uint8Array, from: number, to: number, count: number): number {
  let at = from
  for (let left = count; left > 0; left--) {
    while (at < to && bytes[at] >= 0x80) at++
    if (++at > to) return -1
  }
  return at
}
