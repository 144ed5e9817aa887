// bytes.test.ts: the bytes that came in compared with the bytes that went out, under load: random requests of every shape and size over HTTP
// and gRPC, some of their spans held for a capture and enriched, with backends that fail now and then.
//
// SUBSPAN_BODIES says how many requests, SUBSPAN_SEED which.

import { createHash, randomFillSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, credentials } from '@grpc/grpc-js'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { recording } from '../support/flow.ts'
import { GrpcSink } from '../support/grpc-sink.ts'
import { requestFields, wireBytes, type WireField } from '../support/otlp-arbitrary.ts'
import { spansOfProtobuf } from '../support/otlp.ts'
import { Sink } from '../support/sink.ts'
import { spansIn } from '../support/span-load.ts'
import { SubspanProcess, temporaryFolder, until } from '../support/subspan-process.ts'

const BODIES = Number(process.env.SUBSPAN_BODIES ?? 90)
const SEED = Number(process.env.SUBSPAN_SEED ?? Date.now() % 1_000_000)
const SENDERS = 8
/** RESOURCE_EXHAUSTED, UNAVAILABLE. */
const AGAIN: ReadonlySet<number> = new Set([8, 14])
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

const recorded = recording()
const { service, instance } = (() => {
  const { attributes } = spansOfProtobuf(recorded.requests[0])[0].resource
  const textOf = (name: string): string => attributes.find(({ key }) => key === name)?.value.string ?? ''
  return { service: textOf('service.name'), instance: textOf('service.instance.id') }
})()

/** One field of a message as it lies in its bytes. */
interface RawField {
  readonly field: number
  readonly raw: Buffer
  /** Of fields with a length. */
  readonly content: Buffer | null
}

/** The fields of a message, by protobufjs' reader. */
function fieldsOf(message: Uint8Array): RawField[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  const reader = protobuf.Reader.create(bytes)
  const fields: RawField[] = []
  while (reader.pos < reader.len) {
    const from = reader.pos
    const tag = reader.uint32()
    const contentFrom = tag % 8 === 2 ? reader.pos : -1
    reader.skipType(tag % 8)
    const whole = bytes.subarray(from, reader.pos)
    let content: Buffer | null = null
    if (contentFrom >= 0) {
      const inner = protobuf.Reader.create(bytes.subarray(contentFrom))
      const length = inner.uint32()
      content = bytes.subarray(contentFrom + inner.pos, contentFrom + inner.pos + length)
    }
    fields.push({ field: tag >>> 3, raw: whole, content })
  }
  return fields
}

/** A span and what stands around it, each as the bytes it came or left with. */
interface RawSpan {
  /** Hash of all of its ResourceSpans but the ScopeSpans, and of its ScopeSpans but the spans. */
  readonly around: string
  readonly bytes: Buffer
  readonly ours: boolean
}

function rawSpansOf(request: Uint8Array): RawSpan[] {
  const found: RawSpan[] = []
  for (const resourceSpans of fieldsOf(request)) {
    if (resourceSpans.field !== 1 || resourceSpans.content === null) continue
    const inResource = fieldsOf(resourceSpans.content)
    const besideScopes = inResource.filter(({ field, content }) => field !== 2 || content === null)
    for (const scopeSpans of inResource) {
      if (scopeSpans.field !== 2 || scopeSpans.content === null) continue
      const inScope = fieldsOf(scopeSpans.content)
      const besideSpans = inScope.filter(({ field, content }) => field !== 2 || content === null)
      const hash = createHash('sha256')
      for (const { raw } of besideScopes) hash.update(raw)
      hash.update('|')
      for (const { raw } of besideSpans) hash.update(raw)
      const around = hash.digest('base64')
      const ours = besideSpans.some(({ field, content }) => field === 1 && isScopeOfOurs(content))
      for (const { field, content } of inScope) {
        if (field === 2 && content !== null) found.push({ around, bytes: content, ours })
      }
    }
  }
  return found
}

