import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { createLog, type Log } from '../../src/observe/log.ts'

function logTo(format: 'json' | 'pretty', level: 'info' | 'silent' = 'info'): { log: Log; text: () => string } {
  const out = new PassThrough()
  let text = ''
  out.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return { log: createLog({ level, format }, out), text: () => text }
}

const SECRET_KEYS = [
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'client_secret',
  'code',
  'code_verifier',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'assertion',
  'state',
  'nonce',
]

for (const format of ['json', 'pretty'] as const) {
  describe(`the log in the format ${format}`, () => {
    it('writes the line also when a part of it breaks on being read', () => {
      const { log, text } = logTo(format)
      const broken = (): never => {
        throw new Error('a getter broke')
      }
      log.warn({ idp: 'contoso', err: Object.defineProperty(new Error('e'), 'message', { get: broken }) }, 'first')
      log.warn({ idp: 'fabrikam', err: new Proxy(new Error('e'), { get: broken, getPrototypeOf: broken }) }, 'second')
      expect(text())
        .to.match(/contoso[\s\S]*fabrikam/)
        .and.to.include('[unreadable]')
    })

    for (const key of SECRET_KEYS) {
      it(`hides ${key}, at any depth and in any spelling`, () => {
        const { log, text } = logTo(format)
        const camel = key.replace(/[-_](.)/g, (_, letter: string) => letter.toUpperCase())
        log.info(
          { [key]: 'hidden-1', a: [{ b: { [key.toUpperCase()]: ['hidden-2'] } }], c: { [camel]: 'hidden-3' } },
          'seen',
        )
        log.child({ [key]: 'hidden-4' }).warn('also %s %o', 'seen', { [key]: 'hidden-5' })
        expect(text()).to.contain('seen').and.to.contain('***')
        expect(text()).not.to.contain('hidden')
      })
    }

    it('hides credentials and query strings inside texts', () => {
      const { log, text } = logTo(format)
      log.info('GET /callback/entra?code=hidden-1&state=hidden-2 from https://me:hidden-3@idp.example.com/a#hidden-4')
      log.info(
        { url: new URL('https://idp.example.com/?x=hidden-5'), header: 'Bearer hidden-6-hidden' },
        'code=hidden-7',
      )
      log.info(`a token: eyJhbGciOiJub25lIn0.${'hidden8'.repeat(3)}.hidden-9`)
      expect(text()).to.contain('/callback/entra').and.to.contain('idp.example.com')
      expect(text()).not.to.contain('hidden')
    })

    it('hides credentials inside query strings of errors, and what libraries hang on errors', () => {
      const { log, text } = logTo(format)
      const cause = Object.assign(new Error('fetch of https://idp.example.com/token?code=hidden-1 failed'), {
        code: 'ECONNRESET',
        request: { headers: { authorization: 'Basic hidden-2' } },
        response: 'hidden-3',
      })
      const error = Object.assign(new TypeError('no answer', { cause }), { config: { note: 'hidden-4' } })
      log.error(error)
      log.error({ err: error }, 'failed')
      expect(text()).to.contain('no answer').and.to.contain('ECONNRESET').and.to.contain('log.test.ts')
      expect(text()).not.to.contain('hidden')
    })

    it('lets nobody forge a line or colour the terminal', () => {
      const { log, text } = logTo(format)
      const forged = 'x\r\n[00:00:00.000] INFO: forged\u001b[31m\u2028\u202e\u0085'
      log.info({ [forged]: forged, client: { name: forged } }, forged)
      log.child({ who: forged }).info('%s', forged)
      log.error(Object.assign(new Error(forged), { name: forged }))
      const lines = text().split(/\r\n|[\n\r\u0085\u2028]/)
      expect(lines.filter((line) => /^\[00:00:00\.000\] INFO: forged/.test(line))).to.deep.equal([])
      expect(text()).to.contain('forged')
      // Biome forbids control characters in patterns, and this is about nothing else.
      for (const character of ['\r', '\u001b', '\u2028', '\u202e', '\u0085']) expect(text()).not.to.contain(character)
    })

    it('does not write out requests, headers and buffers', () => {
      const { log, text } = logTo(format)
      log.info({
        headers: new Headers({ x: 'hidden' }),
        body: Buffer.from('hidden'),
        form: new URLSearchParams('a=hidden'),
      })
      expect(text()).to.contain('[Headers]')
      expect(text()).not.to.contain('hidden')
    })

    it('survives values that hold themselves', () => {
      const { log, text } = logTo(format)
      const loop: Record<string, unknown> = { name: 'loop' }
      loop.self = loop
      log.info({ loop }, 'written')
      expect(text()).to.contain('[circular]')
    })
  })
}

describe('the log', () => {
  it('shows the codes of our own errors', () => {
    const { log, text } = logTo('json')
    log.warn({ code: 'unknown_client' }, 'refused')
    log.warn({ code: 'toString' }, 'refused')
    log.warn({ password: 'misdirected' }, 'refused')
    expect(text()).to.contain('"code":"unknown_client"').and.not.to.contain('toString')
    expect(text()).not.to.contain('misdirected')
  })

  it('writes one JSON object for each line, with a level and a time', () => {
    const { log, text } = logTo('json')
    log.info({ a: 1 }, 'one\ntwo')
    log.debug('too little')
    const lines = text().trimEnd().split('\n')
    expect(lines).to.have.length(1)
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>
    expect(line).to.include({ level: 'info', a: 1, msg: 'one\\ntwo' })
    expect(Number.isNaN(Date.parse(String(line.time)))).to.equal(false)
  })

  it('says nothing when it is silent', () => {
    const { log, text } = logTo('json', 'silent')
    log.fatal('nothing')
    expect(text()).to.equal('')
  })
})
