// compact-task.ts: a task as the kernel writes it (`kernel/kept.ts`): numbers in one block, of which objects are made when somebody asks.
//
// The block: head | timeline | ranges | goroutines | path | [work] | regions x (5 + breakdown) | waits for a processor x
// (row, runners | runners x (task, whether the runtime, ns)) | other waits x (6 | holders x (goroutine, task, ns) | [breakdown]) | name | logs x (4 |
// category, message). A breakdown: parts, total, exec, scheduler wait, system calls, those whose processor was away, unknown, mark phases | parts x (kind *
// 256 + row, ns). Names and logs are bytes of UTF-8 as the capture has them. `states-layout.ts` has the sizes.
//
// Few tasks of a capture are ever looked at: those that a span is joined to. As objects, the breakdowns of a task and of its regions were a fifth of
// what its record cost, and went to another thread one by one; the log of each task and the texts of that and of its name were as much again.

import { textOf } from '../base/bytes.ts'
import { wholeWords } from '../base/columns.ts'
import { binaryOf } from '../capture/string-table.ts'
import {
  type Breakdown,
  type CpuSample,
  emptyBreakdown,
  type Holder,
  type LogRecord,
  type LongWait,
  type RegionRecord,
} from './breakdown.ts'
import { type KeptChunk, KeptRanges, type KeptTask, KeptTimeline, rangeBytes, timelineBytes } from './kept-columns.ts'
import {
  HEAD_BLAMED,
  HEAD_BYTES,
  HEAD_END,
  HEAD_GOROUTINE,
  HEAD_ID,
  HEAD_LOGS,
  HEAD_MEMBERS,
  HEAD_NAME,
  HEAD_PARENT,
  HEAD_PARTS,
  HEAD_RANGE_ROWS,
  HEAD_REGIONS,
  HEAD_ROWS,
  HEAD_START,
  HEAD_TEXTS,
  HEAD_WAITS,
  HEAD_WORKS,
  HOLDER_FIELDS,
  KEPT_BLAME,
  KEPT_BLAME_DID,
  KEPT_BLAME_ENTRY,
  KEPT_BLAME_HOLDERS,
  KEPT_BLAME_ROW,
  KEPT_BLAME_STACK,
  KEPT_BLAME_TASK,
  KEPT_BREAKDOWN,
  KEPT_EXEC,
  KEPT_GC_OVERLAP,
  KEPT_HEAD,
  KEPT_LOG,
  KEPT_LOG_CATEGORY,
  KEPT_LOG_GOROUTINE,
  KEPT_LOG_MESSAGE,
  KEPT_LOG_TIME,
  KEPT_PART,
  KEPT_PARTS,
  KEPT_REGION,
  KEPT_REGION_END,
  KEPT_REGION_GOROUTINE,
  KEPT_REGION_NAME,
  KEPT_REGION_STACK,
  KEPT_REGION_START,
  KEPT_SCHED_WAIT,
  KEPT_SYSCALL,
  KEPT_SYSCALL_BLOCK,
  KEPT_TOTAL,
  KEPT_UNKNOWN,
  KEPT_WAIT,
  KEPT_WAIT_ROW,
  KEPT_WAIT_RUNNERS,
  PART_BLOCK,
  PART_KIND_SHIFT,
  PART_RANGE,
  PART_VIA,
  RUNNER_FIELDS,
} from './states-layout.ts'
import { waitForProcessor } from './long-waits.ts'
import { runnersAt } from './runners.ts'
import { addTo } from './window.ts'

const NO_WAITS: readonly LongWait[] = []
const NO_LOGS: readonly LogRecord[] = []
const NO_SAMPLES: readonly CpuSample[] = []

/** Names that the rows in compact tasks point to; they grow while a capture is read. */
export interface CompactNames {
  readonly reasons: readonly string[]
  readonly rangeNames: readonly string[]
  readonly regionNames: readonly string[]
}

/** What few tasks have: what is told of it in objects from the start. */
export interface CompactMore {
  /** Null: it is in the block. */
  readonly name: string | null
  /** Those before the ones in the block. */
  readonly logs: readonly LogRecord[]
  readonly precedingLog: LogRecord | null
  readonly samples: readonly CpuSample[]
  readonly partial: boolean
  /** By region: stops of the world by others while its goroutine waited for a processor, where there were any. */
  readonly stops: ReadonlyMap<number, Readonly<Record<string, number>>> | null
}

/** A task of which both ends are known. */
export class CompactTask implements KeptTask {
  private isHeld = true
  /** Its name, once somebody asked. */
  private text: string | null = null

