import { expect } from 'chai'
import { openSecrets, type Secrets } from '../../src/idp/secrets.ts'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { temporaryFolder, withSeal } from '../stores/support.ts'

describe('what is known of a user at the IdP', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: StoreEngine
  let secrets: Secrets

  beforeEach(async () => {
    folder = await temporaryFolder()
    engine = await openEmbeddedStore({ path: folder.path })
    const store = await withSeal(engine, 'a secret of the tests, thirty-two characters or more')
    secrets = openSecrets(store, store, 60_000, Date.now)
  })
  afterEach(async () => {
    await engine.close()
    await folder.remove()
  })

  const signIn = async (secret: string) => {
    await secrets.begin('account', 'idp', { subject: 'ada', claims: {}, secret })
    const known = await secrets.fresh('account')
    if (!known) throw new Error('nothing is known')
    return known
  }

  it('is not forgotten for the end of an earlier sign-in', async () => {
    const before = await signIn('first')
    await signIn('second')
    await secrets.forget('account', before.standing.signIn)
    const known = await secrets.fresh('account')
    expect(known?.standing.secret).to.equal('second')
    await secrets.forget('account', known?.standing.signIn ?? '')
    expect(await secrets.fresh('account')).to.equal(undefined)
  })

  it('is not changed by who read it before a new sign-in, nor brought back after its end', async () => {
    const before = await signIn('first')
    const now = await signIn('second')
    expect(await secrets.change(before, { ...before.standing, secret: 'rotated' })).to.equal(undefined)
    expect((await secrets.fresh('account'))?.standing.secret).to.equal('second')
    await secrets.forget('account', now.standing.signIn)
    expect(await secrets.change(now, now.standing)).to.equal(undefined)
    expect(await secrets.fresh('account')).to.equal(undefined)
  })
})
