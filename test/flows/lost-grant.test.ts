import { expect } from 'chai'
import { obtainTokens, register } from '../support/client.ts'
import { startIssuer } from '../support/issuer.ts'

describe('a grant', () => {
  it('does not stay when the request that it was made for ends meanwhile', async () => {
    let ended = false
    let grants = 0
    const issuer = await startIssuer({
      store: (store) =>
        new Proxy(store, {
          get(target, name: 'put') {
            const verb = target[name].bind(target)
            if (name !== 'put') return verb
            return async (...[record, mode]: Parameters<typeof verb>) => {
              if (record.kind === 'Grant') grants += 1
              // The approval is the first update of an interaction, the result of the sign-in the one after its grant.
              if (ended && record.kind === 'Interaction' && mode === 'update' && grants > 1) return false
              return verb(record, mode)
            }
          },
        }),
    })
    const client = await register(issuer.url)
    await obtainTokens(issuer.url, client)
    ended = true
    const outcome = await obtainTokens(issuer.url, client).catch((error: Error) => error.message)
    const left = await issuer.store.count('Grant')
    await issuer.close()
    expect(outcome).to.be.a('string').that.includes('no longer open')
    expect([grants, left]).to.deep.equal([2, 1])
  })
})
