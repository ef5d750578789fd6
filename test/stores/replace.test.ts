import { expect } from 'chai'
import type { StoredRecord, StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import type { SealedStore } from '../../src/stores/seal.ts'
import { temporaryFolder, withSeal } from './support.ts'

const RECORD: StoredRecord = {
  kind: 'UpstreamSecret',
  id: 'plain-id',
  payload: 'plain payload',
  accountId: 'plain-account',
  expiresAt: Date.now() + 86_400_000,
}

describe('the sealed store replaces', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let raw: StoreEngine
  let sealed: SealedStore

  beforeEach(async () => {
    folder = await temporaryFolder()
    raw = await openEmbeddedStore({ path: folder.path })
    sealed = await withSeal(raw, 'a secret of the tests, thirty-two characters or more')
    await sealed.put(RECORD, 'insert')
  })
  afterEach(async () => {
    await raw.close()
    await folder.remove()
  })

  const read = async (): Promise<StoredRecord> => {
    const record = await sealed.get(RECORD.kind, RECORD.id)
    if (!record) throw new Error('no record')
    return record
  }

  it('the payload of a record, and nothing beside it, in sealed form', async () => {
    const next = await sealed.replace(await read(), 'new plain payload')
    expect(next).to.deep.equal({ ...RECORD, payload: 'new plain payload' })
    expect(await read()).to.deep.equal(next)
    expect(JSON.stringify((await raw.list({ kind: RECORD.kind, limit: 2 })).records)).to.not.include('plain')
  })

  it('only what is still as it was read', async () => {
    const [mine, theirs] = [await read(), await read()]
    const next = await sealed.replace(mine, 'first')
    for (const late of [mine, theirs]) expect(await sealed.replace(late, 'lost')).to.equal(undefined)
    if (next) expect(await sealed.replace(next, 'second')).to.include({ payload: 'second' })
    const before = await read()
    await sealed.put(RECORD, 'upsert')
    expect(await sealed.replace(before, 'lost')).to.equal(undefined)
    const deleted = await read()
    await sealed.delete(RECORD.kind, RECORD.id)
    expect(await sealed.replace(deleted, 'lost')).to.equal(undefined)
    expect(await sealed.get(RECORD.kind, RECORD.id)).to.equal(undefined)
  })

  it('once, of any number of writers that read the same', async () => {
    const readers = await Promise.all(Array.from({ length: 20 }, read))
    const written = await Promise.all(readers.map((record, n) => sealed.replace(record, `writer ${n}`)))
    const winners = written.filter((record) => record !== undefined)
    expect(winners).to.have.length(1)
    expect(await read()).to.deep.equal(winners[0])
  })

  it('nothing that was not read from it', async () => {
    const refused = await sealed.replace({ ...(await read()) }, 'lost').catch((error: Error) => error.message)
    expect(refused).to.include('was not read from this store')
  })
})