function isScopeOfOurs(scope: Buffer | null): boolean {
  return (
    scope !== null && fieldsOf(scope).some(({ field, content }) => field === 1 && content?.toString() === 'subspan')
  )
}

const keyOf = ({ around, bytes }: RawSpan): string => `${around} ${createHash('sha256').update(bytes).digest('base64')}`

/** Random bytes for the ids of all spans: two requests with the same first and last ids would be one that is sent twice. */
function withOwnIds(fields: readonly WireField[], depth = 0): WireField[] {
  return fields.map((field): WireField => {
    const [number, type, value] = field
    if (
      depth === 3 &&
      type === 'bytes' &&
      ((number === 1 && value.length === 16) || (number === 2 && value.length === 8))
    )
      return [number, type, randomFillSync(new Uint8Array(value.length))]
    const inner = depth === 0 ? number === 1 : number === 2
    return type === 'message' && depth < 3 && inner ? [number, type, withOwnIds(value, depth + 1)] : field
  })
}

/** A span with one attribute of so many bytes. */
function largeSpan(bytes: number): Uint8Array {
  const text = (field: number, value: string): WireField => [field, 'bytes', Buffer.from(value)]
  const value: WireField = [2, 'message', [text(1, 'x'.repeat(bytes))]]
  const ids: WireField[] = [
    [1, 'bytes', randomFillSync(new Uint8Array(16))],
    [2, 'bytes', randomFillSync(new Uint8Array(8))],
  ]
  const span: WireField = [2, 'message', [...ids, [9, 'message', [text(1, 'sql'), value]]]]
  return wireBytes([[1, 'message', [[2, 'message', [span]]]]])
}

/** Requests of one to some hundred random ones, some with a very large attribute. */
function randomBodies(count: number): Uint8Array[] {
  const sizes = fc.sample(
    fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 50, max: 120 })),
    {
      seed: SEED,
      numRuns: count,
    },
  )
  const parts = fc.sample(requestFields, { seed: SEED, numRuns: 2_000 })
  let next = 0
  return sizes.map((size, i) => {
    const some = Array.from({ length: size }, () => wireBytes(withOwnIds(parts[next++ % parts.length])))
    if (i % 17 === 0) some.push(largeSpan(1 << (i % 21)))
    return Buffer.concat(some)
  })
}

/** Sends requests by all doors, each again until it is taken. */
class Senders {
  private readonly client: Client

  constructor(private readonly subspan: SubspanProcess) {
    this.client = new Client(new URL(subspan.otlpGrpcUrl).host, credentials.createInsecure())
  }

  async deliver(body: Uint8Array, way: number): Promise<void> {
    while (!(await this.taken(body, way))) await pause(50)
  }

  close(): void {
    this.client.close()
  }

  private async taken(body: Uint8Array, way: number): Promise<boolean> {
    if (way % 3 === 0) return this.called(body)
    const packed = way % 3 === 1
    const response = await fetch(`${this.subspan.otlpUrl}/v1/traces`, {
      method: 'POST',
      body: packed ? gzipSync(body) : body,
      headers: { 'content-type': 'application/x-protobuf', ...(packed ? { 'content-encoding': 'gzip' } : {}) },
    })
    const answer = await response.text()
    if (response.status !== 200 && response.status !== 429 && response.status !== 503) throw new Error(answer)
    return response.status === 200
  }

  private called(body: Uint8Array): Promise<boolean> {
    const same = (bytes: Buffer): Buffer => bytes
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(EXPORT, same, same, Buffer.from(body), (error) => {
        if (error !== null && !AGAIN.has(error.code)) reject(error)
        else resolve(error === null)
      })
    })
  }
}

