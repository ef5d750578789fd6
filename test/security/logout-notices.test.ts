import { expect } from 'chai'
import { LoginRefused, type LogoutNotice } from '../../src/adapter.ts'
import { audited } from '../support/company-issuer.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { scriptedIdps } from '../support/scripted-idp.ts'

describe('the notice that an adapter makes of a logout token', () => {
  let issuer: TestIssuer
  let loggedOut: () => unknown

  before(async () => {
    const { type } = scriptedIdps()
    issuer = await startIssuer({
      adapters: [
        {
          ...type,
          open: (...parts) => ({ ...type.open(...parts), loggedOut: async () => loggedOut() as LogoutNotice }),
        },
      ],
      config: (defaults) => ({
        ...defaults,
        limits: { logout: 1000 },
        idps: [{ id: 'contoso', type: 'scripted', name: 'Contoso' }],
      }),
    })
  })
  after(() => issuer.close())

  const post = async () => {
    const body = new URLSearchParams({ logout_token: 'token' })
    const response = await fetch(`${issuer.url}/backchannel-logout/contoso`, { method: 'POST', body })
    const text = await response.text()
    return [response.status, text === '' ? undefined : JSON.parse(text).error]
  }
  const broken = (): never => {
    throw new TypeError('a getter of the adapter broke')
  }
  const refusal = (name: string, change: PropertyDescriptor) => () => {
    throw Object.defineProperty(new LoginRefused('denied', 'x'), name, change)
  }

  for (const [what, notice] of Object.entries<() => unknown>({
    'is nothing': () => undefined,
    'is null': () => null,
    'is a text': () => 'ada',
    'has an id that breaks': () => Object.defineProperty({ subject: 'ada' }, 'id', { get: broken }),
    'has a subject that breaks': () => Object.defineProperty({ id: '1' }, 'subject', { get: broken }),
    'is a defect instead': broken,
    'is nothing thrown': () => {
      throw null
    },
    'is a refusal without a name': refusal('name', { get: broken }),
    'is a refusal without a reason': refusal('reason', { get: broken }),
    'is a refusal with a reason of its own': refusal('reason', { value: 'constructor' }),
  })) {
    it(`is answered 400 when it ${what}, and the audit log says invalid`, async () => {
      loggedOut = notice
      expect(await post()).to.deep.equal([400, 'invalid_request'])
      expect(audited(issuer, 'logout.refused').at(-1)).to.include({ idp: 'contoso', reason: 'invalid' })
    })
  }

  it('is what was looked at, though it says something else when it is read again', async () => {
    let reads = 0
    loggedOut = () => ({
      id: 'once',
      get subject() {
        reads += 1
        return reads === 1 ? 'ada' : undefined
      },
    })
    expect(await post()).to.deep.equal([200, undefined])
    expect(reads).to.equal(1)
    expect(audited(issuer, 'logout.backchannel').at(-1)).to.include({ reason: 'user' })
  })
})
