// reference.ts: the whole configuration for people: each option with its value, where that comes from, and a sentence.

import { fieldOf, type LoadedConfig } from './load.ts'
import { DEFAULTS, DESTINATION_DEFAULTS, DESTINATION_OPTIONS, type OptionRow, OPTIONS } from './options.ts'

/**
 * The configuration as text, an option a paragraph: name, value, where it comes from, what it is for, what may be written.
 *
 * @param bold decorates names, where the output can show it
 */
export function renderReference({ config, origins }: LoadedConfig, bold: (text: string) => string): string {
  const paragraph = (row: OptionRow, name: string, variable: string, value: unknown, byDefault: unknown): string => {
    const { allowed, show, doc } = row
    const origin = origins.get(name) ?? 'default'
    const from = origin === 'default' ? 'by default' : `from ${origin}; by default ${show(byDefault)}`
    return `${bold(name)} = ${show(value)}  (${from})\n    ${doc}\n    ${allowed}; ${variable}\n`
  }
  // Without a destination, the first that could be is shown.
  const destinations = config.destinations.length > 0 ? config.destinations : [DESTINATION_DEFAULTS]
  const paragraphs = OPTIONS.flatMap((row) => {
    const { field, name, variable } = row
    const own = paragraph(row, name, variable, fieldOf(config, field), fieldOf(DEFAULTS, field))
    if (name !== 'destinations') return [own]
    const each = destinations.flatMap((destination, at) =>
      DESTINATION_OPTIONS.map((inner) => {
        const short = inner.variable.replace(/^SUBSPAN_/, '')
        const value = fieldOf(destination, inner.field)
        const byDefault = fieldOf(DESTINATION_DEFAULTS, inner.field)
        return paragraph(inner, `${name}.${at}.${inner.name}`, `${variable}_${at}_${short}`, value, byDefault)
      }),
    )
    return [own, ...each]
  })
  return paragraphs.join('\n')
}
