// The rule by which spans of strangers are told, on trees of spans made by hand.

import { describe, expect, test } from 'vitest'
import type { SpanRelations } from '../../src/join/structure.ts'
import {
  BELIEVED_NATS,
  BELIEVED_NATS_AMONG_REPLICAS,
  type JudgedParts,
  withoutStrangers,
} from '../../src/join/span-trees.ts'

const SERVER = 2
const INTERNAL = 1

interface Told {
  readonly parent: number
  readonly kind?: number
  /** Row of its task, -1 none; and what the pair speaks. */
  readonly task: number
  readonly nats?: number
  readonly isRoot?: boolean
  readonly knownTask?: number
  readonly parentTaskId?: number
  /** Row of the first span with the same parent, which is not here. */
  readonly sibling?: number
  readonly isContradicted?: boolean
}

/** The tasks that are left of spans, where as many spans are strangers' as not. */
function left(spans: readonly Told[], believedNats: number, parts: JudgedParts = 'none'): number[] {
  const relations: SpanRelations = {
    kind: Uint8Array.from(spans, ({ kind = INTERNAL }) => kind),
    root: Uint8Array.from(spans, ({ isRoot = false }) => (isRoot ? 1 : 0)),
    parent: Int32Array.from(spans, ({ parent }) => parent),
    sibling: Int32Array.from(spans, ({ sibling }, row) => sibling ?? row),
    knownTask: Int32Array.from(spans, ({ knownTask = -1 }) => knownTask),
    parentTaskId: Float64Array.from(spans, ({ parentTaskId = 0 }) => parentTaskId),
  }
  const pairing = {
    task: Int32Array.from(spans, ({ task }) => task),
    ambiguous: new Uint8Array(spans.length),
    far: new Uint8Array(spans.length),
  }
  const takesPart = new Uint8Array(spans.length).fill(1)
  const nats = (span: number): number => spans[span].nats ?? 0
  const isContradicted = (span: number): boolean => spans[span].isContradicted === true
  const judgement = { nats, takesPart, strangers: 1, believedNats, parts, isContradicted }
  return [...withoutStrangers(pairing, relations, judgement).task]
}

/** A request of two spans whose pairs speak so much together. */
const request = (nats: number): Told[] => [
  { parent: -1, kind: SERVER, isRoot: true, task: 0, nats: nats - 4 },
  { parent: 0, task: 1, nats: 4 },
]

describe('the spans of a request', () => {
  test('are believed together, among replicas by more than among others', () => {
    for (const bound of [BELIEVED_NATS, BELIEVED_NATS_AMONG_REPLICAS]) {
      expect(left(request(bound + 0.1), bound)).toEqual([0, 1])
      expect(left(request(bound - 0.1), bound)).toEqual([-1, -1])
    }
    expect(BELIEVED_NATS_AMONG_REPLICAS).toBeGreaterThan(BELIEVED_NATS)
    expect(left(request(12), BELIEVED_NATS)).toEqual([0, 1])
    expect(left(request(12), BELIEVED_NATS_AMONG_REPLICAS)).toEqual([-1, -1])
  })

  test('are doubted for each of them that has no task', () => {
    const spans = [...request(17), { parent: 0, task: -1 }]
    expect(left(request(17), 14)).toEqual([0, 1])
    expect(left(spans, 14)).toEqual([-1, -1, -1])
  })

  test('are of the process of which one of them, or the parent within the process, is known to be', () => {
    const [top, child] = request(9)
    expect(left([top, child], 14)).toEqual([-1, -1])
    expect(left([{ ...top, task: -1, knownTask: 7 }, child], 14)).toEqual([-1, 1])
    expect(left([top, { ...child, knownTask: 1 }], 14)).toEqual([0, 1])
    expect(left([{ parent: -1, task: 3, nats: 2, parentTaskId: 9 }], 14)).toEqual([3])
  })

  test('are not known to be of a process by a caller in it: a replica may have been called', () => {
    expect(left([{ parent: -1, kind: SERVER, task: 3, nats: 2, parentTaskId: 9 }], 14)).toEqual([-1])
  })

  test('are judged by a part of the request where no more of it comes', () => {
    expect(left([{ parent: -1, task: 3, nats: 13 }], 14, 'all')).toEqual([-1])
    expect(left([{ parent: -1, task: 3, nats: 15 }], 14, 'all')).toEqual([3])
    expect(left([{ parent: -1, task: 3, nats: 2, parentTaskId: 9 }], 14, 'all')).toEqual([3])
  })

  test('are judged together where they hang under one parent that is not here', () => {
    const siblings = [7, 7, 7].map((nats, task) => ({ parent: -1, task, nats, sibling: 0 }))
    expect(left(siblings, 14, 'all')).toEqual([0, 1, 2])
    expect(left([...siblings.slice(0, 2), { parent: -1, task: -1, sibling: 0 }], 14, 'all')).toEqual([-1, -1, -1])
    // Those of different parents are no request.
    expect(
      left(
        siblings.map(({ parent, task, nats }) => ({ parent, task, nats })),
        14,
        'all',
      ),
    ).toEqual([-1, -1, -1])
  })

  test('while more of their request may come, are judged by a part where something speaks against it', () => {
    const part = { parent: -1, task: 3, nats: 2, sibling: 0 }
    expect(left([part], 14, 'doubted')).toEqual([3])
    expect(left([{ ...part, isContradicted: true }], 14, 'doubted')).toEqual([-1])
    expect(left([part, { parent: 0, task: -1 }], 14, 'doubted')).toEqual([-1, -1])
    expect(left([part, { ...part, task: 4 }, { parent: -1, task: -1, sibling: 0 }], 14, 'doubted')).toEqual([
      -1, -1, -1,
    ])
    expect(left([{ ...part, isContradicted: true }], 14, 'none')).toEqual([3])
  })

  test('are left alone where only a part of the request is here', () => {
    expect(left([{ parent: -1, task: 3, nats: 2 }], 14)).toEqual([3])
    expect(left([{ parent: -1, kind: SERVER, task: 3, nats: 2 }], 14)).toEqual([-1])
    expect(left([{ parent: -1, isRoot: true, task: 3, nats: 2 }], 14)).toEqual([-1])
  })
})
