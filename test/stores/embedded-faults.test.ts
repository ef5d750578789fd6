import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { isStoreUnavailable, type StoredRow, type StoreEngine } from '../../src/store.ts'
import { loadDriver } from '../../src/stores/embedded/driver.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { DRIVERS, temporaryFolder } from './support.ts'

for (const driver of DRIVERS) {
  describe(`the file of the embedded store on ${driver}`, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let store: StoreEngine
    let now: number

    beforeEach(async () => {
      now = Date.now()
      folder = await temporaryFolder()
      store = await openEmbeddedStore({ path: folder.path, driver, now: () => now })
    })
    afterEach(async () => {
      await store.close()
      await folder.remove()
    })

    const file = (name = 'consulate.db') => join(folder.path, name)
    const outcome = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)

    for (const [what, happen] of Object.entries({
      deleted: () => rm(file()),
      moved: () => rename(file(), file('elsewhere')),
      replaced: async () => {
        for (const end of ['', '-wal', '-shm']) await rm(file(`consulate.db${end}`), { force: true })
        await (await openEmbeddedStore({ path: folder.path, driver })).close()
      },
    })) {
      it(`takes no more writes once it is known to be ${what}`, async () => {
        await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')
        await happen()
        expect(isStoreUnavailable(await outcome(store.ping()))).to.equal(true)
        const refusal = await outcome(store.put({ kind: 'A', id: 'y', payload: '' }, 'insert'))
        expect(isStoreUnavailable(refusal)).to.equal(true)
        expect((refusal as Error).message).to.match(/deleted, moved or replaced .* restart the server/)
        expect(isStoreUnavailable(await outcome(store.get('A', 'x')))).to.equal(true)
      })
    }

    it('may have a damaged text, which ends nothing but what asked for it', async () => {
      await store.put({ kind: 'A', id: 'x', payload: 'sound' }, 'insert')
      await store.put({ kind: 'A', id: 'y', payload: 'sound' }, 'insert')
      const Database = await loadDriver(driver)
      const other = new Database(file())
      other.exec("UPDATE records SET payload = CAST(x'ff00fe' AS TEXT) WHERE id = 'x'")
      other.close()
      for (const ask of [
        () => store.get('A', 'x'),
        () => store.take('A', 'x'),
        () => store.list({ kind: 'A', limit: 9 }),
      ])
        expect(isStoreUnavailable(await outcome(ask()))).to.equal(true)
      expect((await store.get('A', 'y'))?.payload).to.equal('sound')
      expect(await store.put({ kind: 'A', id: 'x', payload: 'sound again' }, 'update')).to.equal(true)
      expect((await store.get('A', 'x'))?.payload).to.equal('sound again')
    })

    it('has a log that stays small, whatever is written and deleted at once', async () => {
      const log = async () => (await stat(file('consulate.db-wal'))).size
      let largest = 0
      for (let batch = 0; batch < 12; batch++) {
        await store.restore(Array.from({ length: 1000 }, (_, n) => row(batch * 1000 + n, now)))
        largest = Math.max(largest, await log())
      }
      now += 1000
      while ((await store.sweep(100)) === 100) largest = Math.max(largest, await log())
      expect(largest).to.be.below(32 * 1024 * 1024)
    })
  })
}

function row(n: number, now: number): StoredRow {
  // Spread over the indexes, as hashes are.
  const id = `${(n * 7919) % 12_000}`.padEnd(43, 'x')
  return { kind: 'A', id, payload: 'x'.repeat(900), expiresAt: now + 1000, grantId: id, clientId: id, accountId: id }
}
