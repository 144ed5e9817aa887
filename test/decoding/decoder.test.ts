// decoder.test.ts: captures decoded in real worker threads, within limits.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { TaskRecord } from '../../src/breakdown/breakdown.ts'
import { CaptureAnalysis } from '../../src/breakdown/analysis.ts'
import { CompactTask } from '../../src/breakdown/compact-task.ts'
import type { KeptTask } from '../../src/breakdown/kept-columns.ts'
import type { DecodedBatch } from '../../src/bridge/ports.ts'
import type { CaptureInfo } from '../../src/capture/capture.ts'
import { WorkerDecoder, type DecoderOptions } from '../../src/decoding/decoder.ts'
import { type PackedBatch, tableBytesOf, TaskPacker, TaskUnpacker } from '../../src/decoding/task-packer.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { analyse, captureFixtures, fixturePath, plainTask } from '../support/fixtures.ts'

/** Compiled by `npm run build`, which `npm test` runs first. */
const workerUrl = new URL('../../dist/decoding/decode-worker.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'subspan-decoder-'))
afterAll(() => rmSync(folder, { recursive: true }))

const LIMITS = { maxUnpackedBytes: 1 << 30, workerMemoryBytes: 256 << 20, deadlineMs: 30_000, workerUrl }
const capturePath = fixturePath('captures', 'go1.26', 'messages.trace')

interface Decoded {
  readonly info: CaptureInfo
  readonly batches: DecodedBatch[]
  readonly tasks: TaskRecord[]
}

async function decode(path: string, options: Partial<DecoderOptions> = {}): Promise<Decoded> {
  const batches: DecodedBatch[] = []
  const decoder = new WorkerDecoder({ ...LIMITS, ...options })
  try {
    const info = await decoder.decode(path, 'the capture', { tasks: (batch) => void batches.push(batch) })
    return decodedOf(info, batches)
  } finally {
    await decoder.stop()
  }
}

function decodedOf(info: CaptureInfo, batches: DecodedBatch[]): Decoded {
  return { info, batches, tasks: batches.flatMap(({ tasks }) => tasks.map(plainTask)) }
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** For JSON: what it has no form for. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : ArrayBuffer.isView(value) ? [...(value as Int32Array)] : value
}

describe('captures one after another in one worker', () => {
  test('come to the same as each in one of its own', async () => {
    const decoder = new WorkerDecoder(LIMITS)
    const fixtures = captureFixtures().filter((fixture) => fixture.name.startsWith('go'))
    for (const fixture of [...fixtures, ...fixtures.slice(0, 3)]) {
      const batches: DecodedBatch[] = []
      const info = await decoder.decode(fixture.path, fixture.name, { tasks: (batch) => void batches.push(batch) })
      const here = analyse(fixture.bytes(), { timelines: true, stacks: true }, 1 << 20)
      const { tasks } = decodedOf(info, batches)
      expect(info, fixture.name).toEqual(here.info)
      expect(tasks, fixture.name).toEqual(here.tasks)
      expect(batches.flatMap(({ newStacks }) => newStacks)).toEqual(here.tables.stacks)
    }
    await decoder.stop()
  })

  test('take the memory of the one before, which does not grow', () => {
    const fixtures = captureFixtures().filter((fixture) => fixture.bytes().length < 60_000)
    const options = { timelines: true, stacks: true }
    const memory = newCaptureMemory()
    const takes: number[] = []
    for (let count = 0; count < 200; count++) {
      const bytes = fixtures[count % fixtures.length].bytes()
      const again = JSON.stringify(analyse(bytes, options, 1 << 20, memory), plain)
      if (count < 2 * fixtures.length) expect(again).toBe(JSON.stringify(analyse(bytes, options, 1 << 20), plain))
      memory.clear()
      takes.push(memory.usedBytes)
    }
    expect(fixtures.length).toBeGreaterThan(10)
    expect(takes[199]).toBe(takes[fixtures.length - 1])
  })

  test('use the worker that waits, and another one after a capture that failed', async () => {
    const threads = file('threads', Buffer.alloc(0))
    // A worker that notes its thread with each capture, and fails those that are called bad.
    const program = `
      import { appendFileSync } from 'node:fs'
      import { parentPort, threadId } from 'node:worker_threads'
      parentPort.on('message', ({ type, task }) => {
        if (type !== 'decode') return
        appendFileSync(${JSON.stringify(threads)}, threadId + ' ')
        if (task.name === 'bad') parentPort.postMessage({ type: 'failed', code: 'CAPTURE_WORKER', message: 'bad' })
        else parentPort.postMessage({ type: 'done', info: {}, keptBytes: task.name === 'big' ? 1e9 : 1 })
      })`
    const worker = file('noting.mjs', Buffer.from(program))
    const decoder = new WorkerDecoder({ ...LIMITS, workerUrl: new URL(`file://${worker}`) })
    decoder.warm()
    const decoded = (name: string): Promise<unknown> => decoder.decode(capturePath, name, { tasks: () => undefined })
    for (const name of ['one', 'two', 'big', 'three']) await decoded(name)
    await expect(decoded('bad')).rejects.toMatchObject({ message: 'bad' })
    await decoded('four')
    await Promise.all([decoded('five'), decoded('six')])
    await decoder.stop()
    const used = readFileSync(threads, 'utf8').trim().split(' ')
    const [one, two, big, three, bad, four] = used
    expect([two, big]).toEqual([one, one])
    expect(three).not.toBe(big)
    expect(bad).toBe(three)
    expect(four).not.toBe(bad)
    expect(used.slice(6)).toContain(four)
    expect(new Set(used.slice(6)).size).toBe(2)
  })

  test('learn by a sample while they wait, of which nothing is told; a capture that comes meanwhile is decoded as ever', async () => {
    const here = analyse(readFileSync(capturePath), { timelines: true, stacks: true }, 1 << 20)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    for (const samplePath of [fixturePath('demo', 'messages.trace'), '/nowhere/sample']) {
      const decoder = new WorkerDecoder({ ...LIMITS, samplePath })
      decoder.warm()
      vi.runAllTimers()
      const batches: DecodedBatch[] = []
      const info = await decoder.decode(capturePath, 'the capture', { tasks: (batch) => void batches.push(batch) })
      expect(info).toEqual(here.info)
      expect(decodedOf(info, batches).tasks).toEqual(here.tasks)
      await decoder.stop()
    }
    vi.useRealTimers()
  })

  test('a worker that dies while it waits is replaced', async () => {
    const worker = file(
      'leaving.mjs',
      Buffer.from(`
        import { parentPort } from 'node:worker_threads'
        parentPort.on('message', ({ type }) => {
          if (type !== 'decode') return
          parentPort.postMessage({ type: 'done', info: {}, keptBytes: 1 })
          setTimeout(() => process.exit(3), 20)
        })`),
    )
    const decoder = new WorkerDecoder({ ...LIMITS, workerUrl: new URL(`file://${worker}`) })
    for (let time = 0; time < 2; time++) {
      await decoder.decode(capturePath, 'the capture', { tasks: () => undefined })
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    await decoder.stop()
  })
})

describe('a capture in a worker', () => {
  test.each(
    captureFixtures()
      .filter((fixture) => fixture.name.startsWith('go'))
      .map((fixture) => [fixture.name, fixture] as const),
  )('%s: the same as in this thread', async (_name, fixture) => {
    const here = analyse(fixture.bytes(), { timelines: true, stacks: true }, 1 << 20)
    const { info, batches, tasks } = await decode(fixture.path)
    expect(info).toEqual(here.info)
    expect(tasks).toEqual(here.tasks)
    expect(batches.flatMap(({ newReasons }) => newReasons)).toEqual(here.tables.reasons)
    expect(batches.flatMap(({ newRangeNames }) => newRangeNames)).toEqual(here.tables.rangeNames)
    expect(batches.flatMap(({ newStacks }) => newStacks)).toEqual(here.tables.stacks)
    expect(batches.at(-1)?.decodedUntilNs).toBe(info.durationNs)
    expect(batches.at(-1)?.clockSnapshots).toEqual(info.clockSnapshots)
  })

  test('gzip is unpacked; one that is cut gives what came before and says so', async () => {
    const capture = readFileSync(capturePath)
    const whole = await decode(capturePath)
    expect((await decode(file('whole.gz', gzipSync(capture)))).tasks).toEqual(whole.tasks)

    const long = readFileSync(fixturePath('captures', 'go1.26', 'messages-long.trace'))
    const packed = gzipSync(long)
    const cut = await decode(file('cut.gz', packed.subarray(0, Math.floor(packed.length * 0.8))))
    expect(cut.tasks.length).toBeGreaterThan(0)
    expect(cut.info.problems.map(({ message }) => message).join(' ')).toMatch(/gzip, but unpacking failed/)
  })

  test('the clock of a capture that was cut before it states one is that of the configuration', async () => {
    const capture = readFileSync(fixturePath('captures', 'go1.21', 'messages.trace'))
    const cut = file('cut-go1.21', capture.subarray(0, Math.floor(capture.length * 0.6)))
    const { info } = await decode(cut, { ticksPerSecond: 40_000_000 })
    expect(info.ticksPerSecond).toBe(40_000_000)
    expect(info.problems.map(({ message }) => message).join(' ')).toMatch(
      /40,000,000 ticks per second are taken as told/,
    )
    expect((await decode(cut)).info.problems.map(({ message }) => message).join(' ')).toMatch(/decode\.ticksPerSecond/)
  })

  test.each([
    ['nothing', Buffer.alloc(0), 'CAPTURE_EMPTY'],
    ['HTML', Buffer.from('<html><body>Sign in</body></html>'), 'CAPTURE_NOT_GO'],
    ['Go 1.10', Buffer.from('go 1.10 trace\0\0\0'), 'CAPTURE_VERSION'],
    ['broken gzip', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7]), 'CAPTURE_COMPRESSION'],
  ])('%s fails with its reason', async (name, bytes, code) => {
    await expect(decode(file(`bad ${name}`, bytes))).rejects.toMatchObject({ code })
  })

  test('a file that is missing fails', async () => {
    await expect(decode(join(folder, 'missing'))).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT') as unknown,
    })
  })
})

