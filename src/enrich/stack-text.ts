// stack-text.ts: a stack as text, the way Go prints one.

import type { StackFrame } from '../breakdown/breakdown.ts'
import { isCut } from '../breakdown/runtime-names.ts'
import { cutText, MOST_TEXT_BYTES, utf8Length } from './attributes.ts'

/** `function`, then `\tfile:line`, a pair of lines per frame, the leaf first; whole frames only, as many as fit. */
export function stackText(frames: readonly StackFrame[]): string {
  let text = texts.get(frames)
  if (text === undefined) texts.set(frames, (text = wholeFrames(frames, MOST_TEXT_BYTES)))
  return text
}

/** A capture's waits share few stacks. */
const texts = new WeakMap<readonly StackFrame[], string>()

function wholeFrames(frames: readonly StackFrame[], mostBytes: number): string {
  let text = ''
  let bytes = 0
  for (const frame of frames) {
    const lines = `${text === '' ? '' : '\n'}${frame.function}\n\t${frame.file}:${frame.line}`
    bytes += utf8Length(lines)
    if (bytes > mostBytes) break
    text += lines
  }
  return text === '' && frames.length > 0 ? cutText(frames[0].function, mostBytes) : text
}

/** First elements of the import paths of Go's own packages, and of others, that only carry a program's calls on. */
const PLUMBING =
  /^(runtime|sync|internal|syscall|time|os|io|bufio|bytes|strings|net|log|fmt|context|crypto|compress|archive|encoding|mime|html|text|regexp|reflect|sort|slices|maps|hash|image|database|iter|golang\.org\/x\/(net|sync)|google\.golang\.org\/grpc|go\.opentelemetry\.io|go\.opencensus\.io)([./]|$)/

/**
 * The frame nearest to the leaf that is the program's own, else the outermost that is not the runtime's: it says what the goroutine is for. Of a
 * stack that the runtime cut, where the outermost is any, the one nearest to the leaf that is not the runtime's.
 */
export function programFrame(frames: readonly StackFrame[]): StackFrame {
  const isOther = (frame: StackFrame): boolean => !frame.function.startsWith('runtime.')
  return (
    frames.find((frame) => !PLUMBING.test(frame.function)) ??
    (isCut(frames) ? frames.find(isOther) : frames.findLast(isOther)) ??
    frames[0]
  )
}

/** The function that a goroutine runs, by a stack of it: its name in Go's tools. Null when there is no frame, or the runtime cut the outermost. */
export function entryFunction(frames: readonly StackFrame[]): string | null {
  if (isCut(frames)) return null
  const frame = frames.findLast((one) => !AROUND.test(one.function)) ?? frames.at(-1)
  return frame === undefined ? null : cutText(frame.function, MOST_NAME_BYTES)
}

/** What is around the function that `go` names where the compiler has to pass arguments on, and around what a coroutine of `iter.Pull` runs. */
const AROUND = /\.gowrap\d+$|^runtime\.corostart$/

/** Names of generic functions can be very long. */
const MOST_NAME_BYTES = 128
