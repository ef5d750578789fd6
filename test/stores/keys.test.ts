import { createHmac } from 'node:crypto'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { CompactSign, calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose'
import { deriveKey } from '../../src/keys/derive.ts'
import { openKeyring } from '../../src/keys/keyring.ts'
import type { Store, StoreEngine } from '../../src/store.ts'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { localSecret } from '../../src/stores/local-secret.ts'
import { dump, temporaryFolder, withSeal } from './support.ts'

const SECRET = 'a secret of the tests, thirty-two characters or more'

let folder: Awaited<ReturnType<typeof temporaryFolder>>

describe('derived keys', () => {
  it('follow HKDF with SHA-256 as RFC 5869 defines it', () => {
    const hmac = (key: Buffer | string, ...parts: (Buffer | string)[]) =>
      parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest()
    const extracted = hmac(Buffer.alloc(32), SECRET)
    const first = hmac(extracted, 'consulate/cookies', Buffer.of(1))
    const second = hmac(extracted, first, 'consulate/cookies', Buffer.of(2))
    expect(deriveKey(SECRET, 'cookies')).to.deep.equal(first)
    expect(deriveKey(SECRET, 'cookies', 48)).to.deep.equal(Buffer.concat([first, second]).subarray(0, 48))
  })

  it('differ by purpose and by secret', () => {
    const keys = [deriveKey(SECRET, 'a'), deriveKey(SECRET, 'b'), deriveKey(`${SECRET}.`, 'a')]
    expect(new Set(keys.map((key) => key.toString('hex'))).size).to.equal(3)
  })
})

describe('the keyring', () => {
  let raw: StoreEngine
  let store: Store

  beforeEach(async () => {
    folder = await temporaryFolder()
    raw = await openEmbeddedStore({ path: folder.path })
    store = await withSeal(raw, SECRET)
  })
  afterEach(async () => {
    await raw.close()
    await folder.remove()
  })

  it('has an ES256 key first and an RS256 key of 2048 bits second', async () => {
    const { jwks } = await openKeyring(store)
    expect(jwks.keys.map((key) => [key.kty, key.alg, key.use])).to.deep.equal([
      ['EC', 'ES256', 'sig'],
      ['RSA', 'RS256', 'sig'],
    ])
    expect(jwks.keys[0]?.crv).to.equal('P-256')
    expect(Buffer.from(jwks.keys[1]?.n ?? '', 'base64url')).to.have.length(256)
    for (const key of jwks.keys) expect(key.kid).to.equal(await calculateJwkThumbprint(key))
  })

  it('signs what its public keys verify', async () => {
    const { jwks, publicJwks } = await openKeyring(store)
    for (const [index, key] of jwks.keys.entries()) {
      const alg = key.alg ?? ''
      const token = await new CompactSign(Buffer.from('x')).setProtectedHeader({ alg }).sign(await importJWK(key))
      const { payload } = await compactVerify(token, await importJWK(publicJwks.keys[index] as JWK))
      expect(Buffer.from(payload).toString()).to.equal('x')
    }
  })

  it('publishes no private member', async () => {
    const { publicJwks } = await openKeyring(store)
    expect(publicJwks.keys[0]).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'alg', 'use')
    expect(publicJwks.keys[1]).to.have.all.keys('kty', 'n', 'e', 'kid', 'alg', 'use')
  })

  it('is the same after a restart', async () => {
    const before = await openKeyring(store)
    await raw.close()
    raw = await openEmbeddedStore({ path: folder.path })
    expect(await openKeyring(await withSeal(raw, SECRET))).to.deep.equal(before)
  })

  it('is the same for all that start at once', async () => {
    const other = await openEmbeddedStore({ path: folder.path })
    const rings = await Promise.all([store, await withSeal(other, SECRET), store].map((each) => openKeyring(each)))
    await other.close()
    expect(rings[1]).to.deep.equal(rings[0])
    expect(rings[2]).to.deep.equal(rings[0])
  })

  it('leaves no private key readable in the files', async () => {
    const { jwks } = await openKeyring(store)
    const bytes = await dump(folder.path)
    expect(bytes).to.include('SigningKey')
    for (const key of jwks.keys) {
      for (const member of ['d', 'p', 'q', 'kid'] as const) {
        if (key[member]) expect(bytes).to.not.include(key[member])
      }
    }
  })
})

describe('the local secret', () => {
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => (error as Error).message,
    )

  it('has 256 bits, is kept, and is readable by its owner alone', async () => {
    const path = join(folder.path, 'data')
    const secret = await localSecret(path)
    expect(Buffer.from(secret, 'base64url')).to.have.length(32)
    expect(await localSecret(path)).to.equal(secret)
    expect((await stat(join(path, 'secret'))).mode & 0o777).to.equal(0o600)
    expect((await stat(path)).mode & 0o777).to.equal(0o700)
    expect(await readdir(path)).to.deep.equal(['secret'])
  })

  it('differs from folder to folder', async () => {
    expect(await localSecret(join(folder.path, 'a'))).to.not.equal(await localSecret(join(folder.path, 'b')))
  })

  it('is one for all that start at once', async () => {
    const secrets = await Promise.all(Array.from({ length: 20 }, () => localSecret(folder.path)))
    expect(new Set(secrets).size).to.equal(1)
    expect(await readdir(folder.path)).to.deep.equal(['secret'])
  })

  it('is refused in one sentence when the file cannot be read', async () => {
    await mkdir(join(folder.path, 'secret'))
    expect(await failure(localSecret(folder.path))).to.match(/^The secret .*secret cannot be read \(EISDIR\)\.$/)
  })

  for (const content of ['', 'short', 'x'.repeat(43).replace('x', '!')]) {
    it(`is refused, and not replaced, when the file holds "${content.slice(0, 5)}"`, async () => {
      await writeFile(join(folder.path, 'secret'), content)
      expect(await failure(localSecret(folder.path))).to.match(/^The secret .*secret is damaged/)
    })
  }
})
