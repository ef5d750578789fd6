import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import { readBody, replayBody } from '../../src/http/body.ts'
import { failures } from '../../src/http/failures.ts'
import type { Middleware } from '../../src/http/state.ts'
import { engine, json, memoryLog, raw, request, show, start, stopAll } from './support.ts'

const LIMIT = 1000

async function startReading(within = 10_000, then?: Middleware) {
  const { lines, log } = memoryLog()
  const read: Middleware = async (ctx, next) => {
    const body = await readBody(ctx, { limit: LIMIT, within })
    ctx.body = { length: body.length, text: body.toString('latin1') }
    await next()
  }
  const running = await start(() => (then ? [failures({ log, show }), read, then] : [failures({ log, show }), read]))
  return { ...running, lines }
}

const post = (...lines: readonly string[]) => request('POST / HTTP/1.1', 'Host: x', ...lines)

describe('reading a body', () => {
  afterEach(stopAll)

  it('takes one up to the limit, by length or in chunks', async () => {
    const { port } = await startReading()
    const whole = await raw(port, post(`Content-Length: ${LIMIT}`), 'a'.repeat(LIMIT))
    expect(JSON.parse(whole.body).length).to.equal(LIMIT)
    const chunked = await raw(port, post('Transfer-Encoding: chunked'), '2\r\nab\r\n', '1\r\nc\r\n', '0\r\n\r\n')
    expect(JSON.parse(chunked.body).text).to.equal('abc')
    const none = await raw(port, post())
    expect(JSON.parse(none.body).length).to.equal(0)
  })

  it('refuses one that says it is larger, unread, and closes the connection', async () => {
    const { port, lines } = await startReading()
    const { status, text } = await raw(port, `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT + 1}\r\n\r\n`)
    expect(status).to.equal(400)
    expect(text).to.match(/^connection: close/im)
    expect(lines[0]?.causes).to.deep.equal([`the body is refused: it is larger than ${LIMIT} bytes`])
  })

  it('stops reading one without end', async () => {
    const { port, lines } = await startReading()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.resume()
    let sent = 0
    const pump = () => {
      while (socket.writable && sent < 50_000_000) {
        sent += 1000
        if (!socket.write(`3e8\r\n${'a'.repeat(1000)}\r\n`)) return void socket.once('drain', pump)
      }
    }
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    pump()
    await closed
    expect(lines[0]?.causes).to.deep.equal([`the body is refused: it is larger than ${LIMIT} bytes`])
    expect(sent).to.be.below(50_000_000)
  })

  it('gives up on one that does not arrive', async () => {
    const { port, lines } = await startReading(50)
    const { status } = await raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
    expect(status).to.equal(400)
    expect(lines[0]?.causes).to.deep.equal(['the body is refused: it did not arrive in time'])
  })

  it('notices one that is cut off, and goes on', async () => {
    const { port, lines } = await startReading()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
    await once(socket, 'connect')
    while (lines.length === 0) {
      socket.destroy()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(lines[0]).to.include({ code: 'bad_request' })
    expect(JSON.stringify(lines[0]?.causes)).to.contain('it was cut off')
    expect((await raw(port, post())).status).to.equal(200)
  })

  it('takes no more than the length said, and leaves the rest to be read as the next request', async () => {
    const { port } = await startReading()
    const lying = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab'
    const { text } = await raw(port, lying + post('Content-Length: 1'), 'c')
    expect(text.match(/"text":"\w*"/g)).to.deep.equal(['"text":"ab"', '"text":"c"'])
    expect((await raw(port, `${lying}cd\r\n\r\n`)).text).to.match(/HTTP\/1\.1 400 Bad Request/)
  })

  it('refuses an encoded one', async () => {
    const { port } = await startReading()
    expect((await raw(port, post('Content-Encoding: gzip', 'Content-Length: 2'), 'ab')).status).to.equal(400)
  })

  it('does not wait for one that was read before', async () => {
    const { port, lines } = await startReading(10_000, async (ctx) => {
      await readBody(ctx, { limit: LIMIT })
    })
    expect((await raw(port, post('Content-Length: 2'), 'ab')).status).to.equal(400)
    expect(lines[0]?.causes).to.deep.equal(['the body is refused: it is gone'])
  })
})

describe('replaying a body to the engine', () => {
  afterEach(stopAll)

  async function startEngine(change = (body: Buffer) => body) {
    return start((port) => [
      failures({ log: memoryLog().log, show }),
      async (ctx, next) => {
        replayBody(ctx.req, change(await readBody(ctx, { limit: 16_384 })))
        await next()
      },
      engine(new URL(`http://127.0.0.1:${port}`)),
    ])
  }

  const client = { client_name: 'Zoë', redirect_uris: ['https://client.example/cb'] }
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' } }

  it('registers a client, sent with a length or in chunks', async () => {
    const { url, port } = await startEngine()
    const answer = await fetch(`${url}/register`, { ...post, body: JSON.stringify(client) })
    expect(answer.status).to.equal(201)
    expect(await json(answer)).to.deep.include(client)

    const body = '{"redirect_uris":["https://client.example/cb"]}'
    const lines = request(
      'POST /register HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    )
    const half = body.length >> 1
    const chunks = [body.slice(0, half), body.slice(half), ''].map(
      (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
    )
    expect((await raw(port, lines, ...chunks)).status).to.equal(201)
  })

  it('describes the body by its length, however it came', async () => {
    const { port } = await start(() => [
      async (ctx) => {
        replayBody(ctx.req, Buffer.from(`${await readBody(ctx, { limit: LIMIT })}, more`))
        ctx.body = { length: ctx.request.length, encoding: ctx.get('Transfer-Encoding') }
      },
    ])
    const { body } = await raw(
      port,
      request('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'),
      '1\r\na\r\n0\r\n\r\n',
    )
    expect(JSON.parse(body)).to.deep.equal({ length: 7, encoding: '' })
  })

  it('lets a changed body of another length take the place of the first', async () => {
    const { url } = await startEngine((body) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(String(body)), client_name: 'Changed, and longer' })),
    )
    const answer = await fetch(`${url}/register`, { ...post, body: JSON.stringify(client) })
    expect(answer.status).to.equal(201)
    expect((await json(answer)).client_name).to.equal('Changed, and longer')
  })

  it('serves several requests on one connection', async () => {
    const { port } = await startEngine()
    const body = JSON.stringify({ redirect_uris: client.redirect_uris })
    const head = `POST /register HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    const { text } = await raw(port, `${head}\r\n${body}`, `${head}Connection: close\r\n\r\n${body}`)
    expect(text.match(/HTTP\/1\.1 201/g)).to.have.lengthOf(2)
  })

  it('carries a form to the token endpoint', async () => {
    const { url } = await startEngine()
    const form = {
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: 'https://client.example/cb',
      client_id: 'known',
      client_secret: 'a secret that is long enough for the purpose',
    }
    const good = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) })
    expect((await json(good)).error).to.equal('invalid_grant')
    const bad = await fetch(`${url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ ...form, client_secret: 'x' }),
    })
    expect((await json(bad)).error).to.equal('invalid_client')
  })

  it('carries an empty body', async () => {
    const { url } = await startEngine()
    const answer = await fetch(`${url}/register`, post)
    expect(answer.status).to.equal(400)
  })
})
