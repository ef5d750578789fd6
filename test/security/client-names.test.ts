import { expect } from 'chai'
import { normaliseRegistration } from '../../src/provider/registration.ts'

const policy = { customSchemes: [], scopes: [], grantTypes: ['authorization_code'] }

function accepted(members: Record<string, unknown>): Record<string, unknown> {
  const outcome = normaliseRegistration({ redirect_uris: ['https://a.example/cb'], ...members }, policy)
  if (!outcome.ok) throw new Error(`refused: ${outcome.description}`)
  return outcome.metadata
}

describe('what a client says about itself', () => {
  const names: readonly (readonly [why: string, sent: string, kept: string])[] = [
    ['keeps a plain name', 'Claude Code (demo)', 'Claude Code (demo)'],
    ['keeps other scripts', 'Prüfstand クライアント', 'Prüfstand クライアント'],
    ['composes characters (NFC)', 'Cafe\u0301', 'Café'],
    ['removes direction marks', 'Claude\u202e\u2066 edualC\u2069', 'Claude edualC'],
    ['removes invisible characters', 'Cl\u200ba\u00adu\ufeffd\u2060e\u3164\u034f\ufe0f', 'Clau de'],
    ['removes control characters', 'Cl\u0000au\u001bde\u007f', 'Claude'],
    ['makes one line of several', 'Claude\r\n\tCode\u2028now', 'Claude Code now'],
    ['collapses and trims spaces', '  Claude \u00a0 \u3000 Code  ', 'Claude Code'],
    ['removes lone surrogates', 'a\ud800b', 'ab'],
    ['cuts a long name instead of refusing it', 'x'.repeat(5000), 'x'.repeat(64)],
    ['counts characters, not code units', '😀'.repeat(70), '😀'.repeat(64)],
    ['keeps markup as text, for the pages to escape', '<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['names what has no visible name', '\u202e\u200b \u0000', 'Unnamed application'],
  ]
  for (const [why, sent, kept] of names) {
    it(`${why}: client_name`, () => expect(accepted({ client_name: sent }).client_name).to.equal(kept))
  }

  it('names a client that sends no name, or no text for one', () => {
    for (const client_name of [undefined, 5, {}, ['x'], true]) {
      expect(accepted({ client_name }).client_name).to.equal('Unnamed application')
    }
  })

  it('drops links that are not plain https', () => {
    for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri']) {
      expect(accepted({ [member]: 'https://a.example/x?y=1#z' })).to.have.property(member, 'https://a.example/x?y=1#z')
      for (const uri of [
        'http://a.example/',
        'javascript:alert(1)',
        'data:text/html,x',
        'https://user:pw@a.example/',
        'https:\\\\a.example',
        'https://a.example/ x',
        'https://a.example/\n',
        'https://[::1/',
        'a.example',
        `https://a.example/${'x'.repeat(512)}`,
        5,
        {},
      ]) {
        expect(accepted({ [member]: uri }), String(uri)).not.to.have.property(member)
      }
    }
  })

  it('keeps at most five contacts, and only mail addresses', () => {
    const many = Array.from({ length: 9 }, (_, index) => `team${index}@a.example`)
    expect(accepted({ contacts: ['nobody', 5, null, ...many] }).contacts).to.deep.equal(many.slice(0, 5))
    for (const contacts of [['nobody'], [], 'a@a.example', {}, [`${'x'.repeat(600)}@a.example`]]) {
      expect(accepted({ contacts })).not.to.have.property('contacts')
    }
  })

  it('keeps software identifiers of a sane length', () => {
    expect(accepted({ software_id: 'id-1', software_version: '1.0\n' })).to.include({
      software_id: 'id-1',
      software_version: '1.0',
    })
    expect(accepted({ software_id: 'x'.repeat(513), software_version: 2 })).not.to.have.any.keys(
      'software_id',
      'software_version',
    )
  })
})
