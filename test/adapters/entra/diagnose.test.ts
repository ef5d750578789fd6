/** What `consulate doctor` finds between us and Entra, each with its remedy. */
import { expect } from 'chai'
import type { Finding } from '../../../src/adapter.ts'
import { CLIENT_ID, discovering, entraLab, newCertificate, type Opened, REDIRECT_URI, SECRET, TENANT } from './lab.ts'

describe('the diagnosis of Entra', () => {
  const lab = entraLab()

  async function findings({ adapter }: Opened): Promise<Finding[]> {
    const found: Finding[] = []
    for await (const finding of adapter.diagnose()) found.push(finding)
    for (const { state, remedy, detail, step } of found) {
      if (state === 'bad' || state === 'warning') expect(remedy, step).to.match(/\S/)
      expect(`${step} ${detail} ${remedy}`).not.to.contain(SECRET)
    }
    return found
  }
  const step = async (opened: Opened, name: string) => {
    const found = (await findings(opened)).find((each) => each.step.startsWith(name))
    if (!found) throw new Error(`no finding about ${name}`)
    return found
  }

  it('finds nothing bad when all is well, and tells the redirect URI to register', async () => {
    const found = await findings(lab.open())
    expect(found.map(({ step: name, state }) => `${state} ${name}`)).to.deep.equal([
      'good Discovery document',
      'good Clock',
      'good Tenants',
      'skipped End of the client secret',
      'good Sign-in with the client secret',
      'skipped Redirect URI',
      'skipped Groups',
    ])
    expect(found.find(({ step: name }) => name === 'Redirect URI')?.detail)
      .to.contain(REDIRECT_URI)
      .and.to.contain(CLIENT_ID)
  })

  it('tries the credential with a token request of its own', async () => {
    await findings(lab.open())
    const [request] = (await lab.entra.seen()).filter(({ path }) => path.endsWith('/token'))
    expect(request?.path).to.equal(`/${TENANT}/oauth2/v2.0/token`)
    expect(request?.parameters).to.include({
      grant_type: 'client_credentials',
      scope: 'https://graph.microsoft.com/.default',
    })
  })

  it('finds a secret that is wrong or expired, and what to do', async () => {
    const wrong = await step(lab.open({ clientSecret: 'wrong~1' }), 'Sign-in with')
    expect(wrong.state).to.equal('bad')
    expect(wrong.detail).to.contain('AADSTS7000215')
    expect(wrong.remedy).to.contain('not its ID')
    await lab.entra.set({ app: { secrets: [{ value: SECRET, expired: true }] } })
    expect((await step(lab.open(), 'Sign-in with')).detail).to.contain('AADSTS7000222')
  })

  it('looks at each of two credentials, and at when they end', async () => {
    const [good, old] = [newCertificate(400), newCertificate(5)]
    await lab.entra.set({ app: { certificates: [good.certificate] } })
    const found = await findings(lab.open({ credentials: [good, old] }))
    const about = (name: string) => found.filter((each) => each.step.startsWith(name)).map(({ state }) => state)
    expect(about('Sign-in with the certificate')).to.deep.equal(['good', 'bad'])
    expect(about('End of the certificate')).to.deep.equal(['good', 'warning'])
  })

  it('finds a secret whose date has passed', async () => {
    const opened = lab.open({ credentials: [{ clientSecret: SECRET, expires: '2020-01-01' }] })
    const { state, detail } = await step(opened, 'End of')
    expect(state).to.equal('bad')
    expect(detail).to.contain('ended on 2020-01-01')
  })

  it('finds a tenant that Entra does not know, and an Entra that cannot be reached, and goes on', async () => {
    const unknown = lab.open({ tenant: 'nobody.example' })
    expect((await step(unknown, 'Discovery')).state).to.equal('bad')
    expect((await step(unknown, 'Sign-in with')).state).to.equal('skipped')
    const fetch = () => Promise.reject(new Error('ENOTFOUND'))
    const away = lab.open({}, { fetch })
    expect(await step(away, 'Discovery')).to.include({ state: 'bad' })
    expect((await step(away, 'Discovery')).remedy).to.contain('login.microsoftonline.com on port 443')
    const local = { authority: 'http://127.0.0.1:9', graph: 'http://127.0.0.1:9', allowInsecure: true }
    expect((await step(lab.open(local, { fetch }), 'Discovery')).remedy).to.contain('127.0.0.1 on port 9,')
    expect((await step(away, 'Clock')).state).to.equal('skipped')
  })

  for (const change of [
    { issuer: 'https://evil.example/x/v2.0' },
    { token_endpoint: 'http://login.microsoftonline.com/token' },
    { token_endpoint: 'nowhere:token' },
  ] as const) {
    it(`finds a discovery document with ${JSON.stringify(change)}, and sends no credential there`, async () => {
      const opened = lab.open({}, { fetch: discovering(lab.entra.fetchFor(), change) })
      expect(await step(opened, 'Discovery')).to.include({ state: 'bad' })
      expect((await step(opened, 'Sign-in with')).state).to.equal('skipped')
      expect((await lab.entra.seen()).filter(({ method }) => method === 'POST')).to.deep.equal([])
    })
  }

  for (const answer of ['<html>Sign in to the network</html>', '{}', '{"access_token":7}', 'null', '[]']) {
    it(`takes no answer for Entra's because it has status 200: ${answer}`, async () => {
      const fetch = lab.entra.fetchFor()
      const opened = lab.open(
        {},
        { fetch: async (url, init) => (init?.method ? new Response(answer) : fetch(url, init)) },
      )
      const found = await step(opened, 'Sign-in with')
      expect(found).to.include({ state: 'bad' })
      expect(found.remedy).to.contain('in the place of Entra')
    })
  }

  it('takes no answer for a discovery document because it has status 200', async () => {
    for (const answer of ['null', '[]', '<html></html>']) {
      expect(await step(lab.open({}, { fetch: async () => new Response(answer) }), 'Discovery')).to.include({
        state: 'bad',
      })
    }
  })

  it('finds a clock that is off, and how far', async () => {
    for (const [clockAhead, state] of [
      [0, 'good'],
      [45_000, 'warning'],
      [-120_000, 'bad'],
    ] as const) {
      await lab.entra.set({ behaviour: { clockAhead } })
      expect((await step(lab.open(), 'Clock')).state, String(clockAhead)).to.equal(state)
    }
  })

  it('warns when the whole world may sign in, and not when tenants are listed', async () => {
    expect((await step(lab.open({ tenant: 'organizations', anyTenant: true }), 'Tenants')).state).to.equal('warning')
    expect((await step(lab.open({ tenant: 'organizations', tenants: [TENANT] }), 'Tenants')).state).to.equal('good')
  })

  it('signs in to a tenant of the list, since applications cannot sign in to many', async () => {
    expect((await step(lab.open({ tenant: 'organizations', tenants: [TENANT] }), 'Sign-in with')).state).to.equal(
      'good',
    )
    expect((await step(lab.open({ tenant: 'organizations', anyTenant: true }), 'Sign-in with')).state).to.equal(
      'skipped',
    )
  })

  it('says which permission groups need, without having looked, and warns of names', async () => {
    for (const [from, words] of [
      ['token', /groups claim.*User\.Read.*API permissions/],
      ['graph', /User\.Read.*API permissions/],
      ['roles', /app roles/],
    ] as const) {
      const { state, detail } = await step(lab.open({ groups: { from } }), 'Groups')
      expect(state, from).to.equal('skipped')
      expect(detail).to.match(words).and.to.contain('only a sign-in can tell').and.to.contain(CLIENT_ID)
    }
    const named = await step(lab.open({ groups: { from: 'graph', as: 'name' } }), 'Groups')
    expect(named.state).to.equal('warning')
    expect(named.detail).to.contain('GroupMember.Read.All')
    expect((await step(lab.open({ groups: { from: 'none' } }), 'Groups')).state).to.equal('good')
  })
})
