/**
 * A real OpenID provider as a process of its own: `node --import tsx test/support/upstream-idp.ts <redirect URI> ...`.
 *
 * Prints one line of JSON, `{ issuer, clientId, clientSecret }`, when it listens on a free port of 127.0.0.1. Its login
 * page is a plain form with one field, `login`; whoever is named there signs in, and any client gets what it asks for.
 * A browser that is signed in is not asked again. Ends when its standard input ends.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { type Configuration, Provider } from 'oidc-provider'

const PEOPLE: Record<string, { name: string; groups: string[] }> = {
  ada: { name: 'Ada Lovelace', groups: ['engineering', 'admins'] },
  grace: { name: 'Grace Hopper', groups: ['engineering'] },
  katherine: { name: 'Katherine Johnson', groups: ['finance'] },
}

const PAGE =
  '<!doctype html><html lang="en"><title>Upstream sign-in</title><form method="post"><label>Name ' +
  '<input name="login" required autofocus></label><button>Sign in</button></form></html>'

async function configuration(clientId: string, clientSecret: string, redirectUris: string[]): Promise<Configuration> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return {
    clients: [
      { client_id: clientId, client_secret: clientSecret, redirect_uris: redirectUris, scope: 'openid profile email' },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'upstream', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email', 'email_verified'] },
    async findAccount(_ctx, accountId) {
      const login = accountId.replace(/^upstream-/, '')
      const person = PEOPLE[login] ?? { name: login, groups: [] }
      const email = `${login}@example.com`
      const claims = { ...person, sub: accountId, email, email_verified: true, preferred_username: login }
      return { accountId, claims: async () => claims }
    },
    // Consent is not what is tested here: whoever signs in agrees to what the client asks for.
    async loadExistingGrant({ oidc }) {
      const { client, account, requestParamScopes } = oidc
      if (!client || !account) return undefined
      const grant = new oidc.provider.Grant({ clientId: client.clientId, accountId: account.accountId })
      grant.addOIDCScope([...requestParamScopes].join(' '))
      await grant.save()
      return grant
    },
  }
}

async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(PAGE)
    return
  }
  const form = new URLSearchParams((await request.toArray()).join(''))
  const login = form
    .get('login')
    ?.toLowerCase()
    .replace(/[^a-z0-9]/g, '')
  const result = login
    ? { login: { accountId: `upstream-${login}` } }
    : { error: 'access_denied', error_description: 'no name given' }
  await provider.interactionFinished(request, response, result)
}

const server = createServer()
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [clientId, clientSecret] = ['consulate', randomBytes(32).toString('hex')]
  const provider = new Provider(issuer, await configuration(clientId, clientSecret, process.argv.slice(2)))
  const handle = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void handle(request, response)
    interact(provider, request, response).catch((error: unknown) => response.writeHead(400).end(String(error)))
  })
  process.stdout.write(`${JSON.stringify({ issuer, clientId, clientSecret })}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
