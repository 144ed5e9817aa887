import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { format, resolveConfig } from 'prettier'
import { describe, expect, test } from 'vitest'
import { emptyBreakdown, GoState, type Holder, type LongWait } from '../../src/breakdown/breakdown.ts'
import { emptyParts, type Group, GROUPS } from '../../src/breakdown/groups.ts'
import { type Blame, blameOf, NEARLY_ALL, NO_BLAME } from '../../src/enrich/blame.ts'
import {
  ASSIST_LEADS,
  MAX_CLOCK_SHARE,
  MIN_TOTAL_NS,
  VERDICT_RULES,
  verdictOf,
  type VerdictInput,
} from '../../src/enrich/verdict.ts'
import type { Instead } from '../../src/enrich/instead.ts'
import { type Overlaps, PART_KEYS } from '../../src/enrich/attributes.ts'
import { LEAST_OF_KIND, USUAL_SHARE } from '../../src/enrich/kinds.ts'
import { ready, run, Tables, taskRecord, wait } from './builders.ts'

const MS = 1_000_000
const overlaps: Overlaps = {
  gcAssistNs: 0,
  gcAssistWaitNs: 0,
  gcStwNs: 0,
  gcStwOwnNs: 0,
  gcStwReason: null,
  gcSweepNs: 0,
  gcOverlapNs: 0,
}

/** The verdict over parts in milliseconds. */
function verdict(partsMs: Partial<Record<Group, number>>, given: Partial<VerdictInput> = {}): string | null {
  const parts = emptyParts()
  for (const group of GROUPS) parts[group] = Math.round((partsMs[group] ?? 0) * MS)
  const totalNs = GROUPS.reduce((sum, group) => sum + parts[group], 0)
  return verdictOf({
    totalNs,
    parts,
    overlaps,
    blame: new Map(),
    coverage: 'full',
    evidence: 'task-name',
    clockErrorNs: 300,
    usual: false,
    ...given,
  })
}

const blame = (
  group: Group,
  name: string | null,
  lock: Blame['lock'],
  doing: Group | null = null,
): ReadonlyMap<Group, Blame> => new Map([[group, { ...NO_BLAME, name, lock, doing }]])

