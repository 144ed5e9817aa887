import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8Of } from '../../src/base/bytes.ts'
import { type NameKind, NameKinds } from '../../src/breakdown/name-kinds.ts'
import { StatesKernel } from '../../src/breakdown/states-kernel.ts'
import { MOST_SHAPES } from '../../src/breakdown/states-layout.ts'
import { TaskTable } from '../../src/breakdown/tasks.ts'
import { newCaptureMemory } from '../../src/capture/event-source.ts'
import { ProblemList } from '../../src/capture/problems.ts'
import { taskType, typeOfShape } from '../../src/join/task-name.ts'

/** Tells the kinds of names, one after the other, and counts how often it has to ask. */
function kindsOf(ask: (name: string) => NameKind): { kindOf(name: string): string; asked: number } {
  const kernel = new StatesKernel(newCaptureMemory())
  const tasks = new TaskTable(
    new ProblemList(),
    kernel,
    () => '',
    () => undefined,
  )
  const kinds = new NameKinds(kernel, tasks, (name) => (told.asked++, ask(name)))
  let id = 0
  const told = {
    asked: 0,
    kindOf(name: string): string {
      const task = tasks.mention(++id)
      kinds.tell(task.slot, utf8Of(name))
      return tasks.kindOf(task)
    },
  }
  return told
}

const digits = (length: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((all) => all.join(''))
const part = fc.oneof(
  digits(16),
  digits(32),
  digits(15),
  digits(17),
  digits(16).map((id) => id.toUpperCase()),
  fc.constantFrom(
    'trace_id=',
    'spanID:',
    ' ',
    '/',
    '-',
    '00-',
    '-01',
    'GET ',
    'GET /users',
    'é',
    '[',
    ']',
    '\u0000',
    'x',
    '1234567890123456',
    'feedfacefeedface',
  ),
)

describe('kinds of names', () => {
  test('each is what it is on its own, whatever names of its shape came before', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 20 }), fc.array(digits(32)), (parts, ids) => {
        const kinds = kindsOf(typeOfShape)
        const names = [parts.join('')]
        // The same name with other ids in it.
        for (const id of ids)
          names.push(parts.map((text) => (/^[0-9a-f]{15,}$/.test(text) ? id.slice(0, text.length) : text)).join(''))
        for (const name of [...names, ...names]) expect(kinds.kindOf(name)).toBe(taskType(name))
      }),
    )
  })

  test('runs of letters alone are no ids, though they are of their length', () => {
    for (const names of [
      ['copy feedfacefeedface to deadbeefdeadbeef', 'copy 0a1b2c3d4e5f6a7b to deadbeefdeadbeef'],
      ['parent_span_id=cafebabecafebabe x', 'parent_span_id=0000000000000a11 x'],
      ['x abcdefabcdefabcdefabcdefabcdefab', 'x abcdefabcdefabcdefabcdefabcdefa1'],
    ]) {
      const kinds = kindsOf(typeOfShape)
      for (const name of names) expect(kinds.kindOf(name)).toBe(taskType(name))
    }
  })

  test('names that hold ids are asked about once for all of their shape', () => {
    const kinds = kindsOf(typeOfShape)
    for (let id = 0; id < 100; id++) {
      const span = `a${id.toString(16).padStart(15, '0')}`
      expect(kinds.kindOf(`GET /users traceID=${span}${span} spanID=${span}`)).toBe('GET /users')
    }
    expect(kinds.asked).toBe(1)
  })

  test('a type that holds a run of digits is another for each name', () => {
    const kinds = kindsOf(typeOfShape)
    const name = (id: string): string => `a1a2a3a4a5a6a7a8 ${id}`
    expect(typeOfShape('file 0a1b2c3d4e5f6a7b.txt 0a1b2c3d4e5f6a7c').ofShape).toBe(false)
    for (const id of ['one', 'two', 'one']) expect(kinds.kindOf(name(id))).toBe(taskType(name(id)))
  })

  test('two names of one hash are told apart', () => {
    const kinds = kindsOf(typeOfShape)
    // In a hash of base 31, "Aa" and "BB" are one.
    for (const name of ['Aa', 'BB', 'Aa', 'BB']) expect(kinds.kindOf(name)).toBe(name)
    // The second is none of the shapes that are remembered.
    expect(kinds.asked).toBe(3)
  })

  test('an empty name and one longer than any shape are told as others are', () => {
    const kinds = kindsOf(typeOfShape)
    const long = 'long '.repeat(2_000).trim()
    for (const name of ['', long, '', long]) expect(kinds.kindOf(name)).toBe(name)
    expect(kinds.asked).toBe(3)
  })

  test('more shapes than are remembered are asked about each time', () => {
    const kinds = kindsOf((name) => ({ kind: name.slice(0, 1), ofShape: true }))
    const names = Array.from({ length: MOST_SHAPES + 10 }, (_, number) => `${number} of many`)
    for (const name of names) expect(kinds.kindOf(name)).toBe(name.slice(0, 1))
    expect(kinds.asked).toBe(names.length)
    for (const name of names) expect(kinds.kindOf(name)).toBe(name.slice(0, 1))
    expect(kinds.asked).toBe(names.length + 10)
  })
})
