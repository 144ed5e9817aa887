// load.ts: the configuration out of its sources: file < environment < flags. Errors name the place, the value and what may stand there.

import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument, type Node as YamlNode } from 'yaml'
import { Failure, messageOf } from '../base/failure.ts'
import type { DestinationConfig, SubspanConfig } from './config.ts'
import { DEFAULTS, DESTINATION_DEFAULTS, DESTINATION_OPTIONS, type OptionRow, OPTIONS } from './options.ts'

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

/** Something written for an option. */
interface Written {
  readonly value: unknown
  readonly origin: string
}

/** What was written for one destination, by the option's name. */
type DestinationDraft = Map<string, Written>

const PREFIX = 'SUBSPAN_'
/** Kubernetes sets these in every pod for a service named `subspan`. */
const KUBERNETES = /^SUBSPAN_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/
const MOST_DESTINATIONS = 32

/**
 * Loads and checks the configuration.
 *
 * @throws Failure CONFIG with a line for everything that is wrong, FILE when the file cannot be read
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  return new Loading().load(sources)
}

/** One loading: what was understood so far, and what is wrong. */
class Loading {
  private readonly config = structuredClone(DEFAULTS)
  private readonly origins = new Map<string, string>(OPTIONS.map(({ name }) => [name, 'default']))
  private readonly wrong: string[] = []
  private drafts: DestinationDraft[] = []

  load({ file, environment, flags }: ConfigSources): LoadedConfig {
    if (file !== null) this.takeFile(file)
    const variables = Object.entries(environment).filter(
      // An empty variable is one that somebody left out.
      (entry): entry is [string, string] =>
        entry[0].startsWith(PREFIX) && !KUBERNETES.test(entry[0]) && (entry[1] ?? '') !== '',
    )
    this.takeNamed(
      variables,
      (row) => row.variable,
      `${PREFIX}DESTINATIONS_`,
      '_',
      (name) => name,
    )
    this.takeNamed(
      Object.entries(flags),
      (row) => row.name,
      'destinations.',
      '.',
      () => '--set',
    )
    const destinations = this.drafts.map((draft, at) => this.destinationOf(draft, at))
    if (destinations.length > 0) place(this.config, 'destinations', destinations)
    this.checkTogether()
    if (this.wrong.length > 0) throw new Failure('CONFIG', this.wrong.join('\n'))
    return { config: this.config, origins: this.origins }
  }

  /** Takes variables or flags: those of whole options first, so that one for a part of `destinations` changes what another wrote. */
  private takeNamed(
    entries: readonly (readonly [string, string])[],
    nameOf: (row: OptionRow) => string,
    destinationPrefix: string,
    separator: string,
    originOf: (name: string) => string,
  ): void {
    for (const [name, value] of entries.filter(([name]) => !name.startsWith(destinationPrefix))) {
      const option = OPTIONS.find((row) => nameOf(row) === name)
      if (option === undefined) {
        this.wrong.push(`${name} is no option${nearest(name, OPTIONS.map(nameOf))}.`)
      } else if (option.name === 'destinations') this.takeDestinations(value, originOf(name))
      else this.take(option, { value, origin: originOf(name) })
    }
    for (const [name, value] of entries.filter(([name]) => name.startsWith(destinationPrefix))) {
      const rest = name.slice(destinationPrefix.length)
      const number = /^\d+/.exec(rest)?.[0] ?? ''
      const known = DESTINATION_OPTIONS.map(
        (row) => `${destinationPrefix}${number === '' ? '0' : number}${separator}${shortOf(row)}`,
      )
      const option = DESTINATION_OPTIONS[known.indexOf(name)]
      if (option === undefined || Number(number) >= MOST_DESTINATIONS) {
        this.wrong.push(`${name} is no option${nearest(name, known)}.`)
        continue
      }
      const at = Number(number)
      while (this.drafts.length <= at) this.drafts.push(new Map())
      this.drafts[at].set(option.name, { value, origin: originOf(name) })
    }

    function shortOf(row: OptionRow): string {
      return nameOf(row).slice(nameOf(row) === row.name ? 0 : PREFIX.length)
    }
  }

  /** Checks what was written for an option and puts it in its place. */
  private take(option: OptionRow, written: Written): void {
    const value = this.valueOf(option, option.name, written)
    if (value === undefined) return
    place(this.config, option.field, value)
    this.origins.set(option.name, written.origin)
  }

  /** The value of what was written; undefined, with a complaint, when it cannot be used. */
  private valueOf(option: OptionRow, name: string, { value, origin }: Written): unknown {
    const read = option.value.safeParse(value)
    if (read.success) return read.data
    for (const { path, message } of read.error.issues) {
      const inside = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
      const told = option.secret ? '' : ` ${quoted(valueAt(value, path))}:`
      this.wrong.push(`${origin}: ${name}${inside} is${told} ${message}. Allowed: ${option.allowed}.`)
    }
    return undefined
  }

  /** Takes a whole list of destinations written as YAML or JSON in a variable or flag. It replaces what was told before. */
  private takeDestinations(text: string, origin: string): void {
    let items: unknown
    try {
      items = parse(text) as unknown
    } catch {
      items = null
    }
    // What is written may hold secrets: it is not told.
    if (!Array.isArray(items) || items.some((item) => typeof item !== 'object' || item === null)) {
      this.wrong.push(
        `${origin}: destinations is no list in YAML or JSON: write [{name: tempo, endpoint: "http://tempo:4318"}].`,
      )
      return
    }
    this.drafts = items.map((item: object, at) => {
      const draft: DestinationDraft = new Map()
      for (const [key, value] of Object.entries(item) as [string, unknown][])
        this.takeKey(draft, at, key, { value, origin })
      return draft
    })
  }

