import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { engineContract, storeContract } from '../../contract/store.contract.ts'
import { database, sharedEngine, type TestDatabase } from '../../support/mongo.ts'
import { withSeal } from '../support.ts'
import { needsEngine } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'

describe('the store for MongoDB', function () {
  this.timeout(60_000)
  needsEngine()

  let db: TestDatabase
  const open = async (now: () => number) => {
    const engine = await sharedEngine()
    if (!engine) throw new Error('no engine')
    db = database(engine)
    await migrateMongo({ url: db.url })
    return openMongoStore({ url: db.url, now })
  }
  const reopen = (now: () => number) => openMongoStore({ url: db.url, now })
  const destroy = () => db.drop()

  engineContract('MongoDB', { open, reopen, destroy })
  storeContract('sealed MongoDB', {
    open: async (now) => withSeal(await open(now), SECRET),
    reopen: async (now) => withSeal(await reopen(now), SECRET),
    destroy,
  })
})
