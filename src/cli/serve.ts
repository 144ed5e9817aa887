// serve.ts: `subspan serve`: the one place that builds everything and connects it.

import { fileURLToPath } from 'node:url'
import { Failure, messageOf } from '../base/failure.ts'
import { Bridge } from '../bridge/bridge.ts'
import type { BridgeOptions } from '../bridge/options.ts'
import type { Clock } from '../bridge/ports.ts'
import type { SubspanConfig } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { WorkerDecoder } from '../decoding/decoder.ts'
import { DEFAULT_ENRICH_OPTIONS } from '../enrich/enrich.ts'
import { Deliveries } from '../export/deliveries.ts'
import { Delivery } from '../export/delivery.ts'
import { type Destination, destinationsOf, isOwnListener, refuseOwnListeners } from '../export/destination.ts'
import { readDestinationFiles } from '../export/destination-files.ts'
import { openOtlpGrpc } from '../export/otlp-grpc.ts'
import { openOtlpHttp } from '../export/otlp-http.ts'
import type { Sender } from '../export/sender.ts'
import { Pulls } from '../pull/pulls.ts'
import { namedTargets } from '../pull/target.ts'
import type { Disk } from '../store/disk.ts'
import { openStore, type Store } from '../store/store.ts'
import { openTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import { type Doors, openDoors } from './doors.ts'
import { joinOptionsOf } from './join-options.ts'
import { RECORDING } from './recording.ts'
import { type Reloaded, reloadedSentence, Reloading } from './reload.ts'
import type { Terminal } from './terminal.ts'
import { WatchedFolders } from '../watch/watched-folders.ts'
import { VERSION } from './version.ts'

/** A running Subspan. */
export interface Running {
  readonly doors: Doors
  /** Base address of the OTLP/HTTP door; null when it is off. */
  readonly otlpUrl: string | null
  /** Base address of the API. */
  readonly apiUrl: string
  /** The data folder's whole path. */
  readonly dataDir: string
  /** Folders from which captures are taken. */
  readonly watched: readonly string[]
  readonly destinations: readonly Destination[]
  /** @throws Failure when the configuration cannot be used: then what was before holds */
  reload(): Promise<Reloaded>
  /** Takes nothing new, writes down what waits, delivers what it can by the deadline. */
  stop(deadlineMs: number): Promise<void>
}

/** What tests and the demonstration put in the place of the program's own. */
export interface StartOverrides {
  /** Environment that names a destination; the process's own unless told otherwise. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** The compiled worker, where this file is not compiled itself. */
  readonly workerUrl?: URL
  /** A file system instead of this machine's. */
  readonly disk?: Disk
  /** Reads the configuration again; the one of the start unless told otherwise. */
  readonly read?: () => SubspanConfig
}

/** Where the configuration of `serve` comes from. */
export interface ServeOptions {
  readonly configFile: string | null
  /** Options by name, from the command line. */
  readonly flags: Readonly<Record<string, string>>
}

const DEAD_LETTER_BYTES = 64 << 20
/** Under load a request every so many milliseconds carries what several would, for less; where little comes, it goes at once. */
const GATHER_MS = 5
/** Timers longer than this would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Runs the service until it is told to stop. @returns the exit code */
export async function serve(options: ServeOptions, terminal: Terminal): Promise<number> {
  const read = (): SubspanConfig =>
    loadConfig({ file: options.configFile, environment: process.env, flags: options.flags }).config
  const config = read()
  const signal = firstSignal(terminal)
  const running = await startSubspan(config, { read })
  tellWhatRuns(running, terminal)
  process.on('SIGHUP', () => {
    running.reload().then(
      (reloaded) => terminal.tell(reloadedSentence(reloaded)),
      (thrown: unknown) => terminal.tell(`${NOT_RELOADED}\n${messageOf(thrown)}`),
    )
  })
  terminal.tell(`${await signal}: stopping; what is under way ends within ${config.shutdown.deadlineMs / 1_000} s.`)
  await running.stop(config.shutdown.deadlineMs)
  return 0
}

/** The first of the signals that end a service; a second one ends it at once. */
function firstSignal(terminal: Terminal): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (stopping) {
          terminal.tell(
            `${name} again: ending now. Everything acknowledged is on disk and leaves after the next start.`,
          )
          process.exit(1)
        }
        stopping = true
        resolve(name)
      })
    }
  })
}

