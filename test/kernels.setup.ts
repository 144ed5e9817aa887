// kernels.setup.ts: compiles the kernels before any test, so that `npx vitest` alone works in a fresh checkout.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export default function setup(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('../src/kernels.mjs', import.meta.url))], {
    stdio: 'inherit',
  })
}
