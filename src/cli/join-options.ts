// join-options.ts: how spans and tasks are joined, as configured: the same for the service and for files.

import type { SubspanConfig } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { JoinOptions } from '../join/join.ts'
import { compilePattern } from '../join/task-name.ts'

/** Where the configuration of a command comes from, besides the environment. */
export interface ConfigFlags {
  readonly configFile: string | null
  /** By option name. */
  readonly flags: Readonly<Record<string, string>>
}

/** @throws Failure CONFIG for a name pattern that cannot be used */
export function joinOptionsOf({ join }: SubspanConfig): JoinOptions {
  return {
    namePatterns: join.namePatterns.map(compilePattern),
    logKeys: { trace: join.traceLogKeys, span: join.spanLogKeys, ids: join.idLogKeys },
    nameTime: join.nameTime,
  }
}

/** @throws Failure CONFIG when something is wrong in the configuration */
export function loadJoinOptions({ configFile, flags }: ConfigFlags): JoinOptions {
  return joinOptionsOf(loadConfig({ file: configFile, environment: process.env, flags }).config)
}
