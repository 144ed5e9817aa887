// time-queue.ts: cursors by the time of their heads, any of which can be taken out.

/** A binary heap that knows where each of its cursors is. Times must not change while a cursor is in it. */
export class TimeQueue {
  private readonly cursors: Int32Array
  private readonly places: Int32Array
  private length = 0

  constructor(
    capacity: number,
    private readonly time: Float64Array,
  ) {
    this.cursors = new Int32Array(capacity)
    this.places = new Int32Array(capacity)
  }

  /** The cursor with the earliest head, -1 when there is none. */
  get first(): number {
    return this.length === 0 ? -1 : this.cursors[0]
  }

  add(cursor: number): void {
    this.rise(this.length++, cursor)
  }

  remove(cursor: number): void {
    const place = this.places[cursor]
    const last = this.cursors[--this.length]
    if (last === cursor) return
    this.rise(place, last)
    this.sink(this.places[last], last)
  }

  private put(place: number, cursor: number): void {
    this.cursors[place] = cursor
    this.places[cursor] = place
  }

  private rise(from: number, cursor: number): void {
    const { cursors, time } = this
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (time[cursors[parent]] <= time[cursor]) break
      this.put(place, cursors[parent])
      place = parent
    }
    this.put(place, cursor)
  }

  private sink(from: number, cursor: number): void {
    const { cursors, time, length } = this
    let place = from
    for (;;) {
      let child = 2 * place + 1
      if (child >= length) break
      if (child + 1 < length && time[cursors[child + 1]] < time[cursors[child]]) child++
      if (time[cursors[child]] >= time[cursor]) break
      this.put(place, cursors[child])
      place = child
    }
    this.put(place, cursor)
  }
}
