// pairs.ts: spans and the tasks that might be theirs, with what their times cost.

import { grown, ownColumns } from '../base/columns.ts'
import { groupStarts } from './time-columns.ts'

/** Pairs of a span and a task, those of each span together. */
export class Pairs {
  length = 0
  span = new Int32Array(1024)
  task = new Int32Array(1024)
  /** By the times, in nats. */
  time = new Float64Array(1024)
  /** 1 where the task begins before its span, or its end lies on the impossible side. */
  early = new Uint8Array(1024)
  /** 1 where one of the times lies farther off than most, and relatives told of the pair. */
  far = new Uint8Array(1024)
  /** 1 where the pair only makes others doubtful, and is not joined. */
  rival = new Uint8Array(1024)

  add(span: number, task: number, cost: number, isEarly: boolean, isFar = false, isRival = false): void {
    if (this.length === this.span.length) {
      this.span = grown(ownColumns, this.span, new Int32Array(this.length * 2))
      this.task = grown(ownColumns, this.task, new Int32Array(this.length * 2))
      this.time = grown(ownColumns, this.time, new Float64Array(this.length * 2))
      this.early = grown(ownColumns, this.early, new Uint8Array(this.length * 2))
      this.far = grown(ownColumns, this.far, new Uint8Array(this.length * 2))
      this.rival = grown(ownColumns, this.rival, new Uint8Array(this.length * 2))
    }
    this.far[this.length] = isFar ? 1 : 0
    this.rival[this.length] = isRival ? 1 : 0
    this.early[this.length] = isEarly ? 1 : 0
    this.span[this.length] = span
    this.task[this.length] = task
    this.time[this.length++] = cost
  }

  /** Of more than `most` pairs from `first` on keeps the cheapest, and those that cost the same, in their order. */
  keepCheapest(first: number, most: number): void {
    if (this.length - first <= most) return
    const dearest = this.time.slice(first, this.length).sort()[most - 1]
    let kept = first
    for (let pair = first; pair < this.length; pair++) {
      if (this.time[pair] > dearest) continue
      this.span[kept] = this.span[pair]
      this.task[kept] = this.task[pair]
      this.early[kept] = this.early[pair]
      this.far[kept] = this.far[pair]
      this.rival[kept] = this.rival[pair]
      this.time[kept++] = this.time[pair]
    }
    this.length = kept
  }

  /** Those of span s are the pairs from `[s]` up to, without, `[s + 1]`. */
  bySpan(spanCount: number): Int32Array {
    return groupStarts(this.span, spanCount, this.length)
  }

  /** These and others, those of each span together; what is in both is as there. Spans of `others` ascend as those here do. */
  with(others: Pairs): Pairs {
    const all = new Pairs()
    let next = 0
    const addThose = (span: number): void => {
      for (; next < others.length && others.span[next] <= span; next++) all.take(others, next)
    }
    for (let pair = 0; pair < this.length;) {
      const span = this.span[pair]
      addThose(span - 1)
      const from = next
      addThose(span)
      for (; pair < this.length && this.span[pair] === span; pair++) {
        if (!others.task.subarray(from, next).includes(this.task[pair])) all.take(this, pair)
      }
    }
    addThose(Infinity)
    return all
  }

  private take(other: Pairs, pair: number): void {
    const { span, task, time, early, far, rival } = other
    this.add(span[pair], task[pair], time[pair], early[pair] === 1, far[pair] === 1, rival[pair] === 1)
  }
}
