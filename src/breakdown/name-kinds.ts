// name-kinds.ts: what tasks are added up under, by their names.
//
// Most names hold ids, so that each is another, and what it is added up under depends on its shape alone: the name with each run of 16 or 32
// lower-case hex digits (0 to 9 and letters among them) replaced by its length. Shapes are known to a kernel (`kernel/name-kinds.ts`), so that a name of a
// shape that was seen before never becomes a text: texts were a tenth of a whole analysis. A shape is never written out: names are told apart by
// a hash over it and then compared with one of that shape, byte by byte.

import { textOf } from '../base/bytes.ts'
import { OWN_NAME } from './recurring-names.ts'
import type { StatesKernel } from './states-kernel.ts'
import {
  LETTER_LOOKS,
  LOOKS_DIGIT,
  LOOKS_HEX_LETTER,
  LOOKS_OTHER_LETTER,
  MOST_SHAPES,
  SHAPE_BYTES,
  SHAPE_NAME,
  SHAPE_PLACES,
  SHAPE_TABLE,
  SHAPES,
} from './states-layout.ts'
import type { TaskTable } from './tasks.ts'

/** What tasks of a name are added up under. */
export interface NameKind {
  readonly kind: string
  /** Whether that is so for all names of its shape. */
  readonly ofShape: boolean
}

/** Names that are longer are no shape's. */
const LONGEST_NAME = 1 << 12

/** The kinds of names. */
export class NameKinds {
  /** Where a name lies while the kernel looks at it. */
  private readonly name: Uint8Array
  private readonly shapes: Int32Array

  /** @param kindOf what tells a kind by a name, as seldom as may be */
  constructor(
    private readonly kernel: StatesKernel,
    private readonly tasks: TaskTable,
    private readonly kindOf: (name: string) => NameKind,
  ) {
    const { memory, words } = kernel
    this.name = memory.uint8(LONGEST_NAME)
    const looks = memory.uint8(256)
    for (let letter = 0; letter < 26; letter++) {
      looks[0x41 + letter] = LOOKS_OTHER_LETTER
      looks[0x61 + letter] = letter < 6 ? LOOKS_HEX_LETTER : LOOKS_OTHER_LETTER
    }
    looks.fill(LOOKS_DIGIT, 0x30, 0x3a)
    words[LETTER_LOOKS >> 2] = looks.byteOffset
    words[SHAPE_TABLE >> 2] = memory.int32(SHAPE_PLACES).byteOffset
    this.shapes = memory.int32((MOST_SHAPES * SHAPE_BYTES) >> 2)
    words[SHAPES >> 2] = this.shapes.byteOffset
  }

  /**
   * Gives tasks their kinds by what is known of shapes.
   *
   * @param from serial of the first task, `to` that of the last
   * @returns the first whose kind is to be told; the one after the last when none is
   */
  findKinds(from: number, to: number): number {
    return this.kernel.call.findKinds(from, to)
  }

  /** Finds what the task of a slot is added up under. @param bytes its name as UTF-8 */
  tell(slot: number, bytes: Uint8Array): void {
    const { kernel, tasks, name } = this
    const looksAt = bytes.length <= name.length
    if (looksAt) {
      name.set(bytes)
      const known = kernel.call.kindOfName(name.byteOffset, bytes.length)
      if (known >= 0) {
        tasks.columns.kind[slot] = known
        return
      }
    }
    const { kind, ofShape } = this.kindOf(textOf(bytes))
    const row = tasks.setKind(slot, kind)
    if (!looksAt || !ofShape || row === OWN_NAME) return
    const shape = kernel.call.keepShape(name.byteOffset, bytes.length, row)
    if (shape < 0) return
    const kept = kernel.memory.uint8(bytes.length)
    kept.set(bytes)
    this.shapes[(shape * SHAPE_BYTES + SHAPE_NAME) >> 2] = kept.byteOffset
  }
}
