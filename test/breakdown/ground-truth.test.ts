// ground-truth.test.ts: programs that knew by their own clock what their tasks spent their time with, against what is said of them.

import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { describe, expect, test } from 'vitest'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { firstPieceAfter, groupOfPiece, groupParts, GROUPS } from '../../src/breakdown/groups.ts'
import { type Analysed, analyse, captureFixtures, isV2, sumOf } from '../support/fixtures.ts'
import { type Claim, groundTruthOf, type KnownTask, measured, toleranceNs } from '../support/ground-truth.ts'

/** One claim with what was measured. */
interface Compared {
  readonly claim: Claim
  readonly ns: number
  readonly task: TaskRecord
}

interface Recorded extends Analysed {
  readonly name: string
  readonly known: readonly KnownTask[]
  readonly taskOf: (known: KnownTask) => TaskRecord
}

const recorded: readonly Recorded[] = captureFixtures()
  .filter(isV2)
  .flatMap((fixture) => {
    const known = groundTruthOf(fixture)
    if (known === null) return []
    const analysed = analyse(fixture.bytes(), { timelines: true, stacks: true })
    const taskOf = ({ task, name }: KnownTask): TaskRecord => {
      const found = analysed.tasks.find(({ id }) => String(id) === task)
      if (found === undefined) throw new Error(`${fixture.name}: no task ${task} (${name})`)
      return found
    }
    return [{ ...analysed, name: fixture.name, known, taskOf }]
  })

function comparedOf({ known, taskOf, tables }: Recorded): Compared[] {
  return known.flatMap((one) => {
    const task = taskOf(one)
    return one.claims.map((claim) => ({ claim, task, ns: measured(claim, task, tables) }))
  })
}

/** Row of the longest piece of a group within the task. */
function longest(task: TaskRecord, group: string, { tables }: Recorded): number {
  const { timeline, startNs, endNs } = task
  if (timeline === null || startNs === null || endNs === null) throw new Error(`task ${task.id} is not whole`)
  let best = -1
  const lengthOf = (row: number): number => timeline.endNs[row] - timeline.startNs[row]
  for (let row = firstPieceAfter(timeline, startNs); row < timeline.length && timeline.startNs[row] < endNs; row++) {
    if (groupOfPiece(timeline, row, tables) === group && (best < 0 || lengthOf(row) > lengthOf(best))) best = row
  }
  return best
}

