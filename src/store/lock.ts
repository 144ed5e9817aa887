// lock.ts: a file that keeps a second process off the data folder.
//
// The holder writes who it is and touches the file every two seconds. On the same machine a holder is known by process id and start
// time, so that a lock left by a dead process, even one whose id lives on in another, is taken over at once. A holder elsewhere (a
// container, a machine sharing the disk) cannot be looked at: its lock counts until nobody has touched it for a while.

import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure, messageOf } from '../base/failure.ts'
import type { Log } from '../bridge/ports.ts'
import { diskFailure, errorCode } from './disk.ts'

const TOUCH_EVERY_MS = 2_000
/** A lock of another machine that nobody has touched for so long is nobody's. */
const ABANDONED_AFTER_MS = 15_000
const LOOK_EVERY_MS = 250

/** Who holds a lock. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** Of the running system; empty where it cannot be known. */
  readonly boot: string
  /** Start of the process in the system's ticks; empty where it cannot be known. */
  readonly started: string
  /** Differs with every lock taken. */
  readonly id: string
}

/** A lock that is held. */
export interface Lock {
  /** Whether it is still ours; another process can have taken it when this one stood still for long. */
  readonly held: boolean
  release(): Promise<void>
}

/**
 * Takes the lock.
 *
 * @param waitMs for a holder on another machine that may be dead
 * @throws Failure STORE when another process holds it, and who that is
 */
export async function takeLock(path: string, log: Log, waitMs = ABANDONED_AFTER_MS + 2_000): Promise<Lock> {
  const self: Holder = {
    pid: process.pid,
    host: hostname(),
    boot: await systemFile('/proc/sys/kernel/random/boot_id'),
    started: await startOf(process.pid),
    id: randomUUID(),
  }
  const deadline = Date.now() + waitMs
  let told = false
  for (;;) {
    try {
      await writeFile(path, `${JSON.stringify(self)}\n`, { flag: 'wx', mode: 0o600 })
      return hold(path, self, log)
    } catch (thrown) {
      if (errorCode(thrown) !== 'EEXIST') throw diskFailure(thrown, `the lock ${path} could not be made`)
    }
    const holder = await holderOf(path)
    if (holder === null) continue
    const verdict = await judge(holder, self, path)
    if (verdict === 'dead') {
      await takeAway(path, holder)
      log.warn(
        { pid: holder.pid, host: holder.host },
        'a process that ended without leaving the data folder had its lock: it is taken over',
      )
      continue
    }
    if (verdict === 'alive' || Date.now() >= deadline) {
      throw new Failure(
        'STORE',
        `the data folder is in use by process ${holder.pid} on ${holder.host}: stop it, or give this one a folder of its own with data.dir. ` +
          `(If that process is gone, remove ${path}.)`,
      )
    }
    if (!told) {
      log.info(
        { pid: holder.pid, host: holder.host },
        'waiting for another machine to leave the data folder, or to be silent for long enough',
      )
    }
    told = true
    await sleep(LOOK_EVERY_MS)
  }
}

function hold(path: string, self: Holder, log: Log): Lock {
  let held = true
  const timer = setInterval(() => {
    void touch()
  }, TOUCH_EVERY_MS)
  timer.unref()
  const touch = async (): Promise<void> => {
    try {
      const now = new Date()
      await utimes(path, now, now)
      if ((await holderOf(path))?.id === self.id || !held) return
    } catch (thrown) {
      // A full or read-only disk is no loss of the lock; its absence is.
      if (errorCode(thrown) !== 'ENOENT') return
    }
    if (!held) return
    held = false
    clearInterval(timer)
    log.error({ file: path }, 'the lock of the data folder is gone: nothing more is written there')
  }
  return {
    get held() {
      return held
    },
    async release() {
      clearInterval(timer)
      const ours = held && (await holderOf(path).catch(() => null))?.id === self.id
      held = false
      if (!ours) return
      try {
        await rm(path, { force: true })
      } catch (thrown) {
        log.warn({ file: path, error: messageOf(thrown) }, 'the lock of the data folder could not be removed')
      }
    },
  }
}

/** Null when the lock has gone meanwhile. */
async function holderOf(path: string): Promise<Holder | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return null
    throw diskFailure(thrown, `the lock ${path} could not be read`)
  }
  const unknown: Holder = { pid: 0, host: '', boot: '', started: '', id: text }
  try {
    const holder = JSON.parse(text) as Holder
    return typeof holder === 'object' && typeof holder.pid === 'number' ? holder : unknown
  } catch {
    // It was being written when its process, or the machine, ended.
    return unknown
  }
}

async function judge(holder: Holder, self: Holder, path: string): Promise<'alive' | 'dead' | 'unknown'> {
  if (holder.host === self.host) {
    if (holder.boot !== self.boot) return 'dead'
    if (holder.pid === self.pid && holder.started === self.started) return 'alive'
    if (!isRunning(holder.pid)) return 'dead'
    return holder.started === (await startOf(holder.pid)) ? 'alive' : 'dead'
  }
  try {
    return Date.now() - (await stat(path)).mtimeMs > ABANDONED_AFTER_MS ? 'dead' : 'unknown'
  } catch {
    return 'unknown'
  }
}

/** Removes a dead holder's lock, unless somebody was faster and the lock is another one by now. */
async function takeAway(path: string, dead: Holder): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return
    throw diskFailure(thrown, `the lock ${path} of a process that ended could not be taken over`)
  }
  if ((await holderOf(aside))?.id === dead.id) await rm(aside, { force: true })
  else await rename(aside, path)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    // It runs, but is another user's.
    return errorCode(thrown) === 'EPERM'
  }
}

/** Start of a process in ticks since the system's start, which tells it from a later one with the same id; empty outside Linux. */
async function startOf(pid: number): Promise<string> {
  const line = await systemFile(`/proc/${pid}/stat`)
  // The command's name, in parentheses, may hold anything; the start is the 20th field after it.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

async function systemFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return ''
  }
}