  private takeKey(draft: DestinationDraft, at: number, key: string, written: Written): void {
    const names = DESTINATION_OPTIONS.map(({ name }) => name)
    // A key without a value leaves the default.
    if (!names.includes(key)) {
      this.wrong.push(`${written.origin}: there is no option destinations.${at}.${key}${nearest(key, names)}.`)
    } else if (written.value !== null) draft.set(key, written)
  }

  private destinationOf(draft: DestinationDraft, at: number): DestinationConfig {
    const destination: Record<string, unknown> = { ...DESTINATION_DEFAULTS }
    for (const option of DESTINATION_OPTIONS) {
      const name = `destinations.${at}.${option.name}`
      const written = draft.get(option.name)
      this.origins.set(name, written?.origin ?? 'default')
      if (written !== undefined)
        destination[option.field] = this.valueOf(option, name, written) ?? destination[option.field]
    }
    const [first] = draft.values()
    this.origins.set(`destinations.${at}`, first?.origin ?? 'default')
    this.origins.set('destinations', first?.origin ?? 'default')
    const where = this.originOf(`destinations.${at}`)
    if (!draft.has('endpoint')) {
      this.wrong.push(`${where}destinations.${at}.endpoint is missing: write the address of the backend.`)
    }
    if (draft.has('certFile') !== draft.has('keyFile')) {
      this.wrong.push(`${where}destinations.${at} has one of certFile and keyFile: it needs both, or neither.`)
    }
    return destination as unknown as DestinationConfig
  }

  /** Where something was told, to begin a complaint with. */
  private originOf(name: string): string {
    const origin = this.origins.get(name) ?? 'default'
    return origin === 'default' ? '' : `${origin}: `
  }

  /** What only shows when options are looked at together. */
  private checkTogether(): void {
    const { destinations } = this.config
    for (const [at, { name }] of destinations.entries()) {
      const twin = destinations.findIndex((other) => other.name === name)
      if (twin === at) continue
      this.wrong.push(
        `${this.originOf(`destinations.${at}`)}destinations.${twin} and destinations.${at} are both named ${quoted(name)}: ` +
          'each needs a name of its own, for what was delivered is remembered by it.',
      )
    }
  }

  private takeFile(path: string): void {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      throw new Failure('FILE', `the configuration file ${path} cannot be read: ${messageOf(error)}.`)
    }
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const place = (offset: number): string => {
      const { line, col } = lines.linePos(offset)
      return `${path}:${line}:${col}`
    }
    const at = (node: unknown): string => place((node as YamlNode | null)?.range?.[0] ?? 0)
    const plain = (node: unknown): unknown => (node === null ? null : (node as YamlNode).toJS(document))
    for (const error of document.errors) this.wrong.push(`${place(error.pos[0])}: ${error.message}`)
    if (document.errors.length > 0) return
    try {
      // Aliases are followed only here: to nothing, or to more and more of themselves.
      document.toJS()
    } catch (error) {
      this.wrong.push(`${path}:1:1: an alias (*name) of the file cannot be followed: ${messageOf(error)}.`)
      return
    }

    const groups = new Set(OPTIONS.flatMap(({ name }) => prefixesOf(name)))
    const walk = (node: unknown, prefix: string): void => {
      if (!isMap(node)) return
      for (const { key, value } of node.items) {
        const name = `${prefix}${String(isScalar(key) ? key.value : plain(key))}`
        const origin = at(key)
        const option = OPTIONS.find((row) => row.name === name)
        const empty = plain(value) === null
        if (name === 'destinations') {
          if (!empty) this.drafts = list(value, origin)
        } else if (option !== undefined) {
          // A key without a value leaves the default.
          if (!empty) this.take(option, { value: plain(value), origin })
        } else if (!groups.has(name)) {
          const siblings = [...groups, ...OPTIONS.map((row) => row.name)].filter(
            (other) => other.startsWith(prefix) && !other.slice(prefix.length).includes('.'),
          )
          this.wrong.push(`${origin}: there is no option ${name}${nearest(name, siblings)}.`)
        } else if (isMap(value)) walk(value, `${name}.`)
        else if (!empty) {
          this.wrong.push(
            `${origin}: ${name} is ${quoted(plain(value))}, but it is a group of options: put them below it, indented.`,
          )
        }
      }
    }
    const list = (node: unknown, origin: string): DestinationDraft[] => {
      if (!isSeq(node) || !node.items.every(isMap)) {
        this.wrong.push(
          `${origin}: destinations is no list of destinations: write each as "- name: …" with its endpoint below.`,
        )
        return []
      }
      return node.items.map((item, number) => {
        const draft: DestinationDraft = new Map()
        for (const { key, value } of item.items) {
          this.takeKey(draft, number, String(plain(key)), { value: plain(value), origin: at(key) })
        }
        return draft
      })
    }
    if (document.contents !== null && !isMap(document.contents)) {
      this.wrong.push(
        `${path}:1:1: the file must hold options, one "name: value" a line, not ${quoted(document.toJS())}.`,
      )
    }
    walk(document.contents, '')
  }
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

/** The value at a field of the configuration, or of a part of it. */
export function fieldOf(config: object, field: string): unknown {
  return valueAt(config, field.split('.'))
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined
  return at
}

/** A value as it stands in a message: short, and without the password that an address may hold. */
function quoted(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value).replace(/\/\/[^/"\s]*@/g, '//***@')
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
