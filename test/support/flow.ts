// flow.ts: the bridge with doors in memory, recorded spans and captures to feed it, and what it sent, read by another hand.

import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '../../src/base/failure.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { Bridge } from '../../src/bridge/bridge.ts'
import type { AcceptedCapture } from '../../src/bridge/captures.ts'
import type { BridgeOptions } from '../../src/bridge/options.ts'
import {
  type CaptureOrigin,
  type DecodedBatch,
  type DecodeListener,
  type Decoder,
  EntryKind,
  type LiveCapture,
} from '../../src/bridge/ports.ts'
import { decidedRows } from '../../src/bridge/release.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { readHeader } from '../../src/capture/header.ts'
import { DEFAULT_ENRICH_OPTIONS, DEFAULT_TRACE_LIMITS } from '../../src/enrich/enrich.ts'
import { traceRequestFromJson } from '../../src/span/otlp/json.ts'
import { FakeClock, MemoryCounters, MemoryLog, settle } from './fake-clock.ts'
import { type CaptureFixture, fixturePath } from './fixtures.ts'
import { MemoryCaptureFiles, MemoryJournal } from './memory-journal.ts'
import { type PlainSpan, spansOfProtobuf } from './otlp.ts'

/** A recorded capture with the spans of its process and what joins, by the program that recorded them. */
export interface Recording {
  readonly capture: Uint8Array
  /** OTLP protobuf requests. */
  readonly requests: readonly Uint8Array[]
  /** `trace span` of each span. */
  readonly spanIds: readonly string[]
  /** `trace span` of those that have a task, with the task's id. */
  readonly matches: ReadonlyMap<string, string>
}

const recordings = new Map<string, Recording>()

/** A recording below `proto-fixtures/`, without its ending: `captures/go1.26/messages`. */
export function recording(name = 'captures/go1.26/messages'): Recording {
  const known = recordings.get(name)
  if (known !== undefined) return known
  const path = fixturePath(name)
  const lines = readFileSync(`${path}.spans.otlp.jsonl`, 'utf8').trim().split('\n')
  const pairs = existsSync(`${path}.pairs.jsonl`)
    ? wholePairs(`${path}.pairs.jsonl`)
    : matchesOf(`${path}.expected.json`)
  const requests = lines.map((line) => traceRequestFromJson(line))
  const read: Recording = {
    capture: new Uint8Array(readFileSync(`${path}.trace`)),
    requests,
    spanIds: requests.flatMap((request) => spansOfProtobuf(request).map(idOf)),
    matches: new Map(pairs.map(({ traceId, spanId, taskId }) => [`${traceId} ${spanId}`, taskId])),
  }
  recordings.set(name, read)
  return read
}

/** A recording of the corpus beside the project, whose pairs its own file of expected results tells. */
export function corpusRecording({ bytes, beside }: CaptureFixture): Recording {
  const lines = readFileSync(beside('.spans.otlp.jsonl') ?? '', 'utf8')
    .trim()
    .split('\n')
  const requests = lines.map((line) => traceRequestFromJson(line))
  const spanIds = requests.flatMap((request) => spansOfProtobuf(request).map(idOf))
  const { spans } = JSON.parse(readFileSync(beside('.expected.json') ?? '', 'utf8')) as {
    spans: { span_id: string; task: number | null }[]
  }
  const taskOf = new Map(spans.flatMap(({ span_id, task }) => (task === null ? [] : [[span_id, String(task)]])))
  const matches = new Map<string, string>()
  for (const id of spanIds) {
    const task = taskOf.get(id.split(' ')[1])
    if (task !== undefined) matches.set(id, task)
  }
  return { capture: bytes(), requests, spanIds, matches }
}

interface Pair {
  readonly traceId: string
  readonly spanId: string
  readonly taskId: string
}

/** Pairs by ids, as Go's reader found them. */
function matchesOf(path: string): readonly Pair[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { matches: Pair[] }).matches
}

/** Pairs whose task lies in the capture from begin to end, as the recording program knew them. */
function wholePairs(path: string): readonly Pair[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Pair & { whole: boolean }).filter(({ whole }) => whole)
}

export function idOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return `${traceId} ${spanId}`
}

/** A span that was decided on, with its task. */
export interface DecidedSpan {
  /** `trace span` */
  readonly id: string
  readonly capture: string
  readonly taskId: string
}

/** Every span that was decided on, by the journal, as often as it was. */
export function decidedSpans({ journal }: Flow): DecidedSpan[] {
  const bodies = new Map(journal.entries.map(({ sequence, body }) => [sequence, body]))
  return journal.entries.flatMap(({ kind, sequence, meta }) => {
    if (kind !== EntryKind.outgoing && kind !== EntryKind.released) return []
    const block = meta.way === 'late' ? (meta.followed as number[])[0] : sequence
    const ids = spansOfProtobuf(bodies.get(block) ?? new Uint8Array()).map(idOf)
    return decidedRows(meta.decision).map(({ capture, row, taskId }) => ({
      id: ids[row],
      capture,
      taskId: String(taskId),
    }))
  })
}

