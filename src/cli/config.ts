// config.ts: `subspan config`: the whole configuration, checked and shown.

import { loadConfig } from '../config/load.ts'
import { renderMarkdown, renderReference } from '../config/reference.ts'
import { destinationsOf } from '../export/destination.ts'
import { joinOptionsOf } from './join-options.ts'
import { escapeControls, type Terminal } from './terminal.ts'

/** Options of the command. */
export interface ConfigCommand {
  readonly configFile: string | null
  /** By option name. */
  readonly flags: Readonly<Record<string, string>>
  /** markdown: what may be set and what it is by default, for the guide; nothing of this configuration is in it. */
  readonly format: 'text' | 'markdown'
}

/**
 * Shows every option with its value and where it comes from.
 *
 * @returns the exit code
 * @throws Failure CONFIG, DESTINATION when something is wrong in it
 */
export function config(options: ConfigCommand, terminal: Terminal): number {
  const loaded = loadConfig({ file: options.configFile, environment: process.env, flags: options.flags })
  if (options.format === 'markdown') {
    terminal.write(renderMarkdown())
    return 0
  }
  // What `serve` would refuse is told here as well.
  destinationsOf(loaded.config.destinations, process.env)
  joinOptionsOf(loaded.config)
  terminal.write(
    `File < environment < --set: later ones win. A file is YAML with these names, groups nested; --config names it.\n\n`,
  )
  terminal.write(escapeControls(renderReference(loaded, (text) => text)))
  return 0
}
