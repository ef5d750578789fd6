import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { expect } from 'chai'
import { migrateMongo, openMongoStore } from '../../../src/stores/mongodb/index.ts'
import { leaveOut } from '../../support/leave-out.ts'
import { database, firstHost, type TestDatabase, throughProxy } from '../../support/mongo.ts'
import { wireFaults } from '../../support/wire-faults.ts'
import { type OtherMembers, wireReplicaSet } from '../../support/wire-replica-set.ts'
import { engineHere, needsEngine, preparedDatabase } from './support.ts'

const refusal = (url: string) =>
  openMongoStore({ url }).then(
    async (store) => {
      await store.close()
      return 'it was not refused'
    },
    (error: unknown) => (error as Error).message,
  )

describe('the address of a MongoDB', function () {
  this.timeout(30_000)

  for (const [what, url] of Object.entries({
    'nobody answers at': 'mongodb://consulate:hunter2@127.0.0.1:1/db?connectTimeoutMS=200',
    'is not one': 'mongodb://consulate:hunter2@:::',
  })) {
    it(`is named without its password when it ${what}`, async () => {
      const message = await refusal(url)
      expect(message).to.match(/^store\.url: .*\.$/)
      expect(message).to.not.include('hunter2')
    })
  }
})

describe('the rights of a user of MongoDB', function () {
  this.timeout(30_000)
  needsEngine()

  for (const [what, command, code, sentence] of [
    ['does not know the user', 'saslStart', 18, /refused the user or password\.$/],
    ['lets the user read nothing', 'find', 13, /the user has no right to read and write at /],
  ] as const) {
    it(`are missed in one sentence without the password when the database ${what}`, async () => {
      const engine = await engineHere()
      const db = database(engine)
      await migrateMongo({ url: db.url })
      const faults = await wireFaults(firstHost(engine.url))
      faults.refuse(command, { code, codeName: what })
      const url = throughProxy(db.url, faults.port)
      const user = code === 18 ? url.replace('//', '//consulate:hunter2@') : url
      const message = await refusal(user)
      expect(faults.shown).to.be.at.least(1)
      expect(message).to.match(/^store\.url: /)
      expect(message).to.match(sentence)
      expect(message).to.not.include('hunter2')
      await faults.close()
      await db.drop()
    })
  }
})

describe('one server that the address binds Consulate to', function () {
  this.timeout(30_000)
  needsEngine()

  let db: TestDatabase
  before(async () => {
    db = database(await engineHere())
    await migrateMongo({ url: db.url })
  })
  after(() => db?.drop())

  /** What is said while the store is opened at a member of a set that has these others too. */
  async function warnings(others: OtherMembers, change = (url: string) => url): Promise<string[]> {
    const set = await wireReplicaSet(firstHost((await engineHere()).url), others)
    const said: string[] = []
    try {
      const url = change(throughProxy(db.url, set.port))
      const store = await openMongoStore({ url, warn: (message) => said.push(message) })
      await store.close()
      return said
    } finally {
      await set.close()
    }
  }

  for (const [what, others, members] of [
    ['another', { hosts: ['127.0.0.1:1'] }, 2],
    ['others that never become primary', { passives: ['127.0.0.1:1', '127.0.0.1:2'] }, 3],
  ] as const) {
    it(`is told of, once and in one sentence, when it is a member of a set that has ${what}`, async () => {
      const said = await warnings(others)
      expect(said).to.have.length(1)
      expect(said[0]).to.match(/^store\.url: directConnection=true .* replicaSet=rs0 [^.]*\.$/)
      expect(said[0]).to.include(`one of the ${members} members of the replica set "rs0"`)
    })
  }

  it('is not, when no other member has the data, or the driver looks for the primary itself', async () => {
    expect(await warnings({})).to.deep.equal([])
    expect(await warnings({ arbiters: ['127.0.0.1:1'] })).to.deep.equal([])
    const found = (url: string) => url.replace('directConnection=true', 'replicaSet=rs0')
    expect(await warnings({ hosts: ['127.0.0.1:1'] }, found)).to.deep.equal([])
  })
})

describe('MongoDB behind TLS', function () {
  this.timeout(30_000)
  needsEngine()

  let folder = ''
  let db: TestDatabase
  let server: Server
  let url: string

  before(async function () {
    folder = await mkdtemp(join(tmpdir(), 'consulate-tls-'))
    try {
      for (const name of ['ours', 'other']) certify(join(folder, name))
    } catch {
      leaveOut(this, 'no openssl', 'Install openssl.')
    }
    db = await preparedDatabase()
    const [key, cert] = await Promise.all(['ours.key', 'ours.pem'].map((name) => readFile(join(folder, name))))
    server = createServer({ key, cert }, (near) => {
      const far = connect(firstHost(db.url))
      for (const socket of [near, far]) {
        socket.on('error', () => undefined)
        socket.on('close', () => [near, far].map((each) => each.destroy()))
      }
      near.pipe(far).pipe(near)
    })
    server.on('tlsClientError', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    url = throughProxy(db.url, typeof address === 'object' && address ? address.port : 0)
  })
  after(async () => {
    server?.close()
    await db?.drop()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('is reached by an address that names its certificate authority', async () => {
    const store = await openMongoStore({ url: `${url}&tls=true&tlsCAFile=${join(folder, 'ours.pem')}` })
    expect(await store.put({ kind: 'A', id: 'x', payload: '' }, 'insert')).to.equal(true)
    await store.close()
  })

  it('is refused with another certificate authority, with none, and without TLS', async () => {
    for (const options of [`&tls=true&tlsCAFile=${join(folder, 'other.pem')}`, '&tls=true', '']) {
      expect(await refusal(url + options)).to.match(/^store\.url: the database at .* cannot be reached; look at .*TLS/)
    }
  })
})

/** A certificate that vouches for itself, for 127.0.0.1. */
function certify(file: string): void {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=consulate tests', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...args, ...name, '-keyout', `${file}.key`, '-out', `${file}.pem`], { stdio: 'ignore' })
}
