// captures.bench.mjs: how fast captures are decoded, alone and with everything computed, in CPU time.
//
//   npm run bench                      the recorded captures in proto-fixtures/
//   npm run bench -- FILE...           captures of your own
//
// Each kind of run has a process of its own, so that the first round pays for its own compilation, as `subspan analyze` does; the
// median of the last half of the rounds is what a service that decodes capture after capture pays.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Rounds go on until so much was read: the engine needs some seconds to compile what is hot. */
const LEAST_ROUNDS = 5
const LEAST_BYTES = 60e6
const CHUNK_BYTES = 1 << 20
const dist = new URL('../../dist/', import.meta.url)

const [mode, ...args] = process.argv.slice(2)
if (mode === '--round') await rounds(args[0], args[1])
else compare(mode === undefined ? recorded() : [mode, ...args])

/** The two largest recorded captures. */
function recorded() {
  const folder = fileURLToPath(new URL('../../proto-fixtures/captures/', import.meta.url))
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.trace'))
    .map((file) => join(folder, file))
    .sort((one, other) => statSync(other).size - statSync(one).size)
    .slice(0, 2)
}

function compare(files) {
  console.log(
    'capture                          size MB   events   what        first MB/s  later MB/s  later Mevents/s   peak MB',
  )
  for (const file of files) {
    for (const what of ['decoding', 'analysis', 'timelines']) {
      const run = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--round', what, file], {
        encoding: 'utf8',
      })
      if (run.status !== 0) {
        console.error(run.stderr)
        process.exitCode = 1
        return
      }
      const { bytes, events, firstS, laterS, peakBytes } = JSON.parse(run.stdout)
      console.log(
        [
          basename(file).padEnd(30),
          (bytes / 1e6).toFixed(2).padStart(9),
          events.toLocaleString('en-US').padStart(10),
          ` ${what.padEnd(10)}`,
          (bytes / 1e6 / firstS).toFixed(1).padStart(10),
          (bytes / 1e6 / laterS).toFixed(1).padStart(11),
          (events / 1e6 / laterS).toFixed(2).padStart(16),
          (peakBytes / 1e6).toFixed(0).padStart(9),
        ].join(' '),
      )
    }
  }
  console.log(
    '\nMB/s of the capture per CPU second of the whole process. decoding: events in order; analysis: with all tasks, regions, logs, paths and',
  )
  console.log(
    'work (what `subspan analyze` computes); timelines: with what spans are cut from as well (what the service computes).',
  )
}

async function rounds(what, file) {
  const { CaptureDecoder } = await import(new URL('capture/decode.js', dist))
  const { CaptureAnalysis } = await import(new URL('breakdown/analysis.js', dist))
  const bytes = readFileSync(file)
  const seconds = []
  let events = 0
  for (let round = 0; round < LEAST_ROUNDS || round * bytes.length < LEAST_BYTES; round++) {
    const before = process.cpuUsage()
    const reader =
      what === 'decoding'
        ? new CaptureDecoder({ goTimes: false }, { events: () => {}, generationEnd: () => {} })
        : new CaptureAnalysis(what === 'timelines' ? { timelines: true, stacks: true } : {}, { task: () => {} })
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) reader.push(bytes.subarray(at, at + CHUNK_BYTES))
    events = reader.end().events
    const used = process.cpuUsage(before)
    seconds.push((used.user + used.system) / 1e6)
  }
  const peakBytes = process.resourceUsage().maxRSS * 1024
  console.log(
    JSON.stringify({
      bytes: bytes.length,
      events,
      firstS: seconds[0],
      laterS: median(seconds.slice(seconds.length >> 1)),
      peakBytes,
    }),
  )
}

function median(numbers) {
  return numbers.sort((one, other) => one - other)[numbers.length >> 1]
}
