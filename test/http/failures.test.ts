import { expect } from 'chai'
import { ERRORS, type ErrorCode, Failure } from '../../src/errors.ts'
import { type FailuresOptions, failureModel, failures, notFound } from '../../src/http/failures.ts'
import { securityHeaders } from '../../src/http/headers.ts'
import type { Middleware } from '../../src/http/state.ts'
import { StoreUnavailable } from '../../src/store.ts'
import { json, memoryLog, raw, request, show, start, stopAll } from './support.ts'

const SECRET = 'hunter2-upstream-password'

async function startWith(middleware: Middleware, page: FailuresOptions['show'] = show) {
  const { lines, log } = memoryLog()
  const issuer = new URL('https://issuer.example')
  const running = await start(() => [failures({ log, show: page }), securityHeaders({ issuer }), middleware])
  return { ...running, lines }
}

function throwing(error: unknown): Middleware {
  return () => {
    throw error
  }
}

describe('failures', () => {
  afterEach(stopAll)

  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    it(`answers ${code} as a page and as JSON with the same reference as the log`, async () => {
      const cause = new Error(`connect refused by ${SECRET}`)
      const { url, lines } = await startWith(throwing(new Failure(code, 'said to the operator', { cause })))

      // (Of a 421, fetch asks a second time by itself: the last line is the one of the answer.)
      const page = await fetch(url, { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
      const html = await page.text()
      expect(page.status).to.equal(ERRORS[code].status)
      expect(page.headers.get('content-type')).to.contain('text/html')
      expect(JSON.parse(html.replace('<p>failure</p>', ''))).to.deep.equal(
        failureModel(code, String(lines.at(-1)?.reference)),
      )

      const plain = await fetch(url, { headers: { Accept: 'application/json' } })
      const body = await json(plain)
      expect(plain.status).to.equal(ERRORS[code].status)
      expect(Object.keys(body)).to.deep.equal(['error', 'error_description', 'reference'])
      expect(body.reference)
        .to.equal(lines.at(-1)?.reference)
        .and.to.match(/^[0-9A-HJKMNP-TV-Z]{8}$/)
      // The characters that RFC 6749, section 5.2, allows.
      expect(body.error_description).to.match(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      expect(body.error_description).to.equal(ERRORS[code].words)
      expect(body.error).to.match(/^[a-z_]+$/)

      for (const answer of [html, JSON.stringify(body)]) {
        expect(answer)
          .not.to.contain(SECRET)
          .and.not.to.contain('said to the operator')
          .and.not.to.match(/ at .*:\d/)
      }
      expect(lines[0]).to.deep.include({ code, method: 'GET', path: '/', status: ERRORS[code].status })
      expect(lines[0]?.causes).to.deep.equal(['said to the operator', `Error: connect refused by ${SECRET}`])
      expect(lines[0]?.operator).to.equal(ERRORS[code].operator)
    })
  }

  it('answers JSON to whoever does not ask for a page', async () => {
    const { port } = await startWith(notFound())
    for (const accept of [[], ['Accept: */*'], ['Accept: application/json'], ['Accept: ;;;,,q=x']]) {
      const { text } = await raw(port, request('GET / HTTP/1.1', 'Host: x', ...accept))
      expect(text).to.match(/^content-type: application\/json/im)
    }
  })

  it('is not cached, tells caches why it differs, and keeps the security headers', async () => {
    const { url } = await startWith(async (ctx) => {
      ctx.set('Cache-Control', 'public, max-age=300')
      ctx.set('ETag', '"1"')
      throw new Failure('internal', 'x')
    })
    const { headers } = await fetch(url)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(headers.get('etag')).to.equal(null)
    expect(headers.get('vary')).to.equal('Accept')
    expect(headers.get('x-frame-options')).to.equal('DENY')
  })

  it('answers a storage failure with 503 and a time to come back, also when it is the cause of something else', async () => {
    for (const error of [
      new StoreUnavailable('disk'),
      new Error('while saving', { cause: new StoreUnavailable('disk') }),
    ]) {
      const { url, lines } = await startWith(throwing(error))
      const answer = await fetch(url)
      expect(answer.status).to.equal(503)
      expect(answer.headers.get('retry-after')).to.equal('2')
      expect((await json(answer)).error).to.equal('temporarily_unavailable')
      expect(lines[0]).to.include({ code: 'unavailable', level: 'error' })
    }
  })

  const foreign: readonly [string, Middleware, number, ErrorCode][] = [
    ['a client error of Koa', (ctx) => ctx.throw(418, SECRET), 418, 'bad_request'],
    ['a 404 of Koa', (ctx) => ctx.throw(404), 404, 'not_found'],
    ['a server error of Koa', (ctx) => ctx.throw(502, SECRET), 500, 'internal'],
    ['a malformed percent-encoding', () => void decodeURIComponent('%'), 400, 'bad_request'],
    ['a defect', throwing(new TypeError(SECRET)), 500, 'internal'],
    ['something that is no error', throwing(SECRET), 500, 'internal'],
    ['nothing at all', throwing(undefined), 500, 'internal'],
    [
      'a false Failure',
      throwing(Object.assign(new Error('x'), { name: 'Failure', code: 'toString' })),
      500,
      'internal',
    ],
    ['an upstream reset', throwing(Object.assign(new Error('x'), { code: 'ECONNRESET' })), 500, 'internal'],
  ]
  for (const [title, middleware, status, code] of foreign) {
    it(`answers ${title} with ${status}`, async () => {
      const { url, lines } = await startWith(middleware)
      const answer = await fetch(url)
      expect(answer.status).to.equal(status)
      expect(await answer.text()).not.to.contain(SECRET)
      expect(lines[0]).to.include({ code, status })
    })
  }

  it('passes on the headers of an HTTP error', async () => {
    const { url } = await startWith((ctx) =>
      ctx.throw(405, 'x', { headers: { Allow: 'POST', 'Content-Type': 'text/x', 'Content-Length': '1' } }),
    )
    const { headers } = await fetch(url)
    expect(headers.get('allow')).to.equal('POST')
    expect(headers.get('content-type')).to.contain('application/json')
  })

  it('logs by how much it matters', async () => {
    const levels: Record<string, string> = {}
    for (const code of [
      'not_found',
      'cancelled',
      'bad_request',
      'wrong_browser',
      'internal',
      'idp_unavailable',
    ] as const) {
      const { url, lines } = await startWith(throwing(new Failure(code, 'x')))
      await fetch(url)
      levels[code] = String(lines[0]?.level)
    }
    expect(levels).to.deep.equal({
      not_found: 'info',
      cancelled: 'info',
      bad_request: 'warn',
      wrong_browser: 'warn',
      internal: 'error',
      idp_unavailable: 'error',
    })
  })

  it('writes no query string, identifier, terminal code or line break to the log', async () => {
    const id = 'aZ3'.repeat(8)
    const message = `GET https://idp.example/token?code=${SECRET}#${SECRET} \u001b[31m\r\nforged\u2028\u202e`
    const { url, lines } = await startWith(throwing(new Failure('idp_unavailable', message)))
    await fetch(`${url}/a?b=${SECRET}`)
    await fetch(`${url}/interaction/${id}?code=${SECRET}`, { headers: { Authorization: SECRET, Cookie: SECRET } })
    const line = JSON.stringify(lines)
    expect(line).not.to.contain(SECRET).and.not.to.contain(id)
    expect(lines.map(({ path }) => path)).to.deep.equal(['/a', '/interaction/:id'])
    expect(lines[0]?.causes).to.deep.equal([
      'GET https://idp.example/token \\u001b[31m\\u000d\\u000aforged\\u2028\\u202e',
    ])
  })

  it('gives the operator the frames of a defect, and a bounded chain of causes', async () => {
    const looping = new Error('x'.repeat(10_000))
    looping.cause = looping
    const { url, lines } = await startWith(throwing(looping))
    await fetch(url)
    expect(lines[0]?.causes).to.have.lengthOf(5)
    expect(JSON.stringify(lines[0]?.causes).length).to.be.below(3000)
    expect(lines[0]?.stack).to.be.an('array').that.is.not.empty
  })

  it('falls back to JSON when the page itself cannot be shown', async () => {
    const { url, lines } = await startWith(throwing(new Failure('wrong_browser', 'x')), () => {
      throw new Error('no template')
    })
    const answer = await fetch(url, { headers: { Accept: 'text/html' } })
    expect(answer.status).to.equal(403)
    expect((await json(answer)).reference).to.equal(lines[0]?.reference)
    expect(lines[1]?.causes).to.deep.equal(['Error: no template'])
  })

  it('answers when the step that took the answer over from Koa fails before it wrote one', async () => {
    const { url } = await startWith((ctx) => {
      ctx.respond = false
      throw new Error('x')
    })
    expect((await fetch(url)).status).to.equal(500)
  })

  it('cuts the connection when an answer has begun, so that half of one is not taken for the whole', async () => {
    const { port, lines } = await startWith((ctx) => {
      ctx.res.writeHead(200)
      ctx.res.write('half')
      throw new Error('x')
    })
    const { body } = await raw(port, request('GET / HTTP/1.1', 'Host: x'))
    expect(body).not.to.match(/\r\n0\r\n\r\n$/)
    expect(lines[0]).to.include({ code: 'internal' })
  })

  it('gives each request a reference of its own', async () => {
    const { url } = await startWith((ctx) => {
      ctx.body = { reference: ctx.state.reference }
    })
    const first = await json(await fetch(url))
    const second = await json(await fetch(url))
    expect(first.reference)
      .to.match(/^[0-9A-Z]{8}$/)
      .and.not.equal(second.reference)
  })
})

describe('the model of a failure page', () => {
  it('has a way back only when one is given', () => {
    const back = { url: 'https://client.example/cb?error=access_denied', host: 'client.example' }
    expect(failureModel('cancelled', 'ABCDEFGH')).not.to.have.property('back')
    expect(failureModel('cancelled', 'ABCDEFGH', { back })).to.deep.equal({
      title: ERRORS.cancelled.title,
      words: ERRORS.cancelled.words,
      remedy: ERRORS.cancelled.remedy,
      reference: 'ABCDEFGH',
      back,
    })
  })
})
