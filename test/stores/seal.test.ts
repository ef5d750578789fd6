import { expect } from 'chai'
import { isStoreUnavailable, type Store, type StoredRecord, type StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { Ring } from '../../src/stores/ring.ts'
import { SealBroken, sealStore } from '../../src/stores/seal.ts'
import { dump, temporaryFolder, withSeal } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'
const OTHER = 'another secret of the tests, just as long as the first'

const RECORD: StoredRecord = {
  kind: 'RefreshToken',
  id: 'plain-id-value',
  payload: '{"token":"plain-payload-value"}',
  grantId: 'plain-grant-value',
  clientId: 'https://plain-client.example/value',
  accountId: 'plain-account-value',
  uid: 'plain-uid-value',
  userCode: 'PLAIN-CODE',
}
const PLAIN = /plain/i

describe('the sealed store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let raw: StoreEngine
  let sealed: Store

  beforeEach(async () => {
    folder = await temporaryFolder()
    raw = await openEmbeddedStore({ path: folder.path })
    sealed = await withSeal(raw, SECRET)
  })

  afterEach(async () => {
    await raw.close()
    await folder.remove()
  })

  /** The secrets of another store. */
  const otherRing = async () => {
    const elsewhere = await temporaryFolder()
    const engine = await openEmbeddedStore({ path: elsewhere.path })
    const ring = await Ring.open(engine, { secret: OTHER })
    await engine.close()
    await elsewhere.remove()
    return ring
  }

  const broken = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).to.be.instanceOf(SealBroken)
    expect((error as Error).message).to.not.match(PLAIN)
  }

  const rawRecords = async (kind: string) => (await raw.list({ kind, limit: 1000 })).records
  const onlyRaw = async (kind: string): Promise<StoredRecord> => {
    const [record] = await rawRecords(kind)
    if (!record) throw new Error(`nothing of kind ${kind}`)
    return record
  }

  it('leaves no plain id, index value or payload in the files', async () => {
    await sealed.put(RECORD, 'insert')
    await sealed.consume(RECORD.kind, RECORD.id)
    await sealed.put({ ...RECORD, payload: 'plain-payload-again' }, 'update')
    const bytes = await dump(folder.path)
    expect(bytes).to.include('RefreshToken')
    expect(bytes).to.not.match(PLAIN)
    for (const value of Object.values(RECORD)) {
      if (value === RECORD.kind) continue
      expect(bytes).to.not.include(Buffer.from(String(value)).toString('base64url'))
    }
  })

  it('is what keeps them out: the store below writes what it is given', async () => {
    await raw.put(RECORD, 'insert')
    expect(await dump(folder.path)).to.match(PLAIN)
  })

  it('hashes equal values of different kinds and indexes to different texts', async () => {
    const same = { id: 'x', payload: 'x', grantId: 'x', clientId: 'x', accountId: 'x', uid: 'x', userCode: 'x' }
    await sealed.put({ kind: 'A', ...same }, 'insert')
    await sealed.put({ kind: 'B', ...same }, 'insert')
    const a = await onlyRaw('A')
    const b = await onlyRaw('B')
    const hashes = [a.id, a.uid, a.userCode, b.id, b.uid, b.userCode, a.grantId, a.clientId, a.accountId]
    expect(new Set(hashes).size).to.equal(hashes.length)
    expect([b.grantId, b.clientId, b.accountId]).to.deep.equal([a.grantId, a.clientId, a.accountId])
  })

  it('seals the same payload differently each time', async () => {
    await sealed.put(RECORD, 'insert')
    const first = (await onlyRaw(RECORD.kind)).payload
    await sealed.put(RECORD, 'update')
    expect((await onlyRaw(RECORD.kind)).payload).to.not.equal(first)
  })

  it('finds nothing under another secret', async () => {
    await sealed.put(RECORD, 'insert')
    const foreign = sealStore(raw, await otherRing())
    expect(await foreign.get(RECORD.kind, RECORD.id)).to.equal(undefined)
    expect(await foreign.consume(RECORD.kind, RECORD.id)).to.equal('refused')
    await foreign.deleteGrant(RECORD.grantId ?? '')
    expect(await sealed.get(RECORD.kind, RECORD.id)).to.not.equal(undefined)
  })

  it('neither skips nor takes for damaged what a secret sealed that is not configured', async () => {
    await sealed.put(RECORD, 'insert')
    const listing = sealStore(raw, await otherRing()).list({ kind: RECORD.kind, limit: 10 })
    const error = await listing.catch((reason: unknown) => reason)
    expect(isStoreUnavailable(error)).to.equal(true)
    expect((error as Error).message).to.match(/put it back under previousSecrets/)
  })

  it('breaks when a record was given a longer life, or an endless one', async () => {
    const expiresAt = Date.now() + 60_000.5
    await sealed.put({ ...RECORD, expiresAt }, 'insert')
    expect((await sealed.get(RECORD.kind, RECORD.id))?.expiresAt).to.equal(Math.floor(expiresAt))
    const { expiresAt: _, ...row } = await onlyRaw(RECORD.kind)
    await raw.put({ ...row, expiresAt: expiresAt + 1000 }, 'update')
    await broken(sealed.get(RECORD.kind, RECORD.id))
    await raw.put(row, 'update')
    await broken(sealed.get(RECORD.kind, RECORD.id))
  })

  it('breaks when a payload was changed anywhere', async () => {
    await sealed.put(RECORD, 'insert')
    const row = await onlyRaw(RECORD.kind)
    const [version, keyId, body = ''] = row.payload.split('.')
    const bytes = Buffer.from(body, 'base64url')
    for (const at of [0, 12, bytes.length - 17, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      await raw.put({ ...row, payload: `${version}.${keyId}.${changed.toString('base64url')}` }, 'update')
      await broken(sealed.get(RECORD.kind, RECORD.id))
      await broken(sealed.find(RECORD.kind, 'uid', RECORD.uid ?? ''))
    }
    for (const payload of ['', '{}', 'a.b.c', `${version}.${keyId}.`, `${version}.${keyId}.AAAA`]) {
      await raw.put({ ...row, payload }, 'update')
      await broken(sealed.get(RECORD.kind, RECORD.id))
    }
    await broken(sealed.take(RECORD.kind, RECORD.id))
  })

  it('breaks when a payload was moved to another id', async () => {
    await sealed.put({ kind: 'Grant', id: 'mine', payload: 'mine' }, 'insert')
    const mine = await onlyRaw('Grant')
    await sealed.put({ kind: 'Grant', id: 'theirs', payload: 'theirs' }, 'insert')
    const theirs = (await rawRecords('Grant')).find((row) => row.id !== mine.id)
    await raw.put({ ...mine, payload: theirs?.payload ?? '' }, 'update')
    await broken(sealed.get('Grant', 'mine'))
  })

  it('breaks when a record was moved to another kind', async () => {
    await sealed.put(RECORD, 'insert')
    const row = await onlyRaw(RECORD.kind)
    await raw.put({ ...row, kind: 'Grant' }, 'insert')
    expect(await sealed.list({ kind: 'Grant', limit: 10 })).to.deep.equal({ records: [], damaged: 1 })
  })

  it('breaks when the index fields beside a record were changed', async () => {
    await sealed.put({ kind: 'Session', id: 'victim', payload: 'v', uid: 'uid of the victim' }, 'insert')
    const victim = await onlyRaw('Session')
    await sealed.put({ kind: 'Session', id: 'attacker', payload: 'a', clientId: 'c' }, 'insert')
    const attacker = (await rawRecords('Session')).find((row) => row.id !== victim.id)
    if (!attacker) throw new Error('no second record')
    await raw.delete('Session', victim.id)
    await raw.put({ ...attacker, uid: victim.uid ?? '' }, 'update')
    await broken(sealed.find('Session', 'uid', 'uid of the victim'))
    await sealed.put({ kind: 'Other', id: 'o', payload: '', clientId: 'their client' }, 'insert')
    await raw.put({ ...attacker, clientId: (await onlyRaw('Other')).clientId ?? '' }, 'update')
    const page = await sealed.list({ kind: 'Session', clientId: 'their client', limit: 10 })
    expect(page).to.deep.equal({ records: [], damaged: 1 })
  })

  it('lists what can be opened, page by page, and counts what cannot', async () => {
    for (const id of ['1', '2', '3', '4', '5']) await sealed.put({ kind: 'A', id, payload: id }, 'insert')
    const rows = await rawRecords('A')
    for (const row of [rows[0], rows[3]]) if (row) await raw.put({ ...row, payload: rows[1]?.payload ?? '' }, 'update')
    const pages = []
    for (let after: string | undefined; pages.length < 10; ) {
      const page = await sealed.list({ kind: 'A', limit: 1, ...(after === undefined ? {} : { after }) })
      pages.push([page.records.length, page.damaged])
      after = page.next
      if (after === undefined) break
    }
    const [whole, gone] = [
      [1, undefined],
      [0, 1],
    ]
    expect(pages).to.deep.equal([gone, whole, whole, gone, whole])
  })

  it('gives out cursors that tell nothing and cannot be made up', async () => {
    for (const id of ['1', '2', '3']) await sealed.put({ kind: 'A', id, payload: id }, 'insert')
    const { next = '' } = await sealed.list({ kind: 'A', limit: 1 })
    const rows = await rawRecords('A')
    const decoded = Buffer.from(next.split('.')[2] ?? '', 'base64url').toString('latin1')
    for (const row of rows) {
      expect(next).to.not.include(row.id)
      expect(decoded).to.not.include(row.id)
    }
    const tries = [rows[0]?.id ?? '', `${next}A`, '', 'x']
    for (const after of tries) {
      const error = await sealed.list({ kind: 'A', limit: 1, after }).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(RangeError)
    }
    expect(await sealed.list({ kind: 'B', limit: 1, after: next }).catch((reason: unknown) => reason)).to.be.instanceOf(
      RangeError,
    )
  })

  it('keeps lone surrogates apart', async () => {
    await sealed.put({ kind: 'A', id: '\ud800', payload: '\udfff', uid: '\ud800' }, 'insert')
    expect(await sealed.put({ kind: 'A', id: '\ud801', payload: '', uid: '\ud801' }, 'insert')).to.equal(true)
    expect((await sealed.get('A', '\ud800'))?.payload).to.equal('\udfff')
  })
})
