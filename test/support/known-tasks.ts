// known-tasks.ts: what of a capture's tasks must not depend on what came after them, or on what was lost elsewhere.

import type { Analysed } from './fixtures.ts'

/** The tasks that are whole and not marked as partial, by id, as texts to compare. */
export function known({ tasks }: Pick<Analysed, 'tasks'>): Map<number, string> {
  return new Map(
    tasks
      .filter((task) => task.id !== 0 && task.path !== null && !task.partial)
      .map(({ id, name, startNs, endNs, path, work, regions }) => [
        id,
        JSON.stringify({ name, startNs, endNs, path, work, regions }),
      ]),
  )
}
