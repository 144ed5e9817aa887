// id-text.ts: trace and span ids within a text: a task's name, a log's message.
//
// The text is cut into runs of letters and digits once, and everything else is looked up among those runs: the cost is linear in the
// text whatever it holds. Only a bounded part of it is looked at.

import { spanIdOf, traceIdOf } from './id-value.ts'

/** Characters looked at; the runtime cuts names at 1,024 bytes since Go 1.22. */
const MOST_CHARACTERS = 4096
/** Characters that a configured pattern is run on: patterns may be slower than linear. */
const MOST_FOR_PATTERNS = 1024

/** Ids found in a text. */
export interface FoundIds {
  /** 32 hex digits, or 16 where only the low half is told; null when there is none. */
  readonly traceId: string | null
  /** 16 hex digits; null when there is none, or several without a word which is meant. */
  readonly spanId: string | null
  /** Where they stand, their keys included: from, to, from, to… ascending, not overlapping. */
  readonly cuts: readonly number[]
}

const NOTHING: FoundIds = { traceId: null, spanId: null, cuts: [] }

/** What is taken for an id. */
export interface IdTextOptions {
  /** Patterns with the groups `span` and, where told, `trace`; tried before the known forms. */
  readonly patterns?: readonly RegExp[]
  /** Whether a lone span id, bare, without a key, counts. */
  readonly bareSpanId?: boolean
}

/** Finds the ids in a text: the first form that fits wins, in the order configured patterns, W3C traceparent, keys, trace/span, bare. */
export function findIds(text: string, options: IdTextOptions = {}): FoundIds {
  if (text.length < 11) return NOTHING
  for (const pattern of options.patterns ?? []) {
    const found = byPattern(text.slice(0, MOST_FOR_PATTERNS), pattern)
    if (found !== null) return found
  }
  return new IdScanner(text.slice(0, MOST_CHARACTERS)).find(options.bareSpanId ?? false)
}

/** A text without its ids, their keys, and the brackets and separators that held them. */
export function textWithoutIds(text: string, cuts: readonly number[]): string {
  if (cuts.length === 0) return text
  let rest = ''
  let from = 0
  for (let i = 0; i <= cuts.length; i += 2) {
    const part = trimSeparators(text.slice(from, i < cuts.length ? cuts[i] : text.length), i > 0, i < cuts.length)
    if (part !== '') rest += rest === '' ? part : ` ${part}`
    if (i < cuts.length) from = cuts[i + 1]
  }
  return rest
}

const SEPARATORS = ' \t,;:/|-_#@&?=.+~'

/** Takes away what held ids: separators beside a cut, brackets opened right before or closed right after it. */
function trimSeparators(part: string, afterCut: boolean, beforeCut: boolean): string {
  let from = 0
  let to = part.length
  if (afterCut) while (from < to && (SEPARATORS + ')]}>"\'').includes(part[from])) from++
  if (beforeCut) while (from < to && (SEPARATORS + '([{<"\'').includes(part[to - 1])) to--
  return part.slice(from, to)
}

function byPattern(text: string, pattern: RegExp): FoundIds | null {
  pattern.lastIndex = 0
  const match = pattern.exec(text)
  const spanId = spanIdOf(match?.groups?.span ?? '', { unpadded: true })
  if (match === null || spanId === null) return null
  const trace = match.groups?.trace
  return {
    traceId: trace === undefined ? null : traceIdOf(trace, { unpadded: true }),
    spanId,
    cuts: [match.index, match.index + match[0].length],
  }
}

/** Words before a key that belong to it: `otel.trace_id`, `dd.span_id`. */
const KEY_PREFIXES = new Set(['otel', 'ot', 'dd', 'datadog', 'opentelemetry', 'opencensus', 'oc', 'x', 'b3', 'w3c'])
const DECIMAL_PREFIXES = new Set(['dd', 'datadog'])
/** An id under a key with one of these words is that of another span. */
const OTHER_SPAN = /parent|links?$|link(ed)?(trace|span)(id)?$|caused|follow/

/** What a run of letters and digits may be by its looks. */
const WORD = 0
const HEX_RUN = 1
const DIGIT_RUN = 2

