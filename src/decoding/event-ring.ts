// event-ring.ts: two threads in one memory: one fills blocks of ordered events, the other reads them, some blocks behind.
//
// Events are hundreds of megabytes a second: handed over as messages they would be copied, and each message would be a turn of the event loop.
// Here a block is filled in place and read in place, and a thread that has nothing to do sleeps until the other has done something.

import { BLOCK_ROWS, BLOCKS } from '../capture/block-layout.ts'
import { EventBlock } from '../capture/event-block.ts'

/** Blocks that have to be free before a thread that waited for room is woken. */
const FREE_AT_WAKING = BLOCKS / 2
/** Words of the control buffer: what each end counts, in lines of the cache of their own, then the records. */
const TOLD = 0
const FILLER_SLEEPS = 1
const READ = 16
const BLOCKS_READ = 17
const READER_SLEEPS = 18
const RECORDS_FROM = 32
/** Records that there is room for: some have no block. */
const RECORDS = 2 * BLOCKS
/** Words of a record. */
const ROWS = 0
const MESSAGES = 1
const GENERATION_ENDS = 2
const RECORD_WORDS = 4

/** One thing that the filling thread has done. */
export interface RingRecord {
  /** Rows of the block that was filled; 0: none was. */
  readonly rows: number
  /** Messages sent before it, since the beginning: the reader takes so many first. */
  readonly messages: number
  readonly generationEnds: boolean
}

/** Memory for the records of a ring; its blocks lie where kernels have them. */
export function newRingControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (RECORDS_FROM + RECORDS * RECORD_WORDS))
}

class Ring {
  protected readonly control: Int32Array
  private readonly blocks: EventBlock[] = []

  constructor(control: SharedArrayBuffer, memory: SharedArrayBuffer) {
    this.control = new Int32Array(control)
    for (let i = 0; i < BLOCKS; i++) this.blocks.push(new EventBlock(memory, i * BLOCK_ROWS))
  }

  protected blockOf(number: number): EventBlock {
    return this.blocks[number % BLOCKS]
  }

  /** Place of the first word of the record with this number. */
  protected placeOf(record: number): number {
    return RECORDS_FROM + (record % RECORDS) * RECORD_WORDS
  }
}

/** The end of the ring at which blocks are filled. */
export class RingWriter extends Ring {
  private told = 0
  private filled = 0
  /** What was read when it was looked for last, which is in memory that the other thread writes. */
  private readBefore = 0
  private blocksReadBefore = 0

  /** The block to fill next; waits while all are full. */
  nextBlock(): EventBlock {
    if (this.filled - this.blocksReadBefore >= BLOCKS) this.waitForRoom()
    return this.blockOf(this.filled)
  }

  /** Tells what was done; a record with rows is of the block that `nextBlock` gave. */
  tell({ rows, messages, generationEnds }: RingRecord): void {
    if (this.told - this.readBefore >= RECORDS) this.waitForRoom()
    const { control } = this
    const at = this.placeOf(this.told)
    control[at + ROWS] = rows
    control[at + MESSAGES] = messages
    control[at + GENERATION_ENDS] = generationEnds ? 1 : 0
    if (rows > 0) this.filled++
    Atomics.store(control, TOLD, ++this.told)
    if (Atomics.load(control, READER_SLEEPS) === 1) Atomics.notify(control, TOLD)
  }

  /** How much was told. */
  get position(): number {
    return this.told
  }

  /** Sleeps until all that was told up to a position is read. */
  waitFor(position: number): void {
    this.waitUntil(() => this.readBefore >= position)
  }

  private waitForRoom(): void {
    this.waitUntil(() => this.filled - this.blocksReadBefore < BLOCKS && this.told - this.readBefore < RECORDS)
  }

  /** Sleeps until the reader has read enough. */
  private waitUntil(enough: () => boolean): void {
    const { control } = this
    this.look()
    while (!enough()) {
      // Said first and looked at again then: the reader either sees that it is to wake, or has counted on before this sleeps.
      Atomics.store(control, FILLER_SLEEPS, 1)
      this.look()
      if (!enough()) Atomics.wait(control, READ, this.readBefore)
      Atomics.store(control, FILLER_SLEEPS, 0)
      this.look()
    }
  }

  private look(): void {
    this.readBefore = Atomics.load(this.control, READ)
    this.blocksReadBefore = Atomics.load(this.control, BLOCKS_READ)
  }
}

/** The end of the ring at which blocks are read. */
export class RingReader extends Ring {
  private read = 0
  private blocksRead = 0
  /** What was told when it was looked for last, which is in memory that the other thread writes. */
  private toldBefore = 0

  /** Whether there is a record to read. */
  get ready(): boolean {
    if (this.toldBefore === this.read) this.toldBefore = Atomics.load(this.control, TOLD)
    return this.toldBefore !== this.read
  }

  /** Sleeps until there is a record, for so long at most. @returns whether there is one */
  wait(milliseconds: number): boolean {
    const { control } = this
    if (this.ready) return true
    // As the other end does.
    Atomics.store(control, READER_SLEEPS, 1)
    if (!this.ready) Atomics.wait(control, TOLD, this.read, milliseconds)
    Atomics.store(control, READER_SLEEPS, 0)
    return this.ready
  }

  /** The oldest record not read yet; there must be one. */
  get record(): RingRecord {
    const { control } = this
    const at = this.placeOf(this.read)
    return {
      rows: control[at + ROWS],
      messages: control[at + MESSAGES],
      generationEnds: control[at + GENERATION_ENDS] === 1,
    }
  }

  /** The block that a record with rows is of. */
  get block(): EventBlock {
    return this.blockOf(this.blocksRead)
  }

  /** A record was read; its block, if it has one, may be filled again. */
  release({ rows }: RingRecord): void {
    const { control } = this
    if (rows > 0) Atomics.store(control, BLOCKS_READ, ++this.blocksRead)
    Atomics.store(control, READ, ++this.read)
    // The filling thread is the faster one and mostly waits: woken for each block it would sleep and wake thousands of times a second.
    if (Atomics.load(control, FILLER_SLEEPS) === 1 && (this.read % FREE_AT_WAKING === 0 || !this.ready)) {
      Atomics.notify(control, READ)
    }
  }
}
