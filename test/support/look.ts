/** Looks at a page as different readers do: axe in both colour schemes, then the width of a phone. */
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect } from 'chai'
import type { Page } from 'playwright-core'

const { source: axe } = createRequire(import.meta.url)('axe-core') as { source: string }
const screenshots = process.env.SCREENSHOTS === '1'

/** The context of the page must set its policy aside (`bypassCSP`), which forbids the script that axe is. With
 * `SCREENSHOTS=1` the page is kept in `test/.artifacts` under this name. */
export async function lookAt(page: Page, name: string): Promise<void> {
  const shoot = async (kind: string) => {
    if (!screenshots) return
    await mkdir('test/.artifacts', { recursive: true })
    await page.screenshot({ path: `test/.artifacts/${name}-${kind}.png`, fullPage: true })
  }
  const size = page.viewportSize()
  await page.evaluate(axe)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const { violations } = await page.evaluate<AxeResults>('axe.run(document)')
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).eql([])
    await shoot(colorScheme)
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 320, height: 640 })
  expect(await page.evaluate('document.documentElement.scrollWidth')).equal(320)
  for (const button of await page.locator('button:visible, a.button').all()) {
    expect((await button.boundingBox())?.height).at.least(44)
  }
  await shoot('320')
  if (size) await page.setViewportSize(size)
}
