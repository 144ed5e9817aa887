// check.ts: whether a message inside a span is whole, so that one sender's damage never reaches a batch with others' spans.

import { FieldCursor, MAX_DEPTH } from '../protobuf.ts'
import type { MessageSchema } from './schema.ts'

/**
 * Walks through the message in `bytes[from, to)` and all messages in it.
 *
 * @param depth messages around it, the request being the first.
 * @throws Failure SPANS_MALFORMED with message, field, offset and both numbers.
 */
export function checkMessage(bytes: Uint8Array, from: number, to: number, schema: MessageSchema, depth: number): void {
  const cursor = new FieldCursor(bytes, from, to, schema)
  while (cursor.next()) {
    const inner = schema.byNumber[cursor.field]?.message
    if (inner === undefined || inner === null) continue
    if (depth >= MAX_DEPTH) throw cursor.failure(tooDeep(depth + 1))
    checkMessage(bytes, cursor.from, cursor.to, inner, depth + 1)
  }
}

/** What is wrong with a message nested `depth` deep. */
export function tooDeep(depth: number): string {
  return `messages nest ${depth} deep, ${MAX_DEPTH} are read`
}
