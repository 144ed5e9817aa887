// process.test.ts: which process a resource names, by the order of the rule, and what a capture may call it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/base/failure.ts'
import { processOf } from '../../src/span/process.ts'
import type { ProcessIdentity } from '../../src/span/span.ts'
import { oracle } from '../support/otlp.ts'

function resourceOf(attributes: Readonly<Record<string, string | number>>): Uint8Array {
  return oracle.Resource.encode(
    oracle.Resource.fromObject({
      attributes: Object.entries(attributes).map(([key, value]) => ({
        key,
        value: typeof value === 'string' ? { stringValue: value } : { intValue: value },
      })),
    }),
  ).finish()
}

function identity(attributes: Readonly<Record<string, string | number>>): ProcessIdentity {
  return processOf(resourceOf(attributes))
}

const EVERYTHING = {
  'service.name': 'shop',
  'service.instance.id': 'i-1',
  'k8s.pod.uid': 'uid-1',
  'k8s.pod.name': 'shop-7f9c',
  'k8s.container.name': 'main',
  'host.id': 'id-1',
  'host.name': 'node-1',
  'process.pid': 4711,
}

describe('the first present of the rule is the instance', () => {
  test.each([
    ['service.instance.id', [], 'i-1'],
    ['the pod with its container', ['service.instance.id'], 'uid-1/main'],
    ['the pod alone', ['service.instance.id', 'k8s.container.name'], 'uid-1'],
    ['host id and process id', ['service.instance.id', 'k8s.pod.uid'], 'id-1:4711'],
    ['host name and process id', ['service.instance.id', 'k8s.pod.uid', 'host.id'], 'node-1:4711'],
  ])('%s', (_, absent, instance) => {
    const present = Object.entries(EVERYTHING).filter(([key]) => !absent.includes(key))
    expect(identity(Object.fromEntries(present))).toMatchObject({ service: 'shop', instance, shared: false })
  })

  test.each([
    ['nothing', {}],
    ['a service name', { 'service.name': 'shop' }],
    ['a host without a process id', { 'service.name': 'shop', 'host.name': 'node-1', 'host.id': 'id-1' }],
    ['a process id without a host', { 'service.name': 'shop', 'process.pid': 1 }],
    ['the name of a pod, which another pod may get', { 'service.name': 'shop', 'k8s.pod.name': 'shop-0' }],
    ['an empty instance id', { 'service.name': 'shop', 'service.instance.id': '' }],
  ])('%s tells no replicas apart', (_, attributes) => {
    expect(identity(attributes)).toMatchObject({ instance: '', shared: true })
  })
})

test('no resource at all is a shared process without a service', () => {
  expect(processOf(new Uint8Array(0))).toEqual({ key: '', service: '', instance: '', aliases: [], shared: true })
})

test('a capture may name a process by its instance, pod, host and each with container or process id', () => {
  expect([...identity(EVERYTHING).aliases].sort()).toEqual(
    ['i-1', 'uid-1', 'shop-7f9c', 'id-1', 'node-1', 'uid-1/main', 'shop-7f9c/main', 'id-1:4711', 'node-1:4711'].sort(),
  )
})

test('an alias stands once, an empty one never', () => {
  expect(
    identity({ 'host.id': 'x', 'host.name': 'x', 'service.instance.id': 'x', 'k8s.pod.name': '' }).aliases,
  ).toEqual(['x'])
})

test('a process id may be a number or text, of any size', () => {
  expect(identity({ 'host.name': 'n', 'process.pid': 4711 }).instance).toBe('n:4711')
  expect(identity({ 'host.name': 'n', 'process.pid': '4711' }).instance).toBe('n:4711')
  const large = oracle.Resource.encode(
    oracle.Resource.fromObject({
      attributes: [
        { key: 'host.name', value: { stringValue: 'n' } },
        { key: 'process.pid', value: { intValue: '9007199254740993' } },
      ],
    }),
  ).finish()
  expect(processOf(large).instance).toBe('n:9007199254740993')
})

test('a value that is neither text nor a whole number names nothing', () => {
  const values = [{ boolValue: true }, { doubleValue: 1.5 }, { arrayValue: { values: [{ stringValue: 'a' }] } }, {}]
  for (const value of values) {
    const attributes = [{ key: 'service.instance.id', value }]
    const resource = oracle.Resource.encode(oracle.Resource.fromObject({ attributes })).finish()
    expect(processOf(resource).shared).toBe(true)
  }
})

test('of a key that occurs twice the first counts, as in the Collector', () => {
  const attributes = ['first', 'second'].map((stringValue) => ({ key: 'service.instance.id', value: { stringValue } }))
  const resource = oracle.Resource.encode(oracle.Resource.fromObject({ attributes })).finish()
  expect(processOf(resource).instance).toBe('first')
})

describe('keys', () => {
  test('are equal for equal service and instance, whatever else the resource holds and in whatever order', () => {
    const key = identity({ 'service.name': 'shop', 'service.instance.id': 'i-1' }).key
    expect(identity(EVERYTHING).key).toBe(key)
    expect(identity({ 'service.instance.id': 'i-1', 'cloud.region': 'eu', 'service.name': 'shop' }).key).toBe(key)
  })

  test('differ where service or instance differ, whatever characters these hold', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '/', '%', '2', 'F', ':', 'ü'), maxLength: 6 })
    fc.assert(
      fc.property(name, name, name, name, (service, instance, otherService, otherInstance) => {
        fc.pre(service !== otherService || instance !== otherInstance)
        const one = identity({ 'service.name': service, 'service.instance.id': instance })
        const other = identity({ 'service.name': otherService, 'service.instance.id': otherInstance })
        expect(one.key).not.toBe(other.key)
      }),
      { numRuns: 500 },
    )
  })

  test('differ for names that would be equal if only the slash were escaped', () => {
    const keys = ['a/', 'a%2F', 'a%252F'].map((service) => identity({ 'service.name': service }).key)
    expect(new Set(keys).size).toBe(3)
  })

  test('stay right when many resources are read in turn', () => {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3000; i++) {
        const { instance, service } = identity({ 'service.name': `s${i % 7}`, 'service.instance.id': `i-${i}` })
        if (instance !== `i-${i}` || service !== `s${i % 7}`) expect({ instance, service }).toBe(i)
      }
    }
  })

  test('a resource too long to be remembered is read all the same', () => {
    const attributes = { ...EVERYTHING, 'process.command_line': 'x'.repeat(5000) }
    expect(identity(attributes)).toEqual(identity(EVERYTHING))
  })
})

test('one buffer may be filled with one resource after another', () => {
  // A Buffer, as HTTP bodies are: its `slice` does not copy, so that what is remembered could change with it.
  const buffer = Buffer.from(resourceOf({ 'service.instance.id': 'i-00000' }))
  const wrong = Array.from({ length: 5000 }, (_, i) => `i-${String(i).padStart(5, '0')}`).filter((instance) => {
    buffer.write(instance, buffer.length - instance.length)
    return processOf(buffer).instance !== instance
  })
  expect(wrong).toEqual([])
})

test('damaged bytes are refused', () => {
  expect(() => processOf(Uint8Array.from([0x0a, 0x05]))).toThrow(Failure)
})