test(
  `${BODIES} requests, seed ${SEED}: every span leaves with the bytes it came with`,
  { timeout: 120_000 + BODIES * 500 },
  async () => {
    const folder = temporaryFolder()
    const [http, grpc] = [await Sink.open(), await GrpcSink.open()]
    const subspan = await SubspanProcess.start(folder.path, null, {
      'hold.max': '60s',
      'store.segmentBytes': '1MiB',
      destinations: JSON.stringify([
        { name: 'http', endpoint: http.endpoint },
        { name: 'grpc', endpoint: `http://127.0.0.1:${grpc.port}`, protocol: 'grpc', compression: 'gzip' },
      ]),
    })
    let requests = 0
    http.refuseBy(() => (++requests % 7 === 3 ? { status: 503, headers: { 'retry-after': '0' } } : null))

    // Recorded spans of one half wait for the capture, those of the other come after it; each with random ones in the same request.
    const bodies = randomBodies(BODIES)
    const half = BODIES >> 1
    const later = recorded.requests.length >> 1
    recorded.requests.forEach((request, i) => {
      const at = i < later ? i : half + i - later
      bodies[at] = Buffer.concat([bodies[at], request])
    })
    const senders = new Senders(subspan)
    let next = 0
    const send = async (end: number): Promise<void> => {
      const work = Array.from({ length: SENDERS }, async () => {
        while (next < end) {
          const i = next++
          if (i % 20 === 5) http.hangUpNext(1)
          if (i % 25 === 10) grpc.refusals.push({ code: 14, details: 'not now' })
          await senders.deliver(bodies[i], i)
        }
      })
      await Promise.all(work)
    }
    await subspan.announce(service, instance, 60)
    await send(half)
    const captureId = await subspan.sendCapture(recorded.capture, service, instance)
    expect(await subspan.captureEnded(captureId)).toMatchObject({ state: 'done' })
    await send(bodies.length)
    senders.close()
    http.refuseBy(null)

    const sent = new Map(bodies.flatMap(rawSpansOf).map((span) => [keyOf(span), span]))
    const byId = new Map(recorded.requests.flatMap(spansIn).map(({ id, bytes }) => [id, bytes]))
    const around = new Map(
      recorded.requests.flatMap(rawSpansOf).map(({ bytes, around }) => [bytes.toString('hex'), around]),
    )
    for (const sink of [http, grpc]) {
      const enriched = new Set<string>()
      const missing = new Set(sent.keys())
      const strange: string[] = []
      let seen = 0
      const look = (): void => {
        for (const body of sink.bodies.slice(seen)) {
          for (const span of rawSpansOf(body)) {
            const key = keyOf(span)
            if (sent.has(key)) missing.delete(key)
            else if (!span.ours) {
              // Its own bytes, then attributes of ours, in the resource and scope that it came with.
              const { id } = idIn(span.bytes)
              const own = byId.get(id)
              const whole = own !== undefined && own.equals(span.bytes.subarray(0, own.length))
              const added = whole ? fieldsOf(span.bytes.subarray(own.length)) : []
              const before = own === undefined ? undefined : around.get(own.toString('hex'))
              if (whole && before === span.around && added.length > 0 && added.every(isAttributeOfOurs)) {
                enriched.add(id)
                missing.delete(keyOf({ around: before, bytes: own, ours: false }))
              } else strange.push(span.bytes.toString('hex').slice(0, 200))
            }
          }
        }
        seen = sink.bodies.length
      }
      await until(() => {
        look()
        return missing.size === 0 || strange.length > 0
      })
      expect(strange).toEqual([])
      expect(missing.size).toBe(0)
      expect(enriched.size).toBeGreaterThan(0)
    }
    subspan.kill('SIGTERM')
    const { code, stderr } = await subspan.ended
    expect(code, stderr).toBe(0)
    await http.close()
    grpc.close()
    folder.remove()
  },
)

function idIn(span: Buffer): { readonly id: string } {
  const fields = fieldsOf(span)
  const hex = (number: number): string => fields.find(({ field }) => field === number)?.content?.toString('hex') ?? ''
  return { id: `${hex(1)} ${hex(2)}` }
}

function isAttributeOfOurs({ field, content }: RawField): boolean {
  if (field !== 9 || content === null) return false
  const key = fieldsOf(content).find((one) => one.field === 1)?.content
  return key?.toString().startsWith('subspan.') === true
}
