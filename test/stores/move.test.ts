import { readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { StoredRow, StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { exportStore } from '../../src/stores/move/export.ts'
import { importStore } from '../../src/stores/move/import.ts'
import { refuseHalfImported } from '../../src/stores/move/marker.ts'
import { Ring } from '../../src/stores/ring.ts'
import { sealStore } from '../../src/stores/seal.ts'
import { database } from '../support/mongo.ts'
import { engineHere, needsEngine } from './mongodb/support.ts'
import { temporaryFolder } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'
const OTHER = 'another secret of the tests, just as long as the first'
const ISSUER = 'https://auth.example.com'

interface Place {
  readonly engine: StoreEngine
  remove(): Promise<void>
}

async function embedded(): Promise<Place> {
  const folder = await temporaryFolder()
  const engine = await openEmbeddedStore({ path: folder.path })
  return { engine, remove: () => engine.close().then(() => folder.remove()) }
}

async function mongodb(): Promise<Place> {
  const { migrateMongo, openMongoStore } = await import('../../src/stores/mongodb/index.ts')
  const db = database(await engineHere())
  await migrateMongo({ url: db.url })
  const engine = await openMongoStore({ url: db.url })
  return { engine, remove: () => engine.close().then(() => db.drop()) }
}

/** Without the mark that it was imported. */
async function rowsOf(engine: StoreEngine): Promise<StoredRow[]> {
  const rows: StoredRow[] = []
  let after: string | undefined
  do {
    const page = await engine.scan({ limit: 1000, ...(after === undefined ? {} : { after }) })
    rows.push(...page.rows)
    after = page.next
  } while (after !== undefined)
  return rows
    .filter(({ kind }) => kind !== 'Import')
    .sort((a, b) => (`${a.kind} ${a.id}` < `${b.kind} ${b.id}` ? -1 : 1))
}

for (const [from, to, openFrom, openTo] of [
  ['the embedded store', 'MongoDB', embedded, mongodb],
  ['MongoDB', 'the embedded store', mongodb, embedded],
  ['one embedded store', 'another one', embedded, embedded],
] as const) {
  describe(`moving from ${from} to ${to}`, function () {
    this.timeout(60_000)
    if (openFrom === mongodb || openTo === mongodb) needsEngine()

    let source: Place
    let target: Place
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let file: string

    beforeEach(async () => {
      source = await openFrom()
      target = await openTo()
      folder = await temporaryFolder()
      file = join(folder.path, 'consulate.export')
      const store = sealStore(source.engine, await Ring.open(source.engine, { secret: SECRET }))
      for (let from = 0; from < 1300; from += 100) {
        const puts = Array.from({ length: 100 }, (_, index) => {
          const n = from + index
          const kind = n % 2 ? 'Token' : 'Grant'
          return store.put({ kind, id: `id ${n}`, payload: `payload ${n}`, grantId: `g${n}`, uid: `u${n}` }, 'insert')
        })
        await Promise.all(puts)
      }
      await store.put({ kind: 'Token', id: 'expired', payload: '', expiresAt: 1000 }, 'insert')
      for (let n = 0; n < 3; n++) await store.consume('Token', 'id 1', { within: 60_000, times: 2 })
    })
    afterEach(async () => {
      await Promise.all([source.remove(), target.remove(), folder.remove()])
    })

    const out = async (report: () => void = () => undefined) =>
      exportStore(source.engine, await Ring.open(source.engine, { secret: SECRET }), { file, issuer: ISSUER, report })
    const into = (secret = SECRET, issuer = ISSUER, report: () => void = () => undefined) =>
      importStore(target.engine, { secret }, { file, issuer, report })
    const refusal = (work: Promise<unknown>) =>
      work.then(
        () => 'it was not refused',
        (error: unknown) => (error as Error).message,
      )
    const kill = (after: number) => () => {
      after -= 1
      if (after === 0) throw new Error('killed')
    }

    it('keeps every row as it was, spent ones spent and expired ones expired', async () => {
      expect(await out()).to.equal(1301)
      expect(await into()).to.deep.equal({ records: 1301, written: 1301 })
      const rows = await rowsOf(target.engine)
      expect(rows).to.deep.equal(await rowsOf(source.engine))
      expect(rows.filter(({ reused }) => reused === 2)).to.have.length(1)
      const store = sealStore(target.engine, await Ring.open(target.engine, { secret: SECRET }))
      expect((await store.get('Grant', 'id 0'))?.payload).to.equal('payload 0')
      expect(await store.consume('Token', 'id 1', { within: 60_000, times: 2 })).to.equal('refused')
    })

    it('writes a file that only its owner reads and that tells nothing', async () => {
      await out()
      expect((await stat(file)).mode & 0o777).to.equal(0o600)
      const text = await readFile(file, 'latin1')
      expect(text).to.not.match(/payload|Token|Grant/)
      const [row] = await rowsOf(source.engine)
      expect(text).to.not.include(row?.id)
    })

    it('goes on where an export or an import was cut short', async () => {
      expect(await refusal(out(kill(2)))).to.equal('killed')
      // Half a line, as a killed process leaves it.
      const part = await readFile(`${file}.part`)
      await writeFile(`${file}.part`, part.subarray(0, part.length - 100))
      expect(await out()).to.equal(1301)
      expect(await refusal(into(SECRET, ISSUER, kill(2)))).to.equal('killed')
      expect(await into()).to.deep.equal({ records: 1301, written: 302 })
      expect(await rowsOf(target.engine)).to.deep.equal(await rowsOf(source.engine))
    })

    it('begins anew where an export left nothing whole behind', async () => {
      for (const nothing of ['', 'half a line']) {
        await writeFile(`${file}.part`, nothing)
        expect(await out()).to.equal(1301)
        await rm(file)
      }
    })

    it('brings nothing back that was spent or revoked after an export was cut short', async () => {
      expect(await refusal(out(kill(3)))).to.equal('killed')
      const store = sealStore(source.engine, await Ring.open(source.engine, { secret: SECRET }))
      await store.deleteGrant('g3')
      await store.take('Token', 'id 5')
      await store.consume('Token', 'id 7')
      expect(await out()).to.equal(1299)
      await into()
      expect(await rowsOf(target.engine)).to.deep.equal(await rowsOf(source.engine))
    })

    it('brings nothing back by a second import, and does not serve half of one', async () => {
      await out()
      expect(await refusal(into(SECRET, ISSUER, kill(2)))).to.equal('killed')
      const ring = await Ring.open(target.engine, { secret: SECRET })
      expect(await refusal(refuseHalfImported(target.engine, ring))).to.match(
        /was cut short; run "consulate store import"/,
      )
      await into()
      await refuseHalfImported(target.engine, ring)
      const store = sealStore(target.engine, ring)
      await store.deleteGrant('g3')
      expect(await refusal(into())).to.match(/was imported into this store before.*nothing was done\.$/)
      expect(await store.get('Token', 'id 3')).to.equal(undefined)
    })

    it('does not go on with the export of another store, nor by way of a link', async () => {
      await refusal(out(kill(2)))
      const other = await openFrom()
      const otherRing = await Ring.open(other.engine, { secret: SECRET })
      const report = () => undefined
      expect(await refusal(exportStore(other.engine, otherRing, { file, issuer: ISSUER, report }))).to.match(
        /\.part is not the beginning of this export; remove it/,
      )
      await other.remove()
      await rename(`${file}.part`, join(folder.path, 'elsewhere'))
      await symlink(join(folder.path, 'elsewhere'), `${file}.part`)
      expect(await refusal(out())).to.match(/\.part cannot be written \(ELOOP\)/)
    })

    it('never writes over a file', async () => {
      await out()
      expect(await refusal(out())).to.match(/exists already; name another file\.$/)
    })

    it('refuses every file that is not the whole export, and writes nothing', async () => {
      await out()
      const lines = (await readFile(file, 'latin1')).trimEnd().split('\n')
      expect(lines).to.have.length(5)
      const [head = '', one = '', two = '', three = '', end = ''] = lines
      const flipped = `${one.slice(0, 60)}${one[60] === 'A' ? 'B' : 'A'}${one.slice(61)}`
      const broken = {
        'a changed byte': [head, flipped, two, three, end],
        'a line that is missing': [head, one, three, end],
        'two lines in another order': [head, two, one, three, end],
        'no last line': [head, one, two, three],
        'a line twice': [head, one, one, two, three, end],
        'more after the end': [...lines, three],
        nothing: [],
      }
      for (const [what, text] of Object.entries(broken)) {
        await writeFile(file, text.map((line) => `${line}\n`).join(''))
        expect(await refusal(into()), what).to.match(/is not a whole export that was made with this secret/)
      }
      await writeFile(file, lines.join('\n'))
      expect(await refusal(into()), 'a cut last line').to.match(/is not a whole export/)
      expect(await rowsOf(target.engine)).to.deep.equal([])
    })

    it('refuses another secret and another issuer', async () => {
      await out()
      expect(await refusal(into(OTHER))).to.match(/made with this secret; nothing was imported/)
      expect(await refusal(into(SECRET, 'https://other.example.com'))).to.match(
        /was exported from https:\/\/auth\.example\.com/,
      )
      expect(await rowsOf(target.engine)).to.deep.equal([])
    })

    it('refuses a store that has data of its own', async () => {
      await out()
      await Ring.open(target.engine, { secret: SECRET })
      const before = await rowsOf(target.engine)
      expect(await refusal(into())).to.equal('The store has data of its own; import into an empty one.')
      expect(await rowsOf(target.engine)).to.deep.equal(before)
    })
  })
}
