/** How the adapter asks the IdP again who a user is. For adapters that have `refresh`. */
import { expect } from 'chai'
import type { z } from 'zod'
import type { Identity, IdpAdapter } from '../../../src/adapter.ts'
import { testHost } from '../../support/host.ts'
import { type Bench, bench, type ContractSubject, refused, signIn, wireBench } from './bench.ts'
import { OAUTH2_REFRESH_CASES, OPENID_REFRESH_CASES, type RefreshCase } from './refresh-cases.ts'
import { wireCases } from './wire-cases.ts'

const HOUR = 3_600_000

export function refreshContract<Options extends z.ZodType>(subject: ContractSubject<Options>): void {
  const { type, options, idp: idpOptions } = subject
  if (!type.open(type.options.parse(options), testHost()).refresh) return
  const openid = !idpOptions.oauth2

  describe('asking again', () => {
    for (const each of openid ? OPENID_REFRESH_CASES : OAUTH2_REFRESH_CASES) {
      it(`${each.name}: ${each.words} is ${sentence(each.outcome)}`, async () => {
        const lab = await bench(subject)
        const user = await signIn(lab)
        await each.bend(lab)
        await compare(lab, user, each.outcome)
      })
    }

    for (const { name, words, endpoint, bend } of wireCases([openid ? 'token' : 'api'])) {
      it(`refresh-${name}: ${words} is refused as unavailable`, async () => {
        const lab = await wireBench(subject)
        const { server } = lab
        try {
          const user = await signIn(lab)
          const before = server.count(endpoint)
          bend(server)
          await compare(lab, user, 'unavailable')
          expect(server.strayed).to.deep.equal([])
          expect(server.count(endpoint) - before).to.be.at.most(1)
        } finally {
          await server.close()
        }
      })
    }

    it('refresh-again: names the same user every time, with what the last answer left to ask with', async () => {
      const lab = await bench(subject)
      const user = await signIn(lab)
      expect(user.secret).to.be.a('string').and.not.equal('')
      const once = await again(lab.adapter, user)
      const twice = await again(lab.adapter, once)
      expect([once.subject, twice.subject]).to.deep.equal([user.subject, user.subject])
      // An IdP may end a whole session when a refresh token that it replaced comes again (RFC 9700 section 4.14.2).
      const sent = lab.idp.requests.flatMap(({ form }) => form.getAll('refresh_token'))
      expect(sent).to.deep.equal([...new Set(sent)])
    })

    it('refresh-recovered: finds the user again after an outage', async () => {
      const lab = await bench(subject)
      const user = await signIn(lab)
      lab.idp.faults.answer = () => new Response('', { status: 503 })
      await refused(again(lab.adapter, user), lab.idp, 'unavailable')
      lab.idp.faults = {}
      expect((await again(lab.adapter, user)).subject).to.equal(user.subject)
    })

    it('refresh-interrupted: keeps a refresh token that was renewed before the IdP went away', async () => {
      let ahead = 0
      // Without OpenID the access token is used for as long as it lasts.
      const renewing = openid ? subject : { ...subject, idp: { ...idpOptions, refreshTokens: 'always' as const } }
      const lab = await bench(renewing, () => new Date(Date.now() + ahead))
      const user = await signIn(lab)
      if (!openid) ahead = HOUR
      await lab.idp.rotateKeys()
      lab.idp.faults.answer = (at, response) => (at === 'token' ? response : new Response('', { status: 503 }))
      const { secret } = await refused(again(lab.adapter, user), lab.idp, 'unavailable')
      lab.idp.faults = {}
      // As the host does it. The fake IdP takes a refresh token once.
      expect((await again(lab.adapter, { ...user, ...(secret !== undefined && { secret }) })).subject).to.equal(
        user.subject,
      )
      expect(lab.idp.count('token')).to.equal(openid ? 3 : 2)
    })

    it('refresh-offline-stripped: does not vouch for a user whose browser dropped the wish for a refresh token', async () => {
      const lab = await bench(subject)
      lab.idp.faults.out = ({ searchParams }) => {
        const scopes = searchParams.get('scope')?.split(' ') ?? []
        searchParams.set('scope', scopes.filter((scope) => scope !== 'offline_access').join(' '))
        searchParams.delete('access_type')
      }
      const user = await signIn(lab)
      lab.idp.endSessions()
      await compare(lab, user, user.secret === undefined ? 'open' : 'ended')
    })

    it('refresh-secret-missing: takes a user without a secret for no reason to end access', async () => {
      const lab = await bench(subject)
      const { secret: _, ...user } = await signIn(lab)
      await compare(lab, user, 'open')
    })

    it('refresh-secret-foreign: refuses a secret that it did not write, and shows nothing of it', async () => {
      const lab = await bench(subject)
      const secret = 'another-adapter { wrote this'
      lab.idp.secrets.push(secret)
      await compare(lab, { ...(await signIn(lab)), secret }, 'refused')
    })

    if (openid) {
      it('refresh-renewed: takes name and groups from the new answer', async () => {
        const lab = await bench(subject)
        const user = await signIn(lab)
        lab.idp.user = { ...lab.idp.user, name: 'Ada King' }
        expect((await again(lab.adapter, user)).claims.name).to.equal('Ada King')
      })
    }
  })
}

function again(adapter: IdpAdapter, user: Identity): Promise<Identity> {
  if (!adapter.refresh) throw new Error('the adapter has lost its refresh')
  return adapter.refresh(user)
}

function sentence(outcome: RefreshCase['outcome']): string {
  if (outcome === 'refused') return outcome
  if (outcome === 'ended') return 'the end of access'
  return outcome === 'open' || outcome === 'kept' ? 'no reason to end access' : `refused as ${outcome}`
}

async function compare({ adapter, idp }: Bench, user: Identity, outcome: RefreshCase['outcome']): Promise<void> {
  const work = again(adapter, user)
  if (outcome === 'kept') {
    const named = await work.catch(() => undefined)
    if (named) {
      expect(named.subject).to.equal(user.subject)
      return
    }
  }
  const { reason, message } = await refused(work, idp)
  if (outcome === 'ended') expect(reason, message).to.be.oneOf(['denied', 'not_allowed'])
  else if (outcome === 'open' || outcome === 'kept') expect(reason, message).to.be.oneOf(['unavailable', 'invalid'])
  else if (outcome !== 'refused') expect(reason, message).to.equal(outcome)
}
