// image.test.ts: the Dockerfiles have nothing that BuildKit's linter would say; what the steps of ours put into the image starts, as another user
// than root and with nothing to write to but its data, and is as small as it says.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder, until } from '../../support/subspan-process.ts'
import { freePort, peersFolder } from './peers.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const dockerfiles = ['Dockerfile', 'examples/go/Dockerfile'].map((file) => join(root, file))
/** The user that nobody is. */
const NOBODY = 65_534
const MEBIBYTE = 2 ** 20

test.skipIf(peersFolder === null)('docker build --check has nothing to say', () => {
  const { status, stdout } = spawnSync(join(peersFolder ?? '', 'dockerlint'), dockerfiles, { encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, ''])
})

/** Instructions of our Dockerfile, by stage. */
function stages(): string[][] {
  const lines = readFileSync(dockerfiles[0], 'utf8')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  const all: string[][] = []
  for (const line of lines.filter((line) => /^[A-Z]+ /.test(line))) {
    if (line.startsWith('FROM ')) all.push([])
    all.at(-1)?.push(line)
  }
  return all
}

/** Bytes of all files below. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

test.skipIf(peersFolder === null)(
  'the steps of the Dockerfile make a Subspan that serves',
  async () => {
    const scratch = temporaryFolder()
    onTestFinished(() => scratch.remove())
    chmodSync(scratch.path, 0o755)
    const [build, image, data] = ['build', 'image', 'data'].map((name) => join(scratch.path, name))
    for (const folder of [build, image, data]) mkdirSync(folder)
    const [building, last] = stages()
    const copy = (instruction: string, from: string, to: string): void => {
      const names = instruction.split(' ').filter((word) => !/^(COPY|--.*)$/.test(word))
      const target = names.pop() ?? ''
      for (const name of names) {
        const source = name.replace(/^\/app\//, '')
        cpSync(join(from, source), join(to, target === './' ? source : target), { recursive: true })
      }
    }
    for (const instruction of building) {
      if (instruction.startsWith('COPY ')) copy(instruction, root, build)
      if (instruction.startsWith('RUN '))
        execFileSync('sh', ['-c', instruction.slice(4)], { cwd: build, stdio: 'pipe' })
    }
    const environment: Record<string, string> = { PATH: process.env.PATH ?? '' }
    for (const instruction of last) {
      if (instruction.startsWith('COPY ')) copy(instruction, instruction.includes('--from=build') ? build : root, image)
      if (instruction.startsWith('ENV ')) {
        for (const [, name, value] of instruction.slice(4).matchAll(/([A-Z_]+)=(\S+)/g)) environment[name] = value
      }
    }
    expect(environment.SUBSPAN_DATA_DIR).toBe('/data')
    const mebibytes = sizeOf(image) / MEBIBYTE
    process.stderr.write(`the image has ${mebibytes.toFixed(1)} MiB over its base\n`)
    expect(mebibytes).toBeLessThan(60)
    expect(readdirSync(image).sort()).toEqual(['dist', 'node_modules', 'package.json', 'proto-fixtures'])

    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(data, NOBODY, NOBODY)
    else execFileSync('chmod', ['-R', 'a-w', image])
    const port = await freePort()
    const listening = Object.keys(environment).filter((name) => name.endsWith('_HOST'))
    const [program, ...args] = JSON.parse(
      last.find((step) => step.startsWith('ENTRYPOINT '))?.slice(11) ?? '[]',
    ) as string[]
    const child = spawn(program, [...args, 'serve'], {
      cwd: image,
      env: {
        ...environment,
        SUBSPAN_DATA_DIR: data,
        ...Object.fromEntries(listening.map((name) => [name.replace(/_HOST$/, '_PORT'), '0'])),
        SUBSPAN_API_PORT: String(port),
      },
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', (chunk) => (said += String(chunk)))
    await until(() => {
      if (child.exitCode !== null) throw new Error(said)
      return /goes to/.test(said)
    })
    // The image's own health check.
    const check = last.find((step) => step.startsWith('HEALTHCHECK '))
    const [node, ...asked] = JSON.parse(/CMD (\[.*\])$/.exec(check ?? '')?.[1] ?? '[]') as string[]
    const healthy = (): number | null =>
      spawnSync(
        node,
        asked.map((text) => text.replace('6061', String(port))),
      ).status
    expect(healthy()).toBe(0)
    const otlp = /spans +(http:\S+\/v1\/traces)/.exec(said)?.[1] ?? ''
    const response = await fetch(otlp, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"resourceSpans":[]}',
    })
    expect(response.status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended, said).toBe(0)
    expect(healthy()).toBe(1)
    const demo = spawnSync(program, [...args, 'serve', '--demo'], {
      cwd: image,
      env: { PATH: environment.PATH },
      encoding: 'utf8',
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    })
    expect(demo.status, demo.stderr).toBe(0)
  },
  600_000,
)
