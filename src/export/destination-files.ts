// destination-files.ts: what stands in the files that a destination names: certificates, a key, headers.

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Failure, messageOf } from '../base/failure.ts'
import { headersOfFile } from '../base/header-lines.ts'
import type { Destination } from './destination.ts'

/** Contents of a destination's files, checked. */
export interface DestinationFiles {
  /** PEM; undefined: Node's own authorities. */
  readonly ca: Buffer | undefined
  /** PEM; undefined: no client certificate. */
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  /** Sent with every request, besides the destination's own and before them; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Reads the files of a destination.
 *
 * @throws Failure DESTINATION when one cannot be read or used; what it holds is not told
 */
export async function readDestinationFiles(
  destination: Pick<Destination, 'name' | 'url' | 'caFile' | 'certFile' | 'keyFile' | 'headersFile'>,
): Promise<DestinationFiles> {
  const { name, url, caFile, certFile, keyFile, headersFile } = destination
  const failure = (what: string): Failure => new Failure('DESTINATION', `destination ${JSON.stringify(name)}: ${what}`)
  const contentOf = async (file: string): Promise<Buffer | undefined> => {
    if (file === '') return undefined
    try {
      return await readFile(file)
    } catch (thrown) {
      throw failure(`${file} cannot be read (${messageOf(thrown)}).`)
    }
  }
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(contentOf))
  if (url.startsWith('https:')) {
    try {
      // A file without a certificate would be taken without a word, and then nobody be trusted.
      if (ca !== undefined) void new X509Certificate(ca)
    } catch (thrown) {
      throw failure(`caFile is ${caFile}, which holds no certificate (${messageOf(thrown)}): give a PEM file.`)
    }
    try {
      createSecureContext({ ca, cert, key })
    } catch (thrown) {
      throw failure(
        `certFile ${certFile} and keyFile ${keyFile} cannot be used together (${messageOf(thrown)}): give PEM files that belong to each other.`,
      )
    }
  }
  const headers = headersOfFile(headersFile, (await contentOf(headersFile))?.toString('latin1') ?? null, failure)
  return { ca, cert, key, headers }
}
