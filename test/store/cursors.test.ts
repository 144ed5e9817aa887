import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { type Cursors, openCursors } from '../../src/store/cursors.ts'
import { nodeDisk } from '../../src/store/disk.ts'
import { FakeClock, MemoryLog } from '../support/fake-clock.ts'
import { temporaryFolder } from './setup.ts'

async function cursorsAt(path: string, clock = new FakeClock(), log = new MemoryLog()): Promise<Cursors> {
  return openCursors({ path, disk: nodeDisk, clock, log })
}

async function pathOfCursors(): Promise<string> {
  return `${await temporaryFolder()}/cursors.json`
}

/** Cursors that were written: jaeger at 10, tempo at 20. */
async function written(): Promise<string> {
  const path = await pathOfCursors()
  const cursors = await cursorsAt(path)
  cursors.begin(['jaeger', 'tempo'], 100)
  cursors.of('jaeger').advance(10)
  cursors.of('tempo').advance(20)
  await cursors.flush()
  return path
}

test('a cursor is where it was after a start', async () => {
  const cursors = await cursorsAt(await written())
  expect(cursors.usedThrough).toBe(20)
  cursors.begin(['jaeger', 'tempo'], 100)
  expect([cursors.of('jaeger').through, cursors.of('tempo').through, cursors.lowest()]).toEqual([10, 20, 10])
})

test('a cursor never goes back', async () => {
  const cursors = await cursorsAt(await pathOfCursors())
  cursors.begin(['jaeger'], 100)
  cursors.of('jaeger').advance(10)
  cursors.of('jaeger').advance(9)
  expect(cursors.of('jaeger').through).toBe(10)
})

test('many moves within a second are one write', async () => {
  const path = await pathOfCursors()
  const clock = new FakeClock()
  let writes = 0
  const disk = {
    ...nodeDisk,
    replace: (...given: Parameters<typeof nodeDisk.replace>) => (writes++, nodeDisk.replace(...given)),
  }
  const cursors = await openCursors({ path, disk, clock, log: new MemoryLog() })
  cursors.begin(['jaeger'], 100)
  for (let at = 1; at <= 50; at++) cursors.of('jaeger').advance(at)
  await clock.advance(999)
  expect(writes).toBe(0)
  await clock.advance(1)
  cursors.of('jaeger').advance(51)
  await cursors.flush()
  expect(writes).toBe(2)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ destinations: { jaeger: 51 } })
})

describe('a new destination', () => {
  test('alone begins with everything that is kept', async () => {
    const cursors = await cursorsAt(await pathOfCursors())
    cursors.begin(['jaeger'], 100)
    expect(cursors.of('jaeger').through).toBe(0)
  })

  test('beside others begins with what comes from now on', async () => {
    const cursors = await cursorsAt(await written())
    cursors.begin(['jaeger', 'tempo', 'honeycomb'], 100)
    expect(cursors.of('honeycomb').through).toBe(100)
  })

  test('goes on where one left that is there no longer: a new name loses nothing', async () => {
    const cursors = await cursorsAt(await written())
    cursors.begin(['tempo', 'jaeger-2'], 100)
    expect(cursors.of('jaeger-2').through).toBe(10)
  })
})

test('without a destination nothing is waited for', async () => {
  const cursors = await cursorsAt(await pathOfCursors())
  cursors.begin([], 100)
  expect(cursors.lowest()).toBe(Infinity)
})

test.each(['', '{"destinations":', 'null', '{"destinations":{"jaeger":"ten"}}'])(
  'a file that reads %j delivers again and does not stop the start',
  async (text) => {
    const path = await pathOfCursors()
    await writeFile(path, text)
    const cursors = await cursorsAt(path)
    cursors.begin(['jaeger'], 100)
    expect(cursors.of('jaeger').through).toBe(0)
  },
)

test('a cursor beyond the journal is brought back to its end', async () => {
  const cursors = await cursorsAt(await written())
  cursors.begin(['jaeger', 'tempo'], 15)
  expect(cursors.of('tempo').through).toBe(15)
})

test('a disk that refuses is told, and the cursors are written when it takes them', async () => {
  const path = await pathOfCursors()
  const clock = new FakeClock()
  const log = new MemoryLog()
  let failing = true
  const replace = (...given: Parameters<typeof nodeDisk.replace>) =>
    failing ? Promise.reject(new Error('ENOSPC')) : nodeDisk.replace(...given)
  const cursors = await openCursors({ path, disk: { ...nodeDisk, replace }, clock, log })
  cursors.begin(['jaeger'], 100)
  cursors.of('jaeger').advance(7)
  await clock.advance(1_000)
  expect(log.lines.at(-1)?.message).toMatch(/could not be written/)
  failing = false
  await cursors.flush()
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ destinations: { jaeger: 7 } })
})

describe('destinations that change while it runs', () => {
  test('stay where they are, begin with what comes, or go on where one left', async () => {
    const path = await written()
    const cursors = await cursorsAt(path)
    cursors.begin(['jaeger', 'tempo'], 100)
    const jaeger = cursors.of('jaeger')
    jaeger.advance(50)

    cursors.begin(['jaeger', 'tempo', 'vendor'], 120)
    expect(cursors.of('jaeger')).toBe(jaeger)
    expect(cursors.of('vendor').through).toBe(120)

    cursors.begin(['jaeger', 'vendor', 'tempo-2'], 130)
    expect(cursors.of('tempo-2').through).toBe(20)
    expect(() => cursors.of('tempo')).toThrow(/no destination tempo/)
    expect(cursors.lowest()).toBe(20)

    cursors.begin([], 130)
    expect(cursors.lowest()).toBe(Infinity)
    await cursors.flush()
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ destinations: {} })
  })
})
