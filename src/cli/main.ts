#!/usr/bin/env node
// main.ts: the command line: which command, with which options. Exit 0: done; 1: an input could not be used; 2: wrong usage.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { Failure, messageOf } from '../base/failure.ts'
import type { AnalyzeOptions } from './analyze.ts'
import type { EnrichCommand } from './enrich.ts'
import type { JoinCommand } from './join.ts'
import { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Exit code for a command line that cannot be understood. */
const USAGE = 2

const terminal = new Terminal(process.stdout, process.stderr, process.env)

/** Runs one command line. @returns the exit code */
async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = new Command('subspan')
    .description('Puts the Go runtime inside distributed-trace spans.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)')
    .configureOutput({ writeOut: (text) => terminal.write(text), writeErr: (text) => process.stderr.write(text) })
    .addHelpText(
      'after',
      `
Examples:
  $ subspan serve                                    take spans on 4318 and captures on 6061
  $ subspan serve --demo                             show one trace before and after, then leave
  $ subspan pull http://auth:6060 --seconds 5        record a program now, its spans wait for the capture
  $ subspan analyze trace.out                        where the time of every task and region went
  $ subspan join --spans spans.jsonl --capture trace.out
  $ subspan enrich --spans spans.jsonl --capture trace.out --out enriched.jsonl

Exit codes: 0 done, 1 an input could not be used (the others are still done), 2 wrong usage.`,
    )
  const command = (name: string): Command => program.command(name).exitOverride().copyInheritedSettings(program)

  command('serve')
    .description('Run the service: spans in, captures in, enriched spans out.')
    .option('-c, --config <file>', 'configuration file (subspan.yaml); environment and flags win over it')
    .option(
      '--demo',
      'send a recorded trace and capture through a bridge of its own, show it before and after, and leave',
    )
    .option('-s, --set <path=value>', 'set one option of the configuration (may be repeated)', collectSettings, {})
    .addHelpText(
      'after',
      `
Examples:
  $ subspan serve
  $ OTEL_EXPORTER_OTLP_ENDPOINT=http://jaeger:4318 subspan serve --set receivers.otlpHttp.host=0.0.0.0
  $ subspan serve --config subspan.yaml --set hold.mode=never
  $ subspan serve --demo

All options: subspan config`,
    )
    .action(async (options: { config?: string; demo?: boolean; set: Record<string, string> }) => {
      if (options.demo === true) {
        const { demo } = await import('./demo.ts')
        exitCode = await demo(terminal)
        return
      }
      const { serve } = await import('./serve.ts')
      exitCode = await serve({ configFile: options.config ?? null, flags: options.set }, terminal)
    })

  command('pull')
    .description('One capture now: through the running service, so that spans wait for it, or into a file.')
    .argument('<url>', "address of a program's net/http/pprof, or the name of a target that the service knows")
    .option('-n, --seconds <number>', 'length of the recording', parseSeconds, 5)
    .option('-o, --out <file>', 'record into this file instead, - is standard output; the service is not asked')
    .option('--api <url>', "address of the service's API; default: as configured, else http://127.0.0.1:6061")
    .option('-c, --config <file>', 'configuration file (subspan.yaml) that says where the service listens')
    .addOption(formatOption(['text', 'json']))
    .addHelpText(
      'after',
      `
Examples:
  $ subspan pull http://auth:6060 --seconds 10
  $ subspan pull auth --format json | jq .spans
  $ subspan pull http://localhost:6060 --out trace.out && subspan analyze trace.out

The service asks the programs of its pull.targets only.`,
    )
    .action(
      async (
        url: string,
        options: { seconds: number; out?: string; api?: string; config?: string; format: 'text' | 'json' },
      ) => {
        const { pull } = await import('./pull.ts')
        const { seconds, out = null, api = null, config: configFile = null, format } = options
        exitCode = await pull(url, { seconds, out, api, configFile, format }, terminal)
      },
    )

  command('analyze')
    .description('Tasks, regions and where their time went, from captures, offline.')
    .argument('<capture...>', 'capture files, plain, gzip or zstd; - is standard input')
    .addOption(formatOption(['text', 'json', 'jsonl']))
    .option('--go-times', "move times apart as Go's own reader does, for comparing with it", false)
    .addOption(ticksOption())
    .addHelpText(
      'after',
      `
Examples:
  $ subspan analyze trace.out
  $ curl -s http://localhost:6060/debug/pprof/trace?seconds=5 | subspan analyze -
  $ subspan analyze --format json trace.out | jq '.tasks[] | select(.path.totalNs > 1e7) | .name'
  $ subspan analyze --format jsonl *.trace > tasks.jsonl`,
    )
    .action(async (captures: string[], options: AnalyzeOptions) => {
      onceOnly(captures)
      const { analyze } = await import('./analyze.ts')
      exitCode = await analyze(captures, options, terminal)
    })

  command('join')
    .description('Which task is which span, and why the others have none, offline.')
    .requiredOption('--spans <file...>', 'spans: OTLP JSON lines, or protobuf (.pb, .bin); - is standard input')
    .requiredOption('--capture <file...>', 'captures, plain, gzip or zstd')
    .addOption(ticksOption())
    .addOption(formatOption(['text', 'json']))
    .option('-c, --config <file>', 'configuration file (subspan.yaml): how ids are told (join)')
    .option('-s, --set <path=value>', 'set one option (may be repeated)', collectSettings, {})
    .addHelpText(
      'after',
      `
Examples:
  $ subspan join --spans spans.otlp.jsonl --capture trace.out
  $ subspan join --format json --spans a.jsonl b.pb --capture trace.out | jq .unmatched
  $ subspan join --set join.nameTime=false --spans spans.otlp.jsonl --capture trace.out      by ids only`,
    )
    .action(async (options: JoinFlags & Pick<JoinCommand, 'format' | 'ticksPerSecond'>) => {
      const { config: configFile = null, set: flags, ...rest } = options
      onceOnly([...rest.spans, ...rest.capture])
      const { join } = await import('./join.ts')
      exitCode = await join({ ...rest, configFile, flags }, terminal)
    })

  command('enrich')
    .description('Add the runtime breakdown to spans, offline: OTLP JSON lines or protobuf in and out.')
    .requiredOption('--spans <file...>', 'spans: OTLP JSON lines, or protobuf (.pb, .bin); - is standard input')
    .requiredOption('--capture <file...>', 'captures, plain, gzip or zstd')
    .addOption(ticksOption())
    .option(
      '--out <file>',
      'where to write; a name ending in .pb gets protobuf; default: JSON lines to standard output',
    )
    .option('-c, --config <file>', 'configuration file (subspan.yaml): how ids are told (join)')
    .option('-s, --set <path=value>', 'set one option (may be repeated)', collectSettings, {})
    .addHelpText(
      'after',
      `
Examples:
  $ subspan enrich --spans spans.otlp.jsonl --capture trace.out > enriched.jsonl
  $ subspan enrich --spans spans.pb --capture trace.out --out enriched.pb`,
    )
    .action(async (options: JoinFlags & Pick<EnrichCommand, 'ticksPerSecond'> & { out?: string }) => {
      const { config: configFile = null, set: flags, out = null, ...rest } = options
      onceOnly([...rest.spans, ...rest.capture])
      const { enrich } = await import('./enrich.ts')
      exitCode = await enrich({ ...rest, out, configFile, flags }, terminal)
    })

  command('config')
    .description('The whole configuration: values, where they come from, one sentence each.')
    .option('-c, --config <file>', 'configuration file (subspan.yaml)')
    .option('-s, --set <path=value>', 'set one option (may be repeated)', collectSettings, {})
    .addOption(formatOption(['text', 'markdown']))
    .addHelpText(
      'after',
      `
Examples:
  $ subspan config
  $ subspan config --config subspan.yaml        checks the file too
  $ subspan config --format markdown            the defaults as tables, as in docs/configuration.md`,
    )
    .action(async (options: { config?: string; set: Record<string, string>; format: 'text' | 'markdown' }) => {
      const { config } = await import('./config.ts')
      const { config: configFile = null, set: flags, format } = options
      exitCode = config({ configFile, flags, format }, terminal)
    })

  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : USAGE
    else if (error instanceof Failure) {
      terminal.tell(error.message)
      exitCode = error.code === 'USAGE' || error.code === 'CONFIG' ? USAGE : 1
    } else throw error
  }
  await terminal.flush()
  return exitCode
}

