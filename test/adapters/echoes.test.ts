import { expect } from 'chai'
import { hostFetch } from '../../adapters/code-flow/refusals.ts'
import { testHost } from '../support/host.ts'

/** What the libraries see of an answer to a token request with this secret. */
async function seen(secret: string, answer: string, status = 400): Promise<string> {
  const response = () => new Response(answer, { status, headers: { 'content-type': 'application/json' } })
  const fetch = hostFetch(testHost({ fetch: async () => response() }))
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_secret: secret, refresh_token: 'r-1' })
  return (await fetch('https://idp.example.com/token', { method: 'POST', headers: {}, body })).text()
}

describe('what a request proves itself with', () => {
  const SECRET = 'a "secret": with/signs+\\'
  const form = new URLSearchParams({ s: SECRET }).toString().slice(2)

  for (const [words, answer] of [
    ['as it is', JSON.stringify({ error: 'invalid_client', error_description: `no ${SECRET}.` })],
    ['as it stands in a form', JSON.stringify({ error: 'invalid_client', error_description: `no ${form}.` })],
    [
      'as it stands in a URL',
      JSON.stringify({ error: 'invalid_client', error_description: `no ${encodeURIComponent(SECRET)}.` }),
    ],
    [
      'as JSON within JSON',
      JSON.stringify({ error: 'invalid_client', error_description: `no ${JSON.stringify(SECRET).slice(1, -1)}.` }),
    ],
    [
      'in escapes',
      `{"error":"invalid_client","error_description":"no ${Array.from(SECRET, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}."}`,
    ],
  ] as const) {
    it(`and that an IdP repeats is hidden, ${words}`, async () => {
      expect(JSON.parse(await seen(SECRET, answer))).to.deep.equal({
        error: 'invalid_client',
        error_description: 'no ***.',
      })
    })
  }

  it('is hidden wherever it stands, also as the code of the error, and in what is no JSON', async () => {
    const answer = JSON.stringify({ error: 'hunter', more: [{ words: 'hunter' }] })
    expect(JSON.parse(await seen('hunter', answer))).to.deep.equal({ error: '***', more: [{ words: '***' }] })
    expect(await seen('hunter', '<p>hunter</p>')).to.equal('<p>***</p>')
    const escapedName = '{"\\u0065rror":"invalid_client","error_description":"hunter"}'
    expect(await seen('hunter', escapedName, 200)).not.to.contain('hunter')
  })

  it('changes no code of an error, nor the name of a member, that holds it by chance', async () => {
    const answer = { error: 'invalid_grant', error_description: 'an invalid token', error_codes: [7] }
    expect(JSON.parse(await seen('invalid', JSON.stringify(answer)))).to.deep.equal({
      ...answer,
      error_description: 'an *** token',
    })
    expect(JSON.parse(await seen('error', JSON.stringify(answer)))).to.deep.equal(answer)
  })

  it('stays in a good answer, which may hand out the same refresh token again', async () => {
    const answer = JSON.stringify({ access_token: 'a', refresh_token: 'r-1' })
    expect(await seen('s', answer, 200)).to.equal(answer)
  })
})
