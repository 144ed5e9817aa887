// span-path.bench.mjs: the span path beside the OpenTelemetry Collector, the same load through both in turn.
//
// After `npm run build`: node test/bench/span-path.bench.mjs. SPANS (1000000) a run, BATCHES ("100 512 8192"), CONNECTIONS (8), RUNS (1),
// RATE (0: as fast as answered; else spans a second). OTELCOL names a Collector that is built already; without it and without Go only
// Subspan is measured. What counts is the CPU time of the server, which other programs on the machine disturb least.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const { SPANS = '1000000', BATCHES = '100 512 8192', CONNECTIONS = '8', RUNS = '1', RATE = '0' } = process.env
const collector = collectorProgram()

const hold = ['--set', 'hold.mode=always', '--set', 'hold.max=1s']
const servers = [
  ...(collector === null
    ? []
    : [
        ['Collector, passes on', (at) => [collector, ['--config', here('otelcol-pass.yaml')], at]],
        ['Collector, queue on disk', (at) => [collector, ['--config', here('otelcol-durable.yaml')], at]],
      ]),
  ['Subspan', (at) => subspan(at, [])],
  ...(collector === null
    ? []
    : [['Collector, holds 1 s', (at) => [collector, ['--config', here('otelcol-hold.yaml')], at]]]),
  ['Subspan, holds 1 s', (at) => subspan(at, hold)],
]

console.log(
  `${SPANS} spans a run, ${CONNECTIONS} connections, ${RATE === '0' ? 'as fast as answered' : `${RATE} spans/s`}`,
)
console.log('| server | spans a request | CPU s per million | spans/s | p50, p99 ms | peak MiB | lost | doubled |')
console.log('|---|---|---|---|---|---|---|---|')
for (let run = 0; run < Number(RUNS); run++) {
  for (const batch of BATCHES.split(' ')) for (const [name, command] of servers) await measure(name, batch, command)
}

async function measure(name, batch, command) {
  const folder = mkdtempSync(join(tmpdir(), 'subspan-bench-'))
  const [inPort, sinkPort, apiPort] = [await freePort(), await freePort(), await freePort()]
  const sink = spawn(process.execPath, [here('span-sink.mjs'), String(sinkPort), String(Number(SPANS) + 100_000)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [program, args, environment] = command({
    IN_PORT: String(inPort),
    SINK_PORT: String(sinkPort),
    API_PORT: String(apiPort),
    STORE_DIR: folder,
  })
  const server = spawn(program, args, { env: { ...process.env, ...environment }, stdio: 'ignore' })
  try {
    await answers(sinkPort)
    await answers(inPort)
    const before = usageOf(server.pid)
    const load = [here('span-load.mjs'), `http://127.0.0.1:${inPort}/v1/traces`, SPANS, batch, CONNECTIONS, RATE]
    const child = spawn(process.execPath, [...load, `http://127.0.0.1:${sinkPort}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const chunk of child.stdout) text += chunk
    const { sent, perSecond, p50Ms, p99Ms, lost, doubled } = JSON.parse(text)
    const after = usageOf(server.pid)
    const cpu = (((after.cpuSeconds - before.cpuSeconds) * 1e6) / sent).toFixed(2)
    console.log(
      `| ${name} | ${batch} | ${cpu} | ${perSecond.toLocaleString('en-US')} | ${p50Ms.toFixed(1)}, ${p99Ms.toFixed(1)} | ${after.peakMiB} | ${lost} | ${doubled} |`,
    )
  } finally {
    await ended(server)
    await ended(sink)
    rmSync(folder, { recursive: true, force: true })
  }
}

function subspan({ IN_PORT, SINK_PORT, API_PORT, STORE_DIR }, more) {
  const settings = {
    'data.dir': STORE_DIR,
    'api.port': API_PORT,
    'receivers.otlpHttp.port': IN_PORT,
    'receivers.otlpGrpc.enabled': 'false',
    'receivers.opencensus.enabled': 'false',
    'receivers.jaegerHttp.enabled': 'false',
    'receivers.jaegerGrpc.enabled': 'false',
    'receivers.zipkin.enabled': 'false',
    'log.level': 'warn',
  }
  const flags = Object.entries(settings).flatMap(([option, value]) => ['--set', `${option}=${value}`])
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${SINK_PORT}` }
  return [process.execPath, [here('../../dist/cli/main.js'), 'serve', ...flags, ...more], environment]
}

/** The Collector that OTELCOL names, or one that is built now; null where neither is possible. */
function collectorProgram() {
  if (process.env.OTELCOL !== undefined) return process.env.OTELCOL
  if (spawnSync('go', ['version']).status !== 0) {
    console.log('The Collector is left out: Go is not in PATH, and builds it.')
    return null
  }
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const program = join(process.env.SUBSPAN_PEERS_DIR ?? join(cache, 'subspan-peers'), 'otelcol-bench-v0.161.0')
  execFileSync(here('build-otelcol.sh'), [program], { stdio: 'inherit' })
  return program
}

/** Processor time so far, and the most memory; of Linux only. */
function usageOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const peakKiB = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, peakMiB: Math.round(Number(peakKiB) / 1024) }
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port) {
  for (let tries = 0; tries < 600; tries++) {
    try {
      const { status } = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
      })
      if (status === 200) return
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`nothing answers on port ${port}`)
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const impatient = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await closed
  clearTimeout(impatient)
}