describe('the sentence', () => {
  test('is that of the design', () => {
    const said = verdict(
      { lock: 7.56, exec: 2.5, network: 0.8, chan: 0.84, sleep: 0.7 },
      { blame: blame('lock', 'cache.Refresh', 'mutex'), overlaps: { ...overlaps, gcAssistNs: 2.1 * MS } },
    )
    expect(said).toBe('12.4 ms: 61 % waiting for a mutex held by cache.Refresh; 2.5 ms on CPU, 2.1 of it GC assist')
  })

  test.each<[Partial<Record<Group, number>>, string]>([
    [{ exec: 10 }, '10.0 ms: 100 % on CPU'],
    [{ schedWait: 6, exec: 4 }, '10.0 ms: 60 % ready to run, waiting for a processor; 4.0 ms on CPU'],
    [{ network: 9.5, exec: 0.5 }, '10.0 ms: 95 % waiting for the network; 500 us on CPU'],
    [{ syscall: 1500, exec: 20 }, '1.5 s: 99 % in system calls; 20.0 ms on CPU'],
    [{ sleep: 10 }, '10.0 ms: 100 % sleeping'],
    [{ chan: 5, lock: 3, exec: 2 }, '10.0 ms: 50 % waiting on a channel; 30 % waiting for a lock; 2.0 ms on CPU'],
    [{ gcWait: 3, exec: 5.5, chan: 1.5 }, '10.0 ms: 55 % on CPU; 30 % waiting for the garbage collector'],
    [{ other: 8, exec: 2 }, '10.0 ms: 80 % waiting for other reasons; 2.0 ms on CPU'],
  ])('for %j', (parts, sentence) => {
    expect(verdict(parts)).toBe(sentence)
  })

  test.each<[Group, string | null, Blame['lock'], string]>([
    ['lock', null, 'mutex', 'waiting for a mutex'],
    ['lock', 'db.Write', 'rwMutex', 'waiting for a read-write mutex held by db.Write'],
    ['lock', 'worker', 'waitGroup', 'waiting for a WaitGroup, last for worker'],
    ['lock', 'worker', 'cond', 'waiting for a condition signalled by worker'],
    ['lock', 'audit.Append', 'file', 'waiting for a file lock held by audit.Append'],
    ['lock', null, 'file', 'waiting for a file lock'],
    ['lock', 'config.Load', 'once', 'waiting for a sync.Once run by config.Load'],
    ['lock', null, 'once', 'waiting for a sync.Once run by another goroutine'],
    ['lock', 'worker', null, 'waiting for a lock released by worker'],
    ['chan', 'worker', null, 'waiting on a channel served by worker'],
    ['chan', 'report.Build', 'slot', 'waiting on a channel, held up by report.Build'],
  ])('names who held it up: %s, %s, %s', (group, name, lock, words) => {
    expect(verdict({ [group]: 8, exec: 2 }, { blame: blame(group, name, lock) })).toBe(
      `10.0 ms: 80 % ${words}; 2.0 ms on CPU`,
    )
  })

  test.each<[Group, Partial<Blame>, string]>([
    ['lock', { lock: 'mutex' }, 'waiting for a mutex held by many in turn, longest by api.Get'],
    [
      'lock',
      { lock: 'mutex', doing: 'sleep' },
      'waiting for a mutex held by many in turn, longest by api.Get, which was asleep',
    ],
    ['chan', { lock: 'slot' }, 'waiting on a channel, held up by many in turn, longest by api.Get'],
    ['chan', { instead: 'queue' }, 'waiting in a queue behind many in turn, longest behind api.Get'],
  ])('names the longest of many that held it up in turn: %s, %j', (group, given, words) => {
    const one = { ...NO_BLAME, name: 'api.Get', inTurn: true, ...given }
    expect(verdict({ [group]: 8, exec: 2 }, { blame: new Map([[group, one]]) })).toBe(
      `10.0 ms: 80 % ${words}; 2.0 ms on CPU`,
    )
  })

  test('begins with GC assist where that took longest, though it overlaps what is named after it', () => {
    const assist = (gcAssistNs: number, gcAssistWaitNs = 0) => ({
      overlaps: { ...overlaps, gcAssistNs: gcAssistNs * MS, gcAssistWaitNs: gcAssistWaitNs * MS },
    })
    // It was stopped while it assisted: that is no time on CPU.
    expect(verdict({ network: 60, syscall: 27, schedWait: 15, exec: 74 }, assist(80))).toBe(
      '176 ms: 45 % in GC assist, on CPU and waiting; 34 % waiting for the network; 15 % in system calls; 74.0 ms on CPU, GC assist included',
    )
    expect(verdict({ exec: 4.5, network: 2.9, chan: 2.6 }, assist(4.2))).toBe(
      '10.0 ms: 42 % in GC assist; 29 % waiting for the network; 4.5 ms on CPU, 4.2 of it GC assist',
    )
    // Its own wait is not told twice.
    expect(verdict({ gcWait: 5, exec: 3, chan: 2 }, assist(6, 5))).toBe(
      '10.0 ms: 60 % in GC assist, mostly waiting; 20 % waiting on a channel; 3.0 ms on CPU, GC assist included',
    )
    expect(verdict({ network: 30, gcWait: 25, chan: 22, exec: 23 }, assist(40, 25))).toBe(
      '100 ms: 40 % in GC assist, mostly waiting; 30 % waiting for the network; 22 % waiting on a channel; 23.0 ms on CPU, GC assist included',
    )
    expect(verdict({ exec: 55, schedWait: 45 }, assist(95))).toBe(
      '100 ms: 95 % in GC assist, on CPU and waiting; 55 % on CPU, GC assist included; 45 % ready to run, waiting for a processor',
    )
    expect(verdict({ exec: 6, chan: 4 }, assist(5))).toBe(
      '10.0 ms: 60 % on CPU, 5.0 ms of it GC assist; 40 % waiting on a channel',
    )
    // Most of the span, and not all of it on CPU: that some of it is tells less.
    expect(verdict({ exec: 87, gcWait: 13 }, assist(70, 12))).toBe(
      '100 ms: 70 % in GC assist, on CPU and waiting; 87 % on CPU, GC assist included; 13 % waiting for the garbage collector',
    )
    expect(verdict({ exec: 87, gcWait: 13 }, assist(50, 12))).toBe(
      '100 ms: 87 % on CPU; 13 % waiting for the garbage collector; 50.0 ms in GC assist, waits included',
    )
    expect(verdict({ exec: 4, network: 2.9, chan: 2.9, sleep: 0.2 }, assist(2.9))).toBeNull()
  })

  test('tells what rounds to a thousand in the next unit', () => {
    expect(verdict({ sleep: 999.9, exec: 0.9996 })).toBe('1.0 s: 100 % sleeping; 1.0 ms on CPU')
    expect(verdict({ sleep: 99.96, exec: 0.9994 })).toBe('101 ms: 99 % sleeping; 999 us on CPU')
    expect(verdict({ sleep: 99.97 })).toBe('100 ms: 100 % sleeping')
  })

  test('tells GC assist apart from CPU time when the assistant waited itself', () => {
    const waited = { ...overlaps, gcAssistNs: 3 * MS, gcAssistWaitNs: 2 * MS }
    expect(verdict({ exec: 8, gcWait: 2 }, { overlaps: waited })).toBe(
      '10.0 ms: 80 % on CPU; 20 % waiting for the garbage collector; 3.0 ms in GC assist, waits included',
    )
    expect(verdict({ exec: 10 }, { overlaps: { ...overlaps, gcAssistNs: 0.7 * MS } })).toBe(
      '10.0 ms: 100 % on CPU, 700 us of it GC assist',
    )
    // Figures after a share have a unit of their own.
    expect(verdict({ exec: 10 }, { overlaps: { ...overlaps, gcAssistNs: 1.3 * MS } })).toBe(
      '10.0 ms: 100 % on CPU, 1.3 ms of it GC assist',
    )
  })

  test('says what the one to blame was doing', () => {
    const said = (doing: Group): string | null =>
      verdict({ lock: 8, exec: 2 }, { blame: blame('lock', 'cache.Refresh', 'mutex', doing) })
    expect(said('network')).toBe(
      '10.0 ms: 80 % waiting for a mutex held by cache.Refresh, which was waiting for the network; 2.0 ms on CPU',
    )
    expect(said('exec')).toBe(
      '10.0 ms: 80 % waiting for a mutex held by cache.Refresh, which was on CPU; 2.0 ms on CPU',
    )
    expect(said('other')).toBe('10.0 ms: 80 % waiting for a mutex held by cache.Refresh; 2.0 ms on CPU')
  })

  test.each<[Group, Partial<Blame>, string]>([
    ['lock', { name: 'db.Write', lock: 'mutex' }, 'waiting, mostly for a mutex held by db.Write'],
    ['chan', { name: 'worker' }, 'waiting, mostly on a channel served by worker'],
    ['chan', { name: 'worker', instead: 'queue' }, 'waiting, mostly in a queue behind worker'],
    ['sleep', { instead: 'deadline' }, 'waiting, mostly for the network until a deadline'],
    ['network', {}, 'waiting, mostly for the network'],
    ['sleep', {}, 'mostly sleeping'],
    ['syscall', {}, 'mostly in system calls'],
    ['schedWait', { name: 'report' }, 'ready to run, waiting for a processor, mostly while report ran'],
    [
      'lock',
      { name: 'db.Write', lock: 'mutex', doing: 'sleep', mostly: false, doingMostly: true },
      'waiting for a mutex held by db.Write, which was mostly asleep',
    ],
    [
      'chan',
      { name: 'probe', doing: 'deadline', mostly: false },
      'waiting on a channel served by probe, which was waiting for the network until a deadline',
    ],
  ])('says mostly where it holds for most of the part and not for nearly all: %s, %j', (group, given, words) => {
    const one = { ...NO_BLAME, mostly: true, ...given }
    expect(verdict({ [group]: 8, exec: 2 }, { blame: new Map([[group, one]]) })).toBe(
      `10.0 ms: 80 % ${words}; 2.0 ms on CPU`,
    )
  })

  test.each<[Group, Blame['instead'], string | null, string]>([
    ['sleep', 'timer', null, 'waiting for a timer or deadline'],
    ['sleep', 'deadline', null, 'waiting for the network until a deadline'],
    ['chan', 'givenUp', 'race.Ask', 'waiting for the network until race.Ask gave it up'],
    ['chan', 'givenUp', null, 'waiting for the network until another goroutine gave it up'],
    [
      'sleep',
      'goroutine',
      'a goroutine without a span (main.flush)',
      'waiting for a goroutine without a span (main.flush), which was asleep',
    ],
    ['syscall', 'goroutine', null, 'waiting for another goroutine, which was in system calls'],
    ['network', 'pipe', null, 'waiting for a pipe'],
    ['network', 'stream', null, 'waiting for a free stream of its connection'],
    ['chan', 'queue', null, 'waiting in a queue'],
    ['chan', 'queue', 'report.Build', 'waiting in a queue behind report.Build'],
    ['network', 'late', null, 'waiting for the network, and for a processor to read it'],
    ['network', 'deadline', null, 'waiting for the network until a deadline'],
    ['sleep', 'connection', null, 'waiting for a connection until a deadline'],
    ['syscall', 'process', null, 'waiting for another process'],
    ['network', 'givenUp', 'race.Ask', 'waiting for the network until race.Ask gave it up'],
  ])('says what was waited for where it is not what the part is called: %s, %s', (group, instead, name, words) => {
    const doing = instead === 'goroutine' ? group : null
    const given = new Map([[group, { ...NO_BLAME, name, doing, instead }]])
    expect(verdict({ [group]: 8, exec: 2 }, { blame: given })).toBe(`10.0 ms: 80 % ${words}; 2.0 ms on CPU`)
  })

  test('names who kept the processors busy', () => {
    expect(verdict({ schedWait: 8, exec: 2 }, { blame: blame('schedWait', 'report.Build', null) })).toBe(
      '10.0 ms: 80 % ready to run, waiting for a processor while report.Build ran; 2.0 ms on CPU',
    )
  })

  test('says when the span took no longer than its kind usually does', () => {
    expect(verdict({ exec: 10 }, { usual: true })).toBe('10.0 ms: 100 % on CPU; usual for its kind')
  })

  test('tells of stops of the world', () => {
    expect(verdict({ exec: 10 }, { overlaps: { ...overlaps, gcStwNs: MS } })).toBe(
      '10.0 ms: 100 % on CPU; 1.0 ms with the world stopped',
    )
    expect(verdict({ exec: 10 }, { overlaps: { ...overlaps, gcStwNs: MS, gcStwOwnNs: 0.6 * MS } })).toBe(
      '10.0 ms: 100 % on CPU; 1.0 ms stopping the world',
    )
    const stopped = { ...overlaps, gcStwNs: 8 * MS, gcStwReason: 'read mem stats' }
    expect(verdict({ exec: 1, schedWait: 9 }, { overlaps: stopped, blame: blame('schedWait', 'report', null) })).toBe(
      '10.0 ms: 90 % ready to run while the world was stopped; 1.0 ms on CPU; 8.0 ms with the world stopped (read mem stats)',
    )
    // Half of the wait, and its own stops: others ran.
    for (const gcStwOwnNs of [0, 4 * MS]) {
      const own = { ...stopped, gcStwNs: 4.5 * MS + gcStwOwnNs, gcStwOwnNs, gcStwReason: null }
      expect(verdict({ exec: 1, schedWait: 9 }, { overlaps: own })).toContain(
        '90 % ready to run, waiting for a processor;',
      )
    }
  })
})

