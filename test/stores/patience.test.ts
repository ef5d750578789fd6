import { expect } from 'chai'
import { isStoreUnavailable, type StoredRecord } from '../../src/store.ts'
import { asOneRequest, patient } from '../../src/stores/patience.ts'
import type { SealedStore } from '../../src/stores/seal.ts'

describe('the patience of one request', function () {
  this.timeout(10_000)

  it('ends also with a store that never answers its first verb, and asks nothing more of that store', async () => {
    let asked = 0
    const get = () => {
      asked += 1
      return new Promise<StoredRecord | undefined>(() => undefined)
    }
    const store = patient({ get } as unknown as SealedStore)
    await asOneRequest(async () => {
      for (let time = 0; time < 2; time++) {
        const error = await store.get('A', 'x').catch((reason: unknown) => reason)
        expect(isStoreUnavailable(error)).to.equal(true)
      }
    })
    expect(asked).to.equal(1)
  })
})
