// house.test.ts: imports run one way. The table is the house's plan; `src/README.md` draws it.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

interface Room {
  /** Rooms whose files may be imported; `room/file` names one file only. */
  readonly rooms: readonly string[]
  /** npm packages that this room may use; `node:` stands for Node's own modules. */
  readonly packages: readonly string[]
  /** Why it may. */
  readonly why: string
}

const ABOVE_THE_DOORS = ['base', 'span', 'capture', 'breakdown', 'join', 'enrich', 'bridge']

const plan: Readonly<Record<string, Room>> = {
  base: { rooms: [], packages: [], why: 'knows nothing of the domain' },
  span: { rooms: ['base'], packages: [], why: 'bytes and spans; knows no captures and no sockets' },
  capture: { rooms: ['base'], packages: [], why: 'bytes and events; knows no spans and no wall clocks' },
  breakdown: { rooms: ['base', 'capture'], packages: [], why: 'events to tasks; knows no spans' },
  join: {
    rooms: ['base', 'span', 'capture', 'breakdown'],
    packages: [],
    why: 'where spans and tasks, and the two clocks, meet',
  },
  enrich: { rooms: ['base', 'span', 'capture', 'breakdown', 'join'], packages: [], why: 'knows no transport' },
  bridge: {
    rooms: ['base', 'span', 'capture', 'breakdown', 'join', 'enrich'],
    packages: [],
    why: 'the flow; what it needs of the outside it asks for in ports.ts',
  },
  decoding: {
    rooms: ['base', 'capture', 'breakdown', 'bridge/ports.ts'],
    packages: ['node:', 'fzstd'],
    why: 'captures are unpacked and decoded in worker threads',
  },
  server: {
    rooms: ['base', 'span', 'bridge'],
    packages: ['node:', 'express', '@grpc/grpc-js', 'fzstd'],
    why: 'HTTP and gRPC doors; hands bytes to the flow',
  },
  pull: { rooms: ['base', 'bridge/ports.ts'], packages: ['node:'], why: 'asks programs for captures' },
  watch: { rooms: ['base', 'bridge/ports.ts'], packages: ['node:'], why: 'takes captures that fall into folders' },
  store: { rooms: ['base', 'span', 'bridge/ports.ts'], packages: ['node:'], why: 'keeps what was accepted' },
  export: {
    rooms: ['base', 'span', 'bridge/ports.ts'],
    packages: ['node:', '@grpc/grpc-js'],
    why: 'sends what leaves',
  },
  telemetry: {
    rooms: ['base', 'bridge/ports.ts'],
    packages: [
      'node:',
      'prom-client',
      'pino',
      '@opentelemetry/api',
      '@opentelemetry/sdk-trace-base',
      '@opentelemetry/resources',
      '@opentelemetry/exporter-trace-otlp-http',
    ],
    why: "Subspan's own metrics, log and spans",
  },
  config: { rooms: ['base'], packages: ['node:', 'yaml', 'zod'], why: 'file, environment and flags' },
  cli: {
    rooms: [...ABOVE_THE_DOORS, 'decoding', 'server', 'pull', 'watch', 'store', 'export', 'telemetry', 'config'],
    packages: [
      'node:',
      'commander',
      '@opentelemetry/api',
      '@opentelemetry/sdk-trace-base',
      '@opentelemetry/resources',
      '@opentelemetry/exporter-trace-otlp-http',
    ],
    why: 'the one place that builds and connects everything; the demo is a client with the stock SDK',
  },
}

const src = fileURLToPath(new URL('../src/', import.meta.url))
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(sep).join('/'))

/** Modules that a file imports or exports from, types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
  )
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

/** What is wrong with one import, as a sentence; null when it is allowed. */
function complaint(file: string, imported: string): string | null {
  const room = file.slice(0, file.indexOf('/'))
  const rule = plan[room]
  if (rule === undefined)
    return `${file} lies in no room of the plan: add the room to test/house.test.ts with its reason.`
  if (!imported.startsWith('.')) {
    const allowed = rule.packages.some(
      (name) => imported === name || (name === 'node:' && imported.startsWith('node:')),
    )
    return allowed ? null : `${file} imports ${imported}, which ${room}/ may not use (${rule.why}).`
  }
  const target = relative(src, resolve(dirname(join(src, file)), imported))
    .split(sep)
    .join('/')
  const targetRoom = target.slice(0, target.indexOf('/'))
  if (targetRoom === room || rule.rooms.includes(targetRoom) || rule.rooms.includes(target)) return null
  return `${file} imports ${target}, but ${room}/ may import ${rule.rooms.join(', ') || 'no other room'} only (${rule.why}).`
}

describe('the house', () => {
  test('every file imports only what its room may', () => {
    const complaints = files.flatMap((file) => importsOf(file).map((imported) => complaint(file, imported)))
    expect(complaints.filter((sentence) => sentence !== null)).toEqual([])
  })

  test('a wrong import would be seen', () => {
    expect(complaint('capture/decode.ts', '../span/span.ts')).toMatch(/capture\/ may import base only/)
    expect(complaint('span/process.ts', 'node:fs')).toMatch(/span\/ may not use/)
    expect(complaint('store/journal.ts', 'express')).toMatch(/store\/ may not use/)
    expect(complaint('attic/box.ts', './lid.ts')).toMatch(/no room of the plan/)
    expect(importsOf('cli/main.ts')).toContain('commander')
  })

  test('every file begins with its name and what it holds', () => {
    const without = files.filter((file) => {
      const first = readFileSync(join(src, file), 'utf8').replace(/^#!.*\n/, '')
      const name = file.slice(file.lastIndexOf('/') + 1)
      return !first.startsWith(`// ${name}: `)
    })
    expect(without).toEqual([])
  })

  test('every room of the plan exists, and every room is in the plan', () => {
    const rooms = new Set(files.map((file) => file.slice(0, file.indexOf('/'))))
    expect([...rooms].sort()).toEqual(Object.keys(plan).sort())
  })
})
