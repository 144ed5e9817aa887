// target.ts: the programs that captures may be pulled from, and where each of them is asked.

import { Failure } from '../base/failure.ts'
import type { CaptureName } from '../bridge/ports.ts'

/** A program with net/http/pprof. */
export interface PullTarget extends CaptureName {
  /** What people call it. */
  readonly name: string
  /** Base address of its pprof, or that of its trace handler, ending in `/trace`. */
  readonly url: string
  /** Sent with every request; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** File with more headers, one a line; empty: none. */
  readonly headersFile: string
  /** PEM files; empty: Node's own authorities, no client certificate. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

const TRACE_PATH = '/debug/pprof/trace'

/** Targets as they are configured, those without a name called by host and port. */
export function namedTargets(configured: readonly PullTarget[]): readonly PullTarget[] {
  return configured.map((target) => (target.name === '' ? { ...target, name: new URL(target.url).host } : target))
}

/**
 * The target that a request means: by its name, or by its address with or without the path of the trace handler.
 *
 * @throws Failure NOT_FOUND with those there are
 */
export function findTarget(targets: readonly PullTarget[], wanted: string): PullTarget {
  const byName = targets.filter(({ name }) => name === wanted)
  const found = byName.length > 0 ? byName : targets.filter(({ url }) => sameAddress(url, wanted))
  if (found.length === 1) return found[0]
  const quoted = JSON.stringify(wanted.slice(0, 200))
  if (found.length > 1) {
    throw new Failure('NOT_FOUND', `${found.length} targets of pull.targets are meant by ${quoted}: give each a name.`)
  }
  const there =
    targets.length === 0
      ? 'pull.targets lists none'
      : `there are ${targets
          .slice(0, 10)
          .map(({ name }) => name)
          .join(', ')}${targets.length > 10 ? `, and ${targets.length - 10} more` : ''}`
  throw new Failure(
    'NOT_FOUND',
    `${quoted} is no target that captures may be pulled from (${there}): add it to pull.targets, or record it with curl and upload the capture.`,
  )
}

/** Where a target is asked for a recording. */
export function traceUrl(base: string, seconds: number): URL {
  const url = new URL(base)
  if (!url.pathname.endsWith('/trace')) {
    url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/debug\/pprof$/, '')}${TRACE_PATH}`
  }
  url.searchParams.set('seconds', String(seconds))
  return url
}

/** An address without the user and password that may stand in it, and without its query. */
export function shownAddress(address: string): string {
  const { protocol, host, pathname } = new URL(address)
  return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`
}

function sameAddress(first: string, second: string): boolean {
  if (!/^https?:\/\//i.test(second) || !URL.canParse(second)) return false
  return shownAddress(traceUrl(first, 1).href) === shownAddress(traceUrl(second, 1).href)
}