  /**
   * @param names that its rows point to
   * @param from where in the chunk its block begins: a multiple of eight
   */
  constructor(
    readonly more: CompactMore | null,
    private readonly names: CompactNames,
    readonly chunk: KeptChunk,
    readonly from: number,
  ) {}

  get id(): number {
    return this.head(HEAD_ID)
  }

  get parentId(): number | null {
    const parentId = this.head(HEAD_PARENT)
    return Number.isNaN(parentId) ? null : parentId
  }

  get name(): string {
    return (this.text ??= this.more?.name ?? this.textAt(this.textsAt, this.head(HEAD_NAME)))
  }

  get startNs(): number {
    return this.head(HEAD_START)
  }

  get endNs(): number {
    return this.head(HEAD_END)
  }

  get startGoroutine(): number | null {
    return this.head(HEAD_GOROUTINE)
  }

  get logs(): readonly LogRecord[] {
    const before = this.more?.logs ?? NO_LOGS
    const count = this.head(HEAD_LOGS)
    if (count === 0) return before
    const { f64, u8 } = this.chunk
    const logs = before.slice()
    let at = this.textsAt + wholeWords(Math.max(this.head(HEAD_NAME), 0))
    for (let left = count; left > 0; left--) {
      const log = at >> 3
      const messageAt = at + KEPT_LOG * 8 + f64[log + KEPT_LOG_CATEGORY]
      const end = messageAt + f64[log + KEPT_LOG_MESSAGE]
      const message = textOf(u8, messageAt, end)
      logs.push({
        timeNs: f64[log + KEPT_LOG_TIME],
        goroutine: f64[log + KEPT_LOG_GOROUTINE],
        category: textOf(u8, at + KEPT_LOG * 8, messageAt),
        message,
        messageBytes: message.includes('\ufffd') ? binaryOf(u8.subarray(messageAt, end)) : null,
      })
      at = wholeWords(end)
    }
    return logs
  }

  get precedingLog(): LogRecord | null {
    return this.more?.precedingLog ?? null
  }

  get longWaits(): readonly LongWait[] {
    const { f64 } = this.chunk
    const ready = this.head(HEAD_WAITS)
    const blamed = this.head(HEAD_BLAMED)
    if (ready + blamed === 0) return NO_WAITS
    const waits: LongWait[] = []
    let at = this.afterBreakdown(this.workAt)
    for (let left = this.head(HEAD_REGIONS); left > 0; left--) at = this.afterBreakdown(at + KEPT_REGION)
    for (let left = ready; left > 0; left--) {
      const runners = f64[at + KEPT_WAIT_RUNNERS]
      waits.push(waitForProcessor(f64[at + KEPT_WAIT_ROW], runnersAt(f64, at + KEPT_WAIT, runners)))
      at += KEPT_WAIT + runners * RUNNER_FIELDS
    }
    for (let left = blamed; left > 0; left--) {
      const holders = at + KEPT_BLAME
      const did = holders + f64[at + KEPT_BLAME_HOLDERS] * HOLDER_FIELDS
      const isKnown = f64[at + KEPT_BLAME_DID] !== 0
      waits.push({
        row: f64[at + KEPT_BLAME_ROW],
        waker: isKnown ? this.breakdownAt(did) : null,
        wakerTask: f64[at + KEPT_BLAME_TASK],
        wakerStack: f64[at + KEPT_BLAME_STACK],
        wakerEntry: f64[at + KEPT_BLAME_ENTRY],
        holders: this.holdersAt(holders, did),
        runners: [],
      })
      at = isKnown ? this.afterBreakdown(did) : did
    }
    return waits.sort((x, y) => x.row - y.row)
  }

  get samples(): readonly CpuSample[] {
    return this.more?.samples ?? NO_SAMPLES
  }

  get partial(): boolean {
    return this.more?.partial ?? false
  }

  /** Bytes of its block. */
  get bytes(): number {
    return this.head(HEAD_BYTES)
  }

  get timeline(): KeptTimeline | null {
    const rows = this.head(HEAD_ROWS)
    if (rows < 0) return null
    return rows === 0 ? KeptTimeline.none : new KeptTimeline(rows, this.part(KEPT_HEAD * 8, timelineBytes(rows)))
  }

  get ranges(): KeptRanges | null {
    const rows = this.head(HEAD_ROWS)
    const rangeRows = this.head(HEAD_RANGE_ROWS)
    if (rows < 0) return null
    if (rangeRows === 0) return KeptRanges.none
    return new KeptRanges(rangeRows, this.part(rangesAt(rows), rangeBytes(rangeRows)))
  }

  get goroutines(): readonly number[] {
    const { f64 } = this.chunk
    return Array.from(f64.subarray(this.partsAt, this.pathAt))
  }

