import type { RequestListener } from 'node:http'
import { expect } from 'chai'
import { CookieJar } from '../../src/demo/cookies.ts'
import { Browser, type Page, walk } from '../../src/demo/driver.ts'
import { parseForms } from '../../src/demo/html.ts'
import { type Listening, listen } from '../mcp/support.ts'

describe('the browser without a person', () => {
  let server: Listening | undefined
  let seen: { method: string; path: string; cookie?: string; origin?: string; site?: string; body: string }[]
  beforeEach(() => {
    seen = []
  })
  afterEach(() => server?.close())

  type Answer = { status?: number; headers?: Record<string, string | string[]>; html?: string }

  async function serve(pages: Record<string, Answer>): Promise<string> {
    const listener: RequestListener = async (req, res) => {
      let body = ''
      for await (const chunk of req) body += chunk
      const { cookie, origin } = req.headers
      const site = req.headers['sec-fetch-site'] as string | undefined
      const path = req.url ?? ''
      seen.push({
        method: req.method ?? '',
        path,
        ...(cookie ? { cookie } : {}),
        ...(origin ? { origin } : {}),
        ...(site ? { site } : {}),
        body,
      })
      const { status = 200, headers = {}, html = '' } = pages[`${req.method} ${path}`] ?? { status: 404 }
      res.writeHead(status, { 'content-type': 'text/html', ...headers }).end(html)
    }
    server = await listen((req, res) => void listener(req, res))
    return server.url
  }

  const consent = (buttons: string) =>
    `<title>Allow &lt;x&gt;?</title><form method="post" action="/decide"><input type="hidden" name="csrf" value="a&amp;b">${buttons}</form>`
  const approve =
    '<button name="decision" value="cancel">No</button><button name="decision" value="approve">Yes</button>'

  it('follows redirects, keeps cookies, approves and stops before the redirect URI', async () => {
    const url = await serve({
      'GET /start': {
        status: 303,
        headers: { location: '/consent', 'set-cookie': ['a=1; Path=/', 'b=2; Path=/other'] },
      },
      'GET /consent': { html: consent(approve) },
      'POST /decide': { status: 303, headers: { location: 'https://client.example/callback?code=1' } },
    })
    const browser = new Browser({ until: ({ host }) => host === 'client.example' })
    const visit = await walk(browser, `${url}/start`)
    expect(visit.url.href).to.equal('https://client.example/callback?code=1')
    expect(visit.page).to.equal(undefined)
    expect(seen).to.deep.equal([
      { method: 'GET', path: '/start', site: 'none', body: '' },
      { method: 'GET', path: '/consent', cookie: 'a=1', body: '' },
      {
        method: 'POST',
        path: '/decide',
        cookie: 'a=1',
        origin: url,
        site: 'same-origin',
        body: 'csrf=a%26b&decision=approve',
      },
    ])
  })

  it('presses the chosen button, types the given texts and ends at a page without a form', async () => {
    const url = await serve({
      'GET /': {
        html: '<form method="get" action="/who"><input name="mail" type="email"><button name="persona" value="ada">A</button><button name="persona" value="bo">B</button></form>',
      },
      'GET /who?mail=bo%40example.com&persona=bo': { html: '<title>Welcome</title>' },
    })
    const visit = await walk(new Browser(), url, { buttons: { persona: 'bo' }, texts: { mail: 'bo@example.com' } })
    expect(visit.page?.title).to.equal('Welcome')
  })

  it('sends the origin null from a page that sends no referrer, as browsers do', async () => {
    const url = await serve({
      'GET /': { headers: { 'referrer-policy': 'no-referrer' }, html: consent(approve) },
      'POST /decide': {},
    })
    await walk(new Browser(), url)
    expect(seen.at(-1)).to.include({ method: 'POST', origin: 'null' })
  })

  for (const [what, answer, message] of [
    [
      'a page that reports a failure',
      { status: 403, html: '<title>Refused</title>' },
      'Refused” answered with status 403',
    ],
    [
      'a choice that is not offered',
      { html: consent('<button name="persona" value="ada">') },
      'does not offer persona bo',
    ],
    ['a text that nobody gave', { html: '<form><input name="password" type="password"></form>' }, 'asks for password'],
    ['redirects without end', { status: 302, headers: { location: '/' } }, 'more than 20 redirects'],
  ] as const) {
    it(`gives up at ${what}`, async () => {
      const url = await serve({ 'GET /': answer as Answer })
      const outcome = await walk(new Browser(), url, { buttons: { persona: 'bo' } }).catch(
        (error: Error) => error.message,
      )
      expect(outcome).to.include(message)
    })
  }

  it('leaves out disabled buttons and reads every way to quote', () => {
    const html = `<form action=/x method=POST><button disabled name=a value=1></button><button name='b' value='"2"'></button></form>`
    const [form] = parseForms(html, new URL('http://localhost/page'))
    expect(form?.buttons).to.deep.equal([{ name: 'b', value: '"2"' }])
    expect([form?.method, form?.action.href]).to.deep.equal(['POST', 'http://localhost/x'])
  })

  it('shows each page before it is answered', async () => {
    const url = await serve({ 'GET /': { html: consent(approve) }, 'POST /decide': {} })
    const shown: string[] = []
    await walk(new Browser(), url, { onPage: (page: Page, button) => shown.push(`${page.title} ${button?.value}`) })
    expect(shown).to.deep.equal(['Allow <x>? approve'])
  })
})

describe('its cookie jar', () => {
  const jar = (url: string, ...cookies: string[]) => {
    const made = new CookieJar()
    made.store(new URL(url), new Headers(cookies.map((cookie): [string, string] => ['set-cookie', cookie])))
    return (to: string) => made.header(new URL(to))
  }

  it('sends a cookie to its host and path alone', () => {
    const sent = jar('http://localhost/a/b', 'x=1', 'y=2; Path=/', 'z=3; Path=/a/b/c')
    expect(sent('http://localhost/a/b')).to.equal('x=1; y=2')
    expect(sent('http://localhost/ab')).to.equal('y=2')
    expect(sent('http://127.0.0.1/a/b')).to.equal(undefined)
  })

  it('forgets a cookie that expires or is replaced', () => {
    const sent = jar(
      'http://localhost/',
      'x=1',
      'x=2',
      'y=1',
      'y=; Max-Age=0',
      'z=1',
      'z=; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    )
    expect(sent('http://localhost/')).to.equal('x=2')
  })

  it('takes secure cookies over https and on loopback alone', () => {
    expect(jar('http://a.example/', 'x=1; Secure')('https://a.example/')).to.equal(undefined)
    expect(jar('http://localhost/', 'x=1; Secure')('http://localhost/')).to.equal('x=1')
    expect(jar('https://a.example/', 'x=1; Secure')('http://a.example/')).to.equal(undefined)
  })

  it('refuses a __Host- cookie with a path, with a domain or without Secure', () => {
    const sent = jar(
      'https://a.example/',
      '__Host-a=1; Secure; Path=/a',
      '__Host-b=1; Secure; Path=/; Domain=a.example',
      '__Host-c=1; Path=/',
      '__Host-d=1; Secure; Path=/',
    )
    expect(sent('https://a.example/a')).to.equal('__Host-d=1')
  })
})