interface Key {
  readonly of: 'trace' | 'span'
  readonly from: number
  /** Where the key ends and its value may follow. */
  readonly to: number
  readonly decimal: boolean
  /** `trace_id` needs no `=` before its value, `trace` does. */
  readonly whole: boolean
}

class IdScanner {
  private readonly from: number[] = []
  private readonly to: number[] = []
  private readonly looks: number[] = []
  private traceId: string | null = null
  private spanId: string | null = null
  private readonly found: [number, number][] = []
  private readonly excluded = new Set<number>()

  constructor(private readonly text: string) {
    let at = 0
    while (at < text.length) {
      let looks = DIGIT_RUN
      const start = at
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (code >= 0x30 && code <= 0x39) continue
        const letter = code | 0x20
        if (letter < 0x61 || letter > 0x7a || code > 0x7a) break
        if (letter > 0x66) looks = WORD
        else if (looks === DIGIT_RUN) looks = HEX_RUN
      }
      if (at === start) {
        at++
        continue
      }
      this.from.push(start)
      this.to.push(at)
      this.looks.push(looks)
    }
  }

  find(bareSpanId: boolean): FoundIds {
    const complete = this.findTraceparent() || this.findKeys()
    if (!complete) {
      if (this.traceId === null && this.spanId === null) this.findPair()
      this.findBare(bareSpanId)
    }
    this.found.sort((x, y) => x[0] - y[0])
    const cuts: number[] = []
    for (const [from, to] of this.found) {
      const last = cuts.length - 1
      if (last > 0 && from <= cuts[last]) cuts[last] = Math.max(cuts[last], to)
      else cuts.push(from, to)
    }
    return { traceId: this.traceId, spanId: this.spanId, cuts }
  }

  /** `00-<32>-<16>-<2>`, with or without a key before it. */
  private findTraceparent(): boolean {
    for (let i = 1; i + 2 < this.from.length; i++) {
      if (!this.isHex(i, 32) || !this.isHex(i + 1, 16) || !this.isHex(i - 1, 2) || !this.isHex(i + 2, 2)) continue
      if (!this.joined(i - 1, '-') || !this.joined(i, '-') || !this.joined(i + 1, '-')) continue
      const traceId = traceIdOf(this.run(i))
      const spanId = spanIdOf(this.run(i + 1))
      if (traceId === null || spanId === null || this.run(i - 1).toLowerCase() === 'ff') continue
      const key = this.keyBefore(i - 1)
      if (key !== null && key.word !== 'traceparent' && OTHER_SPAN.test(key.word)) {
        this.exclude(i - 1, i + 2)
        continue
      }
      this.traceId = traceId
      this.spanId = spanId
      this.found.push([key?.word === 'traceparent' ? key.from : this.from[i - 1], this.to[i + 2]])
      return true
    }
    return false
  }

  /** `traceID=… spanID=…` in their many spellings. True when both were found. */
  private findKeys(): boolean {
    let decimalTrace = false
    for (let i = 0; i < this.from.length; i++) {
      const key = this.keyAt(i)
      if (key === null || (key.of === 'trace' ? this.traceId : this.spanId) !== null) continue
      const at = this.valueAfter(key)
      if (at < 0) continue
      const spelling = { decimal: key.decimal || (key.of === 'span' && decimalTrace), unpadded: key.whole }
      const value = this.valueAt(at, (text) =>
        key.of === 'trace' ? traceIdOf(text, spelling) : spanIdOf(text, spelling),
      )
      if (value === null) continue
      if (key.of === 'trace') {
        this.traceId = value.id
        decimalTrace = value.id.length === 16 && /^[0-9]+$/.test(value.text) && value.text.length !== 16
      } else {
        this.spanId = value.id
      }
      this.found.push([key.from, value.to])
    }
    return this.traceId !== null && this.spanId !== null
  }

  /** `<trace>/<span>`, `<trace>-<span>` (B3 and others), `<trace>:<span>:<parent>:<flags>` (Jaeger), `<trace>/<decimal span>` (Google Cloud). */
  private findPair(): void {
    for (let i = 0; i + 1 < this.from.length; i++) {
      if (this.isJaeger(i)) {
        this.take(i, i + 3, traceIdOf(this.run(i)), hexSpanId(this.run(i + 1)))
      } else if (this.isHex(i, 32) && this.from[i + 1] === this.to[i] + 1) {
        if (this.isHex(i + 1, 16) && '/:-_.,|;+'.includes(this.text[this.to[i]])) {
          this.take(i, this.lastOfB3(i + 1), traceIdOf(this.run(i)), spanIdOf(this.run(i + 1)))
        } else if (this.looks[i + 1] === DIGIT_RUN && this.text[this.to[i]] === '/') {
          this.take(i, i + 1, traceIdOf(this.run(i)), spanIdOf(this.run(i + 1), { decimal: true }))
        }
      }
      if (this.spanId !== null) return
    }
  }

  private take(first: number, last: number, traceId: string | null, spanId: string | null): void {
    if (traceId === null || spanId === null) return
    if (this.underOtherKey(first)) {
      this.exclude(first, last)
      return
    }
    this.traceId = traceId
    this.spanId = spanId
    this.found.push([this.from[first], this.to[last]])
  }

  /** These runs are ids of another span. */
  private exclude(first: number, last: number): void {
    for (let i = first; i <= last; i++) this.excluded.add(i)
  }

  private isJaeger(i: number): boolean {
    if (i + 3 >= this.from.length || this.looks[i] === WORD) return false
    const length = this.to[i] - this.from[i]
    if (length < 12 || length > 32) return false
    for (let j = i; j < i + 3; j++) if (!this.joined(j, ':') || this.looks[j + 1] === WORD) return false
    return this.to[i + 1] - this.from[i + 1] <= 16 && this.to[i + 3] - this.from[i + 3] <= 2
  }

  /** Last run of `<trace>-<span>-<sampled>-<parent>`. */
  private lastOfB3(span: number): number {
    if (span + 1 >= this.from.length || !this.joined(span, '-')) return span
    if (!['0', '1', 'd'].includes(this.run(span + 1))) return span
    const parent = span + 2
    return parent < this.from.length && this.joined(span + 1, '-') && this.isHex(parent, 16) ? parent : span + 1
  }

  /** Bare ids complete what keys told: a lone run of 32 and a lone run of 16 hex digits. */
  private findBare(bareSpanId: boolean): void {
    let trace = -1
    let span = -1
    let spans = 0
    let traces = 0
    for (let i = 0; i < this.from.length; i++) {
      if (this.underOtherKey(i) || this.inFound(i)) continue
      if (this.isHex(i, 32)) {
        trace = i
        traces++
      } else if (this.isHex(i, 16)) {
        span = i
        spans++
      }
    }
    if (this.traceId === null && traces === 1) {
      this.traceId = traceIdOf(this.run(trace))
      this.found.push([this.from[trace], this.to[trace]])
    }
    if (this.spanId === null && spans === 1 && (bareSpanId || this.traceId !== null)) {
      this.spanId = spanIdOf(this.run(span))
      this.found.push([this.from[span], this.to[span]])
    }
  }

  /** The key that ends with run `i`, or with the run after it where that is its `id`. */
  private keyAt(i: number): Key | null {
    const length = this.to[i] - this.from[i]
    if (length < 4 || length > 24) return null
    const word = this.run(i).toLowerCase()
    if (OTHER_SPAN.test(word)) return null
    let last = i
    let of: 'trace' | 'span'
    let whole = true
    if (word.endsWith('traceid')) of = 'trace'
    else if (word.endsWith('spanid')) of = 'span'
    else if (word === 'trace' || word === 'span') {
      of = word
      const id = i + 1
      const separate = id < this.from.length && (this.joinedBySeparator(i) || this.joined(i, ' '))
      whole = separate && this.run(id).toLowerCase() === 'id'
      if (whole) last = id
    } else return null
    let first = i
    let decimal = word.startsWith('dd')
    // A blank joins words only where the key itself has one: `parent span id=`.
    const blank = last > i && this.text[this.to[i]] === ' '
    if (i > 0 && (this.joinedBySeparator(i - 1) || (blank && this.joined(i - 1, ' ')))) {
      const before = this.run(i - 1).toLowerCase()
      if (OTHER_SPAN.test(before)) return null
      if (KEY_PREFIXES.has(before)) first = i - 1
      decimal ||= DECIMAL_PREFIXES.has(before)
    }
    let from = this.from[first]
    if (from > 0 && '"\''.includes(this.text[from - 1])) from--
    return { of, from, to: this.to[last], decimal, whole }
  }

  /** Where the value of a key begins; -1 when none follows. */
  private valueAfter(key: Key): number {
    const { text } = this
    let at = key.to
    let told = false
    for (let steps = 0; at < text.length && steps < 8; at++, steps++) {
      const c = text[at]
      if ('=:([{'.includes(c)) told = true
      else if (c === '>' ? text[at - 1] !== '=' : !' \t"\'\\'.includes(c)) break
    }
    if (at >= text.length || at === key.to) return -1
    return told || (key.whole && text[key.to] === ' ') ? at : -1
  }

  /** The id at a place: the longest run of base64's characters, else the run of letters and digits that it begins with. */
  private valueAt(at: number, parse: (text: string) => string | null): { id: string; text: string; to: number } | null {
    const { text } = this
    let to = at
    while (to < text.length && to - at < 64 && isBase64(text.charCodeAt(to))) to++
    while (to < text.length && to - at < 64 && text[to] === '=') to++
    let id = parse(text.slice(at, to))
    if (id === null) {
      to = at
      while (to < text.length && to - at < 64 && isWord(text.charCodeAt(to))) to++
      id = parse(text.slice(at, to))
    }
    if (id === null) return null
    const value = text.slice(at, to)
    if (to < text.length && '"\''.includes(text[to])) to++
    return { id, text: value, to }
  }

  /** Whether the run is the value of a key that is not one of ours. */
  private underOtherKey(i: number): boolean {
    if (this.excluded.has(i)) return true
    const at = this.from[i]
    if (at > 0 && this.text[at - 1] === '=') {
      const key = this.keyBefore(i)
      return key === null || OTHER_SPAN.test(key.word) || !/trace|span|id|ctx|context/.test(key.word)
    }
    const key = this.keyBefore(i)
    return key !== null && key.word !== 'traceparent' && OTHER_SPAN.test(key.word)
  }

  /** The words right before run `i`, up to three joined by `_`, `-` or `.` (`span id` by a blank), when `=` or `:` separates them from it. */
  private keyBefore(i: number): { word: string; from: number } | null {
    if (i === 0) return null
    const between = this.text.slice(this.to[i - 1], this.from[i])
    if (between.length > 4 || !/^["']?\s*[=:]\s*["']?$/.test(between)) return null
    let first = i - 1
    let word = this.run(first)
    for (let more = 0; more < 2 && first > 0; more++) {
      const blank = /^(span|trace)?id$/i.test(word) && this.joined(first - 1, ' ')
      if (!blank && !this.joinedBySeparator(first - 1)) break
      word = this.run(--first) + word
    }
    let from = this.from[first]
    if (from > 0 && '"\''.includes(this.text[from - 1])) from--
    return { word: word.slice(-48).toLowerCase(), from }
  }

  private inFound(i: number): boolean {
    return this.found.some(([from, to]) => this.from[i] >= from && this.from[i] < to)
  }

  private run(i: number): string {
    return this.text.slice(this.from[i], this.to[i])
  }

  private isHex(i: number, length: number): boolean {
    return this.looks[i] !== WORD && this.to[i] - this.from[i] === length
  }

  /** Whether run `i` and the next are joined by one character. */
  private joined(i: number, by: string): boolean {
    return this.from[i + 1] === this.to[i] + 1 && this.text[this.to[i]] === by
  }

  private joinedBySeparator(i: number): boolean {
    return this.from[i + 1] === this.to[i] + 1 && '_-.'.includes(this.text[this.to[i]])
  }
}

/** A span id in hex whose leading zeros may be left out, as Jaeger's headers do. */
function hexSpanId(text: string): string | null {
  return spanIdOf(text.padStart(16, '0'))
}

function isWord(code: number): boolean {
  const letter = code | 0x20
  return (code >= 0x30 && code <= 0x39) || (letter >= 0x61 && letter <= 0x7a && code <= 0x7a)
}

function isBase64(code: number): boolean {
  return isWord(code) || code === 0x2b || code === 0x2f || code === 0x2d || code === 0x5f
}
