import { readFileSync } from 'node:fs'
import { Agent, request as ask } from 'node:https'
import { describe, expect, test } from 'vitest'
import { listen, type Listener } from '../../src/server/listen.ts'
import { OPEN, openSecurity, type Security, type SecurityOptions, Tokens } from '../../src/server/security.ts'
import { certificate } from '../support/certificates.ts'

const options: SecurityOptions = {
  certFile: certificate('server.pem'),
  keyFile: certificate('server.key'),
  clientCaFile: '',
  tokens: [],
  tokensFile: '',
}

function doorWith(security: Security): Promise<Listener> {
  const handler: Parameters<typeof listen>[0] = (incoming, response) => {
    incoming.resume()
    response.end(`hello ${incoming.url ?? ''}`)
  }
  return listen(handler, {
    host: '127.0.0.1',
    port: 0,
    name: 'the door',
    portOption: 'door.port',
    requestTimeoutMs: 10_000,
    security,
    openPaths: ['/healthz'],
  })
}

/** The status over TLS, or why there was none. */
function statusOver(url: string, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    ask(url, { agent }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', (error) => resolve(error.message))
      .end()
  })
}

describe('tokens', () => {
  test.each([
    ['Bearer first', true],
    ['bearer second', true],
    ['Bearer  first ', true],
    [undefined, false],
    ['', false],
    ['first', false],
    ['Bearer', false],
    ['Bearer firs', false],
    ['Bearer firstt', false],
    ['Bearer first second', false],
    ['Basic first', false],
  ])('authorization %j: %s', (header, allowed) => {
    expect(new Tokens(['first', 'second']).allow(header)).toBe(allowed)
  })

  test('without any everybody may come', () => {
    expect(OPEN.tokens.allow(undefined)).toBe(true)
  })

  test('a request without one is told so, whatever its body, but health checks are answered', async () => {
    const door = await doorWith({ tls: null, tokens: new Tokens(['first']) })
    const refused = await fetch(`${door.url}/v1/traces`, { method: 'POST', body: 'x'.repeat(100_000) })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect(await refused.text()).toMatch(/no bearer token/)
    const allowed = await fetch(`${door.url}/v1/traces`, { headers: { authorization: 'Bearer first' } })
    expect(await allowed.text()).toBe('hello /v1/traces')
    expect((await fetch(`${door.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${door.url}/healthz/more`)).status).toBe(401)
    await door.close(0)
  })
})

describe('TLS', () => {
  const ca = readFileSync(certificate('ca.pem'))

  test('is spoken with the certificate that is configured', async () => {
    const door = await doorWith(await openSecurity(options, 'door'))
    expect(door.url).toBe(`https://127.0.0.1:${door.port}`)
    expect(await statusOver(`${door.url}/`, new Agent({ ca }))).toBe(200)
    expect(await statusOver(`${door.url}/`, new Agent())).toMatch(/certificate/)
    await door.close(0)
  })

  test('clients without a certificate of the authority are turned away', async () => {
    const door = await doorWith(await openSecurity({ ...options, clientCaFile: certificate('ca.pem') }, 'door'))
    const cert = readFileSync(certificate('client.pem'))
    const key = readFileSync(certificate('client.key'))
    expect(await statusOver(`${door.url}/`, new Agent({ ca, cert, key }))).toBe(200)
    expect(await statusOver(`${door.url}/`, new Agent({ ca }))).not.toBe(200)
    await door.close(0)
  })

  test('files that cannot be read or do not belong together are told with the option', async () => {
    await expect(openSecurity({ ...options, keyFile: '/nowhere/key.pem' }, 'door')).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/^door\.keyFile is \/nowhere\/key\.pem, which cannot be read/) as string,
    })
    await expect(openSecurity({ ...options, keyFile: certificate('client.key') }, 'door')).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/cannot be used together/) as string,
    })
  })
})
