// terminal.ts: the way to the person: results to standard output, progress and problems to standard error.

import type { Writable } from 'node:stream'

/** Text decoration; empty strings where the output is no terminal. */
export interface Style {
  /** Whether colours may be used. */
  readonly colors: boolean
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly color: (code: number, text: string) => string
  /** Columns to fill. */
  readonly width: number
}

/** Output of a command. */
export class Terminal {
  readonly style: Style
  /** Whether a progress line may be drawn. */
  readonly interactive: boolean
  private pending: string[] = []
  private pendingLength = 0
  /** True when the reader is slower than the writer: await `flush` before writing more. */
  blocked = false

  constructor(
    private readonly out: Writable & { isTTY?: boolean; columns?: number },
    private readonly err: Writable & { isTTY?: boolean },
    environment: NodeJS.ProcessEnv,
  ) {
    const colors = out.isTTY === true && environment.NO_COLOR === undefined && environment.TERM !== 'dumb'
    const wrap = (code: string) => (text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text)
    this.style = {
      colors,
      bold: wrap('1'),
      dim: wrap('2'),
      color: (code, text) => wrap(String(code))(text),
      width: Math.max(60, Math.min(out.columns ?? 120, 160)),
    }
    this.interactive = err.isTTY === true
    out.on('error', (error: NodeJS.ErrnoException) => {
      // The reader closed the pipe (`| head`): stop quietly instead of failing on every write.
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
      this.err.write(`the result cannot be written: ${error.message}.\n`)
      process.exit(1)
    })
  }

  /** Results. Kept until enough is there to be worth a write. */
  write(text: string): void {
    this.pending.push(text)
    this.pendingLength += text.length
    if (this.pendingLength > 1 << 16) {
      const all = this.pending.join('')
      this.pending = []
      this.pendingLength = 0
      if (!this.out.write(all)) this.blocked = true
    }
  }

  /** One line for a person, beside the results. */
  tell(line: string): void {
    this.err.write(`${escapeControls(line)}\n`)
  }

  /** Replaces the progress line; empty text removes it. */
  status(text: string): void {
    if (this.interactive) this.err.write(`\r\u001b[K${text}`)
  }

  /** Resolves when everything written has left. */
  async flush(): Promise<void> {
    const all = this.pending.join('')
    this.pending = []
    this.pendingLength = 0
    await new Promise<void>((resolve) => this.out.write(all, () => resolve()))
    this.blocked = false
  }
}

/** Least time between two drawings of the progress line. */
const REDRAW_MS = 100

/** A line on a terminal that says how far a long reading is; nothing elsewhere. */
export class Progress {
  private drawnAtMs = 0
  private drawn = false

  constructor(
    private readonly terminal: Terminal,
    private readonly label: string,
  ) {}

  show(doneBytes: number, totalBytes: number | null): void {
    const nowMs = Date.now()
    if (!this.terminal.interactive || nowMs - this.drawnAtMs < REDRAW_MS) return
    this.drawnAtMs = nowMs
    this.drawn = true
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
    if (totalBytes === null || totalBytes === 0) {
      this.terminal.status(`${this.label}: ${megabytes(doneBytes)} MB`)
      return
    }
    const share = Math.min(1, doneBytes / totalBytes)
    const filled = Math.round(share * 24)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(24 - filled)}`
    this.terminal.status(`${this.label} ${bar} ${Math.round(share * 100)} % of ${megabytes(totalBytes)} MB`)
  }

  clear(): void {
    if (this.drawn) this.terminal.status('')
  }
}

/** Makes text with names from captures and spans in it harmless for a terminal: control characters but line feeds become visible escapes. */
export function escapeControls(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, visible)
}

/** As `escapeControls`, for a single name: a line feed in it must not begin a line. */
export function escapeName(name: string): string {
  return escapeControls(name).replaceAll('\n', visible)
}

function visible(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
