// terminal.ts: a terminal for tests that keeps what a command wrote.

import { Writable } from 'node:stream'
import { Terminal } from '../../src/cli/terminal.ts'

/** What a command wrote. */
export interface Written {
  readonly terminal: Terminal
  /** Standard output. */
  out(): string
  /** Standard error. */
  err(): string
}

/** A terminal without colours that keeps everything. */
export function keptTerminal(): Written {
  const out: string[] = []
  const err: string[] = []
  const into = (parts: string[]): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        parts.push(chunk.toString('utf8'))
        done()
      },
    })
  return {
    terminal: new Terminal(into(out), into(err), {}),
    out: () => out.join(''),
    err: () => err.join(''),
  }
}
