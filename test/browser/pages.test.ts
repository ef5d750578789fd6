import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect } from 'chai'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { everyVariant } from '../support/page-models.ts'
import { type PagesApp, startPagesApp } from '../support/pages-app.ts'

const { source: axe } = createRequire(import.meta.url)('axe-core') as { source: string }
const schemes = ['light', 'dark'] as const
const screenshots = process.env.SCREENSHOTS === '1'

describe('Pages in a browser', () => {
  let app: PagesApp
  let browser: Browser

  before(async function () {
    browser = await launchBrowser(this)
    app = await startPagesApp()
    if (screenshots) await mkdir('test/.artifacts', { recursive: true })
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  interface Seen {
    readonly requests: string[]
    readonly complaints: string[]
  }

  async function withPage(
    path: string,
    options: BrowserContextOptions,
    look: (page: Page, seen: Seen) => Promise<void>,
  ) {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
    try {
      const page = await context.newPage()
      const seen: Seen = { requests: [], complaints: [] }
      page.on('request', (request) => seen.requests.push(request.url()))
      page.on('console', (message) => seen.complaints.push(message.text()))
      page.on('pageerror', (error) => seen.complaints.push(error.message))
      const response = await page.goto(`${app.origin}/t1/${path}`)
      expect(response?.status()).equal(200)
      await look(page, seen)
    } finally {
      await context.close()
    }
  }

  const shoot = async (page: Page, path: string, kind: string) => {
    if (screenshots) {
      await page.screenshot({ path: `test/.artifacts/${path.replace('/', '-')}-${kind}.png`, fullPage: true })
    }
  }

  for (const path of everyVariant) {
    it(`${path} has no accessibility fault that axe knows, light and dark`, async () => {
      // The policy of the page forbids the script that axe is, so only this context sets it aside.
      await withPage(path, { bypassCSP: true }, async (page) => {
        await page.evaluate(axe)
        for (const colorScheme of schemes) {
          await page.emulateMedia({ colorScheme })
          const { violations, passes } = await page.evaluate<AxeResults>('axe.run(document)')
          expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).eql([])
          expect(passes.map(({ id }) => id)).includes('color-contrast')
          await shoot(page, path, colorScheme)
        }
      })
    })

    it(`${path} fits 320 pixels, has buttons of 44, asks nobody else for anything and breaks no policy`, async () => {
      await withPage(path, { viewport: { width: 320, height: 640 } }, async (page, seen) => {
        expect(await page.evaluate('document.documentElement.scrollWidth')).equal(320)
        for (const button of await page.locator('button:visible, a.button').all()) {
          expect((await button.boundingBox())?.height).at.least(44)
        }
        const own = new RegExp(`^${app.origin}/t1/(${path}|assets/(consulate\\.css|idps/[a-z]+))$`)
        expect(seen.requests.filter((url) => !own.test(url))).eql([])
        for (const logo of await page.locator('img').all()) expect((await logo.boundingBox())?.width).equal(28)
        expect(await page.evaluate('[...document.images].every(({ naturalWidth }) => naturalWidth > 0)')).equal(true)
        expect(seen.complaints).eql([])
        await shoot(page, path, '320')
      })
    })
  }

  it('turns dark when the reader prefers that', async () => {
    const seen: unknown[] = []
    for (const colorScheme of schemes) {
      await withPage('consent/web', { colorScheme }, async (page) => {
        seen.push(
          await page.evaluate(`[getComputedStyle(document.documentElement).backgroundColor,
          getComputedStyle(document.querySelector('h1')).color]`),
        )
      })
    }
    const [light, dark] = seen as [string[], string[]]
    expect(brightness(light[0])).above(brightness(light[1]))
    expect(brightness(dark[0])).below(brightness(dark[1]))
  })

  it('names the page in its title and language, and has one heading of the first rank and one main part', async () => {
    await withPage('consent/web', {}, async (page) => {
      expect(await page.title()).equal('Allow Claude Code to use Demo server? · Consulate')
      expect(await page.getAttribute('html', 'lang')).equal('en')
      expect(await page.locator('h1').count()).equal(1)
      expect(await page.locator('main').count()).equal(1)
    })
  })

  it('can be approved with the keyboard alone, and shows where the focus is', async () => {
    await withPage('consent/web', {}, async (page) => {
      app.posts.length = 0
      expect(await focused(page)).eql({ name: '', outlined: false })
      // With nothing focused, Enter must not answer for the user.
      await page.keyboard.press('Enter')
      await page.keyboard.press('Tab')
      expect(await focused(page)).eql({ name: 'Approve', outlined: true })
      await page.keyboard.press('Tab')
      expect(await focused(page)).eql({ name: 'Cancel', outlined: true })
      await page.keyboard.press('Shift+Tab')
      expect(await focused(page)).eql({ name: 'Approve', outlined: true })
      expect(app.posts).eql([])
      await Promise.all([page.waitForURL('**/posted'), page.keyboard.press('Enter')])
      expect(app.posts.map(({ body }) => body.toString())).eql(['csrf=token&decision=approve'])
    })
  })

  it('posts the IdP that was chosen', async () => {
    await withPage('choose/plain', {}, async (page) => {
      app.posts.length = 0
      await page.getByRole('button', { name: 'Partners' }).click()
      expect(app.posts.map(({ body }) => body.toString())).eql(['csrf=token&idp=partners'])
    })
  })

  it('posts the e-mail address when Enter is pressed in its field, and chooses no IdP by accident', async () => {
    await withPage('choose/empty', {}, async (page) => {
      app.posts.length = 0
      await page.keyboard.press('Tab')
      await page.keyboard.type('ada@example.org')
      await Promise.all([page.waitForURL('**/posted'), page.keyboard.press('Enter')])
      expect(app.posts.map(({ body }) => body.toString())).eql(['csrf=token&email=ada%40example.org&decision=address'])
    })
  })

  it('tells a reader of an address that led nowhere why, at the field', async () => {
    await withPage('choose/two', {}, async (page) => {
      const field = page.getByLabel('Your e-mail address at work')
      expect(await field.getAttribute('aria-invalid')).equal('true')
      const described = await field.getAttribute('aria-describedby')
      expect(await page.locator(`#${described}`).textContent()).includes('Nobody here')
      expect(await page.title()).match(/^Not found/)
    })
  })

  it('posts the inputs of a form step when Enter is pressed in one', async () => {
    await withPage('form/inputs', {}, async (page) => {
      app.posts.length = 0
      await page.getByLabel('User name').fill('ada')
      await page.getByLabel('Password').fill('secret')
      await Promise.all([page.waitForURL('**/posted'), page.keyboard.press('Enter')])
      expect(app.posts.map(({ body }) => body.toString())).eql(['state=state&user=ada&password=secret'])
    })
  })

  it('never takes Enter in an input for the choice of an option', async () => {
    await withPage('form/mixed', {}, async (page) => {
      app.posts.length = 0
      await page.getByLabel('User name').fill('ada')
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Ada' }).click()
      expect(app.posts.map(({ body }) => body.toString())).eql(['state=state&user=ada&as=ada'])
    })
  })
})

/** The focused control's text, and whether an outline is drawn around it. */
async function focused(page: Page): Promise<{ name: string; outlined: boolean }> {
  return page.evaluate(`(() => {
    const element = document.activeElement
    if (element === document.body) return { name: '', outlined: false }
    const { outlineStyle, outlineWidth } = getComputedStyle(element)
    return { name: element.textContent, outlined: outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2 }
  })()`)
}

/** The sum of the channels of `rgb(r, g, b)`. */
function brightness(color: string | undefined): number {
  return (color?.match(/\d+/g) ?? []).reduce((sum, channel) => sum + Number(channel), 0)
}