/** Decodes in this thread, all at once or step by step. */
export class SteppingDecoder implements Decoder {
  /** While true, decoding waits for `step`. */
  stepping = false
  /** Thrown by the next decodings. */
  readonly failures: Error[] = []
  private waiting: (() => void)[] = []

  constructor(private readonly files: MemoryCaptureFiles) {}

  checkHead(head: Uint8Array): void {
    readHeader(head)
  }

  async decode(
    path: string,
    _name: string,
    listener: DecodeListener,
    growth?: AsyncIterable<number>,
  ): Promise<CaptureInfo> {
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    if (growth !== undefined) return this.follow(path, listener, growth)
    const bytes = this.files.files.get(path.replace('memory:', ''))
    if (bytes === undefined) throw new Error(`${path} does not exist`)
    const { batches, info } = decodedInBatches(bytes)
    for (const batch of batches) {
      await this.turn()
      void listener.tasks(batch)
    }
    await this.turn()
    return info
  }

  /** Decodes what there is of a file each time it has grown. */
  private async follow(path: string, listener: DecodeListener, growth: AsyncIterable<number>): Promise<CaptureInfo> {
    const decoder = new BatchDecoder()
    let at = 0
    for await (const length of growth) {
      const bytes = this.files.files.get(path.replace('memory:', ''))
      if (bytes === undefined) throw new Error(`${path} does not exist`)
      decoder.push(bytes.subarray(at, length))
      at = length
      for (const batch of decoder.batches.splice(0)) void listener.tasks(batch)
    }
    const info = decoder.end()
    for (const batch of decoder.batches) void listener.tasks(batch)
    return info
  }

  /** Lets the decoding go on to its next batch. @returns whether one waited */
  async step(): Promise<boolean> {
    const next = this.waiting.shift()
    next?.()
    await settle()
    return next !== undefined
  }

  /** Lets it run to its end. */
  async finish(): Promise<void> {
    this.stepping = false
    while (await this.step());
  }

  private turn(): Promise<void> {
    if (!this.stepping) return Promise.resolve()
    return new Promise((resolve) => this.waiting.push(resolve))
  }
}

const decodedCaptures = new Map<Uint8Array, { readonly batches: readonly DecodedBatch[]; readonly info: CaptureInfo }>()

/** Decodes as a worker does, in this thread, and gathers batches. */
class BatchDecoder {
  readonly batches: DecodedBatch[] = []
  private tasks: TaskRecord[] = []
  private decodedUntilNs = 0
  private posted = { reasons: 0, rangeNames: 0, stacks: 0 }
  private readonly analysis = new CaptureAnalysis(
    { timelines: true, stacks: true },
    {
      task: (task) => this.tasks.push(task),
      decodedUntil: (ns) => (this.decodedUntilNs = Math.max(this.decodedUntilNs, ns)),
    },
  )

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 8_192) {
      const before = this.decodedUntilNs
      this.analysis.push(bytes.subarray(at, at + 8_192))
      if (this.tasks.length > 0 || this.decodedUntilNs > before) this.post()
    }
  }

  end(): CaptureInfo {
    const info = this.analysis.end()
    this.decodedUntilNs = info.durationNs
    this.post()
    return info
  }

  private post(): void {
    const { analysis, posted } = this
    const { reasons, rangeNames, stacks, gcPhases } = analysis.tables
    this.batches.push({
      tasks: this.tasks,
      newReasons: reasons.slice(posted.reasons),
      newRangeNames: rangeNames.slice(posted.rangeNames),
      newStacks: stacks.slice(posted.stacks),
      decodedUntilNs: this.decodedUntilNs,
      gcPhases: structuredClone(gcPhases),
      clockSnapshots: [...analysis.clockSnapshots],
      originNs: analysis.originNs,
      lost: [...analysis.lost],
    })
    this.posted = { reasons: reasons.length, rangeNames: rangeNames.length, stacks: stacks.length }
    this.tasks = []
  }
}

/** A capture as a worker would hand it over, once for each array of bytes. */
function decodedInBatches(bytes: Uint8Array): {
  readonly batches: readonly DecodedBatch[]
  readonly info: CaptureInfo
} {
  const known = decodedCaptures.get(bytes)
  if (known !== undefined) return known
  const decoder = new BatchDecoder()
  decoder.push(bytes)
  const info = decoder.end()
  const decoded = { batches: decoder.batches, info }
  decodedCaptures.set(bytes, decoded)
  return decoded
}

export const TEST_OPTIONS: BridgeOptions = {
  holdMode: 'auto',
  holdMaxMs: 8_000,
  holdMaxBytes: 16 << 20,
  joinKeepMs: 600_000,
  joinMaxBytes: 256 << 20,
  late: true,
  lateMaxAgeMs: 600_000,
  recentMaxBytes: 16 << 20,
  decodeWorkers: 2,
  ids: {},
  enrich: DEFAULT_ENRICH_OPTIONS,
  traceLimits: DEFAULT_TRACE_LIMITS,
  version: '0.0.0-test',
}

