// known-tasks.ts: what of a capture's tasks must not depend on what came after them, or on what was lost elsewhere.

import type { Analysed } from './fixtures.ts'

/**
 * The tasks that are whole and not marked as partial, by id, as texts to compare.
 *
 * @param without what only stacks tell, when they may be lost: which waits for a lock were for one of the runtime's own, and which of other waits were for the
 *   network by where they are (streams of HTTP/2, say)
 */
export function known({ tasks }: Pick<Analysed, 'tasks'>, without?: 'stacks'): Map<number, string> {
  const told =
    without === undefined ? undefined : (key: string, value: unknown) => (key === 'viaNs' ? viaKnown(value) : value)
  return new Map(
    tasks
      .filter((task) => task.id !== 0 && task.path !== null && !task.partial)
      .map(({ id, name, startNs, endNs, path, work, regions }) => [
        id,
        JSON.stringify({ name, startNs, endNs, path, work, regions }, told),
      ]),
  )
}

/** Causes that stacks may tell. */
const CAUSES_BY_STACK: readonly string[] = ['GC', 'runtime', 'network']

function viaKnown(viaNs: unknown): unknown {
  return Object.fromEntries(Object.entries(viaNs as object).filter(([cause]) => !CAUSES_BY_STACK.includes(cause)))
}