describe.each(recorded)('$name', (capture) => {
  const { known, taskOf, tables } = capture

  test.each(known)('$name: every part is what the program knows of it', (one) => {
    const task = taskOf(one)
    for (const claim of one.claims) {
      const ns = measured(claim, task, tables)
      const what = `${claim.view} of task ${one.task}: ${claim.states.join(' + ')}`
      if (claim.atLeast === true) expect(ns, what).toBeGreaterThanOrEqual(claim.ns - toleranceNs(task))
      else
        expect(Math.abs(ns - claim.ns), `${what}: ${ns} instead of ${claim.ns}`).toBeLessThanOrEqual(toleranceNs(task))
    }
  })

  test('where one goroutine did all the work, no other is counted in', () => {
    const alone = known.filter((one) => one.alone === true)
    expect(alone.length).toBeGreaterThan(0)
    for (const one of alone) expect(taskOf(one).goroutines, one.name).toHaveLength(1)
  })

  test('who held a task up is named', () => {
    const nameOf = new Map(known.map(({ task, name }) => [task, name]))
    const blamed = known.filter(({ blames }) => blames !== undefined)
    expect(blamed.length).toBeGreaterThan(0)
    for (const one of blamed) {
      const task = taskOf(one)
      for (const { state, name, meanwhile } of one.blames ?? []) {
        const row = longest(task, state, capture)
        const waker = task.timeline?.wakerTask[row]
        expect(nameOf.get(String(waker)), `${one.name} waited for`).toBe(name)
        const did = task.longWaits.find((wait) => wait.row === row)?.waker ?? null
        if (did === null) throw new Error(`${one.name}: nobody says what ${name} did meanwhile`)
        const parts = groupParts(did)
        const most = GROUPS.reduce((best, group) => (parts[group] > parts[best] ? group : best))
        expect(most, `what ${name} did meanwhile`).toBe(meanwhile)
        expect(sumOf(did)).toBe(did.totalNs)
      }
    }
  })

  test('who ran while a task waited for a processor is named', () => {
    const nameOf = new Map(known.map(({ task, name }) => [task, name]))
    const waited = known.filter(({ runners }) => runners !== undefined)
    expect(waited.length).toBeGreaterThan(0)
    for (const one of waited) {
      const task = taskOf(one)
      const wait = task.longWaits.find(({ row }) => row === longest(task, 'schedWait', capture))
      const runners = wait?.runners ?? []
      const ranNs = runners.reduce((sum, { ns }) => sum + ns, 0)
      const knownNs = runners
        .filter(({ taskId }) => one.runners?.includes(nameOf.get(String(taskId)) ?? ''))
        .reduce((sum, { ns }) => sum + ns, 0)
      expect(ranNs).toBeGreaterThan(0)
      expect(knownNs / ranNs, `${one.name}: the share of its known runners`).toBeGreaterThan(0.9)
    }
  })

  test('samples of the CPU profiler land on the task and the region that were spinning', () => {
    /** Region of each sample whose stack tells that it spun: tasks above have it too, their regions not always. */
    const hit = new Map<string, string | null>()
    for (const { samples, regions } of capture.tasks) {
      for (const { timeNs, region, stack, goroutine } of samples) {
        const functions = stack < 0 ? [] : tables.stacks[stack].map((frame) => frame.function)
        if (!functions.includes('fixtures/ground.(*Work).Spin')) continue
        const key = `${goroutine} at ${timeNs}`
        const found = region < 0 || regions[region].goroutine !== goroutine ? null : regions[region].name
        hit.set(key, hit.get(key) ?? found)
      }
    }
    expect(hit.size).toBeGreaterThan(0)
    for (const [sample, region] of hit) expect(region, `region of the sample of goroutine ${sample}`).toBe('spin')
  })
})

test('the errors are those of docs/accuracy.md', async () => {
  const page = fileURLToPath(new URL('../../docs/accuracy.md', import.meta.url))
  const text = await format(accuracyPage(), { ...(await resolveConfig(page)), parser: 'markdown' })
  await expect(text).toMatchFileSnapshot(page)
})

/** The page with the error of each state over all recordings. */
function accuracyPage(): string {
  const exact = recorded.flatMap(comparedOf).filter(({ claim }) => claim.atLeast !== true)
  const states = [...new Set(exact.map(({ claim }) => claim.state))]
  const rows = states.map((state) => {
    const errors = exact
      .filter(({ claim }) => claim.state === state)
      .map(({ claim, ns, task }) => {
        const errorNs = Math.abs(ns - claim.ns)
        return { errorNs, share: errorNs / ((task.endNs ?? 0) - (task.startNs ?? 0)) }
      })
    const sorted = errors.map(({ errorNs }) => errorNs).sort((x, y) => x - y)
    const worstShare = Math.max(...errors.map(({ share }) => share))
    const us = (ns: number): string => (ns / 1000).toFixed(1)
    return `| ${state} | ${sorted.length} | ${us(sorted[sorted.length >> 1])} | ${us(sorted[sorted.length - 1])} | ${(worstShare * 100).toFixed(2)} % |`
  })
  return `# How exact the breakdown is

Programs under \`proto-fixtures/generators/\` (\`states\`, \`statesgrpc\`) spend known time in each state and note it by their own clock; they were recorded with
${recorded.map(({ name }) => `\`${name}\``).join(', ')}. \`test/breakdown/ground-truth.test.ts\` compares every part and writes this table.

| state | claims | median error, us | largest error, us | largest error, of the task |
|---|---|---|---|---|
${rows.join('\n')}

Bound, for every claim: 1 % of the task or 50 us, whichever is more. A part's error is the distance between the clock's reading and the scheduler's event next to it; on a
machine with other work to do the operating system may take the processor away in between, which the runtime cannot see.
Where the scheduler decides when a goroutine goes on (after a sleep, say), the claim is about the state and the wait for a processor together.
`
}
