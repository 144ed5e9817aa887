import { createHash } from 'node:crypto'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { openCaptureFiles, type StoredCaptureFiles } from '../../src/store/capture-files.ts'
import { nodeDisk } from '../../src/store/disk.ts'
import { MemoryLog, settle } from '../support/fake-clock.ts'
import { faultyDisk, temporaryFolder } from './setup.ts'

async function filesIn(
  folder: string,
  disk = nodeDisk,
  maxBytes = 1_000,
  keepBytes = 3_000,
): Promise<StoredCaptureFiles> {
  return openCaptureFiles({ folder, options: { maxBytes, keepBytes }, disk, log: new MemoryLog() })
}

async function* chunksOf(...chunks: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setImmediate(resolve))
    if (chunk instanceof Error) throw chunk
    yield chunk
  }
}

function bytes(fill: number, length = 400): Uint8Array {
  return new Uint8Array(length).fill(fill)
}

test('a capture is stored under the hash of its bytes, however it was cut', async () => {
  const folder = await temporaryFolder()
  const files = await filesIn(folder)
  const whole = Uint8Array.from({ length: 900 }, (_, at) => at)
  const stored = await files.write(chunksOf(whole.subarray(0, 1), whole.subarray(1, 500), whole.subarray(500)))
  const id = createHash('sha256').update(whole).digest('hex').slice(0, 32)
  expect(stored).toEqual({ id, bytes: 900, known: false })
  expect(new Uint8Array(await readFile(files.path(id)))).toEqual(whole)
  expect(await files.write(chunksOf(whole))).toEqual({ id, bytes: 900, known: true })
  expect(await readdir(folder)).toHaveLength(1)
  expect(files.bytes).toBe(900)
})

test('two uploads of one capture at one time end in one file', async () => {
  const folder = await temporaryFolder()
  const files = await filesIn(folder)
  const stored = await Promise.all([1, 2, 3].map(() => files.write(chunksOf(bytes(7)))))
  expect(new Set(stored.map(({ id }) => id)).size).toBe(1)
  expect(stored.filter(({ known }) => !known)).toHaveLength(1)
  expect(await readdir(folder)).toHaveLength(1)
  expect(files.bytes).toBe(400)
})

