// decoder.ts: a capture of Go 1.22 and newer: generation after generation, as the bytes of each are whole.

import type { KernelMemory } from '../../base/kernel-memory.ts'
import type { ClockSnapshot } from '../capture.ts'
import type { EventSink } from '../event-block.ts'
import { HEADER_BYTES } from '../header.ts'
import type { LostTimes } from '../lost-time.ts'
import type { ProblemList } from '../problems.ts'
import { type FramedGeneration, GenerationFramer } from './framing.ts'
import { readGeneration } from './generation.ts'
import { Ordering, type OrderOptions } from './order.ts'
import { OrderKernel } from './order-kernel.ts'
import { GenerationTables } from './tables.ts'
import type { WireFormat } from './wire-format.ts'

/** Decodes generation after generation; memory holds one, however long the capture is. */
export class DecoderV2 {
  /** Clock pairings seen so far. */
  readonly clockSnapshots: ClockSnapshot[] = []
  /** Trace clock units per second; 0 before the first generation. */
  frequency = 0
  private readonly framer: GenerationFramer
  private readonly tables: GenerationTables
  private readonly ordering: Ordering

  constructor(
    private readonly format: WireFormat,
    options: OrderOptions,
    private readonly problems: ProblemList,
    private readonly sink: EventSink & { generationEnd?(timeNs: number): void },
    memory: KernelMemory,
  ) {
    const kernel = new OrderKernel(memory, format)
    this.ordering = new Ordering(options, problems, sink, kernel)
    this.tables = new GenerationTables(kernel, sink.later === undefined ? 1 : 2)
    this.framer = new GenerationFramer(
      format,
      HEADER_BYTES,
      problems,
      memory,
      (framed) => this.take(framed),
      undefined,
      sink.later,
    )
  }

  get lost(): LostTimes {
    return this.ordering.lost
  }

  get lastNs(): number {
    return Math.max(0, this.ordering.lastNs)
  }

  get originNs(): bigint {
    return this.ordering.originNs
  }

  get events(): number {
    return this.ordering.events
  }

  /** Takes the next bytes, those of the header left out. */
  push(chunk: Uint8Array): void {
    this.framer.push(chunk)
  }

  /** Room for the next bytes, in which they need not be copied: who has filled a part of it says so (`took`). */
  room(): Uint8Array {
    return this.framer.room()
  }

  /** So many bytes of the room are filled. */
  took(count: number): void {
    this.framer.took(count)
  }

  /** There are no more bytes. */
  end(): void {
    this.framer.end()
  }

  private take({ number, bytes, byteOffset, batches, complete }: FramedGeneration): void {
    const { format, frequency, tables, problems, ordering } = this
    const generation = readGeneration(number, bytes, byteOffset, batches, complete, format, frequency, tables, problems)
    this.frequency = generation.frequency
    ordering.order(generation)
    const snapshot = generation.clockSnapshot
    if (snapshot !== null) {
      this.clockSnapshots.push({
        traceNs: ordering.relativeNs(generation, snapshot.timeUnits),
        unixNs: snapshot.unixNs,
        monotonicNs: snapshot.monotonicNs,
      })
    }
    this.sink.generationEnd?.(this.lastNs)
    this.sink.later?.waitForEarlier()
  }
}
