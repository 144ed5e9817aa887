// reload.ts: takes a changed configuration while spans go on coming: destinations, targets of pulls and tokens; the rest asks for a restart.

import { isDeepStrictEqual } from 'node:util'
import type { Counters, Log } from '../bridge/ports.ts'
import type { SubspanConfig } from '../config/config.ts'
import { fieldOf } from '../config/load.ts'
import { OPTIONS } from '../config/options.ts'
import type { Deliveries, DestinationsChange } from '../export/deliveries.ts'
import { destinationsOf, refuseOwnListeners } from '../export/destination.ts'
import type { Pulls } from '../pull/pulls.ts'
import { namedTargets } from '../pull/target.ts'
import type { Doors } from './doors.ts'
import { counted } from './human.ts'

/** What came of a reload. */
export interface Reloaded {
  readonly destinations: DestinationsChange
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
  readonly counters: Counters
  readonly log: Log
}

/** Options, and ends of options of doors, that a reload takes. */
const TAKEN = ['destinations', 'pull.targets', 'tokens', 'tokensFile']

/** Reloads one after another. */
export class Reloading {
  private last: Promise<unknown> = Promise.resolve()

  /** @param started what Subspan was started with */
  constructor(
    private readonly setup: ReloadSetup,
    private readonly started: SubspanConfig,
  ) {}

  /**
   * Reads the configuration again and goes on with it.
   *
   * @throws Failure CONFIG, FILE, DESTINATION when it cannot be used: then what was before holds, all of it
   */
  reload(): Promise<Reloaded> {
    const next = this.last.then(() => this.once())
    this.last = next.catch(() => undefined)
    return next
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.last
  }

  private async once(): Promise<Reloaded> {
    const { read, environment, doors, deliveries, pulls, counters, log } = this.setup
    const config = read()
    const wanted = destinationsOf(config.destinations, environment)
    await refuseOwnListeners(wanted, doors.listening)
    const useTokens = await doors.readTokens(config)
    const destinations = await deliveries.change(wanted)
    useTokens()
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
    const reloaded = { destinations, targets: config.pull.targets.length, afterRestart }
    log.info(reloaded, 'the configuration was read again')
    return reloaded
  }
}

/** What came of a reload, as a sentence. */
export function reloadedSentence({ destinations, targets, afterRestart }: Reloaded): string {
  const kinds = Object.entries(destinations) as [string, readonly string[]][]
  const told = kinds.filter(([, names]) => names.length > 0).map(([kind, names]) => `${names.join(', ')} ${kind}`)
  const restart = afterRestart.length === 0 ? '' : ` After a restart only: ${afterRestart.join(', ')}.`
  return `The configuration was read again: destinations ${told.length === 0 ? 'as before' : told.join('; ')}; ${counted(targets, 'target')} of pulls.${restart}`
}
