// security.ts: who may use a door: TLS, certificates of clients, bearer tokens.

import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls'
import { Failure, messageOf } from '../base/failure.ts'

/** What is configured for a door; all of it may be empty. */
export interface SecurityOptions {
  /** PEM files; with both the door speaks TLS. */
  readonly certFile: string
  readonly keyFile: string
  /** PEM file of the authorities of which clients must show a certificate; empty: they need none. */
  readonly clientCaFile: string
  /** Tokens, one of which every request must bear; empty: none is asked for. */
  readonly tokens: readonly string[]
  /** File with more of them, one a line; empty: none. */
  readonly tokensFile: string
}

/** What a door needs for TLS, in PEM. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  /** Authorities of which clients must show a certificate; null: they need none. */
  readonly clientCa: Buffer | null
}

/** How a door is guarded. */
export interface Security {
  readonly tls: TlsMaterial | null
  readonly tokens: Tokens
}

const HANDSHAKE_TIMEOUT_MS = 15_000

/** The tokens of a door. Only their hashes are kept and compared, in a time that tells nothing of them. */
export class Tokens {
  private hashes: readonly Buffer[]

  constructor(tokens: readonly string[]) {
    this.hashes = tokens.map(hashOf)
  }

  /** Other ones are known from now on. Where some were asked for, some always are: a door does not open by a change of its tokens. */
  replace(tokens: readonly string[]): void {
    this.hashes = tokens.map(hashOf)
  }

  /** Whether these are the ones that are known. */
  same(tokens: readonly string[]): boolean {
    return Buffer.concat(this.hashes).equals(Buffer.concat(tokens.map(hashOf)))
  }

  /** Whether tokens are asked for. */
  get asked(): boolean {
    return this.hashes.length > 0
  }

  /** @param header `authorization` as it came */
  allow(header: string | undefined): boolean {
    if (!this.asked) return true
    const token = /^bearer +([^ ]+) *$/i.exec(header ?? '')?.[1]
    if (token === undefined) return false
    const hash = hashOf(token)
    return this.hashes.map((known) => timingSafeEqual(known, hash)).includes(true)
  }
}

/** A door that is open to all that reach it. */
export const OPEN: Security = { tls: null, tokens: new Tokens([]) }

/**
 * Reads the files of a door.
 *
 * @param option the door in the configuration, for messages: `receivers.otlpHttp`
 * @throws Failure CONFIG for files that cannot be read or used
 */
export async function openSecurity(options: SecurityOptions, option: string): Promise<Security> {
  return { tls: await tlsOf(options, option), tokens: new Tokens(await tokensOf(options, option)) }
}

/**
 * The certificates of a door, from its files.
 *
 * @returns null when it speaks no TLS
 * @throws Failure CONFIG for files that cannot be read or used
 */
export async function tlsOf(
  { certFile, keyFile, clientCaFile }: Pick<SecurityOptions, 'certFile' | 'keyFile' | 'clientCaFile'>,
  option: string,
): Promise<TlsMaterial | null> {
  if (certFile === '') return null
  const tls = {
    cert: await contentOf(certFile, `${option}.certFile`),
    key: await contentOf(keyFile, `${option}.keyFile`),
    clientCa: clientCaFile === '' ? null : await contentOf(clientCaFile, `${option}.clientCaFile`),
  }
  try {
    // A file without a certificate would be taken without a word, and then no client be let in.
    if (tls.clientCa !== null) void new X509Certificate(tls.clientCa)
  } catch (thrown) {
    throw new Failure(
      'CONFIG',
      `${option}.clientCaFile is ${clientCaFile}, which holds no certificate (${messageOf(thrown)}): give a PEM file.`,
    )
  }
  try {
    createSecureContext(secureContextOf(tls))
  } catch (thrown) {
    throw new Failure(
      'CONFIG',
      `the certificate ${certFile} and the key ${keyFile} of ${option} cannot be used together (${messageOf(thrown)}): give PEM files that belong to each other.`,
    )
  }
  return tls
}

/** The same for Node. */
export function secureContextOf({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return { cert, key, ...(clientCa === null ? {} : { ca: clientCa }) }
}

/** What a server over TLS asks of clients. Whether certificates are asked for cannot be changed while it runs. */
export function tlsServerOptions(
  tls: TlsMaterial,
): SecureContextOptions & Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized' | 'handshakeTimeout'> {
  const asked = tls.clientCa !== null
  return {
    ...secureContextOf(tls),
    requestCert: asked,
    rejectUnauthorized: asked,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  }
}

/**
 * The tokens of a door, from its options and its file.
 *
 * @throws Failure CONFIG for a file that cannot be read, or has a line that is no token
 */
export async function tokensOf(
  { tokens, tokensFile }: Pick<SecurityOptions, 'tokens' | 'tokensFile'>,
  option: string,
): Promise<readonly string[]> {
  if (tokensFile === '') return tokens
  const lines = (await contentOf(tokensFile, `${option}.tokensFile`)).toString('utf8').split(/\r?\n/)
  const bad = lines.findIndex((line) => /[^\x21-\x7e]/.test(line.trim()))
  if (bad >= 0) {
    throw new Failure(
      'CONFIG',
      `${option}.tokensFile is ${tokensFile}, whose line ${bad + 1} is no token of visible characters without spaces.`,
    )
  }
  const told = lines.map((line) => line.trim()).filter((line) => line !== '')
  if (told.length === 0) throw new Failure('CONFIG', `${option}.tokensFile is ${tokensFile}, which holds no token.`)
  return [...tokens, ...told]
}

async function contentOf(file: string, option: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (thrown) {
    throw new Failure('CONFIG', `${option} is ${file}, which cannot be read (${messageOf(thrown)}).`)
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
