// log.ts: the log: lines on standard error, as text for people or as JSON for programs.

import { pino } from 'pino'
import type { Log } from '../bridge/ports.ts'

/** How the log is written. */
export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** auto: text on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'text' | 'json'
}

/** Where lines go. */
export interface LogStream {
  write(line: string): unknown
  readonly isTTY?: boolean
}

/** Makes the log. Lines are written at once: none is lost when the process ends. */
export function openLog({ level, format }: LogOptions, stream: LogStream = process.stderr): Log {
  const text = format === 'text' || (format === 'auto' && stream.isTTY === true)
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    text ? { write: (line: string) => stream.write(textLine(line)) } : { write: (line: string) => stream.write(line) },
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}

/** `12:00:01 warn  a sentence (field: value, …)` */
function textLine(json: string): string {
  const { level, time, message, ...fields } = JSON.parse(json) as Record<string, unknown>
  const details = Object.entries(fields).map(([key, value]) => {
    return `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`
  })
  const line = `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(message)}${details.length === 0 ? '' : ` (${details.join(', ')})`}`
  // What strangers sent may be in it: it must not move the terminal's cursor.
  return `${line.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')}\n`
}
