import { expect } from 'chai'
import { dev } from '../../adapters/dev.ts'
import { isLoginRefused } from '../../src/adapter.ts'
import { formContract } from '../contract/adapter.contract.ts'
import { testHost } from '../support/host.ts'
import { newLogin } from '../support/login.ts'

formContract('dev', { type: dev, options: {}, answers: { persona: 'grace' }, subject: 'grace' })

describe('dev', () => {
  const adapter = dev.open({}, testHost({ id: 'dev' }))
  const login = newLogin({}, 'http://localhost:3000/callback/dev')

  const post = (fields: Record<string, string>) =>
    adapter.finish(login, new Request(login.redirectUri, { method: 'POST', body: new URLSearchParams(fields) }))

  async function reasonOf(work: Promise<unknown>) {
    const outcome = await work.catch((error: unknown) => error)
    return isLoginRefused(outcome) ? outcome.reason : outcome
  }

  async function personas() {
    const step = await adapter.start(login)
    if (step.kind !== 'form') throw new Error('no form')
    const [field, ...more] = step.fields
    if (field?.type !== 'choice' || more.length > 0) throw new Error('no choice')
    return { step, options: field.options }
  }

  it('is for development only, and says so to the user', async () => {
    const { step } = await personas()
    expect(dev.developmentOnly).to.equal(true)
    expect(step.title).to.equal('Development sign-in')
    expect(step.notice).to.contain('not a real sign-in')
  })

  it('signs in each of four people with groups of their own', async () => {
    const { options } = await personas()
    const people = await Promise.all(options.map(({ value }) => post({ state: login.state, persona: value })))
    expect(people.map(({ claims }) => [claims.name, claims.groups])).to.deep.equal([
      ['Ada Lovelace', ['engineering', 'admins']],
      ['Grace Hopper', ['engineering']],
      ['Katherine Johnson', ['finance']],
      ['Alan Turing', []],
    ])
    expect(new Set(people.map(({ subject }) => subject)).size).to.equal(4)
    expect(options.map(({ label }) => label)).to.deep.equal(people.map(({ claims }) => claims.name))
  })

  it('refuses people it does not know', async () => {
    for (const persona of ['eve', 'toString']) {
      expect(await reasonOf(post({ state: login.state, persona })), persona).to.equal('invalid')
    }
  })
})
