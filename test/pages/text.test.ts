import { expect } from 'chai'
import fc from 'fast-check'
import { displayHost, plainText, safeHref } from '../../src/pages/text.ts'
import { isLoopbackHost } from '../../src/url.ts'

describe('plainText', () => {
  it('leaves an ordinary name as it is', () => {
    for (const name of ['Claude Code', 'Größe & Söhne', '東京アプリ', 'تطبيق', 'Zoë 🚀'])
      expect(plainText(name)).equal(name)
  })

  it('removes characters that hide or reorder others', () => {
    expect(plainText('evil\u202Egnp.exe')).equal('evilgnp.exe')
    expect(plainText('\u2066Pay\u200Bpal\u2069\uFEFF')).equal('Paypal')
    expect(plainText('a\u0000b\u001B[31mc\u007F')).equal('ab[31mc')
    expect(plainText('\u{E0041}x\uE000\uD800')).equal('x')
  })

  it('makes one line of any white space', () => {
    expect(plainText('  a\r\n\tb\u00A0\u2028\u3000c\u2800 ')).equal('a b c')
  })

  it('writes what looks the same in the same way', () => {
    expect(plainText('e\u0301')).equal('é')
    expect(plainText('e\u200C\u0301')).equal('é')
  })

  it('lets no name close the quotation marks around it', () => {
    expect(plainText('X” to use nothing. “Y')).equal('X" to use nothing. "Y')
  })

  it('keeps marks from piling up over other lines', () => {
    expect(plainText(`Z${'\u0335'.repeat(50)}`)).equal(`Z${'\u0335'.repeat(3)}`)
  })

  it('names an application that has no visible name', () => {
    for (const name of [undefined, '', '   ', '\u200B\u2800', '\u3164\u115F', '\u0301']) {
      expect(plainText(name)).equal('an unnamed application')
    }
    expect(plainText('', 'a server')).equal('a server')
  })

  it('shortens to 64 characters as people count them', () => {
    expect(plainText('x'.repeat(64))).equal('x'.repeat(64))
    expect(plainText('x'.repeat(65))).equal(`${'x'.repeat(63)}…`)
    expect(plainText('👍🏽'.repeat(64))).equal('👍🏽'.repeat(64))
    expect(plainText('👍🏽'.repeat(65))).equal(`${'👍🏽'.repeat(63)}…`)
  })

  it('is short, visible, in one line and unchanged by itself, whatever it was given', () => {
    const characters = new Intl.Segmenter('en')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const shown = plainText(text)
        expect(Array.from(characters.segment(shown)).length).within(1, 64)
        expect(shown).not.match(/[\p{Cc}\p{Cf}\p{Cs}]|\s\s|^\s|\s$/u)
        expect(shown.normalize('NFC')).equal(shown)
        expect(plainText(shown)).equal(shown)
      }),
    )
  })
})

describe('displayHost', () => {
  it('shows a host as it is, with the port of another origin', () => {
    expect(displayHost('https://claude.ai/api/mcp/auth_callback')).eql({ host: 'claude.ai' })
    expect(displayHost(new URL('https://claude.ai:8443/'))).eql({ host: 'claude.ai:8443' })
  })

  it('leaves out the port on this computer, which is a new one each time', () => {
    expect(displayHost('http://localhost:51234/callback')).eql({ host: 'localhost' })
    expect(displayHost('http://127.0.0.1:33418/')).eql({ host: '127.0.0.1' })
    expect(displayHost('http://[::1]:33418/')).eql({ host: '[::1]' })
  })

  it('shows what belongs to user information as no part of the host', () => {
    expect(displayHost('https://accounts.google.com@evil.example/')).eql({ host: 'evil.example' })
  })

  it('shows a host of another alphabet readably and in ASCII', () => {
    expect(displayHost('https://bücher.example/')).eql({ host: 'bücher.example', ascii: 'xn--bcher-kva.example' })
    expect(displayHost('https://例え.jp:8443/')).eql({ host: '例え.jp:8443', ascii: 'xn--r8jz45g.jp:8443' })
    expect(displayHost('https://аррӏе.com/')).eql({ host: 'аррӏе.com', ascii: 'xn--80ak6aa92e.com' })
  })

  it('never shows the readable form of a label that mixes alphabets', () => {
    // The second letter is Cyrillic.
    expect(displayHost('https://pаypal.com/')).eql({ host: 'xn--pypal-4ve.com' })
    expect(displayHost('https://login.micrοsoft.com/')).eql({ host: 'login.xn--micrsoft-2dg.com' })
  })

  it('shows the scheme of an application', () => {
    expect(displayHost('cursor://anysphere.cursor-mcp/oauth/callback')).eql({ host: 'cursor' })
    expect(displayHost('com.example.app:/callback')).eql({ host: 'com.example.app' })
  })
})

describe('isLoopbackHost', () => {
  it('is true only of this computer', () => {
    const hosts = [
      'localhost',
      '127.0.0.1',
      '127.9.9.9',
      '[::1]',
      'localhost.evil.example',
      '127.0.0.1.evil',
      '128.0.0.1',
    ]
    expect(hosts.filter(isLoopbackHost)).eql(hosts.slice(0, 4))
  })
})

describe('safeHref', () => {
  it('keeps web addresses, paths of this server and applications', () => {
    for (const url of ['https://a.example/?x=1', 'http://localhost:1/cb', '/consent/1', 'cursor://x/y']) {
      expect(safeHref(url)).equal(url)
    }
  })

  it('empties what a browser would run or open itself, and what is no address', () => {
    const runs = ['javascript:alert(1)', ' JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', '\u0001javascript:alert(1)']
    const opens = ['data:text/html,x', 'vbscript:x', 'blob:https://a/b', 'file:///etc/passwd', 'view-source:https://a']
    for (const url of [...runs, ...opens, 'nothing', '', '//evil.example', '/\\evil.example']) {
      expect(safeHref(url), url).equal('')
    }
  })
})
