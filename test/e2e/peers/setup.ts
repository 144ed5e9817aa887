// setup.ts: builds the peers before the end-to-end suite, once; says so where it cannot.

import { execFileSync, spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the programs that `build.sh` built; null where they cannot be built. */
    peers: string | null
  }
}

const BUILD = fileURLToPath(new URL('build.sh', import.meta.url))

/** Builds, or finds built, what the suite needs. `SUBSPAN_PEERS_DIR` says where; otherwise it is in the user's cache. */
export default function setup(project: TestProject): void {
  if (spawnSync('go', ['version']).status !== 0) {
    process.stderr.write(
      'SKIPPED: the end-to-end suite with real Jaeger, Collector and Go services, Docker Compose and the checks of Prometheus. Go is not in PATH, and builds them: install it from https://go.dev/dl and run again.\n',
    )
    project.provide('peers', null)
    return
  }
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = process.env.SUBSPAN_PEERS_DIR ?? join(cache, 'subspan-peers')
  execFileSync(BUILD, [folder], { stdio: 'inherit' })
  project.provide('peers', folder)
}
