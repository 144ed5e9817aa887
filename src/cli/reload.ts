// reload.ts: takes a changed configuration while spans go on coming: destinations, targets of pulls, certificates and tokens; the rest asks for
// a restart. Files of certificates, tokens and headers are also looked at from time to time, and used when they have changed.

import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '../base/failure.ts'
import type { Clock, Counters, Log } from '../bridge/ports.ts'
import type { SubspanConfig } from '../config/config.ts'
import { fieldOf } from '../config/load.ts'
import { OPTIONS } from '../config/options.ts'
import type { Deliveries, DestinationsChange } from '../export/deliveries.ts'
import { type Destination, destinationsOf, refuseOwnListeners } from '../export/destination.ts'
import type { Pulls } from '../pull/pulls.ts'
import { namedTargets } from '../pull/target.ts'
import type { Doors } from './doors.ts'
import { counted } from './human.ts'

/** What came of a reload. */
export interface Reloaded {
  readonly destinations: DestinationsChange
  /** Options of doors whose certificates or tokens are others now. */
  readonly doors: readonly string[]
  /** Programs that captures may be pulled from now. */
  readonly targets: number
  /** Options that were changed and hold only after a restart. */
  readonly afterRestart: readonly string[]
}

/** What reloading needs. */
export interface ReloadSetup {
  /** Reads the configuration from its sources. @throws Failure CONFIG, FILE */
  readonly read: () => SubspanConfig
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly doors: Doors
  readonly deliveries: Deliveries
  readonly pulls: Pulls
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

/** Options, and ends of options of doors, that a reload takes. */
const TAKEN = ['destinations', 'pull.targets', 'tokens', 'tokensFile', 'certFile', 'keyFile', 'clientCaFile']

/** Reloads one after another. */
export class Reloading {
  private last: Promise<unknown> = Promise.resolve()
  private current: SubspanConfig
  /** What was wrong with files when they were looked at last, and whether that was told. */
  private wrong: { readonly message: string; told: boolean } | null = null
  private cancelLook = (): void => undefined
  private stopped = false

  /** @param started what Subspan was started with */
  constructor(
    private readonly setup: ReloadSetup,
    private readonly started: SubspanConfig,
  ) {
    this.current = started
    this.lookLater()
  }

  /**
   * Reads the configuration again and goes on with it.
   *
   * @throws Failure CONFIG, FILE, DESTINATION when it cannot be used: then what was before holds, all of it
   */
  reload(): Promise<Reloaded> {
    return this.next(() => this.once())
  }

  /** Looks at no more files; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.stopped = true
    this.cancelLook()
    await this.last
  }

  private next<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work)
    this.last = next.catch(() => undefined)
    return next
  }

  private lookLater(): void {
    const { filesEveryMs } = this.started.reload
    if (filesEveryMs === 0 || this.stopped) return
    this.cancelLook = this.setup.clock.after(filesEveryMs, () => {
      void this.next(() => this.look()).then(() => this.lookLater())
    })
  }

  /** Uses files that have changed. Those that cannot be used are told once, and only the second time: they may just be being written. */
  private async look(): Promise<void> {
    const { environment, log } = this.setup
    try {
      const { doors, destinations } = await this.take(
        this.current,
        destinationsOf(this.current.destinations, environment),
      )
      if (doors.length + destinations.changed.length > 0) {
        log.info(
          { doors, destinations: destinations.changed },
          'files of certificates, tokens or headers have changed: what is in them now is used',
        )
      }
      this.wrong = null
    } catch (thrown) {
      const message = messageOf(thrown)
      const again = this.wrong?.message === message
      if (again && this.wrong?.told === false) {
        log.error({ error: message }, 'files have changed and cannot be used: what was in them before holds')
      }
      this.wrong = { message, told: again }
    }
  }

  /** All of it, or nothing. */
  private async take(
    config: SubspanConfig,
    wanted: readonly Destination[],
  ): Promise<Pick<Reloaded, 'doors' | 'destinations'>> {
    const { doors, deliveries } = this.setup
    const security = await doors.readSecurity(config)
    const destinations = await deliveries.change(wanted)
    security.use()
    return { doors: security.changed, destinations }
  }

  private async once(): Promise<Reloaded> {
    const { read, environment, doors: open, pulls, counters, log } = this.setup
    const config = read()
    const wanted = destinationsOf(config.destinations, environment)
    await refuseOwnListeners(wanted, open.listening)
    const { doors, destinations } = await this.take(config, wanted)
    this.current = config
    pulls.setTargets(namedTargets(config.pull.targets))
    for (const destination of destinations.removed) {
      for (const name of ['queue_bytes', 'queue_oldest_seconds', 'destination_failing_seconds']) {
        counters.set(`subspan_${name}`, 0, { destination })
      }
    }
    const afterRestart = OPTIONS.filter(
      ({ field, name }) =>
        !TAKEN.includes(name) &&
        !TAKEN.includes(name.slice(name.lastIndexOf('.') + 1)) &&
        !isDeepStrictEqual(fieldOf(this.started, field), fieldOf(config, field)),
    ).map(({ name }) => name)
    const reloaded = { destinations, doors, targets: config.pull.targets.length, afterRestart }
    log.info(reloaded, 'the configuration was read again')
    return reloaded
  }
}

/** What came of a reload, as a sentence. */
export function reloadedSentence({ destinations, doors, targets, afterRestart }: Reloaded): string {
  const kinds = Object.entries(destinations) as [string, readonly string[]][]
  const told = kinds.filter(([, names]) => names.length > 0).map(([kind, names]) => `${names.join(', ')} ${kind}`)
  const restart = afterRestart.length === 0 ? '' : ` After a restart only: ${afterRestart.join(', ')}.`
  const renewed = doors.length === 0 ? '' : `; new certificates or tokens: ${doors.join(', ')}`
  return `The configuration was read again: destinations ${told.length === 0 ? 'as before' : told.join('; ')}; ${counted(targets, 'target')} of pulls${renewed}.${restart}`
}
