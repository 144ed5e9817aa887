// load.ts: the configuration out of its sources: file < environment < flags. Errors name the place, the value and what may stand there.

import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument, type Node as YamlNode } from 'yaml'
import { Failure, messageOf } from '../base/failure.ts'
import type { SubspanConfig } from './config.ts'
import { DEFAULTS, type OptionList, LISTS, type OptionRow, OPTIONS } from './options.ts'

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

/** What was written for one item of a list, by the option's name. */
type Draft = Map<string, Written>

const PREFIX = 'SUBSPAN_'
/** Kubernetes sets these in every pod for a service named `subspan`. */
const KUBERNETES = /^SUBSPAN_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

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
  /** By the list's name. */
  private readonly drafts = new Map<string, Draft[]>()

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
      (list) => `${list.variable}_`,
      '_',
      (name) => name,
    )
    this.takeNamed(
      Object.entries(flags),
      (row) => row.name,
      (list) => `${list.name}.`,
      '.',
      () => '--set',
    )
    for (const list of LISTS) {
      const items = (this.drafts.get(list.name) ?? []).map((draft, at) => this.itemOf(list, draft, at))
      if (items.length > 0) place(this.config, list.name, items)
    }
    this.checkTogether()
    if (this.wrong.length > 0) throw new Failure('CONFIG', this.wrong.join('\n'))
    return { config: this.config, origins: this.origins }
  }

  /** Takes variables or flags: those of whole options first, so that one for a part of a list changes what another wrote. */
  private takeNamed(
    entries: readonly (readonly [string, string])[],
    nameOf: (row: OptionRow) => string,
    prefixOf: (list: OptionList) => string,
    separator: string,
    originOf: (name: string) => string,
  ): void {
    const parts: (readonly [list: OptionList, name: string, value: string])[] = []
    for (const [name, value] of entries) {
      const option = OPTIONS.find((row) => nameOf(row) === name)
      const list = LISTS.find((list) => name.startsWith(prefixOf(list)))
      if (option === undefined && list !== undefined) parts.push([list, name, value])
      else if (option === undefined) this.wrong.push(`${name} is no option${nearest(name, OPTIONS.map(nameOf))}.`)
      else {
        const whole = LISTS.find((list) => list.name === option.name)
        if (whole === undefined) this.take(option, { value, origin: originOf(name) })
        else this.takeList(whole, value, originOf(name))
      }
    }
    for (const [list, name, value] of parts) {
      const number = /^\d+/.exec(name.slice(prefixOf(list).length))?.[0] ?? ''
      const known = list.rows.map(
        (row) => `${prefixOf(list)}${number === '' ? '0' : number}${separator}${shortOf(row)}`,
      )
      const option = list.rows[known.indexOf(name)]
      if (option === undefined || Number(number) >= list.most) {
        this.wrong.push(`${name} is no option${nearest(name, known)}.`)
        continue
      }
      const drafts = this.draftsOf(list)
      while (drafts.length <= Number(number)) drafts.push(new Map())
      drafts[Number(number)].set(option.name, { value, origin: originOf(name) })
    }

    function shortOf(row: OptionRow): string {
      return nameOf(row).slice(nameOf(row) === row.name ? 0 : PREFIX.length)
    }
  }

  private draftsOf({ name }: OptionList): Draft[] {
    let drafts = this.drafts.get(name)
    if (drafts === undefined) this.drafts.set(name, (drafts = []))
    return drafts
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

  /** Takes a whole list written as YAML or JSON in a variable or flag. It replaces what was told before. */
  private takeList(list: OptionList, text: string, origin: string): void {
    let items: unknown
    try {
      items = parse(text) as unknown
    } catch {
      items = null
    }
    // What is written may hold secrets: it is not told.
    if (!Array.isArray(items) || items.some((item) => typeof item !== 'object' || item === null)) {
      this.wrong.push(`${origin}: ${list.name} is no list in YAML or JSON: write ${list.example}.`)
      return
    }
    const drafts = items.map((item: object, at) => {
      const draft: Draft = new Map()
      for (const [key, value] of Object.entries(item) as [string, unknown][])
        this.takeKey(list, draft, at, key, { value, origin })
      return draft
    })
    this.drafts.set(list.name, drafts)
  }

  private takeKey(list: OptionList, draft: Draft, at: number, key: string, written: Written): void {
    const names = list.rows.map(({ name }) => name)
    // A key without a value leaves the default.
    if (!names.includes(key)) {
      this.wrong.push(`${written.origin}: there is no option ${list.name}.${at}.${key}${nearest(key, names)}.`)
    } else if (written.value !== null) draft.set(key, written)
  }

  private itemOf(list: OptionList, draft: Draft, at: number): object {
    const item: Record<string, unknown> = { ...list.defaults }
    for (const option of list.rows) {
      const name = `${list.name}.${at}.${option.name}`
      const written = draft.get(option.name)
      this.origins.set(name, written?.origin ?? 'default')
      if (written !== undefined) item[option.field] = this.valueOf(option, name, written) ?? item[option.field]
    }
    const [first] = draft.values()
    this.origins.set(`${list.name}.${at}`, first?.origin ?? 'default')
    this.origins.set(list.name, first?.origin ?? 'default')
    const where = this.originOf(`${list.name}.${at}`)
    if (!draft.has(list.address)) {
      this.wrong.push(`${where}${list.name}.${at}.${list.address} is missing: write ${list.of}.`)
    }
    if (draft.has('certFile') !== draft.has('keyFile')) {
      this.wrong.push(`${where}${list.name}.${at} has one of certFile and keyFile: it needs both, or neither.`)
    }
    return item
  }

  /** Where something was told, to begin a complaint with. */
  private originOf(name: string): string {
    const origin = this.origins.get(name) ?? 'default'
    return origin === 'default' ? '' : `${origin}: `
  }

  /** What only shows when options are looked at together. */
  private checkTogether(): void {
    const { destinations, receivers, api } = this.config
    const { otlpHttp, otlpGrpc, opencensus, jaegerHttp, jaegerGrpc, zipkin } = receivers
    const named = { otlpHttp, otlpGrpc, opencensus, jaegerHttp, jaegerGrpc, zipkin }
    const doors = [
      ...Object.entries(named).map(([name, door]) => [`receivers.${name}`, door] as const),
      ['api', api] as const,
    ]
    for (const [name, { certFile, keyFile, clientCaFile }] of doors) {
      const told =
        ['certFile', 'keyFile', 'clientCaFile']
          .map((file) => this.originOf(`${name}.${file}`))
          .find((origin) => origin !== '') ?? ''
      if ((certFile === '') !== (keyFile === '')) {
        this.wrong.push(`${told}${name} has one of certFile and keyFile: it needs both, or neither.`)
      } else if (clientCaFile !== '' && certFile === '') {
        this.wrong.push(
          `${told}${name}.clientCaFile asks clients for certificates, which needs TLS: set certFile and keyFile.`,
        )
      }
    }
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
        const list = LISTS.find((list) => list.name === name)
        if (list !== undefined) {
          if (!empty) this.drafts.set(name, itemsOf(list, value, origin))
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
    const itemsOf = (list: OptionList, node: unknown, origin: string): Draft[] => {
      if (!isSeq(node) || !node.items.every(isMap)) {
        this.wrong.push(
          `${origin}: ${list.name} is no list of ${list.what}: write each as "- ${list.rows[0].name}: …"${list.rows[0].name === list.address ? '' : ` with its ${list.address} below`}.`,
        )
        return []
      }
      return node.items.map((item, number) => {
        const draft: Draft = new Map()
        for (const { key, value } of item.items) {
          this.takeKey(list, draft, number, String(plain(key)), { value: plain(value), origin: at(key) })
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
