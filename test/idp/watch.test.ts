import { expect } from 'chai'
import type { FetchInit } from '../../src/adapter.ts'
import { FetchRefused } from '../../src/idp/fetch.ts'
import { openWatch, watched } from '../../src/idp/watch.ts'

const IDP = 'https://idp.example/token'
const BEARER = { headers: { Authorization: 'bearer a-token-of-the-user' } }

type Outcome = readonly [what: string, answer: number | Error, heard: string, init?: FetchInit]

describe('an IdP whose answers are watched', () => {
  const outcomes: readonly Outcome[] = [
    ['an answer', 200, 'answered'],
    ['a refusal', 400, 'answered'],
    ['a status 500', 500, 'silent'],
    ['a status 503 for a user’s own token', 503, 'silent', BEARER],
    ['too many requests', 429, 'silent'],
    ['too many requests with a user’s own token', 429, 'answered', BEARER],
    ['no connection', new FetchRefused('network', 'cannot be reached'), 'silent'],
    ['no answer in time', new FetchRefused('timeout', 'did not answer'), 'silent'],
    ['an answer that is too long', new FetchRefused('size', 'sent too much'), 'answered'],
    ['a redirect', new FetchRefused('redirect', 'went elsewhere'), 'answered'],
    ['an error of another kind', new TypeError('fetch failed'), 'silent'],
  ]
  for (const [what, answer, heard, init] of outcomes) {
    it(`is taken for ${heard} after ${what}`, async () => {
      const watch = openWatch()
      const fetch = watched(async () => {
        if (answer instanceof Error) throw answer
        return new Response(null, { status: answer })
      })
      await watch.run(() => fetch(IDP, init)).catch(() => undefined)
      expect(watch.heard()).to.equal(heard)
    })
  }

  it('is judged by what was asked of it under the watch, also when one of several requests failed', async () => {
    let status = 200
    const fetch = watched(async () => new Response(null, { status }))
    const [watch, other] = [openWatch(), openWatch()]
    expect(watch.heard()).to.equal('nothing')
    status = 500
    await fetch(IDP)
    await other.run(() => fetch(IDP))
    expect([watch.heard(), other.heard()]).to.deep.equal(['nothing', 'silent'])
    status = 200
    await Promise.all([watch, other].map((each) => each.run(() => fetch(IDP))))
    expect([watch.heard(), other.heard()]).to.deep.equal(['answered', 'silent'])
  })

  it('is silent until its answer is there', async () => {
    let answer = (_response: Response) => {}
    const fetch = watched(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    const watch = openWatch()
    const asked = watch.run(() => fetch(IDP))
    expect(watch.heard()).to.equal('silent')
    answer(new Response(null))
    await asked
    expect(watch.heard()).to.equal('answered')
  })
})