describe('a capture that grows', () => {
  test('can be read as it comes, under an id of its own, and is told by its hash when it is whole', async () => {
    const folder = await temporaryFolder()
    const files = await filesIn(folder)
    const growing = files.begin()
    expect(growing.id).toMatch(/^[0-9a-f]{32}$/)
    expect(await readdir(folder)).toEqual([])
    await growing.add(bytes(1))
    expect(new Uint8Array(await readFile(files.path(growing.id)))).toEqual(bytes(1))
    await growing.add(bytes(2))
    const whole = Buffer.concat([bytes(1), bytes(2)])
    const contentId = createHash('sha256').update(whole).digest('hex').slice(0, 32)
    expect(await growing.end()).toEqual({ contentId, bytes: 800 })
    expect(await readFile(files.path(growing.id))).toEqual(whole)
    expect(files.bytes).toBe(800)
    expect(files.needed(growing.id)).toBe(800)
  })

  test('counts against the limits; what does not fit is not added', async () => {
    const files = await filesIn(await temporaryFolder())
    const growing = files.begin()
    await growing.add(bytes(1))
    await growing.add(bytes(2))
    await expect(growing.add(bytes(3))).rejects.toMatchObject({ code: 'CAPTURE_TOO_LARGE' })
    expect(await growing.end()).toMatchObject({ bytes: 800 })
    expect(files.bytes).toBe(800)
  })

  test('stays while it grows and while it is decoded, then gives way', async () => {
    const files = await filesIn(await temporaryFolder(), nodeDisk, 1_000, 1_000)
    const growing = files.begin()
    await growing.add(bytes(1, 800))
    await expect(files.write(chunksOf(bytes(2)))).rejects.toMatchObject({ code: 'OVERLOADED' })
    await growing.end()
    await expect(files.write(chunksOf(bytes(2)))).rejects.toMatchObject({ code: 'OVERLOADED' })
    files.settled(growing.id)
    await files.write(chunksOf(bytes(2)))
    expect(files.bytes).toBe(400)
  })

  test('survives the end of the process as far as it came', async () => {
    const folder = await temporaryFolder()
    const growing = (await filesIn(folder)).begin()
    await growing.add(bytes(1))
    const next = await filesIn(folder)
    expect(next.needed(growing.id)).toBe(400)
    await growing.end()
  })

  test('of which nothing came leaves no file', async () => {
    const folder = await temporaryFolder()
    expect(await (await filesIn(folder)).begin().end()).toMatchObject({ bytes: 0 })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('what cannot be stored leaves nothing behind:', () => {
  test.each([
    ['no bytes', [], 'CAPTURE_EMPTY', /no bytes/],
    ['empty chunks', [new Uint8Array(0)], 'CAPTURE_EMPTY', /no bytes/],
    ['too many bytes', [bytes(1), bytes(2), bytes(3)], 'CAPTURE_TOO_LARGE', /1,200 bytes or more.*1,000/],
    ['a sender that fails', [bytes(1), new Failure('REQUEST', 'the connection ended')], 'REQUEST', /connection ended/],
  ])('%s', async (_name, chunks, code, message) => {
    const folder = await temporaryFolder()
    const files = await filesIn(folder)
    await expect(files.write(chunksOf(...chunks))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
    expect(await readdir(folder)).toEqual([])
    expect(files.bytes).toBe(0)
  })

  test.each([
    ['write', 'ENOSPC', 'STORE'],
    ['sync', 'EIO', 'STORE'],
    ['create', 'EROFS', 'STORE'],
  ])('%s fails with %s', async (operation, code, failure) => {
    const folder = await temporaryFolder()
    const files = await filesIn(
      folder,
      faultyDisk((tried) => (tried === operation ? code : null)),
    )
    await expect(files.write(chunksOf(bytes(1)))).rejects.toMatchObject({ code: failure })
    expect(await readdir(folder)).toEqual([])
    expect(files.bytes).toBe(0)
  })
})

describe('when room is needed', () => {
  test('the oldest settled captures leave, those that are to be decoded stay', async () => {
    const files = await filesIn(await temporaryFolder())
    const ids: string[] = []
    for (let fill = 0; fill < 7; fill++) ids.push((await files.write(chunksOf(bytes(fill)))).id)
    expect(files.bytes).toBe(2_800)
    for (const id of [ids[1], ids[3], ids[2]]) files.settled(id)
    // Sent again, it counts as the newest, and is in use.
    await files.write(chunksOf(bytes(1)))
    await files.write(chunksOf(bytes(100)))
    const left = await Promise.all(
      ids.map((id) =>
        readFile(files.path(id)).then(
          () => true,
          () => false,
        ),
      ),
    )
    expect(left).toEqual([true, true, false, true, true, true, true])
    expect(files.bytes).toBe(2_800)
  })

  test('and none is settled, the upload is refused with a time to try again', async () => {
    const folder = await temporaryFolder()
    const files = await filesIn(folder)
    for (let fill = 0; fill < 7; fill++) await files.write(chunksOf(bytes(fill)))
    await expect(files.write(chunksOf(bytes(100)))).rejects.toMatchObject({
      code: 'OVERLOADED',
      retryAfterSeconds: expect.any(Number) as number,
      message: expect.stringMatching(/2,800 of 3,000.*captures\.keepBytes/) as string,
    })
    expect(await readdir(folder)).toHaveLength(7)
  })

  test('captures of an earlier run leave by age, unless they are needed', async () => {
    const folder = await temporaryFolder()
    const before = await filesIn(folder)
    const ids: string[] = []
    for (let fill = 0; fill < 7; fill++) {
      const { id } = await before.write(chunksOf(bytes(fill)))
      await utimes(before.path(id), 1_000 + fill, 1_000 + fill)
      ids.push(id)
    }
    const files = await filesIn(folder)
    expect(files.bytes).toBe(2_800)
    files.needed(ids[0])
    await files.write(chunksOf(bytes(100)))
    expect(await readdir(folder)).toEqual(expect.arrayContaining([`${ids[0]}.capture`, `${ids[2]}.capture`]))
    expect(await readdir(folder)).not.toContain(`${ids[1]}.capture`)
  })
})

test('what an unfinished upload left is removed at the start, what is not ours is let alone', async () => {
  const folder = await temporaryFolder()
  await writeFile(`${folder}/3f1d.part`, 'half')
  await writeFile(`${folder}/notes.txt`, 'mine')
  const files = await filesIn(folder)
  expect(await readdir(folder)).toEqual(['notes.txt'])
  expect(files.bytes).toBe(0)
})

test('a capture that comes again while it is being removed is stored after that', async () => {
  const folder = await temporaryFolder()
  let letGo: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => (letGo = resolve))
  const remove = async (path: string): Promise<void> => {
    if (path.endsWith('.capture')) await waiting
    await nodeDisk.remove(path)
  }
  const files = await filesIn(folder, { ...nodeDisk, remove })
  const { id } = await files.write(chunksOf(bytes(1)))
  const removing = files.remove(id)
  const writing = files.write(chunksOf(bytes(1)))
  // The upload is complete, and only waits for its name, once its last bytes are in the file beside.
  const parts = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.part'))
  while ((await parts()).length === 0 || (await readFile(`${folder}/${(await parts())[0]}`)).length < 400)
    await settle()
  await settle()
  letGo()
  await removing
  expect(await writing).toEqual({ id, bytes: 400, known: false })
  expect((await readFile(files.path(id))).length).toBe(400)
  expect(files.bytes).toBe(400)
})