describe('it stays silent', () => {
  test.each<[string, Partial<Record<Group, number>>, Partial<VerdictInput>]>([
    ['where part of the span is not covered', { exec: 10 }, { coverage: 'partial' }],
    ['where no clock is known', { exec: 10 }, { clockErrorNs: null }],
    ['where the clock may be off by much of the span', { exec: 10 }, { clockErrorNs: 500_000 }],
    ['for a tiny span', { exec: (MIN_TOTAL_NS - 1) / MS }, {}],
    ['where nothing stands out', { exec: 2.5, lock: 2.5, chan: 2.5, sleep: 2.5 }, {}],
    ['for a span without length', {}, {}],
  ])('%s', (_, parts, given) => {
    expect(verdict(parts, given)).toBeNull()
  })
})

test('every group but unknown has one rule', () => {
  expect(VERDICT_RULES.map(({ group }) => group).sort()).toEqual(GROUPS.filter((group) => group !== 'unknown').sort())
})

test('the shares that are said are those of the parts', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9_000_000), { minLength: 9, maxLength: 9 }), (ns) => {
      const parts = emptyParts()
      VERDICT_RULES.forEach(({ group }, i) => (parts[group] = ns[i]))
      const totalNs = ns.reduce((sum, value) => sum + value, 0)
      const input = {
        totalNs,
        parts,
        overlaps,
        blame: new Map(),
        coverage: 'full',
        evidence: 'task-name',
        usual: false,
      } as const
      const said = verdictOf({ ...input, clockErrorNs: 0 })
      if (said === null) return
      const shares = [...said.matchAll(/(\d+) % ([^;]+)/g)].map(([, share, words]) => [Number(share), words])
      expect(shares.length).toBeGreaterThan(0)
      for (const [share, words] of shares) {
        const rule = VERDICT_RULES.find((one) => one.say(NO_BLAME) === words)
        expect(rule).toBeDefined()
        if (rule !== undefined) expect(share).toBe(Math.round((parts[rule.group] / totalNs) * 100))
      }
      expect(shares[0][0]).toBe(Math.max(...shares.map(([share]) => share as number)))
    }),
  )
})

