// captures.bench.mjs: what `subspan analyze` costs beside Go's own reader, which only reads.
//
//   npm run bench:capture                       captures of 10, 50, 100 and 200 MB that a Go program of ours records of itself
//   npm run bench:capture -- FILE...            captures of your own
//   npm run bench:capture -- --runs 5 FILE...   rounds (3 unless told otherwise); the median of each figure is shown
//
// Beside them, what a record of each task costs, as the service makes them (in one thread, by a program that is joined into one file as the service's
// workers are), and what it costs with timelines and stacks: ratios of the last are those to the records without.
//
// In each round all of them read the same file one after the other, whole processes from start to end. CPU seconds count all threads: they are
// what can be compared on a machine that has other work to do; wall times are told beside them.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const SIZES_MB = [10, 50, 100, 200]
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const folder = join(tmpdir(), 'subspan-bench')

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '3' } },
  allowPositionals: true,
})
const runs = Number(values.runs)
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`--runs ${values.runs}: a whole number of 1 or more is wanted.`)
  process.exit(2)
}
mkdirSync(folder, { recursive: true })
const reader = build('reader')
const records = await joined('records.mjs')
const files = positionals.length > 0 ? positionals : ownCaptures()

console.log(
  'capture                          MB     events  program        CPU s  wall s  MB/CPU s  Mevents/CPU s  peak MB    CPU ratio  wall ratio',
)
for (const file of files) {
  const of = { ours: [], go: [], records: [], whole: [] }
  for (let run = 0; run < runs; run++) {
    if (reader !== null) of.go.push(readByGo(file))
    of.ours.push(ours(here('../../dist/cli/main.js'), 'analyze', file))
    of.records.push(ours(records, file))
    of.whole.push(ours(records, file, 'whole'))
  }
  const analyze = medians(of.ours)
  const recorded = medians(of.records)
  const go = of.go.length > 0 ? medians(of.go) : null
  if (go !== null) row(file, "Go's reader", go, analyze.events, null)
  row(file, 'analyze', analyze, analyze.events, go)
  row(file, 'records', recorded, recorded.events, go)
  row(file, 'with stacks', medians(of.whole), recorded.events, recorded)
}

/** Builds one of the Go programs; null, with a sentence, where that cannot be done. */
function build(name) {
  const program = join(folder, name)
  try {
    execFileSync('go', ['build', '-trimpath', '-o', program, `./${name}`], { cwd: here('go/'), stdio: 'pipe' })
    return program
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'Go is not installed' : String(error.stderr ?? error).trim()
    console.error(`Without the Go program "${name}": ${why}.`)
    return null
  }
}

/**
 * Joins a program beside this one with all that it loads, as `src/bundle.mjs` does with the service's workers.
 *
 * @returns where the joined one lies
 */
async function joined(name) {
  const { rolldown } = await import('rolldown')
  const file = join(folder, name)
  const bundle = await rolldown({ input: here(name), platform: 'node', external: /^node:/ })
  await bundle.write({ file, format: 'esm', comments: false })
  await bundle.close()
  return file
}

/** Captures of our own, recorded when they are not there yet. */
function ownCaptures() {
  const recorder = build('recorder')
  if (recorder === null) {
    console.error('There are no captures to read: name some, or install Go.')
    process.exit(1)
  }
  return SIZES_MB.map((megabytes) => {
    const file = join(folder, `service-${megabytes}MB.trace`)
    if (!existsSync(file)) execFileSync(recorder, ['-bytes', String(megabytes * 1e6), '-out', file])
    return file
  })
}

function readByGo(file) {
  return JSON.parse(execFileSync(reader, [file], { encoding: 'utf8' }))
}

/** Runs a program of ours to its end: what it cost, and how many events it tells of. */
function ours(...program) {
  const args = ['--import', here('usage.mjs'), ...program]
  const usageFile = join(folder, `usage-${process.pid}.json`)
  const usage = openSync(usageFile, 'w')
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe', usage],
  })
  closeSync(usage)
  const told = readFileSync(usageFile, 'utf8')
  rmSync(usageFile)
  if (status !== 0) {
    console.error(stderr)
    process.exit(1)
  }
  const events = Number(/([\d,]+) events/.exec(stdout)?.[1].replaceAll(',', ''))
  return { ...JSON.parse(told), events }
}

function medians(rounds) {
  const keys = Object.keys(rounds[0])
  return Object.fromEntries(keys.map((key) => [key, median(rounds.map((round) => round[key]))]))
}

function median(numbers) {
  return numbers.sort((one, other) => one - other)[numbers.length >> 1]
}

/** @param beside what the ratios are to; null for none */
function row(file, program, { cpuS, wallS, peakBytes }, events, beside) {
  const megabytes = statSync(file).size / 1e6
  const ratio = (key, value) => (beside === null ? '' : `${(value / beside[key]).toFixed(2)}x`)
  console.log(
    [
      basename(file).padEnd(26),
      megabytes.toFixed(1).padStart(8),
      events.toLocaleString('en-US').padStart(10),
      ` ${program.padEnd(12)}`,
      cpuS.toFixed(2).padStart(7),
      wallS.toFixed(2).padStart(7),
      (megabytes / cpuS).toFixed(1).padStart(9),
      (events / 1e6 / cpuS).toFixed(2).padStart(14),
      (peakBytes / 1e6).toFixed(0).padStart(8),
      ratio('cpuS', cpuS).padStart(12),
      ratio('wallS', wallS).padStart(11),
    ].join(' '),
  )
}
