// together.ts: which tasks the spans of a request have if all of them are asked at once.
//
// Spans of one name within one another, microseconds apart, fit their parents' and children's tasks about as well as their own. Taken one by one
// some get these, and then each speaks for the next, for all of them hang together, one place off. But a request's spans are a tree, and for a tree
// the cheapest world is found exactly, and for each pair the cheapest with it: from the last spans upwards each tells its parent what all
// below costs by the task that the parent would have, and then downwards the same (the min-sum algorithm). That two spans do not have one task is not
// asked here.

import type { Pairs } from './pairs.ts'
import { belongsToParent, LONELY_COST, OWN_PARENT_GAIN, type SpanRelations, STRANGE_PARENT_COST } from './structure.ts'
import { rowsAbove } from './task-trees.ts'
import { groupRows, type TaskColumns } from './time-columns.ts'

/** What is likeliest of each span, by row. */
export interface Likeliest {
  /** Row of its task in the cheapest world; -1 for none. */
  readonly task: Int32Array
  /** How much dearer the cheapest world is in which it has another, or none, in nats. */
  readonly margin: Float64Array
}

/**
 * @param cost of each pair by itself, in nats
 * @param noTaskCost what a span without a task costs
 * @param takesPart 1 for spans that would have a task
 */
export function likeliestTogether(
  pairs: Pairs,
  tasks: TaskColumns,
  relations: SpanRelations,
  cost: Float64Array,
  noTaskCost: number,
  takesPart: Uint8Array,
): Likeliest {
  const trees = new Trees(pairs, tasks, relations, cost, noTaskCost, takesPart)
  trees.askUpwards()
  trees.askDownwards()
  return trees.likeliest()
}

/** Spans by the spans above, with what each pair costs together with all that was asked so far. */
class Trees {
  private readonly spanCount: number
  /** Pairs of span s are those from `[s]` up to, without, `[s + 1]`. */
  private readonly from: Int32Array
  /** Row of the span above by which a span's task hangs; -1 for none. */
  private readonly above: Int32Array
  /** By pair that of the span above whose task the pair's hangs under; -1 for none. */
  private readonly pairAbove: Int32Array
  /** Spans that are above others before those. */
  private readonly order: Int32Array
  /** What the cheapest world costs with each pair, and with no task for each span. */
  private readonly withPair: Float64Array
  private readonly withNone: Float64Array
  /** What a span told the one above, by the pairs of that. */
  private readonly told: Float64Array

  constructor(
    private readonly pairs: Pairs,
    private readonly tasks: TaskColumns,
    { parent, kind, root, knownTask }: SpanRelations,
    cost: Float64Array,
    noTaskCost: number,
    private readonly takesPart: Uint8Array,
  ) {
    this.spanCount = parent.length
    this.from = pairs.bySpan(this.spanCount)
    this.above = parent.map((above, span) =>
      above >= 0 && root[span] === 0 && belongsToParent(kind[span]) && knownTask[above] < 0 ? above : -1,
    )
    this.order = this.fromTheTop()
    this.withPair = cost.slice()
    this.withNone = new Float64Array(this.spanCount).fill(noTaskCost)
    const rows = rowsAbove(tasks)
    this.pairAbove = new Int32Array(pairs.length).fill(-1)
    let most = 0
    for (let span = 0; span < this.spanCount; span++) {
      most = Math.max(most, this.from[span + 1] - this.from[span])
      const above = this.above[span]
      if (above < 0) continue
      for (let pair = this.from[span]; pair < this.from[span + 1]; pair++) {
        const row = rows[pairs.task[pair]]
        if (row < 0) continue
        const at = pairs.task.subarray(this.from[above], this.from[above + 1]).indexOf(row)
        if (at >= 0) this.pairAbove[pair] = this.from[above] + at
      }
    }
    this.told = new Float64Array(most)
  }

  askUpwards(): void {
    const { order, above, from, withPair, withNone, told } = this
    for (let at = order.length - 1; at >= 0; at--) {
      const span = order[at]
      const parent = above[span]
      if (parent < 0) continue
      withNone[parent] += this.tell(span)
      const first = from[parent]
      for (let pair = first; pair < from[parent + 1]; pair++) withPair[pair] += told[pair - first]
    }
  }

  askDownwards(): void {
    const { order, above, from, withPair, withNone, told, pairAbove } = this
    for (const span of order) {
      const parent = above[span]
      if (parent < 0) continue
      const withoutParent = withNone[parent] - this.tell(span)
      const first = from[parent]
      let cheapest = Infinity
      // Of what the parent knows, what this span told it is taken out.
      for (let pair = first; pair < from[parent + 1]; pair++) {
        told[pair - first] = withPair[pair] - told[pair - first]
        cheapest = Math.min(cheapest, told[pair - first])
      }
      for (let pair = from[span]; pair < from[span + 1]; pair++) {
        const up = pairAbove[pair]
        const there = up < 0 ? Infinity : told[up - first] - OWN_PARENT_GAIN
        withPair[pair] += Math.min(there, cheapest + STRANGE_PARENT_COST, withoutParent + this.lonely(parent, pair))
      }
      withNone[span] += Math.min(cheapest, withoutParent)
    }
  }

  likeliest(): Likeliest {
    const { spanCount, from, withPair, withNone, pairs } = this
    const task = new Int32Array(spanCount).fill(-1)
    const margin = new Float64Array(spanCount)
    for (let span = 0; span < spanCount; span++) {
      let best = withNone[span]
      let next = Infinity
      for (let pair = from[span]; pair < from[span + 1]; pair++) {
        if (withPair[pair] < best) {
          next = best
          best = withPair[pair]
          task[span] = pairs.task[pair]
        } else next = Math.min(next, withPair[pair])
      }
      margin[span] = next - best
    }
    return { task, margin }
  }

  /** Tells the span above what this and all below cost by its pairs (`told`); what they cost where it has no task is returned. */
  private tell(span: number): number {
    const { above, from, withPair, withNone, told, pairAbove } = this
    const parent = above[span]
    const first = from[parent]
    let elsewhere = withNone[span]
    let lonely = withNone[span]
    for (let pair = from[span]; pair < from[span + 1]; pair++) {
      elsewhere = Math.min(elsewhere, withPair[pair] + STRANGE_PARENT_COST)
      lonely = Math.min(lonely, withPair[pair] + this.lonely(parent, pair))
    }
    told.fill(elsewhere, 0, from[parent + 1] - first)
    for (let pair = from[span]; pair < from[span + 1]; pair++) {
      const up = pairAbove[pair]
      if (up >= 0) told[up - first] = Math.min(told[up - first], withPair[pair] - OWN_PARENT_GAIN)
    }
    return lonely
  }

  private lonely(parent: number, pair: number): number {
    return this.takesPart[parent] === 1 && this.tasks.parentId[this.pairs.task[pair]] !== 0 ? LONELY_COST : 0
  }

  /** Spans whose parents form a circle are left out. */
  private fromTheTop(): Int32Array {
    const { above, spanCount } = this
    const children = groupRows(above, spanCount)
    const order = new Int32Array(spanCount)
    let length = 0
    for (let span = 0; span < spanCount; span++) if (above[span] < 0) order[length++] = span
    for (let at = 0; at < length; at++) {
      for (let i = children.from[order[at]]; i < children.from[order[at] + 1]; i++) order[length++] = children.rows[i]
    }
    return order.subarray(0, length)
  }
}
