// bundle.mjs: after the compiler: joins what a program loads when it starts into one file, where starting counts. A capture's analysis is some
// eighty modules; finding, reading and linking them one by one takes as long as analysing three megabytes, and numbers that one module
// has from another are looked up each time, where those of its own become part of what the engine compiles.

import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Files of `dist/` that are replaced by themselves with all that they import, under the names that it has. What the program that loads one has
 * loaded too, and looks at what it gets by (a Failure is one by its class), stays a module of its own; so do packages.
 */
const BUNDLES = [
  { file: 'cli/analyze.js', shared: ['base/failure.js', 'cli/terminal.js', 'cli/analyze-capture.js'] },
  { file: 'cli/analyze-capture.js', shared: ['base/failure.js', 'cli/terminal.js'] },
  { file: 'decoding/decode-worker.js', shared: [] },
  { file: 'decoding/decode-ahead-worker.js', shared: [] },
]

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const rolldown = await bundler()
for (const { file, shared } of rolldown === null ? [] : BUNDLES) {
  const bundle = await rolldown({
    input: dist + file,
    platform: 'node',
    external: (id) =>
      !(id.startsWith('.') || isAbsolute(id)) || shared.some((name) => id.replaceAll('\\', '/').endsWith(`/${name}`)),
  })
  await bundle.write({ file: dist + file, format: 'esm', comments: false })
  await bundle.close()
}

/** The bundler, which is a program of the machine's own kind; null where there is none for it: what is not joined works as well. */
async function bundler() {
  try {
    return (await import('rolldown')).rolldown
  } catch (error) {
    process.stderr.write(
      `dist/ stays many files, which start a twentieth of a second slower: no bundler here (${error.message})\n`,
    )
    return null
  }
}