const UPLOAD: CaptureOrigin = { by: 'upload', from: 'a test', seconds: null }

const PULL: CaptureOrigin = { by: 'pull', from: 'http://program', seconds: 5 }

/** A capture that comes when a test says so. */
export class FedCapture {
  readonly live: LiveCapture
  private readonly chunks: Uint8Array[] = []
  private end: 'whole' | Error | null = null
  private wake: (() => void) | null = null

  constructor(begin: (chunks: AsyncIterable<Uint8Array>) => LiveCapture) {
    this.live = begin(this.stream())
  }

  /** Bytes come. */
  async feed(...chunks: readonly Uint8Array[]): Promise<void> {
    this.chunks.push(...chunks)
    this.wake?.()
    await settle()
  }

  /** Nothing comes any more, for a reason or without. */
  async finish(cut?: Error): Promise<void> {
    this.end = cut ?? 'whole'
    this.wake?.()
    await settle()
  }

  private async *stream(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.chunks.shift()
      if (chunk !== undefined) yield chunk
      else if (this.end === 'whole') return
      else if (this.end !== null) throw this.end
      else await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }
}

/** A bridge and everything around it. */
export class Flow {
  readonly clock: FakeClock
  readonly journal: MemoryJournal
  readonly files: MemoryCaptureFiles
  readonly decoder: SteppingDecoder
  readonly counters = new MemoryCounters()
  readonly log = new MemoryLog()
  readonly bridge: Bridge

  constructor(
    options: Partial<BridgeOptions> = {},
    before?: { clock: FakeClock; journal: MemoryJournal; files: MemoryCaptureFiles },
  ) {
    this.clock = before?.clock ?? new FakeClock()
    this.journal = before?.journal ?? new MemoryJournal(() => this.clock.nowMs())
    this.files = before?.files ?? new MemoryCaptureFiles()
    this.decoder = new SteppingDecoder(this.files)
    const { clock, journal, files, decoder, counters, log } = this
    this.bridge = new Bridge({ clock, journal, files, decoder, counters, log }, { ...TEST_OPTIONS, ...options })
  }

  /** Takes spans; what they set in motion goes on until it waits for time or a step of decoding. */
  async spans(...requests: readonly Uint8Array[]): Promise<void> {
    for (const request of requests) await this.bridge.acceptSpans(request)
    await settle()
  }

  async capture(bytes: Uint8Array, service = '', instance = ''): Promise<AcceptedCapture> {
    const accepted = await this.bridge.acceptCapture({ service, instance }, UPLOAD, chunksOf(bytes))
    await settle()
    return accepted
  }

  /** Records a capture on demand; it comes as it is fed. */
  async record(service = '', instance = ''): Promise<FedCapture> {
    const fed = new FedCapture((chunks) => this.bridge.record({ service, instance }, PULL, chunks))
    await settle()
    return fed
  }

  /** Every span that destinations are sent, children of ours included, as protobufjs reads them, in order. */
  sent(): PlainSpan[] {
    return this.journal.sent().flatMap(({ body }) => spansOfProtobuf(body))
  }

  /** Those that came in. */
  sentOriginals(): PlainSpan[] {
    return this.sent().filter(({ scope }) => scope.name !== 'subspan')
  }

  /** Those that we added. */
  sentChildren(): PlainSpan[] {
    return this.sent().filter(({ scope }) => scope.name === 'subspan')
  }

  /** Fails when the flow met a defect. */
  defects(): string[] {
    return this.log.lines
      .filter(({ level }) => level === 'error')
      .map(({ message, fields }) => `${message}: ${messageOf(fields.error ?? fields.reason)}`)
  }
}

export async function* chunksOf(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve()
    yield bytes.subarray(at, at + size)
  }
}

/** A span without what we may append to it. */
export function withoutOurs(span: PlainSpan): PlainSpan {
  return { ...span, attributes: span.attributes.filter(({ key }) => !key.startsWith('subspan.')) }
}

/** Text of a `subspan.…` attribute; null when the span has none. */
export function textAttribute(span: PlainSpan, key: string): string | null {
  return span.attributes.find((attribute) => attribute.key === key)?.value.string ?? null
}

/** Parts of the wall clock that design section 5 says sum to the duration. */
const PARTS = ['exec', 'sched_wait', 'network', 'lock', 'chan', 'syscall', 'gc_wait', 'sleep', 'other', 'unknown']

/** Sum of the parts in nanoseconds; null when one is missing. */
export function sumOfParts(span: PlainSpan): number | null {
  let sum = 0
  for (const part of PARTS) {
    const value = span.attributes.find(({ key }) => key === `subspan.${part}_us`)?.value
    const microseconds = value?.double ?? (value?.int === undefined ? undefined : Number(value.int))
    if (microseconds === undefined) return null
    sum += Math.round(microseconds * 1_000)
  }
  return sum
}

export function durationNs({ startUnixNs, endUnixNs }: PlainSpan): number {
  return Number(BigInt(endUnixNs) - BigInt(startUnixNs))
}
