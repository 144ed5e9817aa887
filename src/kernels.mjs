// kernels.mjs: compiles the WebAssembly kernels (AssemblyScript, src/**/kernel/) into modules that hold them as text, where they are not
// up to date. What it writes is not committed; `npm run build`, the checks and the tests run it first.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Each kernel: what it is compiled from, what is written, and the name under which that exports it. */
const KERNELS = [
  { source: 'src/capture/v1/kernel/order.ts', module: 'src/capture/v1/order-kernel.wasm.ts', name: 'orderKernelV1' },
  { source: 'src/capture/v2/kernel/order.ts', module: 'src/capture/v2/order-kernel.wasm.ts', name: 'orderKernel' },
  { source: 'src/breakdown/kernel/states.ts', module: 'src/breakdown/states-kernel.wasm.ts', name: 'statesKernel' },
]

/** Folders whose files the kernels are made of besides their own. */
const SHARED = [
  'src/base',
  'src/base/kernel',
  'src/capture',
  'src/capture/kernel',
  'src/capture/v1',
  'src/capture/v2',
  'src/breakdown',
]

const FLAGS = [
  ...['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--use', 'abort='],
  // The memory is TypeScript's (src/base/kernel-memory.ts); the most pages must be the same here and there.
  ...['--importMemory', '--noExportMemory', '--sharedMemory', '--enable', 'threads', '--enable', 'simd'],
  ...['--initialMemory', '64', '--maximumMemory', '32768'],
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
for (const { source, module, name } of KERNELS) {
  const inputs = [dirname(source), ...SHARED].flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.wasm.ts'))
      .map((file) => `${folder}/${file}`),
  )
  const newest = Math.max(...[...inputs, 'src/kernels.mjs', 'package-lock.json'].map((file) => statSync(file).mtimeMs))
  if (existsSync(module) && statSync(module).mtimeMs > newest) continue
  const { error, stderr, binary } = await compile(source)
  if (error !== null) {
    process.stderr.write(`${stderr}${error.message}\n`)
    process.exit(1)
  }
  const text = `export const ${name} =\n  '${Buffer.from(binary).toString('base64')}'\n`
  writeFileSync(module, `// ${basename(module)}: ${source}, compiled by src/kernels.mjs.\n\n${text}`)
}

async function compile(source) {
  // Loaded only when there is something to compile: that takes longer than all the rest.
  const { main } = await import('assemblyscript/asc')
  let binary = null
  const { error, stderr } = await main([source, '--outFile', 'kernel.wasm', ...FLAGS], {
    // TypeScript, which checks the sources too, knows no decorators of functions: what is to become part of its callers is marked by a comment.
    readFile: (file) => (existsSync(file) ? readFileSync(file, 'utf8').replaceAll('/* @inline */ ', '@inline ') : null),
    writeFile: (_, contents) => {
      binary = contents
    },
  })
  return { error, stderr: stderr.toString(), binary }
}
