// json-place.ts: where in a JSON body an error stands, and what stands there, in words.

import { textOf } from '../../base/bytes.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** A piece of the sender's text for an error: short, control characters escaped. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

/**
 * The JSON path of what stands at `offset`, whose bytes before it are well-formed JSON: `resourceSpans[0].resource`.
 * Found by walking through them again, so that reading itself keeps no track of it.
 */
export function jsonPathAt(bytes: Uint8Array, offset: number): string {
  /** For each open object its last key, for each open array the index. */
  const steps: (string | number)[] = []
  let awaitsKey = false
  for (let at = 0; at < offset; at++) {
    switch (bytes[at]) {
      case 0x7b:
        steps.push('')
        awaitsKey = true
        break
      case 0x5b:
        steps.push(0)
        awaitsKey = false
        break
      case 0x7d:
      case 0x5d:
        steps.pop()
        break
      case 0x2c: {
        const step = steps[steps.length - 1]
        awaitsKey = typeof step === 'string'
        steps[steps.length - 1] = typeof step === 'number' ? step + 1 : ''
        break
      }
      case QUOTE: {
        const from = at + 1
        for (at++; at < offset && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
        if (awaitsKey && at < offset) steps[steps.length - 1] = textOf(bytes, from, at)
        awaitsKey = false
      }
    }
  }
  let path = ''
  for (const step of steps) {
    if (typeof step === 'number') path += `[${step}]`
    else if (step !== '') path += (path === '' ? '' : '.') + (/^\w{1,40}$/.test(step) ? step : shown(step))
  }
  return path
}
