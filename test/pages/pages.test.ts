import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openPages, type PageContext, type PagesOptions } from '../../src/pages/index.ts'
import type { Models } from '../../src/pages/models.ts'
import { samples } from '../../src/pages/samples.ts'
import { attack, filledWith } from '../support/page-models.ts'

const names = Object.keys(samples) as (keyof Models)[]

interface Answer {
  status: number
  body: string
  headers: Record<string, string>
}

function answerOf(send: (ctx: PageContext) => void, fresh = false): Answer {
  const headers: Record<string, string> = {}
  const set = (fields: Record<string, string>) => Object.assign(headers, fields)
  const ctx = { status: 404, body: '', set, fresh }
  send(ctx as unknown as PageContext)
  return { status: ctx.status, body: ctx.body, headers }
}

function shown<N extends keyof Models>(name: N, model: Models[N], options?: PagesOptions): string {
  return answerOf((ctx) => openPages(options).show(ctx, name, model)).body
}

describe('openPages', () => {
  it('answers with the page, its status and the headers a page needs', () => {
    const { status, body, headers } = answerOf((ctx) => openPages().show(ctx, 'failure', samples.failure, 403))
    expect(status).equal(403)
    expect(body).match(/^<!doctype html>\n<html lang="en">/)
    expect(body).includes('<title>You cancelled · Consulate</title>')
    expect(headers).eql({
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Security-Policy':
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    })
  })

  it('answers 200 unless told otherwise', () => {
    expect(answerOf((ctx) => openPages().show(ctx, 'landing', samples.landing)).status).equal(200)
  })

  it('sends the style sheet with a validator, and 304 to a browser that has it', () => {
    const pages = openPages()
    const first = answerOf((ctx) => pages.sendStylesheet(ctx))
    expect(first).deep.include({ status: 200, body: pages.stylesheet.body })
    expect(first.headers).include({ 'Content-Type': 'text/css; charset=utf-8', ETag: pages.stylesheet.etag })
    expect(pages.stylesheet.etag).match(/^"[\w-]{22}"$/)
    expect(answerOf((ctx) => pages.sendStylesheet(ctx), true)).include({ status: 304, body: '' })
  })

  it('links the style sheet below the path of the issuer', () => {
    expect(shown('failure', samples.failure)).includes('href="/assets/consulate.css"')
    expect(shown('failure', samples.failure, { basePath: '/t1' })).includes('href="/t1/assets/consulate.css"')
  })

  it('marks every page in development mode, and none otherwise', () => {
    for (const name of names) {
      const { [name]: model } = samples
      expect(shown(name, model, { development: true })).includes('<p class="badge">Development mode</p>')
      expect(shown(name, model)).not.includes('<p class="badge">')
    }
  })
})

