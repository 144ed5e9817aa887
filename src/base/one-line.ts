// one-line.ts: what a stranger said, made fit for a message or a log.

/** A text on one line, without control characters; what is longer than `maxLength` ends in an ellipsis. */
export function oneLine(text: string, maxLength: number): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\s]+/g, ' ').trim()
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line
}
