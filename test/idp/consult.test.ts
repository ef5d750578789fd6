import { inspect } from 'node:util'
import { expect } from 'chai'
import { type Identity, type IdpAdapter, LoginRefused } from '../../src/adapter.ts'
import { consult } from '../../src/idp/consult.ts'
import type { Standing } from '../../src/idp/secrets.ts'

const standing: Standing = {
  signIn: 'one',
  idp: 'idp',
  subject: 'ada',
  secret: 'upstream',
  session: 'sid',
  claims: { name: 'Ada' },
  goodAt: 0,
  failures: 0,
  retryAt: 0,
  leasedUntil: 0,
}
const unused = () => Promise.reject(new Error('not asked for'))
const adapter = (refresh?: (identity: Identity) => Promise<unknown>): IdpAdapter => ({
  start: unused,
  finish: unused,
  ...(refresh ? { refresh: refresh as never } : undefined),
})
const ask = (asked: IdpAdapter | undefined) => consult(asked, standing, () => undefined)

describe('an adapter that is asked about a user', () => {
  it('gets what the sign-in gave, and nothing of ours', async () => {
    let given: Identity | undefined
    const identity = { subject: 'ada', claims: { groups: ['g'] }, secret: 'next' }
    const answer = await ask(
      adapter(async (who) => {
        given = who
        return identity
      }),
    )
    expect(given).to.deep.equal({ subject: 'ada', claims: { name: 'Ada' }, secret: 'upstream', session: 'sid' })
    expect(answer).to.deep.equal({ identity })
  })

  for (const reason of ['denied', 'not_allowed', 'unavailable', 'invalid'] as const) {
    it(`is taken at its word when it says ${reason}`, async () => {
      const cause = new LoginRefused(reason, 'for the log')
      expect(await ask(adapter(() => Promise.reject(cause)))).to.deep.include({ result: reason, cause })
    })
  }

  it('hands on a secret that was renewed before something failed', async () => {
    const cause = new LoginRefused('unavailable', 'for the log', { secret: 'renewed' })
    const refused = await ask(adapter(() => Promise.reject(cause)))
    expect(refused).to.deep.include({ result: 'unavailable', cause, secret: 'renewed' })
    const claims = { groups: 'none' }
    const unfit = await ask(adapter(async () => ({ subject: 'ada', claims, secret: 'renewed' })))
    expect(unfit).to.deep.include({ result: 'invalid', secret: 'renewed' })
  })

  it('hands on no secret of somebody else, and none that cannot be kept', async () => {
    const other = await ask(adapter(async () => ({ subject: 'eve', claims: {}, secret: 'of eve' })))
    const long = new LoginRefused('unavailable', 'for the log', { secret: 'x'.repeat(20_000) })
    for (const answer of [other, await ask(adapter(() => Promise.reject(long)))]) {
      expect(answer).not.to.have.property('secret')
    }
  })

  it('shows the secret of a refusal to no logger', () => {
    const refusal = new LoginRefused('unavailable', 'for the log', { secret: 'renewed' })
    expect(refusal.secret).to.equal('renewed')
    expect(inspect(refusal, { showHidden: true }) + JSON.stringify(refusal)).not.to.include('renewed')
    expect(Object.getOwnPropertyNames(refusal)).not.to.include('secret')
  })

  it('gives no reason but those of the contract', async () => {
    for (const reason of ['constructor', '__proto__', 'a text of its own', 42]) {
      const cause = Object.assign(new LoginRefused('denied', 'for the log'), { reason })
      expect(await ask(adapter(() => Promise.reject(cause)))).to.have.property('result', 'invalid')
    }
  })

  const broken = (): never => {
    throw new Error('a trap of the adapter broke')
  }
  const unbelievable: Readonly<Record<string, IdpAdapter | undefined>> = {
    'is gone from the configuration': undefined,
    'cannot ask': adapter(),
    breaks: adapter(() => Promise.reject(new TypeError('a defect'))),
    'throws nothing': adapter(() => Promise.reject(undefined)),
    'throws what cannot be read': adapter(() =>
      Promise.reject(new Proxy(new LoginRefused('denied', 'x'), { get: broken, getPrototypeOf: broken })),
    ),
    'answers what cannot be read': adapter(async () => new Proxy({}, { get: broken })),
    'names nobody': adapter(async () => ({ claims: {} })),
    'names somebody else': adapter(async () => ({ subject: 'eve', claims: {} })),
    'answers nothing': adapter(async () => undefined),
  }
  for (const [what, asked] of Object.entries(unbelievable)) {
    it(`and ${what} ends nobody's access`, async () => {
      expect(await ask(asked)).to.have.property('result', 'invalid')
    })
  }
})
