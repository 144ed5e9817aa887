// deliveries.ts: the deliveries to all destinations, and their change while spans go on coming.

import { isDeepStrictEqual } from 'node:util'
import type { Delivery } from './delivery.ts'
import type { Destination } from './destination.ts'
import type { DestinationFiles } from './destination-files.ts'
import type { Sender } from './sender.ts'

/** What they need. */
export interface DeliveriesSetup {
  /** @throws Failure DESTINATION for files that cannot be used */
  readonly readFiles: (destination: Destination) => Promise<DestinationFiles>
  /** @throws Failure DESTINATION for a destination that cannot be used */
  readonly openSender: (destination: Destination, files: DestinationFiles) => Sender
  /** Says which destinations there are from now on, for their cursors. */
  readonly begin: (names: readonly string[]) => void
  /** A delivery that goes on at the destination's cursor; it has not been started. */
  readonly deliver: (destination: Destination, sender: Sender) => Delivery
}

/** Names of destinations by what became of them. */
export interface DestinationsChange {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

interface Running {
  readonly destination: Destination
  readonly files: DestinationFiles
  readonly delivery: Delivery
}

/** Delivers to each destination by itself. */
export class Deliveries {
  private readonly running = new Map<string, Running>()
  private begun = false

  constructor(private readonly setup: DeliveriesSetup) {}

  /**
   * Delivers to these destinations from now on. One that stays as it was, and whose files do, is not touched; one with other options or
   * files goes on where it was when its request under way is answered; for one that is left out nothing is kept any more.
   *
   * @throws Failure when one of them cannot be used; then everything is as it was
   */
  async change(wanted: readonly Destination[]): Promise<DestinationsChange> {
    const { readFiles, openSender, deliver, begin } = this.setup
    const read = await Promise.all(
      wanted.map(async (destination) => ({ destination, files: await readFiles(destination) })),
    )
    const fresh = read.filter(({ destination, files }) => {
      const running = this.running.get(destination.name)
      return !isDeepStrictEqual([running?.destination, running?.files], [destination, files])
    })
    const opened: (Omit<Running, 'delivery'> & { readonly sender: Sender })[] = []
    try {
      for (const { destination, files } of fresh) {
        opened.push({ destination, files, sender: openSender(destination, files) })
      }
    } catch (thrown) {
      for (const { sender } of opened) sender.close()
      throw thrown
    }
    const names = wanted.map(({ name }) => name)
    const removed = [...this.running.keys()].filter((name) => !names.includes(name))
    const changed = fresh.map(({ destination }) => destination.name).filter((name) => this.running.has(name))
    if (this.begun && fresh.length + removed.length === 0) return { added: [], changed, removed }
    await Promise.all([...removed, ...changed].map(async (name) => this.running.get(name)?.delivery.leave()))
    for (const name of removed) this.running.delete(name)
    begin(names)
    this.begun = true
    for (const { destination, files, sender } of opened) {
      const delivery = deliver(destination, sender)
      this.running.set(destination.name, { destination, files, delivery })
      delivery.start()
    }
    const added = fresh.map(({ destination }) => destination.name).filter((name) => !changed.includes(name))
    return { added, changed, removed }
  }

  /** What waits for each destination. */
  backlogs(): readonly ({ readonly destination: string } & ReturnType<Delivery['backlog']>)[] {
    return [...this.running].map(([destination, { delivery }]) => ({ destination, ...delivery.backlog() }))
  }

  /** Each delivers what there is, and ends at the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    await Promise.all([...this.running.values()].map(({ delivery }) => delivery.stop(deadlineMs)))
  }
}
