// certificates.ts: where the certificates and keys of the tests lie.

import { fileURLToPath } from 'node:url'

/** Path of a file of `certificates/`. */
export function certificate(name: string): string {
  return fileURLToPath(new URL(`certificates/${name}`, import.meta.url))
}
