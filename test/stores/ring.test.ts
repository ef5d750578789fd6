import { expect } from 'chai'
import type { StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { Ring } from '../../src/stores/ring.ts'
import { sealStore } from '../../src/stores/seal.ts'
import { temporaryFolder } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'
const OTHER = 'another secret of the tests, just as long as the first'

describe('the check of the secret at start', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let raw: StoreEngine

  beforeEach(async () => {
    folder = await temporaryFolder()
    raw = await openEmbeddedStore({ path: folder.path })
  })

  afterEach(async () => {
    await raw.close()
    await folder.remove()
  })

  const refusal = (secret: string) =>
    Ring.open(raw, { secret }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    )

  it('accepts the secret that an empty store was first used with, again and again', async () => {
    expect(await refusal(SECRET)).to.equal(undefined)
    expect(await refusal(SECRET)).to.equal(undefined)
  })

  it('refuses another secret in one sentence that shows neither', async () => {
    await Ring.open(raw, { secret: SECRET })
    const message = await refusal(OTHER)
    expect(message).to.match(/^secret: the data in the store was sealed with another secret/)
    expect(message).to.not.include(SECRET)
    expect(message).to.not.include(OTHER)
  })

  it('refuses a store whose check record was changed', async () => {
    await Ring.open(raw, { secret: SECRET })
    const [row] = (await raw.list({ kind: 'Canary', limit: 1 })).records
    await raw.put({ kind: 'Canary', id: row?.id ?? '', payload: 'consulate' }, 'update')
    expect(await refusal(SECRET)).to.match(/^secret: /)
  })

  for (const [what, lose] of Object.entries({
    deleted: () => raw.delete('Canary', 'secret'),
    'made to expire': async () => {
      const [row] = (await raw.list({ kind: 'Canary', limit: 1 })).records
      if (row) await raw.put({ ...row, expiresAt: 1 }, 'update')
    },
  })) {
    it(`refuses data whose check record was ${what}, under which nothing could be found`, async () => {
      const store = sealStore(raw, await Ring.open(raw, { secret: SECRET }))
      await store.put({ kind: 'Client', id: 'c', payload: '' }, 'insert')
      await lose()
      expect(await refusal(SECRET)).to.match(/^The store has data, but not the record .*Restore a backup/)
      expect(await raw.get('Canary', 'secret')).to.equal(undefined)
    })
  }

  it('lets one secret win when two start at once', async () => {
    const refusals = await Promise.all([refusal(SECRET), refusal(OTHER)])
    expect(refusals.filter((message) => message === undefined)).to.have.length(1)
  })
})
