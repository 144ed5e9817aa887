// decode-ahead-worker.ts: the thread that reads one capture file and decodes it into a ring of event blocks, for `DecodeAhead`. It loads no more
// than that takes: starting it is part of what each analysis costs.

import { readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { Failure, messageOf } from '../base/failure.ts'
import { KernelMemory } from '../base/kernel-memory.ts'
import { BLOCK_END } from '../capture/block-layout.ts'
import type { CaptureProblemCode } from '../capture/capture.ts'
import { HEADER_BYTES } from '../capture/header.ts'
import { ProblemList } from '../capture/problems.ts'
import type { StringTable } from '../capture/string-table.ts'
import { DecoderV2 } from '../capture/v2/decoder.ts'
import { wireFormat } from '../capture/v2/wire-format.ts'
import { RingWriter } from './event-ring.ts'
import type { AheadProblem, AheadTask, FromAhead } from './messages.ts'

/** Keeps what is added for the other thread's list, which also holds what that thread finds. */
class ToldProblems extends ProblemList {
  private untold: AheadProblem[] = []
  private readonly counts = new Map<CaptureProblemCode, number>()

  override add(code: CaptureProblemCode, byteOffset: number | null, message: () => string): void {
    const told = this.list.length
    super.add(code, byteOffset, message)
    // Where no message was wanted here, none is wanted there.
    if (this.list.length > told) this.untold.push({ code, byteOffset, message: this.list[told].message, count: 1 })
    else this.counts.set(code, (this.counts.get(code) ?? 0) + 1)
  }

  /** What was added since it was asked for last. */
  takeUntold(): readonly AheadProblem[] {
    const { untold, counts } = this
    if (untold.length + counts.size === 0) return untold
    for (const [code, count] of counts) untold.push({ code, byteOffset: null, message: null, count })
    this.untold = []
    counts.clear()
    return untold
  }
}

const { name, file, version, goTimes, memory, control, port } = workerData as AheadTask
const kernelMemory = new KernelMemory(BLOCK_END, memory)
const ring = new RingWriter(control, kernelMemory.buffer)
const problems = new ToldProblems()
let bytes = HEADER_BYTES
let messages = 0
let strings: StringTable | null = null
/** Where in the ring the last generation ended. */
let generationEnd = 0

const decoder = new DecoderV2(
  wireFormat(version),
  { goTimes },
  problems,
  {
    later: {
      nextBlock: () => ring.nextBlock(),
      waitForEarlier: () => {
        ring.waitFor(generationEnd)
        generationEnd = ring.position
      },
      waitForAll: () => ring.waitFor(ring.position),
    },
    events: (block) => {
      if (block.strings !== strings) {
        strings = block.strings
        const { places } = block.stacks
        send({ type: 'tables', bytes: strings.bytes, strings: strings.places.parts, stacks: places.parts })
      }
      tell(block.length, false)
    },
    generationEnd: () => {
      sendDecoded(false)
      tell(0, true)
    },
  },
  kernelMemory,
)

try {
  for (;;) {
    const count = read(decoder.room())
    if (count === 0) break
    bytes += count
    decoder.took(count)
  }
  decoder.end()
  sendNews()
  sendDecoded(true)
} catch (thrown) {
  sendNews()
  if (thrown instanceof Failure) send({ type: 'failed', code: thrown.code, message: thrown.message })
  else send({ type: 'failed', code: null, message: thrown instanceof Error ? String(thrown.stack) : messageOf(thrown) })
}
ring.tell({ rows: 0, messages, generationEnds: false })
port.close()

/** Reads on in the file. @returns how many bytes; 0 at its end */
function read(room: Uint8Array): number {
  try {
    return readSync(file, room, { position: bytes })
  } catch (error) {
    throw new Failure('FILE', `${name} cannot be read: ${messageOf(error)}.`)
  }
}

/** Tells what was done, after what became known by then. */
function tell(rows: number, generationEnds: boolean): void {
  sendNews()
  ring.tell({ rows, messages, generationEnds })
}

/** Sends problems and lost stretches that were not sent yet. */
function sendNews(): void {
  const untold = problems.takeUntold()
  if (untold.length > 0) send({ type: 'problems', problems: untold })
  const news = decoder.lost.takeNews()
  if (news !== null) send({ type: 'lost', news })
}

function sendDecoded(last: boolean): void {
  const { events, originNs, frequency, lastNs, clockSnapshots } = decoder
  send({
    type: 'decoded',
    decoded: { bytes, events, originNs, ticksPerSecond: frequency, lastNs, clockSnapshots },
    last,
  })
}

function send(message: FromAhead): void {
  messages++
  port.postMessage(message)
}
