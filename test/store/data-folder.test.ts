import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { openDataFolder } from '../../src/store/data-folder.ts'
import { nodeDisk } from '../../src/store/disk.ts'
import { takeLock } from '../../src/store/lock.ts'
import { MemoryLog } from '../support/fake-clock.ts'
import { temporaryFolder } from './setup.ts'

/** What the lock of this process says. */
async function ownHolder(): Promise<{ [field: string]: unknown }> {
  const path = `${await temporaryFolder()}/lock`
  const lock = await takeLock(path, new MemoryLog())
  const holder = JSON.parse(await readFile(path, 'utf8')) as { [field: string]: unknown }
  await lock.release()
  return holder
}

describe('the lock', () => {
  test('keeps a second taker off and says who holds it', async () => {
    const path = `${await temporaryFolder()}/lock`
    const lock = await takeLock(path, new MemoryLog())
    const refused = await takeLock(path, new MemoryLog()).catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(new RegExp(`process ${process.pid} on .*data\\.dir`)) as string,
    })
    expect(lock.held).toBe(true)
    await lock.release()
    await (await takeLock(path, new MemoryLog())).release()
  })

  test('keeps off as long as its process, another one, lives, and is taken over when that was killed', async () => {
    const path = `${await temporaryFolder()}/lock`
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const stat = process.platform === 'linux' ? await readFile(`/proc/${child.pid ?? 0}/stat`, 'utf8') : ''
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    await writeFile(path, JSON.stringify({ ...(await ownHolder()), pid: child.pid, started, id: 'theirs' }))
    await expect(takeLock(path, new MemoryLog())).rejects.toMatchObject({ code: 'STORE' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const log = new MemoryLog()
    const lock = await takeLock(path, log)
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { pid: child.pid } }])
    await lock.release()
  })

  test.runIf(process.platform === 'linux')(
    'is taken over when its process id lives on in another process',
    async () => {
      const path = `${await temporaryFolder()}/lock`
      await writeFile(path, JSON.stringify({ ...(await ownHolder()), started: '1', id: 'theirs' }))
      await (await takeLock(path, new MemoryLog())).release()
    },
  )

  test.runIf(process.platform === 'linux')('is taken over after the machine has started anew', async () => {
    const path = `${await temporaryFolder()}/lock`
    await writeFile(path, JSON.stringify({ ...(await ownHolder()), boot: 'an earlier one', id: 'theirs' }))
    await (await takeLock(path, new MemoryLog())).release()
  })

  test.each([
    [
      'of another machine',
      JSON.stringify({ pid: process.pid, host: 'elsewhere', boot: '', started: '', id: 'theirs' }),
    ],
    ['that was never written to its end', '{"pid":'],
  ])('%s counts while it is touched, and no longer', async (_name, text) => {
    const path = `${await temporaryFolder()}/lock`
    await writeFile(path, text)
    await expect(takeLock(path, new MemoryLog(), 0)).rejects.toMatchObject({ code: 'STORE' })
    const longAgo = new Date(Date.now() - 60_000)
    await utimes(path, longAgo, longAgo)
    await (await takeLock(path, new MemoryLog(), 0)).release()
  })

  test('is not removed by a process that has lost it', async () => {
    const path = `${await temporaryFolder()}/lock`
    const lock = await takeLock(path, new MemoryLog())
    await writeFile(path, JSON.stringify({ ...(await ownHolder()), id: 'theirs' }))
    await lock.release()
    expect(await readFile(path, 'utf8')).toMatch(/theirs/)
  })
})

describe('the data folder', () => {
  test('is made with everything around it, for this user only', async () => {
    const dir = `${await temporaryFolder()}/some/where/data`
    const folder = await openDataFolder(dir, nodeDisk, new MemoryLog())
    expect((await readdir(dir)).sort()).toEqual(['captures', 'format.json', 'journal', 'subspan.lock'])
    expect((await stat(dir)).mode & 0o077).toBe(0)
    await folder.lock.release()
    expect(await readdir(dir)).not.toContain('subspan.lock')
  })

  test('of a newer Subspan is refused with both numbers, and left unlocked', async () => {
    const dir = await temporaryFolder()
    await writeFile(`${dir}/format.json`, '{"format":7}')
    await expect(openDataFolder(dir, nodeDisk, new MemoryLog())).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/form 7, this one reads up to 1/) as string,
    })
    expect(await readdir(dir)).not.toContain('subspan.lock')
  })

  test('whose form cannot be read is used', async () => {
    const dir = await temporaryFolder()
    await writeFile(`${dir}/format.json`, '')
    await (await openDataFolder(dir, nodeDisk, new MemoryLog())).lock.release()
  })

  test('that cannot be made says where and what to do', async () => {
    const dir = await temporaryFolder()
    await rm(`${dir}/file`, { force: true })
    await writeFile(`${dir}/file`, '')
    await expect(openDataFolder(`${dir}/file/data`, nodeDisk, new MemoryLog())).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining(`${dir}/file/data could not be made`) as string,
    })
  })
})

describe('the folder', () => {
  test('is made with those around it; where it is there already, or made at the same time, nothing happens', async () => {
    const path = `${await temporaryFolder()}/a/b/c`
    await Promise.all([nodeDisk.makeFolder(path), nodeDisk.makeFolder(path)])
    await nodeDisk.makeFolder(path)
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  test.runIf(process.platform === 'linux').each(['/proc/subspan/data', '/dev/null/data'])(
    '%s, where none can be, is told',
    async (path) => {
      await expect(openDataFolder(path, nodeDisk, new MemoryLog())).rejects.toMatchObject({
        code: 'STORE',
        message: expect.stringMatching(`the data folder ${path} could not be made`) as string,
      })
    },
  )
})
