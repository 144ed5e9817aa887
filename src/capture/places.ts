// places.ts: where the strings and stacks of a generation lie, by id.

/** Ids up to twice as many as there are entries, and some, have room in columns that grow; an id near 2^63 must not size one (Go's fuzz find "large-id"). */
const LEAST_ROOM = 16
/** Entries with ids beyond the columns at most: no program has them, and a map has its limits. Further ones are as if they were not there. */
const MOST_SPARSE = 1 << 20

/** Columns of places whose ids are their index, in the memory of a kernel, which fills them. */
export interface PlaceColumns {
  /** Where an entry begins, plus 1; 0 where there is none. */
  readonly from: Int32Array
  /** Where it ends, or how many parts it has. */
  readonly extent: Int32Array
}

/** Entries of ids for which columns have no room. */
export type SparsePlaces = Map<number, { readonly from: number; readonly extent: number }>

/** What a table of places consists of. */
export interface PlaceParts extends PlaceColumns {
  readonly size: number
  readonly sparse: SparsePlaces
}

/** Two numbers for each id: where an entry begins, and how far it goes. The first of an id counts. Ids are dense in real captures; others go to a map. */
export class Places {
  /** Ids that have an entry. */
  size: number
  private from: Int32Array
  private extent: Int32Array
  private readonly grows: boolean
  private readonly sparse: SparsePlaces

  /**
   * @param columns filled by another, which do not grow; without, columns of its own
   * @param size ids that have an entry by then, `sparse` those for which the columns have no room
   */
  constructor(
    readonly columns: PlaceColumns | null = null,
    size = 0,
    sparse: SparsePlaces = new Map(),
  ) {
    this.from = columns?.from ?? new Int32Array(LEAST_ROOM)
    this.extent = columns?.extent ?? new Int32Array(LEAST_ROOM)
    this.grows = columns === null
    this.size = size
    this.sparse = sparse
  }

  /** What it consists of, for another thread. */
  get parts(): PlaceParts {
    const { from, extent, size, sparse } = this
    return { from, extent, size, sparse }
  }

  add(id: number, from: number, extent: number): void {
    if (this.has(id)) return
    if (this.grows && id >= this.from.length && id <= (this.size + 1) * 2 + LEAST_ROOM) this.grow(id)
    if (id >= this.from.length && this.sparse.size >= MOST_SPARSE) return
    this.size++
    if (id < this.from.length) {
      this.from[id] = from + 1
      this.extent[id] = extent
    } else {
      this.sparse.set(id, { from, extent })
    }
  }

  has(id: number): boolean {
    return (id < this.from.length && this.from[id] !== 0) || this.sparse.has(id)
  }

  /** Where the entry of an id begins; -1 when there is none. */
  fromOf(id: number): number {
    const known = id < this.from.length ? this.from[id] - 1 : -1
    return known >= 0 ? known : (this.sparse.get(id)?.from ?? -1)
  }

  /** How far the entry of an id that is there goes. */
  extentOf(id: number): number {
    return id < this.from.length && this.from[id] !== 0 ? this.extent[id] : (this.sparse.get(id)?.extent ?? 0)
  }

  /** All ids from 1 to this have an entry. */
  get denseTo(): number {
    const missing = this.from.indexOf(0, 1)
    return (missing < 0 ? this.from.length : missing) - 1
  }

  private grow(id: number): void {
    const length = Math.max(id + 1, this.from.length * 2)
    this.from = lengthened(this.from, length)
    this.extent = lengthened(this.extent, length)
  }
}

function lengthened(column: Int32Array, length: number): Int32Array {
  const longer = new Int32Array(length)
  longer.set(column)
  return longer
}
