import { expect } from 'chai'
import { LoginRefused } from '../../src/adapter.ts'
import { provenIdentity } from '../../src/idp/identity.ts'

const claimsOf = (claims: Record<string, unknown>) => provenIdentity({ subject: 'ada', claims }).claims
const broken = (): never => {
  throw new Error('a getter of the adapter broke')
}
const WHOLE = {
  name: 'Ada Lovelace, جوزف, 李',
  email: 'ada@example.com',
  emailVerified: true,
  username: 'ada',
  groups: ['engineering'],
}

describe('what describes a user', () => {
  it('is handed on as it is, with nothing beside it', () => {
    const identity = { subject: 'ada', claims: WHOLE, secret: 'upstream', session: 'sid' }
    expect(provenIdentity(identity)).to.deep.equal(identity)
    expect(provenIdentity({ ...identity, admin: true, claims: { ...WHOLE, token: 't' } })).to.deep.equal(identity)
    expect(provenIdentity({ subject: 'ada', claims: {} })).to.deep.equal({ subject: 'ada', claims: {} })
  })

  it('is refused as invalid when it cannot be read', () => {
    const parts = ['subject', 'claims', 'secret', 'session']
    for (const part of parts) {
      const identity = Object.defineProperty({ subject: 'ada', claims: WHOLE }, part, { get: broken, enumerable: true })
      expect(() => provenIdentity(identity))
        .to.throw(LoginRefused)
        .with.property('reason', 'invalid')
    }
    const claims = new Proxy({}, { get: broken })
    expect(() => provenIdentity({ subject: 'ada', claims }))
      .to.throw(LoginRefused)
      .with.property('reason', 'invalid')
  })

  const names: readonly (readonly [what: string, given: unknown, kept: string | undefined])[] = [
    ['is cut when it is too long', 'n'.repeat(257), 'n'.repeat(256)],
    ['is cut between characters', `${'n'.repeat(255)}😀`, 'n'.repeat(255)],
    ['is cut however long it is', 'n'.repeat(1_000_000), 'n'.repeat(256)],
    ['is one line', '\u0000Ada\r\n\tLove\u2028lace\u0007 ', 'Ada Love lace'],
    ['loses half a character', 'Ada \ud83d', 'Ada'],
    ['is left out when nothing can be read', '\u0000\n', undefined],
    ['is left out when it is empty', '', undefined],
    ['is left out when it is no text', 7, undefined],
  ]
  for (const [what, given, kept] of names) {
    it(`has a name that ${what}`, () => {
      expect(claimsOf({ ...WHOLE, name: given }).name).to.equal(kept)
      expect(claimsOf({ ...WHOLE, name: given })).to.include({ email: WHOLE.email, username: WHOLE.username })
    })
  }

  for (const [what, given] of Object.entries({
    'is too long': `${'e'.repeat(320)}@example.com`,
    'has a control character': 'ada\u0000@example.com',
    'has a line break': 'ada\n@example.com',
    'has half a character': 'ada\udc00@example.com',
    'is empty': '',
    'is no text': ['ada@example.com'],
  })) {
    it(`has no e-mail address and no user name that ${what}, since a part of one would be another one`, () => {
      const { name, groups } = WHOLE
      expect(claimsOf({ ...WHOLE, email: given, username: given })).to.deep.equal({ name, groups })
    })
  }

  it('has an address that is verified only when the IdP says so', () => {
    expect(claimsOf({ ...WHOLE, emailVerified: 'true' })).to.not.have.property('emailVerified')
    expect(claimsOf({ ...WHOLE, emailVerified: undefined })).to.not.have.property('emailVerified')
  })
})

describe('who a user is', () => {
  for (const [what, subject] of Object.entries({
    absent: undefined,
    empty: '',
    'too long': 's'.repeat(513),
    'half a character': 'ada\ud83d',
    'no text': 7,
  })) {
    it(`is never a subject that is ${what}, nor a part of one`, () => {
      expect(() => provenIdentity({ subject, claims: WHOLE })).to.throw(
        /^the adapter named a user that cannot be: subj/,
      )
    })
  }

  for (const [what, groups] of Object.entries({
    'no list': 'admins',
    'too many': Array(10_001).fill('g'),
    'too long': ['g'.repeat(257)],
    'no texts': [{ id: 'g' }],
  })) {
    it(`is not known by groups that are ${what}: a part of them would pass for all`, () => {
      expect(() => provenIdentity({ subject: 'ada', claims: { ...WHOLE, groups } })).to.throw(/claims\.groups/)
    })
  }
})
