// version.ts: the version of this program, from its package.json.

import { readFileSync } from 'node:fs'

/** `1.2.3`. */
export const VERSION: string = (() => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
})()
