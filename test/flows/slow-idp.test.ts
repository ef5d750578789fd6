import { expect } from 'chai'
import { z } from 'zod'
import { defineAdapter } from '../../src/adapter.ts'
import type { Page } from '../../src/demo/driver.ts'
import { postForm, type Registered, register } from '../support/client.ts'
import { approve, openConsent } from '../support/consent.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'

/** An adapter that asks one address after the other, each within its time, is waited for no longer than one that hangs. */
describe('a sign-in at an IdP that never comes to an end', () => {
  const never = <T>() => new Promise<T>(() => undefined)
  const slow = defineAdapter({
    type: 'slow',
    options: z.strictObject({ at: z.enum(['start', 'finish']) }),
    open: ({ at }) => ({
      start: async () => (at === 'start' ? never() : { kind: 'form', title: 'Slow sign-in', fields: [] }),
      finish: () => never(),
      loggedOut: () => never(),
    }),
  })
  const issuers: TestIssuer[] = []
  after(() => Promise.all(issuers.map((issuer) => issuer.close())))

  for (const at of ['start', 'finish'] as const) {
    it(`is a page for an IdP that does not answer, when it is the ${at} that hangs`, async () => {
      const issuer = await startIssuer({
        adapters: [slow],
        config: (defaults) => ({ ...defaults, idps: [{ id: 'slow', type: 'slow', name: 'Slow', at }] }),
      })
      issuers.push(issuer)
      const page = await endOf(issuer, await register(issuer.url))
      expect(page.status).to.equal(424)
      expect(page.html)
        .to.include('does not answer')
        .and.to.match(/Reference: <code>/)
      expect(JSON.stringify(issuer.logged)).to.include('the adapter took longer than')
    })
  }

  it('is 400 for a logout token that the adapter never comes to an end with, and the token may come again', async () => {
    const issuer = await startIssuer({
      adapters: [slow],
      config: (defaults) => ({ ...defaults, idps: [{ id: 'slow', type: 'slow', name: 'Slow', at: 'finish' }] }),
    })
    issuers.push(issuer)
    const { status } = await postForm(`${issuer.url}/backchannel-logout/slow`, { logout_token: 'any' })
    expect(status).to.equal(400)
    expect(JSON.stringify(issuer.logged)).to.include('the adapter took longer than')
  })

  async function endOf(issuer: TestIssuer, client: Registered): Promise<Page> {
    const consent = await openConsent(issuer.url, client)
    const page = await approve(consent)
    const [form] = page.forms
    if (page.status !== 200 || !form) return page
    const end = await consent.browser.submit(page, form)
    if (!end.page) throw new Error('the browser went on by itself')
    return end.page
  }
})
