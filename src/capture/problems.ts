// problems.ts: the list of what was wrong with a capture, bounded however much was wrong.

import type { CaptureProblem, CaptureProblemCode } from './capture.ts'

/** Problems of one code that are told one by one; further ones are only counted on the last of them. */
const TOLD_PER_CODE = 8

/** Collects problems: the first few of a code one by one, then only their number. */
export class ProblemList {
  readonly list: CaptureProblem[] = []
  private readonly told = new Map<CaptureProblemCode, number>()

  /**
   * Notes a problem. `message` is called only when it will be told, so callers on a damaged path may build it lazily.
   *
   * @param byteOffset position in the unpacked capture, or null
   */
  add(code: CaptureProblemCode, byteOffset: number | null, message: () => string): void {
    const told = this.told.get(code) ?? 0
    if (told < TOLD_PER_CODE) {
      this.told.set(code, told + 1)
      this.list.push({ code, message: message(), byteOffset, count: 1 })
      return
    }
    for (let i = this.list.length - 1; i >= 0; i--) {
      if (this.list[i].code === code) {
        this.list[i].count++
        return
      }
    }
  }

  /** How many problems of a code were noted, told or not. */
  countOf(code: CaptureProblemCode): number {
    let count = 0
    for (const problem of this.list) if (problem.code === code) count += problem.count
    return count
  }
}
