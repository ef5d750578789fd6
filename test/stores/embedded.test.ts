import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { isStoreUnavailable } from '../../src/store.ts'
import { defaultDriver, loadDriver } from '../../src/stores/embedded/driver.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { engineContract, storeContract } from '../contract/store.contract.ts'
import { DRIVERS, startChild, temporaryFolder, withSeal } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'

let folder: Awaited<ReturnType<typeof temporaryFolder>>

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as Error,
  )

for (const driver of DRIVERS) {
  const open = async (now: () => number) => {
    folder = await temporaryFolder()
    return openEmbeddedStore({ path: folder.path, now, driver })
  }
  const reopen = (now: () => number) => openEmbeddedStore({ path: folder.path, now, driver })
  const destroy = () => folder.remove()

  engineContract(`the embedded store on ${driver}`, { open, reopen, destroy })
  storeContract(`the sealed embedded store on ${driver}`, {
    open: async (now) => withSeal(await open(now), SECRET),
    reopen: async (now) => withSeal(await reopen(now), SECRET),
    destroy,
  })

  describe(`the embedded store on ${driver}`, () => {
    beforeEach(async () => {
      folder = await temporaryFolder()
    })
    afterEach(() => folder.remove())

    it('refuses data that a newer version has written', async () => {
      await (await openEmbeddedStore({ path: folder.path, driver })).close()
      const db = new (await loadDriver(driver))(join(folder.path, 'consulate.db'))
      db.exec('PRAGMA user_version = 99')
      db.close()
      const error = await failure(openEmbeddedStore({ path: folder.path, driver }))
      expect(error.message).to.match(/^store\.path: .* newer version of Consulate \(schema 99/)
    })

    it('opens what the other driver has written', async () => {
      for (const writer of DRIVERS) {
        const store = await openEmbeddedStore({ path: folder.path, driver: writer })
        await store.put({ kind: 'A', id: writer, payload: 'a\u0000b' }, 'insert')
        await store.close()
      }
      const store = await openEmbeddedStore({ path: folder.path, driver })
      for (const writer of DRIVERS) expect((await store.get('A', writer))?.payload).to.equal('a\u0000b')
      await store.close()
    })

    it('refuses a file that is not a database', async () => {
      await writeFile(join(folder.path, 'consulate.db'), 'something else, long enough to be looked at '.repeat(50))
      const error = await failure(openEmbeddedStore({ path: folder.path, driver }))
      expect(error.message).to.match(/^store\.path: .* is not a database of Consulate/)
    })

    it('opens in many places at once', async () => {
      const stores = await Promise.all(
        Array.from({ length: 8 }, () => openEmbeddedStore({ path: folder.path, driver })),
      )
      await Promise.all(stores.map((store, n) => store.put({ kind: 'A', id: `${n}`, payload: '' }, 'insert')))
      for (const store of stores) {
        expect(await store.count('A')).to.equal(8)
        await store.close()
      }
    })

    it('reports what the engine cannot do as StoreUnavailable, with its error as the cause', async () => {
      const store = await openEmbeddedStore({ path: folder.path, driver })
      const db = new (await loadDriver(driver))(join(folder.path, 'consulate.db'))
      db.exec('DROP TABLE records')
      db.close()
      const verbs = [
        () => store.put({ kind: 'A', id: 'x', payload: '' }, 'insert'),
        () => store.get('A', 'x'),
        () => store.find('A', 'uid', 'x'),
        () => store.consume('A', 'x'),
        () => store.take('A', 'x'),
        () => store.delete('A', 'x'),
        () => store.deleteGrant('g'),
        () => store.list({ kind: 'A', limit: 1 }),
        () => store.sweep(1),
        () => store.count('A'),
        () => store.ping(),
      ]
      for (const verb of verbs) {
        const error = await failure(verb())
        expect(isStoreUnavailable(error), String(verb)).to.equal(true)
        expect((error.cause as Error).message, String(verb)).to.match(/no such table/)
      }
      await store.close()
    })

    it('keeps the answers of one group apart when a write in it fails', async () => {
      const store = await openEmbeddedStore({ path: folder.path, driver })
      await store.put({ kind: 'A', id: 'taken', payload: '' }, 'insert')
      const impossible = { kind: 'A', id: 'bad', payload: {} as unknown as string }
      const results = await Promise.allSettled([
        store.put({ kind: 'A', id: '1', payload: '' }, 'insert'),
        store.put({ kind: 'A', id: 'taken', payload: '' }, 'insert'),
        store.put(impossible, 'insert'),
        store.consume('A', 'taken'),
        store.take('A', 'taken'),
        store.put({ kind: 'A', id: '2', payload: '' }, 'insert'),
      ])
      expect(
        results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.name)),
      ).to.deep.equal([
        true,
        false,
        'StoreUnavailable',
        'first',
        {
          kind: 'A',
          id: 'taken',
          payload: '',
          consumedAt: (results[4] as { value: { consumedAt: number } }).value.consumedAt,
        },
        true,
      ])
      expect(await store.count('A')).to.equal(2)
      await store.close()
    })

    it('keeps lone surrogates apart', async () => {
      const store = await openEmbeddedStore({ path: folder.path, driver })
      expect(await store.put({ kind: 'A', id: '\ud800', payload: '\udfff' }, 'insert')).to.equal(true)
      expect(await store.put({ kind: 'A', id: '\ud801', payload: '' }, 'insert')).to.equal(true)
      expect(await store.get('A', '\ud800')).to.deep.equal({ kind: 'A', id: '\ud800', payload: '\udfff' })
      await store.close()
    })

    it('gives each single-use record to one of two processes', async function () {
      this.timeout(60_000)
      const store = await openEmbeddedStore({ path: folder.path, driver })
      const ids = Array.from({ length: 600 }, (_, n) => `${n}`)
      for (const kind of ['Code', 'Attempt']) {
        await Promise.all(ids.map((id) => store.put({ kind, id, payload: '' }, 'insert')))
      }
      const children = await Promise.all([0, 1].map(() => startChild('race', folder.path, driver)))
      const won = { consumed: [] as string[], taken: [] as string[] }
      try {
        for (let n = 0; n < ids.length; n += 20) {
          const rounds = children.map((child) => {
            const answer = child.next()
            child.process.send(ids.slice(n, n + 20))
            return answer as Promise<typeof won>
          })
          for (const round of await Promise.all(rounds)) {
            won.consumed.push(...round.consumed)
            won.taken.push(...round.taken)
          }
        }
      } finally {
        for (const child of children) child.process.disconnect()
      }
      expect(won.consumed.sort()).to.deep.equal(ids.sort())
      expect(won.taken.sort()).to.deep.equal(ids)
      await store.close()
    })

    it('has every acknowledged write after the writing process was killed', async function () {
      this.timeout(60_000)
      const acknowledged: string[] = []
      const child = await startChild('write', folder.path, driver)
      const gone = once(child.process, 'exit')
      child.process.send('go')
      // The checkpoints that follow every 512 writes lie within these.
      while (acknowledged.length < 1500) acknowledged.push((await child.next()) as string)
      child.process.kill('SIGKILL')
      await gone
      const store = await openEmbeddedStore({ path: folder.path, driver })
      for (const id of acknowledged) expect((await store.get('A', id))?.payload).to.equal(id.repeat(50))
      expect(await store.count('A')).to.be.at.least(acknowledged.length)
      await store.close()
    })
  })
}

describe('the choice of the SQLite driver', () => {
  it('is node:sqlite only where Node ships it without a warning', () => {
    const silent = ['24.15.0', '24.21.0', '25.7.0', '26.0.0']
    const loud = ['20.19.0', '22.5.0', '22.23.3', '24.0.0', '24.14.9', '25.6.1']
    expect(silent.map((version) => defaultDriver(version))).to.deep.equal(silent.map(() => 'node:sqlite'))
    expect(loud.map((version) => defaultDriver(version))).to.deep.equal(loud.map(() => 'libsql'))
  })
})
