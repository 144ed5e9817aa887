// reference.ts: the whole configuration for people: each option with its value, where that comes from, and a sentence.

import { fieldOf, type LoadedConfig } from './load.ts'
import { DEFAULTS, OPTIONS } from './options.ts'

/**
 * The configuration as text that is itself a configuration file in its values, one option a paragraph.
 *
 * @param bold decorates names, where the output can show it
 */
export function renderReference({ config, origins }: LoadedConfig, bold: (text: string) => string): string {
  const paragraphs = OPTIONS.map(({ field, name, variable, allowed, show, doc }) => {
    const origin = origins.get(name) ?? 'default'
    const byDefault = show(fieldOf(DEFAULTS, field))
    const from = origin === 'default' ? 'by default' : `from ${origin}; by default ${byDefault}`
    return `${bold(name)} = ${show(fieldOf(config, field))}  (${from})\n    ${doc}\n    ${allowed}; ${variable}\n`
  })
  return paragraphs.join('\n')
}
