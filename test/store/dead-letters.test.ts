import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DeadLetters } from '../../src/store/dead-letters.ts'
import { nodeDisk } from '../../src/store/disk.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { temporaryFolder } from './setup.ts'

const letter = { destination: 'jaeger', status: 400, reason: 'no\nsuch field', body: Uint8Array.of(0, 255, 10) }

async function lettersIn(folder: string, maxBytes = 10_000, disk = nodeDisk): Promise<DeadLetters> {
  return Promise.resolve(new DeadLetters({ path: `${folder}/dead.jsonl`, maxBytes, disk, clock: new FakeClock(0) }))
}

async function lines(path: string): Promise<{ reason: string; body: string | null }[]> {
  const text = await readFile(path, 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { reason: string; body: string | null })
}

test('each is a line that says when, where and why, with the bytes', async () => {
  const folder = await temporaryFolder()
  const letters = await lettersIn(folder)
  await Promise.all([letters.add(letter), letters.add({ ...letter, status: null })])
  expect(await lines(`${folder}/dead.jsonl`)).toEqual([
    { time: '1970-01-01T00:00:00.000Z', ...letter, bytes: 3, body: 'AP8K' },
    { time: '1970-01-01T00:00:00.000Z', ...letter, status: null, bytes: 3, body: 'AP8K' },
  ])
})

test('the older half leaves when the bytes are used up, also of what an earlier run wrote', async () => {
  const folder = await temporaryFolder()
  for (let run = 0; run < 3; run++) {
    const letters = await lettersIn(folder, 2_000)
    for (let at = 0; at < 9; at++) await letters.add({ ...letter, reason: `${run}.${at}` })
  }
  const [older, newer] = [await readFile(`${folder}/dead.jsonl.1`), await readFile(`${folder}/dead.jsonl`)]
  expect(older.length + newer.length).toBeLessThanOrEqual(2_000)
  expect((await readdir(folder)).sort()).toEqual(['dead.jsonl', 'dead.jsonl.1'])
  const reasons = [...(await lines(`${folder}/dead.jsonl.1`)), ...(await lines(`${folder}/dead.jsonl`))].map(
    ({ reason }) => reason,
  )
  const all = [0, 1, 2].flatMap((run) => Array.from({ length: 9 }, (_, at) => `${run}.${at}`))
  expect(reasons).toEqual(all.slice(-reasons.length))
  expect(reasons.length).toBeGreaterThan(9)
})

test('one that is too large is told without its bytes', async () => {
  const folder = await temporaryFolder()
  await (await lettersIn(folder, 2_000)).add({ ...letter, body: new Uint8Array(5_000) })
  expect(await lines(`${folder}/dead.jsonl`)).toMatchObject([{ bytes: 5_000, body: null }])
})

test('a disk that refuses fails that one, not the next', async () => {
  const folder = await temporaryFolder()
  let failing = true
  const append = (...given: Parameters<typeof nodeDisk.append>) =>
    failing ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : nodeDisk.append(...given)
  const letters = await lettersIn(folder, 2_000, { ...nodeDisk, append })
  await expect(letters.add(letter)).rejects.toMatchObject({ code: 'STORE' })
  failing = false
  await letters.add(letter)
  expect(await lines(`${folder}/dead.jsonl`)).toHaveLength(1)
})
