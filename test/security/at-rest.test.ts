import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import { createIssuer } from '../../src/index.ts'
import { withSeal } from '../stores/support.ts'
import {
  authorizationRequest,
  browserFor,
  exchange,
  type Registered,
  refresh,
  register,
  signIn,
} from '../support/client.ts'
import { SECRET, startIssuer, type TestIssuer } from '../support/issuer.ts'

describe('a copy of the data', () => {
  let issuer: TestIssuer

  before(async () => {
    issuer = await startIssuer()
  })
  after(() => issuer.close())

  const confidential = () => register(issuer.url, { token_endpoint_auth_method: 'client_secret_post' })

  it('holds no code, token, secret, cookie, state or name that was handed out', async () => {
    const client: Registered = await confidential()
    const request = authorizationRequest(issuer.url, client)
    const browser = browserFor(request)
    const cookies: string[] = []
    const { store } = browser.cookies
    browser.cookies.store = (url, headers) => {
      cookies.push(...headers.getSetCookie().map((cookie) => /=([^;]{16,})/.exec(cookie)?.[1] ?? ''))
      return store.call(browser.cookies, url, headers)
    }
    const code = (await signIn(request, {}, browser)).searchParams.get('code') ?? ''
    const first = await exchange(issuer.url, client, request, code)
    const second = await refresh(issuer.url, client, first.body.refresh_token)
    const pending = authorizationRequest(issuer.url, client)
    const { page } = await browserFor(pending).open(pending.url)

    const secrets = [
      code,
      first.body.access_token,
      first.body.refresh_token,
      second.body.refresh_token,
      client.client_secret ?? '',
      client.client_id,
      pending.state,
      page?.url.pathname.split('/').at(-1) ?? '',
      'Ada Lovelace',
      ...cookies.filter(Boolean),
    ]
    const path = issuer.folder
    const files = await Promise.all((await readdir(path)).map((file) => readFile(join(path, file))))
    expect(files.some((file) => file.length > 4096)).to.equal(true)
    for (const secret of secrets) {
      expect(secret).to.have.length.above(8)
      for (const file of files) expect(file.includes(secret), secret).to.equal(false)
    }
  })

  it('holds client secrets as hashes even for someone who can open the seal', async () => {
    const { client_id, client_secret } = await confidential()
    const record = await (await withSeal(issuer.store, SECRET)).get('Client', client_id)
    expect(record?.payload).to.include(client_id).and.not.include(client_secret)
  })

  it('is of no use to an issuer that has another secret: it does not start', async () => {
    const other = { ...issuer.config, secret: `${SECRET} but another` }
    const error = await createIssuer(other, { adapters, store: issuer.store }).then(
      () => undefined,
      (cause: Error) => cause.message,
    )
    expect(error).to.include('another secret').and.not.include(SECRET)
  })
})
