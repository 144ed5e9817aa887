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

/** Every option with its default, as a page of the guide: a table per group. */
export function renderMarkdown(): string {
  const groups = new Map<string, OptionRow[]>()
  for (const row of OPTIONS) {
    const dot = row.name.lastIndexOf('.')
    const group = dot < 0 || LISTS.some(({ name }) => name === row.name) ? row.name : row.name.slice(0, dot)
    groups.set(group, [...(groups.get(group) ?? []), row])
  }
  const tables = [...groups].map(([group, rows]) => `## ${group}\n\n${table(rows, '', '', DEFAULTS)}`)
  for (const { name, variable, rows, defaults } of LISTS) {
    const at = [...groups.keys()].indexOf(name)
    tables[at] += `\nOf each item; 0 is the first:\n\n${table(rows, `${name}.0.`, `${variable}_0_`, defaults)}`
  }
  return `${INTRODUCTION}\n${tables.join('\n')}`
}

const INTRODUCTION = `# Configuration

Written by \`subspan config --format markdown\`. \`subspan config\` shows the same with the values that hold, and where each comes from.

A file (\`--config subspan.yaml\`: YAML with these names, groups nested) is overridden by the environment, and that by \`--set name=value\`.
`

function table(rows: readonly OptionRow[], prefix: string, variablePrefix: string, defaults: object): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const lines = rows.map(({ field, name, variable, show, doc, allowed }) => {
    const told = prefix === '' ? variable : variablePrefix + variable.replace(/^SUBSPAN_/, '')
    const byDefault = show(fieldOf(defaults, field))
    return `| \`${prefix}${name}\` | ${cell(doc)} | \`${cell(byDefault)}\` | ${cell(allowed)} | \`${told}\` |`
  })
  return `| option | | default | may be | variable |\n|---|---|---|---|---|\n${lines.join('\n')}\n`
}
