import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { expect } from 'chai'
import { authorizationRequest, LOOPBACK_REDIRECT } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('hosts of Client ID Metadata Documents', () => {
  let issuer: TestIssuer | undefined
  let inside: Server
  let connections = 0

  before(async () => {
    // A service inside the network: whether it is spoken to is seen at its socket, before any TLS.
    inside = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
  })
  after(() => new Promise((resolve) => inside.close(resolve)))
  beforeEach(() => {
    connections = 0
  })
  afterEach(async () => {
    await issuer?.close()
  })

  const open = async (url: string, client_id: string) => {
    const request = authorizationRequest(url, { client_id, redirect_uris: [LOOPBACK_REDIRECT] })
    return (await fetch(request.url, { redirect: 'manual', headers: { accept: 'text/html' } })).status
  }
  const documentAt = (host: string) => `https://${host}:${(inside.address() as AddressInfo).port}/client.json`

  it('are not connected to at private addresses (SSRF)', async () => {
    issuer = await startIssuer()
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:7f00:1]']) {
      expect([host, await open(issuer.url, documentAt(host))]).to.deep.equal([host, 400])
    }
    expect(connections).to.equal(0)
  })

  it('are connected to at private addresses that the configuration names', async () => {
    issuer = await startIssuer({
      config: (defaults) => ({ ...defaults, clientMetadata: { privateHosts: ['localhost'] } }),
    })
    await open(issuer.url, documentAt('localhost'))
    await open(issuer.url, documentAt('127.0.0.1'))
    expect(connections).to.be.greaterThan(0)
  })

  it('are those that the configuration lists, when it lists some', async () => {
    const fetched = new Set<string>()
    issuer = await startIssuer({
      config: (defaults) => ({ ...defaults, clientMetadata: { hosts: ['app.example'] } }),
      fetchForClients: async (input) => {
        fetched.add(new URL(input).host)
        return new Response(null, { status: 404 })
      },
    })
    for (const host of ['app.example', 'other.example', 'app.example.evil.example']) {
      expect(await open(issuer.url, `https://${host}/client.json`)).to.equal(400)
    }
    expect([...fetched]).to.deep.equal(['app.example'])
  })
})
