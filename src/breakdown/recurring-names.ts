// recurring-names.ts: names that many things have, as rows.

/** No row: the name is kept for the one thing alone. */
export const OWN_NAME = -1

/** Distinct names that are kept for all; a program with more of them makes names of its requests. */
export const MOST_NAMES = 1 << 12

/** The first names that come, each a row. */
export class RecurringNames {
  /** By row; it grows. */
  readonly names: string[] = []
  private readonly rows = new Map<string, number>()

  /** Row of a name; `OWN_NAME` when there are too many already. */
  rowOf(name: string): number {
    const known = this.rows.get(name)
    if (known !== undefined) return known
    if (this.names.length === MOST_NAMES) return OWN_NAME
    this.rows.set(name, this.names.length)
    return this.names.push(name) - 1
  }

  nameOf(row: number): string {
    return this.names[row]
  }
}
