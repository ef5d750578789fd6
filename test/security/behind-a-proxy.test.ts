import { randomBytes } from 'node:crypto'
import { request as send } from 'node:http'
import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import { authorizationRequest, LOOPBACK_REDIRECT } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const HOST = 'id.example'
const RESOURCE = 'https://files.example/mcp'

/** The smallest IdP that production allows. */
const pressToSignIn = defineAdapter({
  type: 'press',
  options: z.strictObject({}),
  open: () => ({
    start: async () => ({ kind: 'form', title: 'Sign in', fields: [] }),
    finish: async () => ({ subject: 'ada', claims: {} }),
  }),
})

describe('an issuer with https behind a proxy', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({
      adapters: [pressToSignIn],
      config: ({ store }) => ({
        issuer: `https://${HOST}`,
        secret: randomBytes(32).toString('base64'),
        store,
        idps: [{ id: 'company', type: 'press', name: 'The Company' }],
        resources: [
          { resource: RESOURCE, name: 'Files', scopes: { 'files:read': 'Read files' }, defaultScopes: ['files:read'] },
        ],
      }),
    })
  })
  after(() => issuer.close())

  interface Answer {
    readonly status: number
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    readonly text: string
  }

  /** As a proxy that ends TLS sends it; `fetch` does not let a caller choose the Host header. */
  function ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = send(new URL(path, issuer.url), { method, headers: { host: HOST, ...headers } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      })
      outgoing.on('error', reject).end(body)
    })
  }

  const setCookies = ({ headers }: Answer) => [headers['set-cookie'] ?? []].flat()
  const jar = (cookies: readonly string[]) => cookies.map((cookie) => cookie.replace(/;.*/, '')).join('; ')

  it('sets cookies that are Secure, HttpOnly and SameSite, and binds the one of the callback to its host by __Host-', async () => {
    const registration = JSON.stringify({ redirect_uris: [LOOPBACK_REDIRECT], token_endpoint_auth_method: 'none' })
    const registered = await ask('POST', '/register', { 'content-type': 'application/json' }, registration)
    expect(registered.status).to.equal(201)
    const client = { ...JSON.parse(registered.text), redirect_uris: [LOOPBACK_REDIRECT] }
    const { url } = authorizationRequest(issuer.url, client, { resource: RESOURCE })

    const authorized = await ask('GET', url.pathname + url.search)
    const place = String(authorized.headers.location)
    const path = place.replace(`https://${HOST}`, '')
    const cookies = setCookies(authorized)
    const page = await ask('GET', path, { cookie: jar(cookies) })
    expect(page.status).to.equal(200)
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const form = { 'content-type': 'application/x-www-form-urlencoded', cookie: jar(cookies) }
    const approved = await ask('POST', path, form, String(new URLSearchParams({ csrf, decision: 'approve' })))
    expect(approved.status).to.equal(303)

    const login = setCookies(approved)
    expect(login).to.have.length(1)
    expect(login[0]).to.match(/^__Host-consulate_login_/)
    expect(login[0])
      .to.match(/; path=\/(;|$)/i)
      .and.not.match(/; domain=/i)
    for (const cookie of [...cookies, ...login]) {
      for (const attribute of ['secure', 'httponly', 'samesite=lax']) {
        expect(cookie.toLowerCase().split('; ')).to.include(attribute)
      }
    }
  })

  it('sends the security headers with every answer, and pins https', async () => {
    const { headers } = await ask('GET', '/jwks')
    expect(headers).to.include({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
    expect(headers['content-security-policy']).to.include("default-src 'none'")
    expect(headers['strict-transport-security']).to.match(/^max-age=\d{8}/)
  })

  it('answers no other host, and takes no name from a forwarded header', async () => {
    const path = '/.well-known/oauth-authorization-server'
    expect((await ask('GET', path, { host: 'evil.example' })).status).to.equal(421)
    const forwarded = {
      forwarded: 'host=evil.example;proto=http',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
    }
    const { status, text } = await ask('GET', path, forwarded)
    expect(status).to.equal(200)
    expect(text).to.include(`https://${HOST}/token`).and.not.include('evil').and.not.include('http:')
  })
})