describe('The pages', () => {
  for (const name of names) {
    it(`${name} escapes every string of its model`, () => {
      const html = shown(name, filledWith(samples[name], attack))
      expect(html).includes('&lt;script&gt;alert(1)&lt;/script&gt;')
      expect(html).not.match(/<(script|img|svg|iframe|b)\b/)
      // Outside of text, nothing that was sent can be read as an attribute.
      expect(html.replace(/"[^"]*"/g, '')).not.match(/<[^>]*\son\w+=/)
      expect(html).not.match(/(href|action|src)="[^"]*alert/)
    })

    it(`${name} never makes a link or a form target of a javascript: URL`, () => {
      for (const url of ['javascript:alert(1)', 'JAVASCRIPT:alert(1)', 'data:text/html,<script>alert(1)</script>']) {
        const html = shown(name, filledWith(samples[name], url))
        expect(html).not.match(/(href|action|src)="\s*(javascript|data):/i)
      }
    })

    it(`${name} needs no script, no inline style and nothing from elsewhere`, () => {
      const html = shown(name, samples[name])
      expect(html).not.match(/<script|<style|\sstyle=|\son[a-z]+=|<img src="(?!\/assets\/)|@import|autofocus/)
      expect(html.match(/<link[^>]*>/g)).eql(['<link rel="stylesheet" href="/assets/consulate.css">'])
    })
  }

  it('never print an undefined value', () => {
    const { clientHost: _, redirectHostAscii: __, idpName: ___, ...consent } = samples.consent
    const { back: ____, link: ______, ...failure } = samples.failure
    const { email: _______, ...choose } = samples.choose
    const fields = [{ type: 'text', name: 'user', label: 'User' } as const]
    const { notice: _____, ...form } = { ...samples.form, fields }
    const html = [
      shown('consent', consent),
      shown('failure', failure),
      shown('form', form),
      shown('choose', choose),
    ].join()
    expect(html).not.match(/undefined|null|\[object/)
  })

  it('consent says who asks, where the answer goes, for what, and where Approve leads', () => {
    const html = shown('consent', samples.consent)
    for (const text of ['Claude Code', 'Unverified application', 'bücher.example', 'xn--bcher-kva.example']) {
      expect(html).includes(text)
    }
    for (const text of ['claude.ai', 'Demo server', 'https://mcp.example.com/mcp', 'read who you are', 'demo:read']) {
      expect(html).includes(text)
    }
    expect(html).match(/Approve takes you to <strong><bdi>Contoso/)
    expect(html.match(/<form method="post" action="\/consent">/g)).length(1)
    expect(html.match(/<(input|button) .*>/g)).eql([
      '<input type="hidden" name="csrf" value="token">',
      '<button class="primary armed" name="decision" value="approve">Approve</button>',
      '<button name="decision" value="cancel">Cancel</button>',
    ])
  })

  it('consent warns when a program on this computer gets the answer, and only then', () => {
    const warning = 'Continue only if you started this yourself on this computer just now'
    expect(shown('consent', { ...samples.consent, redirectKind: 'device' })).includes(warning)
    expect(shown('consent', { ...samples.consent, redirectKind: 'app' })).includes(warning)
    expect(shown('consent', samples.consent)).not.includes(warning)
  })

  it('failure leads back by an ordinary link that says nothing about this page', () => {
    const link = '<a class="button" rel="noreferrer" href="https://claude.ai/callback">'
    expect(shown('failure', samples.failure)).includes(link)
    const back = { url: 'javascript:alert(1)', host: 'evil' }
    const html = shown('failure', { ...samples.failure, back, link: { url: 'javascript:alert(1)', label: 'evil' } })
    expect(html).not.includes('<a ')
  })
})

describe('The views', () => {
  const dir = new URL('../../views/', import.meta.url)

  it('print raw text in one place only, the body of the layout', () => {
    const raw = readdirSync(dir)
      .filter((file) => file.endsWith('.eta'))
      .flatMap((file) => readFileSync(new URL(file, dir), 'utf8').match(/<%[-_]?\s*~.*?%>|\boutput\(|__eta/g) ?? [])
    expect(raw).eql(['<%~ it.body %>'])
  })

  describe('of an operator', () => {
    let viewsDir: string
    beforeEach(() => {
      viewsDir = mkdtempSync(join(tmpdir(), 'consulate-views-'))
    })
    afterEach(() => rmSync(viewsDir, { recursive: true }))
    const put = (file: string, text: string) => writeFileSync(join(viewsDir, file), text)

    it('replace ours file by file', () => {
      put('failure.eta', `<% layout('@layout', { title: 'Oh' }) %><h1>Acme: <%= it.title %></h1>`)
      put('consulate.css', 'h1 { color: rebeccapurple }')
      put('README.md', 'Views of Acme')
      expect(shown('failure', samples.failure, { viewsDir })).includes('<main>\n<h1>Acme: You cancelled</h1>')
      expect(shown('landing', samples.landing, { viewsDir })).equal(shown('landing', samples.landing))
      expect(openPages({ viewsDir }).stylesheet.body).equal('h1 { color: rebeccapurple }')
      expect(openPages({ viewsDir }).stylesheet.etag).not.equal(openPages().stylesheet.etag)
    })

    it('get no link that runs code, however they print it', () => {
      put('failure.eta', '<a href="<%= it.back.url %>">back</a>')
      const back = { url: 'javascript:alert(1)', host: 'evil' }
      expect(shown('failure', { ...samples.failure, back }, { viewsDir })).equal('<a href="">back</a>')
    })

    it('stop the start when one is no template', () => {
      put('consent.eta', '<h1><%= it.clientName </h1>')
      expect(() => openPages({ viewsDir })).throw(/^The view \S+consent\.eta cannot be used: .*unclosed tag/)
      put('consent.eta', '<% if (true) { %>')
      expect(() => openPages({ viewsDir })).throw(/^The view \S+consent\.eta cannot be used: Bad template syntax/)
    })

    it('stop the start when one fails on a model', () => {
      put('landing.eta', '<%= it.server.name %>')
      expect(() => openPages({ viewsDir })).throw(/^The view \S+landing\.eta cannot be used: Cannot read properties/)
      put('landing.eta', `<% layout('@frame') %>`)
      expect(() => openPages({ viewsDir })).throw(/^The view \S+landing\.eta cannot be used: .*@frame/)
    })

    it('stop the start when one has a name that replaces nothing', () => {
      put('concent.eta', '')
      expect(() => openPages({ viewsDir })).throw('viewsDir: concent.eta replaces nothing; the views are layout.eta,')
    })

    it('stop the start when their folder or a file cannot be read', () => {
      const missing = join(viewsDir, 'missing')
      expect(() => openPages({ viewsDir: missing })).throw(/^The view \S+missing cannot be used: ENOENT/)
      mkdirSync(join(viewsDir, 'choose.eta'))
      expect(() => openPages({ viewsDir })).throw(/^The view \S+choose\.eta cannot be used: EISDIR/)
    })
  })
})
