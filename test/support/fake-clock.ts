// fake-clock.ts: a clock that stands still until a test moves it, and counters and a log that remember.

import type { Clock, Counters, Log } from '../../src/bridge/ports.ts'

/** Lets everything that can go on go on: promises, one after another, until nothing is left that a turn of them would do. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Time moves by `advance` only. */
export class FakeClock implements Clock {
  private timers: { readonly atMs: number; readonly run: () => void }[] = []

  constructor(private now = 1_800_000_000_000) {}

  nowMs(): number {
    return this.now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.now + ms, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  /** Moves time on; timers run when it is their turn, and what they begin goes on before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms
    for (;;) {
      await settle()
      const due = this.timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.timers = this.timers.filter((timer) => timer !== due)
      this.now = Math.max(this.now, due.atMs)
      due.run()
    }
    this.now = untilMs
    await settle()
  }
}

/** Adds up what is counted; read as `name{label=value,…}`. */
export class MemoryCounters implements Counters {
  readonly values = new Map<string, number>()

  add(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    const key = keyOf(name, labels)
    this.values.set(key, (this.values.get(key) ?? 0) + value)
  }

  set(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.values.set(keyOf(name, labels), value)
  }

  of(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.values.get(keyOf(name, labels)) ?? 0
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`
}

/** A log whose lines a test can read. */
export class MemoryLog implements Log {
  readonly lines: {
    readonly level: string
    readonly message: string
    readonly fields: Readonly<Record<string, unknown>>
  }[] = []

  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.add('info', fields, message)
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.add('warn', fields, message)
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.add('error', fields, message)
  }

  /** A line has these names already: a field of the same name would hide one of both from whoever reads the line. */
  private add(level: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    for (const name of ['level', 'time', 'message']) {
      if (name in fields) throw new Error(`"${message}" is logged with a field named ${name}`)
    }
    this.lines.push({ level, message, fields })
  }
}
