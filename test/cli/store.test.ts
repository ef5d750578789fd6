import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { stringify } from 'yaml'
import { obtainTokens, type Registered, refresh, register } from '../support/client.ts'
import { database, sharedEngine, type TestDatabase } from '../support/mongo.ts'
import { leaveOutMongo } from '../support/needs-mongo.ts'
import { freePort, type Program, Workplace } from './support.ts'

const SECRET = '5f1c9a7e3b2d4860a1f7c3e95b8d2046e7a9c1f3b5d70824'
const NEW_SECRET = 'c8b1e6d2f4a07395b1d8e3c6f2a4907bd5e1c8f3a6029b74'

describe('the commands for the store', function () {
  this.timeout(120_000)
  let at: Workplace
  let url: string
  let db: TestDatabase | undefined

  beforeEach(async () => {
    at = await Workplace.open()
    url = `http://localhost:${await freePort()}`
  })
  afterEach(async () => {
    await at.close()
    await db?.drop()
    db = undefined
  })

  async function configure(name: string, changes: Record<string, unknown> = {}): Promise<void> {
    const config = {
      issuer: url,
      listen: { host: 'localhost', port: Number(new URL(url).port) },
      secret: SECRET,
      store: { type: 'embedded', path: './data' },
      idps: [{ id: 'dev', type: 'dev', name: 'Development sign-in' }],
      resources: [
        { resource: `${url}/demo/mcp`, name: 'Demo', scopes: { 'demo:read': 'Read' }, defaultScopes: ['demo:read'] },
      ],
      log: { level: 'info', format: 'json' },
      development: true,
      ...changes,
    }
    await at.write(name, stringify(config))
  }

  async function serve(config: string): Promise<Program> {
    const program = at.start(['serve', '--config', config])
    await program.saysOnError('Press Ctrl-C to stop.')
    return program
  }

  async function stop(program: Program): Promise<void> {
    program.signal('SIGTERM')
    expect((await program.ended).code).to.equal(0)
  }

  it('prepare the embedded store, and tell where it is', async () => {
    await configure('a.yaml')
    const migrated = await at.run(['migrate', '--config', 'a.yaml'])
    expect(migrated.code).to.equal(0)
    expect(migrated.out).to.match(/The embedded store is prepared/)
    const status = await at.run(['store', 'status', '--config', 'a.yaml'])
    expect(status.out).to.match(/^Store {4}embedded, .*\/data\nRecords {2}0, \d+\.\d MB\n$/)
  })

  it('move a running service from the embedded store to MongoDB and lose nobody', async function () {
    const engine = await sharedEngine()
    if (!engine) leaveOutMongo(this)
    db = database(engine)
    await configure('embedded.yaml')
    await configure('mongodb.yaml', { store: { type: 'mongodb', url: db.url } })

    let program = await serve('embedded.yaml')
    const client: Registered = await register(url)
    const tokens = await obtainTokens(url, client)
    const spent = (await obtainTokens(url, client)).refresh_token
    for (let n = 0; n < 2; n++) expect((await refresh(url, client, spent)).status).to.equal(200)
    await stop(program)

    const early = await at.run(['serve', '--config', 'mongodb.yaml'])
    expect(early.code).to.equal(1)
    expect(early.err).to.match(/store\.url: the database at .* is not prepared .*consulate migrate/)
    const migrated = await at.run(['migrate', '--config', 'mongodb.yaml'])
    expect(migrated.out).to.match(/Indexes made: uid, user_code, .*\nSchema version 1\.\nReady: mongodb, 127/)

    const exported = await at.run(['store', 'export', 'all.export', '--config', 'embedded.yaml'])
    expect(exported.code).to.equal(0)
    expect(exported.out).to.match(/^\d+ records are in .*all\.export/)
    const imported = await at.run(['store', 'import', 'all.export', '--config', 'mongodb.yaml'])
    expect(imported.err).to.match(/importing \[#+\] 100 %/)
    expect(imported.code).to.equal(0)

    program = await serve('mongodb.yaml')
    expect((await refresh(url, client, tokens.refresh_token)).status).to.equal(200)
    expect((await refresh(url, client, spent)).status).to.equal(400)
    await stop(program)
  })

  it('pass to another secret while the server runs, and then do without the old one', async () => {
    await configure('old.yaml')
    await configure('both.yaml', { secret: NEW_SECRET, previousSecrets: [SECRET] })
    await configure('new.yaml', { secret: NEW_SECRET })
    let program = await serve('old.yaml')
    const client = await register(url)
    let token = (await obtainTokens(url, client)).refresh_token
    await stop(program)

    const refused = await at.run(['serve', '--config', 'new.yaml'])
    expect(refused.code).to.equal(1)
    expect(refused.err).to.match(/secret: the data in the store was sealed with another secret/)
    expect(refused.err).to.not.include(NEW_SECRET).and.not.include(SECRET)

    program = await serve('both.yaml')
    const rotation = at.run(['keys', 'rotate-secret', '--config', 'both.yaml'])
    const until = Date.now() + 14_000
    let rotated = false
    const done = rotation.then(() => {
      rotated = true
    })
    while (!rotated && Date.now() < until) {
      const { status, body } = await refresh(url, client, token)
      expect(status).to.equal(200)
      token = body.refresh_token
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await done
    const { code, out, err } = await rotation
    expect(code).to.equal(0)
    expect(out).to.match(/All data is sealed with "secret" of the configuration; \d+ records were sealed anew\./)
    expect(err).to.match(/sealing \[#+\] 100 %/)
    await obtainTokens(url, client)
    await stop(program)

    program = await serve('new.yaml')
    expect((await refresh(url, client, token)).status).to.equal(200)
    await stop(program)
    expect(await readFile(join(at.folder, 'data', 'consulate.db'), 'latin1')).to.not.include(SECRET)
  })

  it('ask for a configuration before they rotate a secret', async () => {
    const { code, err } = await at.run(['keys', 'rotate-secret'])
    expect(code).to.equal(1)
    expect(err).to.match(/write a configuration first \(--config\)/)
  })

  it('say in one sentence what is wrong with a file', async () => {
    await configure('a.yaml')
    const { code, err } = await at.run(['store', 'import', 'nowhere.export', '--config', 'a.yaml'])
    expect(code).to.equal(1)
    expect(err).to.match(/nowhere\.export cannot be read \(ENOENT\)/)
    const empty = await at.run(['store', 'export', 'x', '--config', 'a.yaml'])
    expect(empty.code).to.equal(0)
  })

  for (const args of [
    ['migrate'],
    ['store', 'export'],
    ['store', 'import'],
    ['store', 'status'],
    ['keys', 'rotate-secret'],
  ]) {
    it(`explain ${args.join(' ')} with an example`, async () => {
      const { code, out } = await at.run([...args, '--help'])
      expect(code).to.equal(0)
      expect(out).to.match(/Examples?:\n {2}\$ consulate /)
    })
  }
})
