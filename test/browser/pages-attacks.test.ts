import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { samples } from '../../src/pages/samples.ts'
import { launchBrowser } from '../support/browser.ts'
import { attack } from '../support/page-models.ts'
import { type PagesApp, startOtherSite, startPagesApp } from '../support/pages-app.ts'

describe('Pages under attack in a browser', () => {
  let app: PagesApp
  let browser: Browser
  let page: Page

  before(async function () {
    browser = await launchBrowser(this)
    app = await startPagesApp()
  })
  beforeEach(async () => {
    page = await browser.newPage()
  })
  afterEach(async () => {
    delete app?.redirectTo
    await page?.close()
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  for (const name of Object.keys(samples)) {
    it(`${name} shows hostile text as text: no script runs, nothing is fetched, no element is added`, async () => {
      // Without the policy, so that escaping alone has to hold.
      const bare = await browser.newContext({ bypassCSP: true })
      try {
        const page = await bare.newPage()
        const surprises: string[] = []
        page.on('dialog', (dialog) => {
          surprises.push(dialog.message())
          void dialog.dismiss()
        })
        page.on('request', (request) => {
          if (!request.url().startsWith(`${app.origin}/t1/`)) surprises.push(request.url())
        })
        const response = await page.goto(`${app.origin}/t1/${name}/attacked`)
        expect(response?.status()).equal(200)
        expect(await page.locator('script, img, svg, iframe, [onload], [onerror], [onfocus]').count()).equal(0)
        expect(await page.locator('main').textContent()).includes(attack)
        expect(surprises).eql([])
      } finally {
        await bare.close()
      }
    })
  }

  it('are not shown inside a frame of another site', async () => {
    const site = await startOtherSite(`<iframe src="${app.origin}/t1/consent/web"></iframe>`)
    try {
      const refusal = page.waitForEvent('console', (message) => message.text().includes('frame-ancestors'))
      await page.goto(site.origin)
      await refusal
      const frame = page.mainFrame().childFrames()[0]
      await frame?.waitForURL('chrome-error://chromewebdata/')
      expect(await frame?.locator('button').count()).equal(0)
    } finally {
      await site.close()
    }
  })

  it('post with the Origin of this server, so that a forged form can be told apart', async () => {
    await page.goto(`${app.origin}/t1/consent/web`)
    await page.getByRole('button', { name: 'Approve' }).click()
    const { headers } = app.posts.at(-1) ?? {}
    expect(headers?.origin).equal(app.origin)
    expect(headers?.['sec-fetch-site']).equal('same-origin')
  })

  it('lead from the consent form through a redirect to another site', async () => {
    const site = await startOtherSite('<title>signed in</title>')
    try {
      app.redirectTo = site.origin
      await page.goto(`${app.origin}/t1/consent/web`)
      await page.getByRole('button', { name: 'Approve' }).click()
      await page.waitForURL(`${site.origin}/`)
      expect(await page.title()).equal('signed in')
    } finally {
      await site.close()
    }
  })

  it('ignore a click on Approve in the moment in which the page appears', async () => {
    await page.goto(`${app.origin}/t1/consent/web`)
    const armed = await page.evaluate(`(() => {
      const button = document.querySelector('[value=approve]')
      const [animation] = button.getAnimations()
      animation.pause()
      const at = (time) => {
        animation.currentTime = time
        return getComputedStyle(button).pointerEvents
      }
      return [at(0), at(animation.effect.getComputedTiming().endTime)]
    })()`)
    expect(armed).eql(['none', 'auto'])
  })
})