/** Flags of the commands that join. */
interface JoinFlags {
  readonly spans: string[]
  readonly capture: string[]
  readonly config?: string
  readonly set: Record<string, string>
}

function formatOption(choices: readonly string[]): Option {
  return new Option('--format <format>', 'how to write the result').choices(choices).default('text')
}

function ticksOption(): Option {
  return new Option(
    '--ticks-per-second <number>',
    'clock of captures of Go 1.21 and older that were cut before they state it (a whole one from the same machine tells: capture.ticksPerSecond of analyze --format json)',
  ).argParser((text) => {
    const ticks = Number(text)
    if (ticks >= 1e3 && ticks <= 1e12) return ticks
    throw new InvalidArgumentError('it is a number from 1000 to 1e12, as in 39062500.')
  })
}

/** Standard input can be read once. */
function onceOnly(inputs: readonly string[]): void {
  if (inputs.filter((input) => input === '-').length > 1) {
    throw new Failure(
      'USAGE',
      '"-" is named more than once, but standard input can be read only once: name files for the others.',
    )
  }
}

function parseSeconds(written: string): number {
  const seconds = Number(written)
  if (!(seconds > 0)) throw new InvalidArgumentError('it is a number above 0.')
  return seconds
}

/** Gathers `--set path=value`. */
function collectSettings(setting: string, earlier: Record<string, string>): Record<string, string> {
  const at = setting.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('it has the form path=value, as in hold.mode=never.')
  return { ...earlier, [setting.slice(0, at)]: setting.slice(at + 1) }
}

try {
  process.exitCode = await run(process.argv)
} catch (error) {
  process.stderr.write(
    `subspan met something it did not expect: ${error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error)}\n`,
  )
  process.exitCode = 1
}