function tellWhatRuns(running: Running, terminal: Terminal): void {
  const { doors, apiUrl, dataDir, watched, destinations } = running
  terminal.tell(`Subspan ${VERSION}`)
  for (const { told } of doors.spans) terminal.tell(`  spans      ${told}`)
  if (doors.spans.length === 0) terminal.tell('  spans      no receiver is on')
  for (const { name, port, option } of doors.missing) {
    terminal.tell(
      `             not ${name}: port ${port} is taken by another program. Set ${option}.port to another one, or ${option}.enabled to false.`,
    )
  }
  terminal.tell(`  captures   ${apiUrl}/api/v1/captures`)
  for (const folder of watched) terminal.tell(`             files in ${folder}`)
  terminal.tell(`  health     ${apiUrl}/readyz, metrics ${apiUrl}/metrics`)
  terminal.tell(`  data       ${dataDir}`)
  for (const { name, url } of destinations) terminal.tell(`  goes to    ${url} (${name})`)
  if (destinations.length === 0) {
    terminal.tell(
      '  goes to    nowhere: there is no default destination. Spans stay in the data folder; name one with OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4318 or destinations in subspan.yaml.',
    )
  }
}

/**
 * Starts everything; resolves when spans and captures are taken.
 *
 * @throws Failure CONFIG, DESTINATION, STORE with what to change; nothing is left open then
 */
export async function startSubspan(config: SubspanConfig, overrides: StartOverrides = {}): Promise<Running> {
  const environment = overrides.environment ?? process.env
  const destinations = destinationsOf(config.destinations, environment)
  const options = bridgeOptionsOf(config)
  const telemetry = openTelemetry(config, VERSION)
  const { counters, log } = telemetry
  const opened: (() => Promise<void>)[] = [() => telemetry.close()]
  /** The flow, once it has read its journal. */
  let flow: Bridge | null = null
  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const ready = (): Bridge => {
    if (flow === null || state === 'starting') throw new Failure('STORE', WHY_NOT.starting, 1)
    return flow
  }
  let reload = (): Promise<Reloaded> => Promise.reject(new Failure('STORE', WHY_NOT.starting, 1))
  const notReady = (): string | null => (state === 'ready' ? null : WHY_NOT[state])

  const pulls = new Pulls({
    targets: namedTargets(config.pull.targets),
    recorder: ready,
    limits: { timeoutMs: config.pull.timeoutMs, maxBytes: config.captures.maxBytes },
    maxSeconds: config.pull.maxLengthMs / 1_000,
    maxAtATime: config.pull.maxAtATime,
    version: VERSION,
    counters,
  })

  const watched = new WatchedFolders({
    folders: config.watch.folders,
    acceptCapture: (name, origin, chunks) => ready().acceptCapture(name, origin, chunks),
    maxAgeMs: config.late.maxAgeMs,
    clock: systemClock,
    counters,
    log,
  })

  try {
    // The ports first: they say at once when another Subspan is running.
    const doors = await openDoors(config, {
      acceptSpans: (request) => ready().acceptSpans(request),
      api: {
        acceptCapture: (name, origin, chunks) => ready().acceptCapture(name, origin, chunks),
        captures: () => ready().captureViews(),
        capture: (id) => ready().captureView(id),
        announce: (name, seconds) => ready().announce(name, seconds),
        announcements: () => ready().announcements(),
        pull: (target, seconds) => pulls.begin(target, seconds),
        reload: () => reload(),
        notReady,
        metrics: () => telemetry.metrics(),
      },
      counters,
      log,
    })
    opened.push(() => doors.close(0))
    const { listening } = doors
    await refuseOwnListeners(destinations, listening)
    const { tracesEndpoint } = config.telemetry
    if (tracesEndpoint !== '' && (await isOwnListener(tracesEndpoint, listening))) {
      throw new Failure(
        'CONFIG',
        `telemetry.tracesEndpoint is ${tracesEndpoint}, where Subspan itself listens: its own spans would make more of them for ever. Give the address of the backend.`,
      )
    }

    const store = await openStore({
      dir: config.data.dir,
      journal: config.store,
      captures: config.captures,
      deadLetters: { maxBytes: DEAD_LETTER_BYTES },
      destinations: destinations.map(({ name }) => name),
      clock: systemClock,
      counters,
      log,
      ...(overrides.disk === undefined ? {} : { disk: overrides.disk }),
    })
    opened.push(() => store.close())
    const decoder = new WorkerDecoder({
      maxUnpackedBytes: config.captures.maxBytes,
      workerMemoryBytes: config.decode.memoryBytes,
      deadlineMs: config.decode.deadlineMs,
      ticksPerSecond: config.decode.ticksPerSecond === 0 ? null : config.decode.ticksPerSecond,
      samplePath: fileURLToPath(new URL('messages.trace', RECORDING)),
      ...(overrides.workerUrl === undefined ? {} : { workerUrl: overrides.workerUrl }),
    })
    const bridge = new Bridge(
      {
        journal: store.journal,
        files: store.captures,
        decoder: telemetry.watchDecoder(decoder),
        clock: systemClock,
        counters,
        log,
      },
      options,
    )
    opened.push(async () => {
      await Promise.all([pulls.stop(), watched.stop()])
      await bridge.stop(0)
      await decoder.stop()
    })
    await bridge.recover()
    const deliveries = new Deliveries({
      readFiles: readDestinationFiles,
      openSender: (destination, files) =>
        (destination.protocol === 'grpc' ? openOtlpGrpc : openOtlpHttp)(destination, files, VERSION),
      begin: (names) => store.cursors.begin(names, store.journal.lastSequence),
      deliver: (destination, sender) => deliveryTo(destination, sender, store, telemetry),
    })
    await deliveries.change(destinations)
    telemetry.watch(() => ({
      ...bridge.gauges(),
      captureFilesBytes: store.captures.bytes,
      backlogs: deliveries.backlogs(),
    }))
    const { read = () => config } = overrides
    const reloading = new Reloading(
      { read, environment, doors, deliveries, pulls, clock: systemClock, counters, log },
      config,
    )
    reload = async () => {
      if (state !== 'ready') throw new Failure('STORE', WHY_NOT[state], 1)
      try {
        return await reloading.reload()
      } catch (thrown) {
        log.error({ error: messageOf(thrown) }, NOT_RELOADED)
        throw thrown
      }
    }
    flow = bridge
    state = 'ready'
    decoder.warm()
    watched.start()

    return {
      doors,
      otlpUrl: doors.spans.find(({ receiver }) => receiver === 'otlpHttp')?.url ?? null,
      apiUrl: doors.apiUrl,
      dataDir: store.path,
      watched: config.watch.folders.map(({ folder }) => folder),
      destinations,
      reload: () => reload(),
      async stop(deadlineMs) {
        const endMs = Date.now() + deadlineMs
        const leftMs = (): number => Math.max(0, endMs - Date.now())
        state = 'stopping'
        await doors.close(leftMs() / 2)
        await Promise.all([pulls.stop(), watched.stop()])
        await bridge.stop(leftMs() / 2)
        await decoder.stop()
        await reloading.stop()
        await deliveries.stop(leftMs())
        await store.close()
        await telemetry.close()
      },
    }
  } catch (thrown) {
    for (const close of opened.reverse()) await close()
    throw thrown
  }
}

