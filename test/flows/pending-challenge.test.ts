import { expect } from 'chai'
import { type Identity, LoginRefused } from '../../src/adapter.ts'
import { CHALLENGE_KIND } from '../../src/idp/challenges.ts'
import { authorizationRequest, exchange, type Registered, refresh, register, signIn } from '../support/client.ts'
import { INTERVAL } from '../support/company-issuer.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

const challenge = (value: string) => `{"access_token":{"acrs":{"essential":true,"value":"${value}"}}}`

describe('a challenge that a re-check met', () => {
  const scripted = scriptedIdps()
  const finish = async (): Promise<Identity> => ({ subject: 'ada', claims: { groups: [] }, secret: 'upstream' })
  let issuer: TestIssuer
  let client: Registered
  let demanded: string | undefined
  let unreadable: Error | undefined

  before(async () => {
    const { type } = scripted
    issuer = await startIssuer({
      adapters: [
        {
          ...type,
          open: (...parts) => ({
            ...type.open(...parts),
            refresh: async (identity) => {
              if (unreadable) throw unreadable
              if (demanded) throw new LoginRefused('denied', 'step up', { challenge: demanded })
              return identity
            },
          }),
        },
      ],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'contoso', type: 'scripted', name: 'Contoso' }] }),
    })
    client = await register(issuer.url)
  })
  after(() => issuer.close())

  beforeEach(async () => {
    demanded = undefined
    scripted.finish = finish
    const { refresh_token } = await connect()
    demanded = challenge('c1')
    issuer.advance(INTERVAL)
    expect((await refresh(issuer.url, client, refresh_token)).status).to.equal(400)
    expect(await waiting()).to.equal(1)
    demanded = undefined
    scripted.begun.length = 0
  })

  const waiting = () => issuer.store.count(CHALLENGE_KIND)
  const carried = () => scripted.begun.map(({ hints }) => hints.claims)

  async function connect() {
    const request = authorizationRequest(issuer.url, client)
    const back = await signIn(request)
    const { status, body } = await exchange(issuer.url, client, request, back.searchParams.get('code') ?? '')
    expect(status).to.equal(200)
    return body
  }

  /** A sign-in that the IdP refuses as soon as something is demanded of it. */
  async function refused(reason: 'denied' | 'invalid', next?: string): Promise<void> {
    scripted.finish = async (_idp, login) => {
      if (login.hints.claims === undefined) return finish()
      throw new LoginRefused(reason, 'not with these claims', next === undefined ? {} : { challenge: next })
    }
    const back = await signIn(authorizationRequest(issuer.url, client)).catch(() => undefined)
    expect(back?.searchParams.get('code') ?? null).to.equal(null)
    scripted.finish = finish
  }

  for (const reason of ['denied', 'invalid'] as const) {
    it(`shuts nobody out when the IdP answers ${reason} to it: the next sign-in goes without`, async () => {
      await refused(reason)
      expect([await waiting(), carried()]).to.deep.equal([0, [undefined, challenge('c1')]])
      await connect()
      expect(carried()).to.deep.equal([undefined, challenge('c1'), undefined])
    })
  }

  it('gives way to what the IdP demands in its place', async () => {
    await refused('denied', challenge('c2'))
    expect(await waiting()).to.equal(1)
    await connect()
    expect(carried().at(-1)).to.equal(challenge('c2'))
    expect(await waiting()).to.equal(0)
  })

  it('gives way to none that cannot be followed', async () => {
    await refused('denied', 'no JSON')
    expect(await waiting()).to.equal(0)
  })

  it('that cannot be opened is told to the operator and forgotten, and no sign-in fails for it', async () => {
    const [row] = (await issuer.store.list({ kind: CHALLENGE_KIND, limit: 1 })).records
    if (!row) throw new Error('no challenge')
    await issuer.store.put({ ...row, payload: `${row.payload.slice(0, -8)}AAAAAAAA` }, 'update')
    await connect()
    expect([await waiting(), carried()]).to.deep.equal([0, [undefined]])
    const errors = issuer.logged.filter(({ level }) => Number(level) >= 50)
    expect(errors.map(({ msg }) => String(msg))).to.have.length(1)
    expect(errors[0]?.msg).to.match(/^what an IdP demands of the next sign-in of a user cannot be opened/)
  })

  it('and an error that cannot be read is no answer: the user goes on for the grace', async () => {
    const { refresh_token } = await connect()
    const broken = (): never => {
      throw new Error('a trap of the adapter broke')
    }
    unreadable = new Proxy(new LoginRefused('denied', 'x'), { get: broken, getPrototypeOf: broken })
    issuer.advance(INTERVAL)
    expect((await refresh(issuer.url, client, refresh_token)).status).to.equal(200)
    unreadable = undefined
  })
})
