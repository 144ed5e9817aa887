import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { unpackZstd } from '../../src/server/zstd.ts'
import { emptyFrame, repeatingFrame, zstdFrame } from '../support/zstd-frames.ts'

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../proto-fixtures/spans/otlp/${name}`, import.meta.url))))

async function unpacked(packed: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  await unpackZstd(packed, (chunk) => void chunks.push(chunk.slice()))
  return new Uint8Array(Buffer.concat(chunks))
}

describe('a body packed with zstd', () => {
  test('is unpacked to what it was', async () => {
    expect(await unpacked(fixture('go-sdk.bin.zst'))).toEqual(fixture('go-sdk.bin'))
  })

  test('may have several frames, and frames that hold nothing', async () => {
    const skippable = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
    const body = Buffer.concat([repeatingFrame(7, 3), skippable, emptyFrame(), fixture('go-sdk.bin.zst')])
    expect(await unpacked(body)).toEqual(new Uint8Array(Buffer.concat([Buffer.alloc(7, 3), fixture('go-sdk.bin')])))
  })

  test('that is empty is empty', async () => {
    expect(await unpacked(new Uint8Array(0))).toHaveLength(0)
  })

  test('that asks for more memory than encoders use is refused before it gets any', async () => {
    const before = process.memoryUsage().arrayBuffers
    await expect(unpacked(zstdFrame(0xa0, 1, 1))).rejects.toThrow(/a window of 1,073,741,824 bytes, at most 33,554,432/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
  })

  test('of very many frames is refused', async () => {
    const frame = repeatingFrame(1, 1)
    await expect(unpacked(Buffer.concat(new Array<Uint8Array>(300).fill(frame)))).rejects.toThrow(
      /more than 256 frames/,
    )
  })

  test('that unpacks to more than is taken ends where it is told to', async () => {
    let length = 0
    const bomb = repeatingFrame(1 << 30, 0)
    expect(bomb.length).toBeLessThan(40_000)
    const stop = new Error('enough')
    await expect(
      unpackZstd(bomb, (chunk) => {
        length += chunk.length
        if (length > 1 << 20) throw stop
      }),
    ).rejects.toBe(stop)
    expect(length).toBeLessThan(2 << 20)
  })

  test('that is cut at any byte is refused', async () => {
    const whole = fixture('go-sdk.bin.zst')
    for (let end = 1; end < whole.length; end += 7) {
      await expect(unpacked(whole.subarray(0, end))).rejects.toThrow(/./)
    }
  })

  test('that has bits flipped gives bytes or an error, whatever they are', async () => {
    const whole = fixture('go-sdk.bin.zst')
    let failed = 0
    for (let at = 0; at < whole.length; at += 3) {
      const broken = whole.slice()
      broken[at] ^= 1 << (at & 7)
      await unpackZstd(broken, () => undefined).catch((thrown: unknown) => {
        expect(thrown).toBeInstanceOf(Error)
        failed++
      })
    }
    expect(failed).toBeGreaterThan(10)
  })
})
