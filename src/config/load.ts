// load.ts: the configuration out of its sources: file < environment < flags. Errors name the place, the value and what may stand there.

import { readFileSync } from 'node:fs'
import { isMap, isScalar, LineCounter, parse, parseDocument, type Node as YamlNode } from 'yaml'
import { Failure, messageOf } from '../base/failure.ts'
import type { SubspanConfig } from './config.ts'
import { DEFAULTS, type OptionRow, OPTIONS } from './options.ts'

/** Where the configuration comes from. */
export interface ConfigSources {
  /** Path of a YAML file; null for none. */
  readonly file: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  /** By option name: `hold.mode`. */
  readonly flags: Readonly<Record<string, string>>
}

/** The configuration and where each option was told. */
export interface LoadedConfig {
  readonly config: SubspanConfig
  /** By option name: `default`, `subspan.yaml:12`, `SUBSPAN_HOLD_MODE` or `--set`. */
  readonly origins: ReadonlyMap<string, string>
}

const PREFIX = 'SUBSPAN_'
/** Kubernetes sets these in every pod for a service named `subspan`. */
const KUBERNETES = /^SUBSPAN_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/**
 * Loads and checks the configuration.
 *
 * @throws Failure CONFIG with a line for everything that is wrong, FILE when the file cannot be read
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const config = structuredClone(DEFAULTS)
  const origins = new Map<string, string>(OPTIONS.map(({ name }) => [name, 'default']))
  const wrong: string[] = []
  const take = (option: OptionRow, written: unknown, origin: string): void => {
    const read = option.value.safeParse(written)
    if (read.success) {
      place(config, option.field, read.data)
      origins.set(option.name, origin)
      return
    }
    for (const { path, message } of read.error.issues) {
      const inside = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
      const value = valueAt(written, path)
      wrong.push(`${origin}: ${option.name}${inside} is ${quoted(value)}: ${message}. Allowed: ${option.allowed}.`)
    }
  }
  if (sources.file !== null)
    for (const found of readFile(sources.file, wrong)) take(found.option, found.value, found.origin)
  for (const [variable, value] of Object.entries(sources.environment)) {
    if (!variable.startsWith(PREFIX) || value === undefined || KUBERNETES.test(variable)) continue
    const option = OPTIONS.find((row) => row.variable === variable)
    if (option !== undefined) take(option, ofText(option, value, variable, wrong), variable)
    else
      wrong.push(
        `${variable} sets no option${nearest(
          variable,
          OPTIONS.map((row) => row.variable),
        )}.`,
      )
  }
  for (const [name, value] of Object.entries(sources.flags)) {
    const option = OPTIONS.find((row) => row.name === name)
    if (option !== undefined) take(option, ofText(option, value, '--set', wrong), '--set')
    else
      wrong.push(
        `--set ${name}: there is no such option${nearest(
          name,
          OPTIONS.map((row) => row.name),
        )}.`,
      )
  }
  if (wrong.length > 0) throw new Failure('CONFIG', wrong.join('\n'))
  return { config, origins }
}

/** Variables and flags are text; only a list of objects has to be read as YAML. */
function ofText(option: OptionRow, written: string, origin: string, wrong: string[]): unknown {
  if (option.name !== 'destinations') return written
  try {
    return parse(written) as unknown
  } catch (error) {
    wrong.push(`${origin}: destinations is no YAML or JSON: ${messageOf(error).split('\n')[0]}.`)
    return []
  }
}

interface Found {
  readonly option: OptionRow
  readonly value: unknown
  readonly origin: string
}

function readFile(path: string, wrong: string[]): Found[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure('FILE', `the configuration file ${path} cannot be read: ${messageOf(error)}.`)
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (node: YamlNode | null | undefined): string => {
    const offset = node?.range?.[0] ?? 0
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0])
    wrong.push(`${path}:${line}:${col}: ${error.message}`)
  }
  if (document.errors.length > 0) return []
  const found: Found[] = []
  const groups = new Set(OPTIONS.flatMap(({ name }) => prefixesOf(name)))
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue
      const name = `${prefix}${String(key.value)}`
      const origin = at(key)
      const option = OPTIONS.find((row) => row.name === name)
      const inner = value as YamlNode | null
      if (option !== undefined) {
        // A key without a value leaves the default.
        const written: unknown = inner === null ? null : inner.toJS(document)
        if (written !== null) found.push({ option, value: written, origin })
      } else if (groups.has(name)) {
        if (isMap(inner)) walk(inner, `${name}.`)
        else if (inner !== null && !(isScalar(inner) && inner.value === null)) {
          wrong.push(
            `${origin}: ${name} is ${quoted(inner.toJS(document))}, but it is a group of options: put them below it, indented.`,
          )
        }
      } else {
        const siblings = [...groups, ...OPTIONS.map((row) => row.name)].filter(
          (other) => other.startsWith(prefix) && !other.slice(prefix.length).includes('.'),
        )
        wrong.push(`${origin}: there is no option ${name}${nearest(name, siblings)}.`)
      }
    }
  }
  if (document.contents !== null && !isMap(document.contents)) {
    wrong.push(`${path}:1:1: the file must hold options, one "name: value" a line, not ${quoted(document.toJS())}.`)
  }
  walk(document.contents, '')
  return found
}

/** The groups above an option: `receivers` and `receivers.otlpHttp` for `receivers.otlpHttp.port`. */
function prefixesOf(name: string): string[] {
  const parts = name.split('.')
  return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join('.'))
}

/** Sets the value at a field of the configuration. */
function place(config: SubspanConfig, field: string, value: unknown): void {
  const keys = field.split('.')
  const last = keys.pop() ?? ''
  let at = config as unknown as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  at[last] = value
}

/** The value at a field of the configuration. */
export function fieldOf(config: SubspanConfig, field: string): unknown {
  return valueAt(config, field.split('.'))
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined
  return at
}

/** Header values are secrets, and an error message is no place for them. */
function quoted(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value, (key, inner: unknown) => (key === 'headers' ? '(not shown)' : inner))
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

/** `; did you mean hold.mode?` where something is near enough, and where to look in any case. */
function nearest(name: string, known: readonly string[]): string {
  const byDistance = known.map((other) => ({ other, distance: distanceOf(name, other) }))
  byDistance.sort((one, other) => one.distance - other.distance)
  const best = byDistance[0]
  const near = best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 4))
  return near ? `; did you mean ${best.other}?` : ': `subspan config` lists all'
}

/** Levenshtein's distance: insertions, deletions and changes of one character. */
function distanceOf(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const change = one[row - 1] === other[column - 1] ? 0 : 1
      current.push(Math.min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + change))
    }
    previous = current
  }
  return previous[other.length]
}
