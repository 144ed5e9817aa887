// header-lines.ts: what may be a header of HTTP, and headers as a file holds them, one a line.

/** Whether this can be a header's name. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)
}

/** Whether this can be a header's value: one line without control characters. */
export function isHeaderValue(value: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(value)
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
