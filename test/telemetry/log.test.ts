import { describe, expect, test } from 'vitest'
import { type LogOptions, openLog } from '../../src/telemetry/log.ts'

/** Lines that a log wrote for one of each kind. */
function linesOf(options: LogOptions, isTTY = false): string[] {
  const lines: string[] = []
  const log = openLog(options, { write: (line) => lines.push(line), isTTY })
  log.info({ bytes: 7 }, 'the journal was read')
  log.warn({ reason: 'HTTP 503' }, 'a destination does not take spans now')
  log.error({}, 'it \u001b[31mhurts\n')
  return lines
}

test('JSON lines have level, time, message and fields', () => {
  const parsed = linesOf({ level: 'info', format: 'json' }).map((line) => JSON.parse(line) as object)
  expect(parsed).toMatchObject([
    { level: 'info', message: 'the journal was read', bytes: 7 },
    { level: 'warn', message: 'a destination does not take spans now', reason: 'HTTP 503' },
    { level: 'error', message: 'it \u001b[31mhurts\n' },
  ])
  expect(parsed[0]).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/))
})

test('text is a line a sentence, and nothing in it moves the cursor', () => {
  const lines = linesOf({ level: 'info', format: 'text' })
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}the journal was read \(bytes: 7\)\n$/)
  expect(lines[1]).toMatch(/ warn {2}a destination does not take spans now \(reason: HTTP 503\)\n$/)
  expect(lines[2]).toMatch(/ error it {2}\[31mhurts \n$/)
})

describe('the level', () => {
  test.each([
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const)('%s lets %d of the three kinds through', (level, count) => {
    expect(linesOf({ level, format: 'json' })).toHaveLength(count)
  })
})

test('auto is text on a terminal and JSON elsewhere', () => {
  expect(linesOf({ level: 'info', format: 'auto' }, true)[0]).toMatch(/^\d\d:/)
  expect(linesOf({ level: 'info', format: 'auto' }, false)[0]).toMatch(/^\{/)
})
