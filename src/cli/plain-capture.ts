// plain-capture.ts: capture files that are not packed, read straight into the memory in which they are decoded.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { Failure, messageOf } from '../base/failure.ts'
import type { CaptureAnalysis } from '../breakdown/analysis.ts'
import { type CaptureHeader, HEADER_BYTES, readHeader } from '../capture/header.ts'
import { inputName } from './input-name.ts'

/** An open file that begins as a capture does whose events can be told while it is read: one of Go 1.22 or newer. */
export interface PlainCapture {
  readonly name: string
  readonly file: number
  readonly bytes: number
  readonly header: CaptureHeader
}

/** Opens such a file; null when it is none: then it is read as any input is (`readInput`), which also says what is wrong with it. */
export function openPlain(path: string): PlainCapture | null {
  if (path === '-') return null
  let file: number | null = null
  try {
    // Opening a pipe and closing it again would take its writer the reader.
    const found = statSync(path)
    if (!found.isFile()) return null
    file = openSync(path, 'r')
    const head = new Uint8Array(HEADER_BYTES)
    if (readSync(file, head, { position: 0 }) === HEADER_BYTES) {
      const header = readHeader(head)
      if (header.streams) return { name: inputName(path), file, bytes: found.size, header }
    }
  } catch {
    // What is wrong is found once more by who reads it.
  }
  if (file !== null) closeSync(file)
  return null
}

/**
 * Reads the next bytes of a file into an analysis.
 *
 * @param position of them
 * @returns how many; 0 at the file's end
 * @throws Failure FILE when they cannot be read
 */
export function readOn({ name, file }: PlainCapture, analysis: CaptureAnalysis, position: number): number {
  const room = analysis.room()
  const into = room ?? new Uint8Array(HEADER_BYTES)
  let count = 0
  try {
    count = readSync(file, into, { position })
  } catch (error) {
    throw new Failure('FILE', `${name} cannot be read: ${messageOf(error)}.`)
  }
  if (room === null) analysis.push(into.subarray(0, count))
  else analysis.took(count)
  return count
}
