import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import { obtainTokens, postForm, refresh, register } from '../support/client.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

const UPSTREAM_TOKEN = 'upstream-token-that-stays-here'
const CREDENTIALS = { client_id: 'demo-server', client_secret: 'demo-server-secret-of-32-characters-or-more' }

/** An IdP whose adapter hands over more than the contract asks for. */
const talkative = defineAdapter({
  type: 'talkative',
  options: z.strictObject({}),
  open: () => ({
    start: async () => ({ kind: 'form', title: 'Sign in', fields: [] }),
    finish: async () => {
      const claims = { name: 'Ada', email: 'ada@example.com', groups: ['g'], access_token: UPSTREAM_TOKEN }
      return { subject: 'ada', claims, secret: UPSTREAM_TOKEN }
    },
  }),
})

describe('what an IdP gives us', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer({
      adapters: [talkative],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'idp', type: 'talkative', name: 'IdP' }] }),
    })
  })
  after(() => issuer.close())

  it('reaches no client, no MCP server, no log and no file', async () => {
    const client = await register(issuer.url)
    const tokens = await obtainTokens(issuer.url, client, { scope: 'openid offline_access demo:read' })
    const refreshed = await refresh(issuer.url, client, tokens.refresh_token)
    const introspected = await postForm(`${issuer.url}/introspect`, { token: tokens.access_token, ...CREDENTIALS })
    expect(introspected.body.active).to.equal(true)

    const jwts = [tokens.access_token, tokens.id_token ?? '', refreshed.body.access_token]
    const opened = jwts.map((jwt) => Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
    expect(opened.every((claims) => claims.includes('"sub"'))).to.equal(true)
    const seen = [...opened, JSON.stringify([tokens, refreshed.body, introspected.body, issuer.logged])]
    const path = issuer.folder
    for (const file of await readdir(path)) seen.push((await readFile(join(path, file))).toString('latin1'))
    for (const text of seen) expect(text).to.not.include(UPSTREAM_TOKEN)
  })
})
