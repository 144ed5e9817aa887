// overload.bench.mjs: three times what the backend takes, for two minutes: what the memory, the answers and the acknowledged spans do.
//
// After `npm run build`: node test/bench/overload.bench.mjs [--capacity SPANS_PER_SECOND] [--seconds N] [--spans A_REQUEST].
// The backend is a process of its own that takes so many spans a second and no more; the load comes at fixed times, whatever is
// answered, and what is answered 429 is dropped, as by SDKs with a full queue. Exits with 1 when a bound is broken or an acknowledged
// span is missing.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { traceRequestFromJson } from '../../dist/span/otlp/json.js'
import { scanTraceRequest } from '../../dist/span/otlp/scan.js'

const STORE_BYTES = 128 << 20
/** What the configuration below allows: the heap of the program itself, bodies, the index of spans that left, the journal's tail. */
const MEMORY_BOUND = 512 << 20

const { values } = parseArgs({
  options: {
    backend: { type: 'boolean', default: false },
    capacity: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '120' },
    spans: { type: 'string', default: '100' },
  },
})
const capacity = Number(values.capacity)
const seconds = Number(values.seconds)
/** Spans a request. */
const SPANS = Number(values.spans)
/** Takes spans at its capacity; tells on GET how many different ones there were, and how many came twice. */
function backend() {
  let seen = new Uint8Array(1 << 20)
  let different = 0
  let again = 0
  let freeAtMs = 0
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(JSON.stringify({ different, again }))
      return
    }
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const table = scanTraceRequest(Buffer.concat(chunks))
      const view = new DataView(table.bytes.buffer, table.bytes.byteOffset)
      for (let row = 0; row < table.length; row++) {
        const at = table.spanIdAt[row]
        const number = (view.getUint32(at) - 1) * SPANS + view.getUint32(at + 4)
        if (number >= seen.length) {
          const grown = new Uint8Array(Math.max(number + 1, seen.length * 2))
          grown.set(seen)
          seen = grown
        }
        if (seen[number] === 0) different++
        else again++
        seen[number] = 1
      }
      const nowMs = performance.now()
      freeAtMs = Math.max(freeAtMs, nowMs) + (table.length / capacity) * 1_000
      setTimeout(() => response.end(), freeAtMs - nowMs)
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'subspan-overload-'))
  const options = ['--backend', '--capacity', String(capacity), '--spans', String(SPANS)]
  const sink = spawn(process.execPath, [fileURLToPath(import.meta.url), ...options])
  const port = Number(await firstMatch(sink.stdout, /(\d+)/))
  const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const settings = {
    'data.dir': folder,
    'receivers.otlpHttp.port': 0,
    'receivers.otlpGrpc.enabled': false,
    'receivers.opencensus.enabled': false,
    'receivers.jaegerHttp.enabled': false,
    'receivers.jaegerGrpc.enabled': false,
    'receivers.zipkin.enabled': false,
    'api.port': 0,
    'store.maxBytes': STORE_BYTES,
    'receivers.maxBytes': '64MiB',
    'late.keepBytes': '64MiB',
    'log.level': 'warn',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const subspan = spawn(process.execPath, [program, 'serve', ...flags], {
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // Whatever ends this program ends them too.
  process.once('exit', () => {
    sink.kill('SIGKILL')
    subspan.kill('SIGKILL')
  })
  const url = await firstMatch(subspan.stderr, /spans +(http:\S+)\/v1\/traces/)
  subspan.stderr.resume()

  const load = new Load(url)
  console.log(`backend ${capacity} spans/s, requests of ${SPANS} spans; node ${process.version}`)
  const report = (what, phase) => {
    const sorted = Float64Array.from(phase.latencies).sort()
    const at = (share) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0)
    console.log(
      `${what.padEnd(26)}${String(phase.taken * SPANS).padStart(10)} acknowledged ${String(phase.refused * SPANS).padStart(10)} refused` +
        ` ${String(phase.other).padStart(3)} other   answers p50 ${at(0.5)} ms, p99 ${at(0.99)} ms   memory ${megabytes(memory(subspan.pid))} MiB`,
    )
  }
  report('before, half of it', await load.run(capacity / 2, 10))
  const overload = await load.run(capacity * 3, seconds)
  report(`${seconds} s of three times it`, overload)
  report('right after, half of it', await load.run(capacity / 2, 10))
  // Room comes as segments are delivered; then nothing is refused any more.
  await pause(5_000)
  const after = await load.run(capacity / 2, 10)
  report('later, half of it', after)

  const acknowledged = load.taken * SPANS
  let there = { different: 0, again: 0 }
  for (let tries = 0; tries < 1_200 && there.different < acknowledged; tries++) {
    there = await (await fetch(`http://127.0.0.1:${port}`)).json()
    await pause(250)
  }
  const peak = memory(subspan.pid)
  subspan.kill('SIGTERM')
  await new Promise((resolve) => subspan.once('close', resolve))
  sink.kill()
  rmSync(folder, { recursive: true })
  const lost = acknowledged - there.different
  console.log(
    `acknowledged ${acknowledged}, at the backend ${there.different} (${there.again} of them again): ${lost} lost`,
  )
  console.log(
    `peak memory ${megabytes(peak)} MiB of ${megabytes(MEMORY_BOUND)}; refused in overload ${overload.refused > 0}`,
  )
  load.close()
  process.exitCode = lost > 0 || peak > MEMORY_BOUND || overload.refused === 0 || after.refused > 0 ? 1 : 0
}

/** Sends at fixed times, whatever is answered. */
class Load {
  taken = 0
  number = 0
  agent = new Agent({ keepAlive: true, maxSockets: 32 })

  constructor(url) {
    this.url = `${url}/v1/traces`
    this.template = request()
    this.table = scanTraceRequest(this.template)
  }

  async run(spansPerSecond, forSeconds) {
    const phase = { taken: 0, refused: 0, other: 0, latencies: [] }
    const startedMs = performance.now()
    const everyMs = (SPANS / spansPerSecond) * 1_000
    const open = new Set()
    for (let sent = 0; ;) {
      const nowMs = performance.now() - startedMs
      if (nowMs >= forSeconds * 1_000) break
      // A client has no more than so many requests under way; more would measure its own queue.
      for (; sent * everyMs <= nowMs; sent++) {
        if (open.size >= 256) continue
        const one = this.post(phase).finally(() => open.delete(one))
        open.add(one)
      }
      await pause(2)
    }
    await Promise.all(open)
    this.taken += phase.taken
    return phase
  }

  post(phase) {
    const body = this.next()
    const begunMs = performance.now()
    return new Promise((resolve) => {
      const done = (status) => {
        if (status === 200) {
          phase.taken++
          phase.latencies.push(performance.now() - begunMs)
        } else if (status === 429 || status === 503) phase.refused++
        else phase.other++
        resolve()
      }
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
      const post = httpRequest(this.url, { method: 'POST', agent: this.agent, headers }, (response) => {
        response.resume()
        response.once('end', () => done(response.statusCode))
      })
      post.once('error', () => done(0))
      post.end(body)
    })
  }

  next() {
    const body = Buffer.from(this.template)
    this.number++
    for (let row = 0; row < SPANS; row++) {
      body.writeUInt32BE(this.number, this.table.traceIdAt[row])
      body.writeUInt32BE(this.number, this.table.spanIdAt[row])
      body.writeUInt32BE(row, this.table.spanIdAt[row] + 4)
    }
    return body
  }

  close() {
    this.agent.destroy()
  }
}

function request() {
  const text = (key, stringValue) => ({ key, value: { stringValue } })
  const spans = Array.from({ length: SPANS }, (_, at) => ({
    traceId: '0123456789abcdef0123456789abcdef',
    spanId: '0123456789abcdef',
    name: 'GET /messages',
    kind: 2,
    startTimeUnixNano: '1800000000000000000',
    endTimeUnixNano: '1800000000012400000',
    attributes: [text('http.request.method', 'GET'), text('http.route', '/messages/:id'), text('user', `u${at}`)],
  }))
  const resource = { attributes: [text('service.name', 'shop'), text('service.instance.id', 'shop-0')] }
  return traceRequestFromJson(
    JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'load' }, spans }] }] }),
  )
}

/** Highest resident memory of a process so far, bytes (Linux). */
function memory(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

function megabytes(bytes) {
  return Math.round(bytes / (1 << 20))
}

/** The first group of a pattern in what a stream says. */
function firstMatch(stream, pattern) {
  return new Promise((resolve, reject) => {
    let text = ''
    const look = (chunk) => {
      text += chunk
      const found = pattern.exec(text)
      if (found === null) return
      stream.off('data', look)
      resolve(found[1])
    }
    stream.on('data', look)
    stream.once('end', () => reject(new Error(`it ended: ${text}`)))
  })
}

if (values.backend) backend()
else await main()