describe('who is to blame', () => {
  const tables = new Tables()
  const mutex = ['sync.(*Mutex).Lock', 'main.work']
  const timeline = tables.timeline(0, [
    run(100),
    wait(700, 'sync', { wakerTask: 5, stack: mutex }),
    ready(50),
    wait(200, 'sync', { wakerTask: 6, stack: ['runtime.semacquire'] }),
    wait(400, 'chan receive', { wakerTask: 1 }),
    wait(300, 'chan receive', { wakerTask: 6 }),
    wait(900, 'network', { wakerTask: 6 }),
  ])
  const names: Readonly<Record<number, string>> = { 1: 'own', 5: 'cache.Refresh', 6: 'worker', 9: 'report.Build' }
  const longWaits: LongWait[] = [
    {
      row: 1,
      waker: { ...emptyBreakdown(), totalNs: 700, execNs: 100, blockNs: { network: 600 } },
      wakerTask: 5,
      wakerStack: -1,
      wakerEntry: -1,
      holders: [],
      runners: [],
    },
    {
      row: 2,
      waker: null,
      wakerTask: 0,
      wakerStack: -1,
      wakerEntry: -1,
      holders: [],
      runners: [
        { taskId: 9, runtime: false, ns: 30 },
        { taskId: 0, runtime: true, ns: 10 },
        { taskId: 1, runtime: false, ns: 10 },
      ],
    },
  ]
  const of = (fromNs: number, toNs: number): Map<Group, Blame> =>
    blameOf(taskRecord({ timeline, longWaits }), tables, fromNs, toNs, (id) => names[id] ?? null)

  test('is who ended more than half of the waiting time, and never the span itself', () => {
    expect(of(0, 10_000)).toEqual(
      new Map([
        // 700 of 900; 600 of the 700 it is blamed for.
        [
          'lock',
          { ...NO_BLAME, name: 'cache.Refresh', lock: 'mutex', doing: 'network', mostly: true, doingMostly: true },
        ],
        ['chan', NO_BLAME],
        ['schedWait', { ...NO_BLAME, name: 'report.Build', mostly: true }],
        ['network', NO_BLAME],
      ]),
    )
  })

  test('of waits for a processor may be goroutines without a span, which ran meanwhile', () => {
    const ran = (...runners: LongWait['runners']): string | null | undefined =>
      blameOf(
        taskRecord({ timeline, longWaits: [{ ...longWaits[1], runners }] }),
        tables,
        0,
        10_000,
        (id) => names[id] ?? null,
      ).get('schedWait')?.name
    const ofTask = (taskId: number, ns: number) => ({ taskId, runtime: false, ns })
    expect(ran(ofTask(0, 30), ofTask(77, 10), ofTask(9, 20))).toBe('goroutines without a span')
    expect(ran(ofTask(0, 30), ofTask(9, 30))).toBeNull()
    expect(ran(ofTask(1, 60), ofTask(0, 10))).toBe('its own goroutines')
  })

  /** Whom a wait for a lock is blamed on that these held. */
  const blamed = (holders: readonly Holder[]): Blame | undefined =>
    blameOf(
      taskRecord({ timeline, longWaits: [{ ...longWaits[0], holders }] }),
      tables,
      0,
      800,
      (id) => names[id] ?? null,
    ).get('lock')

  test('of locks is who held them, each for its time', () => {
    const held = (taskId: number, ns: number): Holder => ({ goroutine: taskId, taskId, ns })
    expect(blamed([held(9, 400), held(5, 300)])).toEqual({
      ...NO_BLAME,
      name: 'report.Build',
      lock: 'mutex',
      doing: 'network',
      mostly: true,
      doingMostly: true,
    })
    expect(blamed([held(0, 400), held(5, 300)])?.name).toBe('a goroutine without a span')
    expect(blamed([{ ...held(0, 400), goroutine: -1 }, held(5, 300)])?.name).toBeNull()
    expect(blamed([held(1, 400), held(5, 300)])?.name).toBeNull()
    // What one did is not what two did that held it in turn.
    expect(blamed([held(9, 300), held(5, 200), held(6, 200)])).toEqual({ ...NO_BLAME, lock: 'mutex' })
    // Of very many the shortest are not told: those that are have no more of the wait for that.
    expect(blamed([held(9, 200), held(5, 100)])?.name).toBeNull()
    expect(blamed([held(9, 360)])).toMatchObject({ name: 'report.Build', mostly: true })
    expect(blamed([held(9, 690)])).toMatchObject({ name: 'report.Build', mostly: false })
  })

  test('of a lock that many hold in turn is who held it longest of those that are told', () => {
    const told = (count: number, of: (n: number) => Partial<Holder>): Holder[] =>
      Array.from({ length: count }, (_, n) => ({ goroutine: 40 + n, taskId: n < 10 ? 5 : 9, ns: 20, ...of(n) }))
    const longest = { name: 'cache.Refresh', lock: 'mutex', inTurn: true }
    expect(blamed(told(16, () => ({})))).toMatchObject(longest)
    expect(blamed(told(16, (n) => ({ ns: n === 0 ? 300 : 5, goroutine: n === 0 ? -1 : 40 + n })))).toMatchObject(
      longest,
    )
    // With one fewer all are told; nor is anybody named where most of the wait is not known, or is its own.
    expect(blamed(told(15, () => ({})))).toMatchObject({ name: null, inTurn: false })
    expect(blamed(told(16, (n) => ({ ns: n === 0 ? 400 : 5, goroutine: n === 0 ? -1 : 40 + n })))).toMatchObject({
      name: null,
      inTurn: false,
    })
    expect(blamed(told(16, () => ({ taskId: 1 })))).toMatchObject({ name: null, inTurn: false })
    // Those of one name that had it for most of the wait are to blame, however many there are.
    expect(blamed(told(16, () => ({ ns: 40, taskId: 5 })))).toMatchObject({ name: 'cache.Refresh', inTurn: false })
  })

  test('of slots that a channel hands out is who held them', () => {
    const holders = [
      { goroutine: 9, taskId: 9, ns: 380 },
      { goroutine: 6, taskId: 6, ns: 20 },
    ]
    const blamed = blameOf(
      taskRecord({ timeline, longWaits: [{ ...longWaits[0], row: 4, holders }] }),
      tables,
      0,
      10_000,
      (id) => names[id] ?? null,
    ).get('chan')
    // 380 of 400, and none of the 300 of the next wait.
    expect(blamed).toMatchObject({ name: 'report.Build', lock: 'slot' })
    expect(
      VERDICT_RULES.find(({ group }) => group === 'chan')?.say({
        ...NO_BLAME,
        name: 'X',
        lock: 'slot',
        doing: 'sleep',
      }),
    ).toBe('waiting on a channel, held up by X, which was asleep')
  })

  test('that works for no task is called by the function that it runs', () => {
    const did = { ...emptyBreakdown(), totalNs: 700, execNs: 700 }
    const entries = (...functions: string[]): number => tables.stack(['main.(*cache).refresh', ...functions])
    const blamed = (more: Partial<LongWait>): Blame | undefined => {
      const wait = { ...longWaits[0], waker: did, wakerTask: 0, ...more }
      return blameOf(taskRecord({ timeline, longWaits: [wait] }), tables, 0, 800, (id) => names[id] ?? null).get('lock')
    }
    const named = { name: 'a goroutine without a span (main.(*cache).refresh)', doing: 'exec' }
    expect(blamed({ wakerEntry: entries() })).toMatchObject(named)
    expect(blamed({ wakerEntry: entries('main.start.gowrap1') })).toMatchObject(named)
    expect(blamed({ wakerEntry: entries(), holders: [{ goroutine: 3, taskId: 0, ns: 700 }] })).toMatchObject(named)
    expect(blamed({})?.name).toBe('a goroutine without a span')
    // Where it is not known any more for whom it worked, or not known what it did, nobody is told.
    expect(blamed({ wakerTask: -1, wakerEntry: entries() })?.name).toBeNull()
    expect(blamed({ wakerTask: 1, wakerEntry: entries() })?.name).toBeNull()
    expect(blamed({ waker: null, wakerEntry: entries() })?.name).toBeNull()
  })

  test('of several that work for no task is none by name, where none had more than half', () => {
    const did = { ...emptyBreakdown(), totalNs: 100, execNs: 100 }
    const waits = tables.timeline(
      0,
      [400, 300, 300].map((ns) => wait(ns, 'chan receive')),
    )
    const rows = ['main.one', 'main.two', 'main.three'].map((runs, row): LongWait => ({
      ...longWaits[0],
      row,
      waker: did,
      wakerTask: 0,
      wakerEntry: tables.stack([runs]),
    }))
    const blamed = blameOf(taskRecord({ timeline: waits, longWaits: rows }), tables, 0, 1000, () => null)
    expect(blamed.get('chan')).toMatchObject({ name: 'a goroutine without a span', doing: 'exec' })
  })

  test('one that ended a long wait is known by it where it ended shorter ones, which nobody explains', () => {
    const did = { ...emptyBreakdown(), totalNs: 100, execNs: 100 }
    const told = (shorter: Partial<Parameters<Tables['timeline']>[1][number]>): Blame | undefined => {
      const waits = tables.timeline(
        0,
        [400, 300, 300].map((ns, i) => wait(ns, 'chan receive', { wakerGoroutine: 8, ...(i > 0 ? shorter : {}) })),
      )
      const long = { ...longWaits[0], row: 0, waker: did, wakerTask: 0, wakerEntry: tables.stack(['main.one']) }
      return blameOf(
        taskRecord({ timeline: waits, longWaits: [long] }),
        tables,
        0,
        1000,
        (id) => names[id] ?? null,
      ).get('chan')
    }
    // What it did meanwhile is known of the long one only.
    expect(told({})).toMatchObject({ name: 'a goroutine without a span (main.one)', doing: null })
    expect(told({ wakerGoroutine: 9 })?.name).toBeNull()
    expect(told({ wakerTask: 9 })?.name).toBe(names[9])
  })

  test("of a worker of its own is that goroutine, which was nobody's until it took the task up", () => {
    const did = { ...emptyBreakdown(), totalNs: 400, execNs: 20, blockNs: { sleep: 380 } }
    const told = (next: Partial<Parameters<Tables['timeline']>[1][number]>): Blame | undefined => {
      const pieces = tables.timeline(0, [
        wait(400, 'chan receive', { wakerGoroutine: 8, wakerTask: 1 }),
        { ...run(100), ...next },
      ])
      const long = { ...longWaits[0], row: 0, waker: did, wakerTask: 1, wakerEntry: tables.stack(['main.polls']) }
      return blameOf(taskRecord({ timeline: pieces, longWaits: [long] }), tables, 0, 500, () => 'own').get('chan')
    }
    expect(told({ goroutine: 8 })).toEqual({
      ...NO_BLAME,
      name: 'a goroutine without a span (main.polls)',
      doing: 'sleep',
    })
    // A wait that was not followed into the goroutine that ended it.
    expect(told({})?.name).toBeNull()
  })

  test('that waited until a deadline was not asleep', () => {
    const did = { ...emptyBreakdown(), totalNs: 700, blockNs: { sleep: 700 } }
    const said = (...stack: string[]): Blame['doing'] | undefined =>
      blameOf(
        taskRecord({ timeline, longWaits: [{ ...longWaits[0], waker: did, wakerStack: tables.stack(stack) }] }),
        tables,
        0,
        800,
        () => 'X',
      ).get('lock')?.doing
    expect(said('time.Sleep', 'main.work')).toBe('sleep')
    expect(said('runtime.selectgo', 'net/http.(*persistConn).roundTrip')).toBe('deadline')
    expect(said('runtime.selectgo', 'database/sql.(*DB).conn')).toBe('connection')
  })

  describe('what was waited for instead', () => {
    type Piece = Parameters<Tables['timeline']>[1][number]
    const deadline = { ...emptyBreakdown(), totalNs: 100, execNs: 2, unknownNs: 98 }
    const sleeper = { ...emptyBreakdown(), totalNs: 100, execNs: 2, blockNs: { sleep: 98 } }
    const poller = { ...emptyBreakdown(), totalNs: 100, execNs: 60, blockNs: { sleep: 40 } }
    const select = (more: Partial<Piece> = {}): Piece =>
      wait(100, 'select', { via: 'sleep', wakerGoroutine: 3, ...more })
    const read = ['internal/poll.(*FD).Read', 'os.(*File).Read', 'main.work']
    /** The group, its blame, and the words of it; of each piece what its waker did. */
    const told = (...pieces: readonly (readonly [Piece, LongWait['waker'], Partial<LongWait>?])[]) => {
      const waits = pieces.flatMap(([, waker, more], row): LongWait[] =>
        waker === null ? [] : [{ ...longWaits[0], row, waker, wakerTask: 0, ...more }],
      )
      const timeline = tables.timeline(
        0,
        pieces.map(([piece]) => piece),
      )
      const blamed = blameOf(taskRecord({ timeline, longWaits: waits }), tables, 0, 10_000, () => null)
      const [[group, one]] = blamed
      return [group, one.instead, VERDICT_RULES.find((rule) => rule.group === group)?.say(one)]
    }

    test('a timer ends a wait by itself, by a goroutine that it starts, or by the one that runs all timers', () => {
      const byTimer = ['sleep', 'timer', 'waiting for a timer or deadline']
      expect(told([select({ wakerGoroutine: -1 }), null])).toEqual(byTimer)
      expect(told([select(), deadline])).toEqual(byTimer)
      expect(told([select(), sleeper, { wakerEntry: tables.stack(['runtime.timerproc']) }])).toEqual(byTimer)
      expect(told([wait(100, 'sleep'), null])).toEqual(['sleep', null, 'sleeping'])
    })

    test('a call that a deadline ended, or another request, waited for the network', () => {
      const call = ['runtime.selectgo', 'net/http.(*persistConn).roundTrip', 'net/http.(*Client).Do']
      const stream = ['runtime.selectgo', 'google.golang.org/grpc/internal/transport.(*ClientStream).waitOnHeader']
      for (const stack of [call, stream]) {
        const until = ['sleep', 'deadline', 'waiting for the network until a deadline']
        expect(told([select({ stack, wakerGoroutine: -1 }), null])).toEqual(until)
        expect(told([select({ stack }), deadline])).toEqual(until)
        expect(told([select({ stack }), null])).toEqual(until)
      }
      const givenUp = wait(100, 'select', { stack: call, wakerGoroutine: 3, wakerTask: 9 })
      expect(told([givenUp, sleeper, { wakerTask: 9 }])[1]).toBe('givenUp')
      expect(told([givenUp, null])[1]).toBe('givenUp')
      expect(told([{ ...givenUp, wakerTask: 0 }, sleeper])[1]).toBe(null)
      expect(told([{ ...givenUp, stack: ['runtime.selectgo', 'main.work'] }, sleeper, { wakerTask: 9 }])[1]).toBe(null)
      const handshake = select({
        reason: 'chan receive',
        stack: ['runtime.chanrecv1', 'net/http.(*persistConn).addTLS'],
      })
      expect(told([handshake, deadline])[1]).toBe('deadline')
    })

    test('an answer that the loop of a connection passed on, which another task had written, is not given up', () => {
      const call = ['runtime.selectgo', 'net/http.(*persistConn).roundTrip']
      const passedOn = wait(100, 'select', { stack: call, wakerGoroutine: 3, wakerTask: 0 })
      expect(told([passedOn, sleeper, { wakerTask: 9 }])).toEqual([
        'chan',
        null,
        'waiting on a channel served by a goroutine without a span, which was asleep',
      ])
      // Where that one had slept and its task was over before the loop was told, no deadline ended it either.
      const slept = select({ stack: call, wakerGoroutine: 3 })
      expect(told([slept, sleeper, { wakerTask: 9 }])).toEqual([
        'sleep',
        'goroutine',
        'waiting for a goroutine without a span, which was asleep',
      ])
    })

    test('a read of a connection that another goroutine cut short says so, where it is known why', () => {
      const cut = (more: Partial<Piece> = {}): Piece =>
        wait(100, 'network', { stack: ['internal/poll.(*FD).Read', 'net.(*conn).Read'], wakerGoroutine: 3, ...more })
      expect(told([cut(), sleeper])).toEqual(['network', 'deadline', 'waiting for the network until a deadline'])
      expect(told([cut(), deadline])[1]).toBe(null)
      expect(told([cut(), null])[1]).toBe(null)
      expect(told([cut({ wakerGoroutine: -1 }), sleeper])[1]).toBe(null)
      const byTask = told([cut({ wakerTask: 9 }), sleeper, { wakerTask: 9 }])
      expect(byTask.slice(1)).toEqual([
        'givenUp',
        'waiting for the network until a goroutine without a span gave it up',
      ])
    })

    test('a read that a goroutine cut short which a timer had started waited for the network until a deadline', () => {
      const cut = (...stack: string[]): Piece =>
        select({ reason: 'network', stack: ['internal/poll.(*FD).Read', ...stack] })
      const until = ['sleep', 'deadline', 'waiting for the network until a deadline']
      expect(told([cut('net.(*netFD).Read', 'crypto/tls.(*Conn).clientHandshake'), deadline])).toEqual(until)
      expect(told([cut('net.(*netFD).Read'), null])).toEqual(until)
      expect(told([cut('os.(*File).Read'), deadline])[1]).toBe('timer')
    })

    test('a connection that nobody gave before a deadline was waited for, dialled or given back', () => {
      for (const place of ['net/http.(*Transport).getConn', 'database/sql.(*DB).conn']) {
        const stack = ['runtime.selectgo', place, 'main.work']
        const until = ['sleep', 'connection', 'waiting for a connection until a deadline']
        expect(told([select({ stack, wakerGoroutine: -1 }), null])).toEqual(until)
        expect(told([select({ stack }), deadline])).toEqual(until)
        // One that was given back late.
        expect(told([select({ stack }), sleeper])[1]).toBe('goroutine')
        expect(told([select({ stack }), null])[1]).toBe('timerOrGoroutine')
      }
    })

    test('another process is waited for in a system call, also where that has lost its processor', () => {
      const stack = [
        'syscall.Syscall6',
        'os.(*Process).blockUntilWaitable',
        'os.(*Process).Wait',
        'os/exec.(*Cmd).Wait',
      ]
      const call = (state: GoState, more: Partial<Piece> = {}): Piece => ({ state, ns: 100, ...more })
      const otherProcess = ['syscall', 'process', 'waiting for another process']
      expect(told([call(GoState.syscall, { stack }), null])).toEqual(otherProcess)
      expect(told([call(GoState.syscall, { stack, ns: 1 }), null], [call(GoState.syscallBlocked), null])).toEqual(
        otherProcess,
      )
      expect(told([call(GoState.syscall, { stack: ['syscall.fsync', 'os.(*File).Sync'] }), null])[2]).toBe(
        'in system calls',
      )
      expect(told([call(GoState.syscallBlocked), null])[1]).toBe(null)
    })

    test('an answer that nobody could read for want of a processor is told so, from a fifth of the wait on', () => {
      const reader = (schedWaitNs: number): LongWait['waker'] => ({
        ...emptyBreakdown(),
        totalNs: 100,
        schedWaitNs,
        blockNs: { network: 100 - schedWaitNs },
      })
      const answered = wait(100, 'select', { via: 'network', wakerGoroutine: 3 })
      const late = ['network', 'late', 'waiting for the network, and for a processor to read it']
      expect(told([answered, reader(20)])).toEqual(late)
      expect(told([answered, reader(19)])[1]).toBe(null)
      // Most of the part decides.
      expect(told([answered, reader(50)], [wait(120, 'network'), null])[1]).toBe(null)
    })

    test('a stream of a connection is waited for where it is asked for', () => {
      const asks = (via: string, ...place: string[]) => select({ via, stack: ['runtime.selectgo', ...place] })
      const stream = ['network', 'stream', 'waiting for a free stream of its connection']
      const grpc = 'google.golang.org/grpc/internal/transport.(*http2Client).NewStream'
      expect(told([asks('network', grpc), null])).toEqual(stream)
      expect(told([asks('network', 'net/http.(*http2ClientConn).awaitOpenSlotForStreamLocked'), null])).toEqual(stream)
      expect(told([asks('', grpc), null])[1]).toBe('stream')
      expect(told([asks('network', 'main.work', grpc), null])[1]).toBe(null)
    })

    test('a goroutine was asleep only where it slept for more than half', () => {
      expect(told([select(), sleeper])).toEqual([
        'sleep',
        'goroutine',
        'waiting for a goroutine without a span, which was asleep',
      ])
      expect(told([select(), poller, { wakerEntry: tables.stack(['main.poll']) }])).toEqual([
        'sleep',
        'goroutine',
        'waiting for a goroutine without a span (main.poll), which was mostly on CPU',
      ])
      const half = { ...emptyBreakdown(), totalNs: 100, execNs: 50, blockNs: { sleep: 50 } }
      expect(told([select(), half])[2]).toBe('waiting for a goroutine without a span')
      expect(told([wait(100, 'chan send', { via: 'syscall', wakerGoroutine: 3 }), deadline])).toEqual([
        'syscall',
        'goroutine',
        'waiting for a goroutine without a span, which was in system calls',
      ])
    })

    test('either is said where nothing tells which, or neither was most of it: sleeping it was not', () => {
      const either = ['sleep', 'timerOrGoroutine', 'waiting for a timer or a goroutine that had slept']
      expect(told([select(), null])).toEqual(either)
      expect(told([select({ wakerGoroutine: -1 }), null], [select(), sleeper])).toEqual(either)
      expect(told([select(), null], [wait(100, 'sleep'), null])).toEqual(['sleep', null, 'mostly sleeping'])
    })

    test('a pipe is no network, neither its own nor one that another waited for', () => {
      const connection = ['internal/poll.(*FD).Read', 'net.(*conn).Read']
      const aPipe = ['network', 'pipe', 'waiting for a pipe']
      const network = ['network', null, 'waiting for the network']
      const reader = { ...emptyBreakdown(), totalNs: 100, execNs: 2, blockNs: { network: 98 } }
      const handedOver = wait(100, 'chan receive', { via: 'network', wakerGoroutine: 3, stack: ['main.work'] })
      expect(told([wait(100, 'network', { stack: read }), null])).toEqual(aPipe)
      expect(told([wait(100, 'network', { stack: connection }), null])).toEqual(network)
      expect(told([handedOver, reader, { wakerStack: tables.stack(read) }])).toEqual(aPipe)
      expect(told([handedOver, reader, { wakerStack: tables.stack(connection) }])).toEqual(network)
      const locked = wait(100, 'sync', { stack: mutex, wakerGoroutine: 3 })
      const heldBy = 'waiting for a mutex held by a goroutine without a span, which was waiting for'
      expect(told([locked, reader, { wakerStack: tables.stack(read) }])[2]).toBe(`${heldBy} a pipe`)
      expect(told([locked, reader, { wakerStack: tables.stack(connection) }])[2]).toBe(`${heldBy} the network`)
    })
  })

  test('counts the window alone', () => {
    expect(of(850, 1050).get('lock')).toEqual({ ...NO_BLAME, name: 'worker' })
  })

  test('of a task without a timeline is no one', () => {
    expect(blameOf(taskRecord(), tables, 0, 1, () => 'x').size).toBe(0)
  })
})