const NOT_RELOADED = 'The configuration was not taken; the one before holds.'

const WHY_NOT = {
  starting: 'Subspan is starting: it reads what its journal holds. Try again in a moment.',
  stopping: 'Subspan is stopping.',
} as const

/** Wall clock and timers; a timer alone does not keep the process alive. */
const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(ms, run) {
    const untilMs = Date.now() + ms
    let timer: NodeJS.Timeout
    const arm = (): void => {
      const leftMs = untilMs - Date.now()
      timer = leftMs > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(run, Math.max(0, leftMs))
      timer.unref()
    }
    arm()
    return () => clearTimeout(timer)
  },
}

function deliveryTo(destination: Destination, sender: Sender, store: Store, telemetry: Telemetry): Delivery {
  const { counters, log } = telemetry
  return new Delivery({
    destination,
    sender,
    source: store.journal.reader(),
    cursor: store.cursors.of(destination.name),
    deadLetters: store.deadLetters,
    clock: systemClock,
    counters,
    log,
    gatherMs: GATHER_MS,
    observe: (bytes, send) => telemetry.watchExport(destination.name, bytes, send),
  })
}

/** @throws Failure CONFIG for a name pattern that cannot be used */
function bridgeOptionsOf(config: SubspanConfig): BridgeOptions {
  const { hold, join, late, enrich, decode, publicUrl } = config
  return {
    holdMode: hold.mode,
    holdMaxMs: hold.maxMs,
    holdMaxBytes: hold.maxBytes,
    joinKeepMs: join.keepMs,
    joinMaxBytes: join.keepBytes,
    late: late.enabled,
    lateMaxAgeMs: late.maxAgeMs,
    recentMaxBytes: late.keepBytes,
    decodeWorkers: decode.workers,
    ids: joinOptionsOf(config),
    enrich: {
      ...DEFAULT_ENRICH_OPTIONS,
      enrich: enrich.mode,
      publicUrl: publicUrl === '' ? null : publicUrl.replace(/\/+$/, ''),
      maxPerSpan: enrich.maxChildrenPerSpan,
    },
    traceLimits: { spans: enrich.maxChildrenPerTrace, bytes: enrich.maxBytesPerTrace },
    version: VERSION,
  }
}
