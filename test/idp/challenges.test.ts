import { expect } from 'chai'
import { LoginRefused } from '../../src/adapter.ts'
import { type Challenges, openChallenges } from '../../src/idp/challenges.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('what an IdP demands of the next sign-in of a user', () => {
  const demand = (value: string) =>
    new LoginRefused('denied', 'for the log', { challenge: JSON.stringify({ access_token: { acrs: { value } } }) })
  const [first, second] = [demand('c1'), demand('c2')]
  let issuer: TestIssuer
  let challenges: Challenges

  beforeEach(async () => {
    issuer = await startIssuer()
    challenges = openChallenges(issuer.store, () => false, Date.now)
    await challenges.keep('ada', first)
  })
  afterEach(() => issuer.close())

  it('gives way to nothing when the sign-in that carried it was refused, or to what that demands', async () => {
    await challenges.refused('ada', first.challenge ?? '', second)
    expect(await challenges.pending('ada')).to.equal(second.challenge)
    await challenges.refused('ada', second.challenge ?? '', new LoginRefused('denied', 'for the log'))
    expect(await challenges.pending('ada')).to.equal(undefined)
  })

  it('stays when the sign-in that was refused carried another one, which a re-check has replaced since', async () => {
    await challenges.refused('ada', second.challenge ?? '', new LoginRefused('denied', 'for the log'))
    expect(await challenges.pending('ada')).to.equal(first.challenge)
  })
})