test('the rules are those of docs/verdicts.md', async () => {
  const page = fileURLToPath(new URL('../../docs/verdicts.md', import.meta.url))
  const share = (value: number): string => (value === 0 ? 'always, as a time' : `${value * 100} %`)
  const insteadOfGroup: Partial<Record<Group, readonly Instead[]>> = {
    network: ['pipe', 'late', 'stream', 'deadline', 'givenUp'],
    chan: ['queue', 'givenUp'],
    syscall: ['process', 'goroutine'],
    sleep: ['timer', 'deadline', 'connection', 'goroutine', 'timerOrGoroutine'],
  }
  const rows = VERDICT_RULES.map((rule) => {
    const { group, cause, leads, follows } = rule
    const instead = insteadOfGroup[group]
    const named =
      instead === undefined
        ? rule.say({ ...NO_BLAME, name: 'X', lock: group === 'lock' ? 'mutex' : null, doing: 'network' })
        : instead
            .map((one) => rule.say({ ...NO_BLAME, name: 'a goroutine without a span (F)', doing: group, instead: one }))
            .join('; or ')
    const blamed = named === rule.say(NO_BLAME) ? '' : named
    return `| ${cause} | \`${PART_KEYS[group]}\` | ${share(leads)} | ${share(follows)} | ${rule.say(NO_BLAME)} | ${blamed} |`
  })
  const text = `# Verdicts

\`subspan.verdict\` is one sentence on where the time of a span went, made from this table; \`test/enrich/verdict.test.ts\` tests every rule and writes this page.

| cause | part | leads from | second from | said | with blame |
|---|---|---|---|---|---|
${rows.join('\n')}

- The largest part that reaches its first share leads; the largest other that reaches its second share is named too. Then the time on CPU, when it does not lead. Numbers are those of the attributes.
- The blame is the span that ended more than half of the waiting time, itself or through the loop of a connection that only passed it on; for waits for a processor the one that ran for more than half of it ("the garbage collector" where that was its workers, "goroutines without a span" where those worked for no task, or for ones whose span is not known, "its own goroutines" where the span did more at once than there were processors).
- For locks that somebody holds it is the one that held them for more than half of the waiting time, whoever woke the goroutine in the end; so it is for what channels hand out in turn (semaphores, pools of connections: "waiting on a channel, held up by X"), and for a worker that served X, as its regions and logs tell, for more than half of the time before it took up this one. Where more held it in turn than the 16 that are told of a wait, and none of them for so long, it is "held by many in turn, longest by X": X had it for longest of those 16, spans of one name together.
- Where the one to blame, for locks and channels of any kind, worked for no task, or for one whose span is not known, it is "a goroutine without a span (F)", F being the function that it runs; without "(F)" where no stack tells it, or several such goroutines share the blame. What a request left behind that goes on after its end is such a goroutine; a coroutine (iter.Pull) is none, it works for whoever calls it. A span of the same name is "another X". What it did is said when one thing took more than half of the time it is blamed for; what it was in until a deadline, such as a call, is told as that. A worker that is known by its regions or logs to have taken the task up, and was nobody's before that (it slept until it looked again, say), is "a goroutine without a span (F)" as well. Who held a lock or a slot, goroutines without a span, who ran and what was done are known of the 16 longest waits of a task only; of the others it is the task that ended them.
- "mostly" is said where what is said of a part holds for less than ${NEARLY_ALL * 100} % of it: "92 % waiting, mostly for the network until a deadline" has some sleep in it, "98 % waiting, mostly for a mutex held by X" somebody else's turn, "ready to run, waiting for a processor, mostly while X ran", "which was mostly asleep".
- "waiting in a queue" is said of a task that one goroutine began and another took up in the end, while the first did something else, such as to begin further ones; behind X where the one that took it up served X for more than half of the time; of a long one it is known whom it served latest only. The child span is called \`queue wait\`, its \`subspan.reason\` is \`queue\`.
- Kinds of lock are told by their stack: mutex, read-write mutex, sync.Once, file lock, WaitGroup, condition.
- "sleeping" is sleep of its own. A select, a receive or the like that is shown as sleep is told as what it was: "waiting for a timer or deadline" where a timer ended it, or a goroutine that the timer had started (a time-out of a pool, say); "waiting for the network until a deadline" where that ended a call of net/http's client, of HTTP/2 or gRPC, or had the connection closed that is read or written (a hand-shake whose context is over, say); "waiting for a connection until a deadline" where a client of net/http or database/sql was given none, dialled or given back by others; "waiting for a goroutine without a span (F)" where one ended it that had slept before, ", which was asleep" where it slept for more than half of the wait; "waiting for a timer or a goroutine that had slept" where a goroutine ended it of which nothing is known, as beyond the 16 longest waits, or neither was most of it. Likewise "waiting for a goroutine without a span (F), which was in system calls". "waiting for another process" is said of the system call of \`os.Process.Wait\` (child span \`process wait\`).
- A call of these clients that another request ended is told as "waiting for the network until X gave it up"; its part is \`subspan.chan_us\`, or \`subspan.network_us\` without X where only the network can be waited for (streams, bodies and flow control of HTTP/2 and gRPC). One that a goroutine without a span ended is "waiting on a channel served by" that one, for it may have answered over a connection within the program. So it is told of a read or write of a connection that another request closed, or whose deadline it moved, and "until a deadline" where a goroutine did that had slept; its part is \`subspan.network_us\`.
- The network's poller waits for pipes too: "waiting for a pipe", also where another goroutine read it and handed on what came. Each of these where it is more than half of its part; the parts are called as before. The child spans are called \`timer wait\`, \`network wait until deadline\`, \`network wait until given up\`, \`connection wait until deadline\`, \`goroutine wait\`, \`timer or goroutine wait\` and \`pipe wait\` (\`goroutine wait\` also behind another's system calls), and a late summary is named likewise (\`runtime: mostly timer wait\`).
- Assisting the collector and the world stopped are mentioned from 5 % of the span on: they overlap the parts. Assisting begins the sentence from ${ASSIST_LEADS * 100} % on, where it took longer than every part that would lead, or where its own work would, and it is more than half of the span and waited for some of that: "45 % in GC assist, on CPU and waiting; 34 % waiting for the network; 74.0 ms on CPU, GC assist included". "stopping the world" is said where the span did it itself for most of that time, "ready to run while the world was stopped" where others did for most of its wait for a processor; what for is told in brackets where it was one thing for more than half of it, as the runtime names it: "(read mem stats)".
- "usual for its kind": at least ${LEAST_OF_KIND} tasks of this name are known in the capture, and it took no longer than ${USUAL_SHARE * 100} % of them.
- A wait has one cause. Where the program itself was late to read an answer, for want of a processor, that is in \`subspan.network_us\`: "waiting for the network, and for a processor to read it" where it was a fifth of the wait; the child span tells how long, as \`subspan.waker.sched_wait_us\`.
- A sleep, a timer and the network end when the runtime looks, for which it needs a processor: while goroutines keep all of them busy (it looks about every 10 ms then), or the world is stopped, that is late, and the time is "sleeping" or "waiting for the network" as before. No event tells when it was due. A container's limit of processor time is not known to the runtime either: what it takes away is in what the goroutine did meanwhile, "on CPU" above all.
- "waiting for a free stream of its connection": gRPC's client waits where it asks for one of the streams that the server allows (child span \`stream wait\`). Who waits for one of a client of net/http or golang.org/x/net (strict) waits for the answer at the same place of the program: both are "waiting for the network".
- Captures of Go 1.21 and older show a system call only where the processor was taken away meanwhile: others are in "on CPU".
- It stays silent where part of the span is not covered by the capture, where the clock is unknown or may be off by more than ${MAX_CLOCK_SHARE * 100} % of the span, for spans shorter than ${MIN_TOTAL_NS / 1000} us, and
  where no part reaches its share. \`unknown_us\` is never named.
`
  await expect(await format(text, { ...(await resolveConfig(page)), parser: 'markdown' })).toMatchFileSnapshot(page)
})
