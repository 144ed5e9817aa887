// reference.ts: the whole configuration for people: each option with its value, where that comes from, and a sentence.

import { fieldOf, type LoadedConfig } from './load.ts'
import { DEFAULTS, LISTS, type OptionRow, OPTIONS } from './options.ts'

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
  const paragraphs = OPTIONS.flatMap((row) => {
    const { field, name, variable } = row
    const value = fieldOf(config, field)
    const own = paragraph(row, name, variable, value, fieldOf(DEFAULTS, field))
    const list = LISTS.find((list) => list.name === name)
    if (list === undefined) return [own]
    // Of an empty list, the first item that could be is shown.
    const items = Array.isArray(value) && value.length > 0 ? (value as object[]) : [list.defaults]
    const each = items.flatMap((item, at) =>
      list.rows.map((inner) => {
        const short = inner.variable.replace(/^SUBSPAN_/, '')
        const byDefault = fieldOf(list.defaults, inner.field)
        return paragraph(
          inner,
          `${name}.${at}.${inner.name}`,
          `${variable}_${at}_${short}`,
          fieldOf(item, inner.field),
          byDefault,
        )
      }),
    )
    return [own, ...each]
  })
  return paragraphs.join('\n')
}
