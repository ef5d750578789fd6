import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import { SECRET_KIND } from '../../src/idp/secrets.ts'
import { withSeal } from '../stores/support.ts'
import { obtainTokens, postForm, refresh, register } from '../support/client.ts'
import { Connected, INTERVAL, startCompanyIssuer } from '../support/company-issuer.ts'
import { SECRET, startIssuer, type TestIssuer } from '../support/issuer.ts'

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

describe('the upstream secret that a re-check needs', () => {
  it('is in one sealed record and nowhere else, however often it is renewed, and ends with a logout', async () => {
    const { issuer, company, stop } = await startCompanyIssuer()
    const client = await Connected.by('ada', issuer.url)
    const answers: unknown[] = [client.tokens]
    for (let round = 0; round < 3; round += 1) {
      issuer.advance(INTERVAL)
      answers.push((await client.refresh()).body)
    }
    company.mode = 'html'
    issuer.advance(INTERVAL)
    answers.push((await client.refresh()).body)
    answers.push(await (await fetch(`${issuer.url}/logout`)).text())

    const sealed = await withSeal(issuer.store, SECRET)
    const account = client.claims.sub ?? ''
    const kept = await sealed.get(SECRET_KIND, account)
    expect(company.secrets).to.have.length(4)
    expect(kept?.payload).to.include(company.secrets[3])
    for (const secret of company.secrets.slice(0, 3)) expect(kept?.payload).to.not.include(secret)
    const others = await sealed.get('Account', account)
    const tokens = client.tokens.access_token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    const seen = [JSON.stringify([answers, issuer.logged, others, tokens])]
    for (const file of await readdir(issuer.folder)) {
      seen.push((await readFile(join(issuer.folder, file))).toString('latin1'))
    }
    for (const text of seen) expect(text).to.not.include('upstream-secret-')

    company.mode = 'up'
    const body = new URLSearchParams({ logout_token: await company.logoutToken({ sub: 'ada' }) })
    await fetch(`${issuer.url}/backchannel-logout/company`, { method: 'POST', body })
    expect(await sealed.get(SECRET_KIND, account)).to.equal(undefined)
    await stop()
  })
})
