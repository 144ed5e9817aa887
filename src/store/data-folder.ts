// data-folder.ts: the folder that holds everything Subspan keeps: who may use it, and in which form it is written.

import { resolve } from 'node:path'
import { textOf, utf8Of } from '../base/bytes.ts'
import { Failure } from '../base/failure.ts'
import type { Log } from '../bridge/ports.ts'
import { type Disk, diskFailure } from './disk.ts'
import { type Lock, takeLock } from './lock.ts'

/** Form of the files. A newer program reads older forms; an older program refuses newer ones. */
const FORMAT = 1

/** The data folder, locked for this process. */
export interface DataFolder {
  readonly path: string
  readonly journal: string
  readonly captures: string
  readonly cursors: string
  readonly deadLetters: string
  readonly lock: Lock
}

/**
 * Makes the folder where there is none, locks it and checks its form.
 *
 * @throws Failure STORE when it cannot be made or written, is used by another process, or was written by a newer Subspan
 */
export async function openDataFolder(dir: string, disk: Disk, log: Log): Promise<DataFolder> {
  const path = resolve(dir)
  const folder = { path, journal: `${path}/journal`, captures: `${path}/captures` }
  try {
    await disk.makeFolder(folder.journal)
    await disk.makeFolder(folder.captures)
  } catch (thrown) {
    throw diskFailure(thrown, `the data folder ${path} could not be made`)
  }
  const lock = await takeLock(`${path}/subspan.lock`, log)
  try {
    await checkFormat(`${path}/format.json`, disk)
  } catch (thrown) {
    await lock.release()
    throw diskFailure(thrown, `the data folder ${path} could not be used`)
  }
  return { ...folder, cursors: `${path}/cursors.json`, deadLetters: `${path}/dead-letters.jsonl`, lock }
}

async function checkFormat(path: string, disk: Disk): Promise<void> {
  const bytes = await disk.read(path)
  if (bytes === null) return disk.replace(path, utf8Of(`${JSON.stringify({ format: FORMAT })}\n`))
  const format = formatOf(textOf(bytes))
  // Without a readable number the files speak for themselves: whatever is no frame of ours is skipped.
  if (format === null || format <= FORMAT) return
  throw new Failure(
    'STORE',
    `${path} says that a newer Subspan wrote this folder (form ${format}, this one reads up to ${FORMAT}): start the newer one, or set data.dir to another folder.`,
  )
}

function formatOf(text: string): number | null {
  try {
    const { format } = JSON.parse(text) as { format?: unknown }
    return typeof format === 'number' ? format : null
  } catch {
    return null
  }
}