  get path(): Breakdown {
    return this.breakdownAt(this.pathAt)
  }

  get work(): Breakdown {
    return this.breakdownAt(this.workAt)
  }

  /** How many regions it has. */
  get regionCount(): number {
    return this.head(HEAD_REGIONS)
  }

  get regions(): readonly RegionRecord[] {
    const { f64 } = this.chunk
    const regions: RegionRecord[] = []
    const count = this.regionCount
    let at = this.afterBreakdown(this.workAt)
    for (let region = 0; region < count; region++) {
      const breakdown = this.breakdownAt(at + KEPT_REGION)
      const stops = this.more?.stops?.get(region)
      if (stops !== undefined) breakdown.stwWaitNs = { ...stops }
      const [startNs, endNs] = [f64[at + KEPT_REGION_START], f64[at + KEPT_REGION_END]]
      regions.push({
        name: this.names.regionNames[f64[at + KEPT_REGION_NAME]],
        goroutine: f64[at + KEPT_REGION_GOROUTINE],
        startNs: Number.isNaN(startNs) ? null : startNs,
        endNs: Number.isNaN(endNs) ? null : endNs,
        stack: f64[at + KEPT_REGION_STACK],
        breakdown,
      })
      at = this.afterBreakdown(at + KEPT_REGION)
    }
    return regions
  }

  /** Nobody looks at the task any more. */
  letGo(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.chunk.letGo()
  }

  private part(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.chunk.u8.buffer, this.from + at, bytes)
  }

  private head(field: number): number {
    return this.chunk.f64[(this.from >> 3) + field]
  }

  private textAt(from: number, bytes: number): string {
    return textOf(this.chunk.u8, from, from + bytes)
  }

  /** Byte of the chunk at which the texts begin. */
  private get textsAt(): number {
    return this.from + this.head(HEAD_TEXTS) * 8
  }

  /** Where the doubles behind timeline and ranges begin. */
  private get partsAt(): number {
    return (this.from >> 3) + this.head(HEAD_PARTS)
  }

  private get pathAt(): number {
    return this.partsAt + this.head(HEAD_MEMBERS)
  }

  /** That of the path, where one goroutine did all. */
  private get workAt(): number {
    const { pathAt } = this
    return this.head(HEAD_WORKS) === 0 ? pathAt : this.afterBreakdown(pathAt)
  }

  private holdersAt(from: number, end: number): Holder[] {
    const { f64 } = this.chunk
    const holders: Holder[] = []
    for (let at = from; at < end; at += HOLDER_FIELDS)
      holders.push({ goroutine: f64[at], taskId: f64[at + 1], ns: f64[at + 2] })
    return holders
  }

  private afterBreakdown(at: number): number {
    return at + KEPT_BREAKDOWN + this.chunk.f64[at + KEPT_PARTS] * KEPT_PART
  }

  private breakdownAt(at: number): Breakdown {
    const { f64 } = this.chunk
    const { reasons, rangeNames } = this.names
    const result = emptyBreakdown()
    result.totalNs = f64[at + KEPT_TOTAL]
    result.execNs = f64[at + KEPT_EXEC]
    result.schedWaitNs = f64[at + KEPT_SCHED_WAIT]
    result.syscallNs = f64[at + KEPT_SYSCALL]
    result.syscallBlockNs = f64[at + KEPT_SYSCALL_BLOCK]
    result.unknownNs = f64[at + KEPT_UNKNOWN]
    const gcOverlapNs = f64[at + KEPT_GC_OVERLAP]
    result.gcOverlapNs = Number.isNaN(gcOverlapNs) ? 0 : gcOverlapNs
    const end = this.afterBreakdown(at)
    for (let part = at + KEPT_BREAKDOWN; part < end; part += KEPT_PART) {
      const code = f64[part]
      const [kind, row, ns] = [code >> PART_KIND_SHIFT, code & ((1 << PART_KIND_SHIFT) - 1), f64[part + 1]]
      if (kind === PART_BLOCK) addTo(result.blockNs, reasons[row], ns)
      else if (kind === PART_VIA) addTo(result.viaNs, reasons[row], ns)
      else addTo(kind === PART_RANGE ? result.rangeNs : result.stwWaitNs, rangeNames[row], ns)
    }
    return result
  }
}

/** Nobody looks at a task any more, nor at what was asked of it: what it is kept in may be filled again. Not a must; what is not said is collected. */
export function letGo(task: KeptTask): void {
  if (task instanceof CompactTask) task.letGo()
}

/** Where ranges begin behind a timeline of so many rows. */
function rangesAt(rows: number): number {
  return KEPT_HEAD * 8 + (rows === 0 ? 0 : wholeWords(timelineBytes(rows)))
}
