// header-lines.ts: what may be a header of HTTP, and headers as a file holds them, one a line.

import type { Failure } from './failure.ts'

/** Whether this can be a header's name. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)
}

/** Whether this can be a header's value: one line without control characters. */
export function isHeaderValue(value: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(value)
}

/**
 * The headers in a file that an option names: a destination's, a target's.
 *
 * @param text what it holds (latin1, as headers are sent); null where no file is named
 * @param refusal makes the failure out of a sentence, in which nothing stands of what the file holds
 * @throws what `refusal` makes, for a line that is no header and for a file without any
 */
export function headersOfFile(
  file: string,
  text: string | null,
  refusal: (sentence: string) => Failure,
): Readonly<Record<string, string>> {
  if (text === null) return {}
  const headers = readHeaderLines(text)
  const how = 'write one a line, as in "name: value".'
  if (typeof headers === 'number') throw refusal(`line ${headers} of headersFile ${file} is no header: ${how}`)
  if (Object.keys(headers).length === 0) throw refusal(`headersFile is ${file}, which holds no header: ${how}`)
  return headers
}

/**
 * Reads lines `name: value`, the form in which curl takes headers from a file. Empty lines and those that begin with `#` say nothing.
 *
 * @returns the headers, names in lower case, or the number of the first line that is none; the line itself may be a secret
 */
export function readHeaderLines(text: string): Readonly<Record<string, string>> | number {
  const headers: Record<string, string> = {}
  for (const [at, written] of text.split(/\r?\n/).entries()) {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1).trim()
    if (!isHeaderName(name) || !isHeaderValue(value) || value === '') return at + 1
    headers[name.toLowerCase()] = value
  }
  return headers
}