describe('a file that grows', () => {
  const long = readFileSync(fixturePath('captures', 'go1.26', 'messages-long.trace'))

  test('is decoded as it comes, to the same end', async () => {
    const path = file('growing', new Uint8Array(0))
    const whole = await decode(fixturePath('captures', 'go1.26', 'messages-long.trace'))
    const batches: DecodedBatch[] = []
    const size = Math.ceil(long.length / 8)
    let decodedBeforeTheEnd = 0
    const growth = async function* (): AsyncGenerator<number> {
      for (let at = 0; at < long.length; at += size) {
        appendFileSync(path, long.subarray(at, at + size))
        yield Math.min(at + size, long.length)
        // The last piece comes when something of the others was decoded.
        if (at + 2 * size >= long.length && at + size < long.length) {
          while (batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
          decodedBeforeTheEnd = batches.flatMap(({ tasks }) => tasks).length
        }
      }
    }
    const info = await new WorkerDecoder(LIMITS).decode(
      path,
      'the capture',
      { tasks: (batch) => void batches.push(batch) },
      growth(),
    )
    expect(info).toEqual(whole.info)
    expect(batches.flatMap(({ tasks }) => tasks.map(plainTask))).toEqual(whole.tasks)
    expect(decodedBeforeTheEnd).toBeGreaterThan(0)
  })

  test('gzip is unpacked as it comes', async () => {
    const packed = gzipSync(long)
    const path = file('growing.gz', packed.subarray(0, 1_000))
    const growth = async function* (): AsyncGenerator<number> {
      yield 1_000
      await Promise.resolve()
      appendFileSync(path, packed.subarray(1_000))
      yield packed.length
    }
    const batches: DecodedBatch[] = []
    await new WorkerDecoder(LIMITS).decode(
      path,
      'the capture',
      { tasks: (batch) => void batches.push(batch) },
      growth(),
    )
    expect(batches.flatMap(({ tasks }) => tasks).length).toBeGreaterThan(100)
  })

  test('the deadline counts from its end on', async () => {
    const path = file('slow', long)
    const growth = async function* (): AsyncGenerator<number> {
      yield long.length
      await new Promise((resolve) => setTimeout(resolve, 2_500))
    }
    const limits = { ...LIMITS, deadlineMs: 2_000 }
    const decoding = new WorkerDecoder(limits).decode(path, 'the capture', { tasks: () => undefined }, growth())
    await expect(decoding).resolves.toMatchObject({ header: 'go 1.26 trace' })
  })

  test('a worker that hangs while it grows is stopped', async () => {
    const worker = file('hanging-while-growing.mjs', Buffer.from('for (;;);'))
    const path = file('never-whole', long.subarray(0, 100_000))
    const growth = async function* (): AsyncGenerator<number> {
      yield 100_000
      await new Promise(() => undefined)
    }
    const limits = { ...LIMITS, deadlineMs: 500, workerUrl: new URL(`file://${worker}`) }
    const decoding = new WorkerDecoder(limits).decode(path, 'the capture', { tasks: () => undefined }, growth())
    await expect(decoding).rejects.toMatchObject({
      code: 'CAPTURE_WORKER',
      message: expect.stringContaining('was behind its recording for 0.5 s') as unknown,
    })
  })

  test('who stops waiting for the rest ends it', async () => {
    const path = file('endless', long.subarray(0, 100_000))
    const decoder = new WorkerDecoder(LIMITS)
    const growth = async function* (): AsyncGenerator<number> {
      yield 100_000
      await new Promise(() => undefined)
    }
    const decoding = decoder.decode(path, 'the capture', { tasks: () => undefined }, growth())
    const outcome = expect(decoding).rejects.toMatchObject({ code: 'CAPTURE_WORKER' })
    await decoder.stop()
    await outcome
  })
})

describe('limits', () => {
  test('a capture that unpacks to too much', async () => {
    await expect(decode(capturePath, { maxUnpackedBytes: 1_000 })).rejects.toMatchObject({
      code: 'CAPTURE_TOO_LARGE',
      message: expect.stringContaining('1,000 bytes') as unknown,
    })
  })

  test('a worker that takes too much memory in arrays', async () => {
    await expect(decode(capturePath, { workerMemoryBytes: 1_000 })).rejects.toMatchObject({
      code: 'CAPTURE_WORKER',
      message: expect.stringMatching(/takes [\d,]+ bytes of memory, 1,000 are allowed.*decode\.memoryBytes/) as unknown,
    })
  })

  test('a worker that does not end in time is stopped', async () => {
    await expect(decode(capturePath, { deadlineMs: 1 })).rejects.toMatchObject({
      code: 'CAPTURE_WORKER',
      message: expect.stringContaining('did not end within 0.001 s') as unknown,
    })
  })

  test.each([
    ['dies of an error', 'throw new Error("boom")', /died: boom/],
    ['ends without a word', 'process.exit(7)', /exit code 7/],
    [
      'runs out of heap',
      'const all = []; for (;;) all.push(new Array(1000).fill(Math.random()))',
      /took more than .* bytes of memory/,
    ],
  ])('a worker that %s fails its capture, not the program', async (_name, program, message) => {
    const worker = file(`worker-${Math.abs(program.length)}.mjs`, Buffer.from(program))
    await expect(
      decode(capturePath, { workerUrl: new URL(`file://${worker}`), workerMemoryBytes: 64 << 20 }),
    ).rejects.toMatchObject({ code: 'CAPTURE_WORKER', message: expect.stringMatching(message) as unknown })
  })

  test('a worker that hangs is stopped, and does nothing any more', async () => {
    const counter = file('counter', Buffer.from('0'))
    const program = `import { writeFileSync } from 'node:fs'; for (let i = 1; ; i++) writeFileSync(${JSON.stringify(counter)}, String(i))`
    const worker = file('hanging.mjs', Buffer.from(program))
    await expect(
      decode(capturePath, { workerUrl: new URL(`file://${worker}`), deadlineMs: 500 }),
    ).rejects.toMatchObject({
      code: 'CAPTURE_WORKER',
      message: expect.stringContaining('did not end within') as unknown,
    })
    const later = (): Promise<bigint> =>
      new Promise((resolve) => setTimeout(() => resolve(statSync(counter, { bigint: true }).mtimeNs), 250))
    // It may take a moment to end; then it counts no further. One that lives counts for ever, and this test does not end.
    while ((await later()) !== (await later()));
  })

  test('stopping ends what runs', async () => {
    const decoder = new WorkerDecoder({
      ...LIMITS,
      workerUrl: new URL(`file://${file('idle.mjs', Buffer.from('setInterval(() => {}, 1000)'))}`),
    })
    const decoding = decoder.decode(capturePath, 'the capture', { tasks: () => undefined })
    const failed = expect(decoding).rejects.toMatchObject({ code: 'CAPTURE_WORKER' })
    await decoder.stop()
    await failed
  })

  test('a batch is handed over when the one before is dealt with, and the end when all of them are', async () => {
    const decoder = new WorkerDecoder(LIMITS)
    let inWork = 0
    let most = 0
    let batches = 0
    await decoder.decode(capturePath, 'the capture', {
      async tasks() {
        batches++
        most = Math.max(most, ++inWork)
        await new Promise((resolve) => setTimeout(resolve, 20))
        inWork--
      },
    })
    await decoder.stop()
    expect(batches).toBeGreaterThan(1)
    expect([most, inWork]).toEqual([1, 0])
  })

  test('a listener that throws fails the decoding', async () => {
    const decoding = new WorkerDecoder(LIMITS).decode(capturePath, 'the capture', {
      tasks: () => {
        throw new Error('no room')
      },
    })
    await expect(decoding).rejects.toThrow('no room')
  })
})

describe('the first bytes', () => {
  const decoder = new WorkerDecoder(LIMITS)
  const head = readFileSync(capturePath).subarray(0, 600)

  test('of a capture, packed or not, pass', () => {
    decoder.checkHead(head)
    decoder.checkHead(gzipSync(readFileSync(capturePath)).subarray(0, 600))
    // Zstandard is told by the worker.
    decoder.checkHead(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]))
  })

  test.each([
    ['nothing', Buffer.alloc(0), 'CAPTURE_EMPTY'],
    ['JSON', Buffer.from('{"error":"unauthorized"}'), 'CAPTURE_NOT_GO'],
    ['packed JSON', gzipSync('{"error":"unauthorized"}'), 'CAPTURE_NOT_GO'],
    ['Go 1.10', Buffer.from('go 1.10 trace\0\0\0'), 'CAPTURE_VERSION'],
    ['broken gzip', Buffer.from([0x1f, 0x8b, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 'CAPTURE_COMPRESSION'],
  ])('of %s are refused', (_name, bytes, code) => {
    expect(() => decoder.checkHead(bytes)).toThrow(expect.objectContaining({ code }) as Error)
  })
})

test('tasks packed for another thread keep everything and share one buffer', () => {
  const tasks: KeptTask[] = []
  const analysis = new CaptureAnalysis({ timelines: true, stacks: true }, { task: (task) => tasks.push(task) })
  analysis.push(readFileSync(capturePath))
  const { clockSnapshots } = analysis.end()
  const { reasons, rangeNames, stacks, gcPhases } = analysis.tables
  const packer = new TaskPacker(tasks.reduce((sum, task) => sum + tableBytesOf(task), 0))
  const batch: PackedBatch = {
    tasks: tasks.map((task) => packer.pack(task)),
    buffer: packer.buffer,
    newReasons: reasons,
    newRangeNames: rangeNames,
    newRegionNames: analysis.regionNames,
    newStacks: stacks,
    decodedUntilNs: 0,
    gcPhases,
    clockSnapshots,
    originNs: analysis.originNs,
    lost: [],
  }
  const { tasks: unpacked } = new TaskUnpacker().unpack(structuredClone(batch, { transfer: [packer.buffer] }))
  expect(unpacked.map(plainTask)).toEqual(tasks.map(plainTask))
  expect(packer.buffer.byteLength).toBe(0)
  // Task 0, which has no ends, comes in objects.
  expect(unpacked.filter((task) => task instanceof CompactTask).length).toBeGreaterThan(tasks.length / 2)
  expect(unpacked.some((task) => !(task instanceof CompactTask))).toBe(true)
  expect(unpacked.some(({ timeline }) => (timeline?.length ?? 0) > 0)).toBe(true)
  const buffers = unpacked.flatMap(({ timeline }) =>
    timeline === null || timeline.length === 0 ? [] : [timeline.startNs.buffer],
  )
  expect(new Set(buffers).size).toBe(1)
  tasks.forEach(({ timeline }, at) =>
    expect([...(timeline?.endNs ?? [])]).toEqual([...(unpacked[at].timeline?.endNs ?? [])]),
  )
})
