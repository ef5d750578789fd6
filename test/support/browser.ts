/** Chromium for tests that look at pages as people do. It never reaches beyond this machine. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export function findChromium(): string | undefined {
  return process.env.CHROMIUM_PATH || places.find((path) => existsSync(path))
}

/**
 * Starts Chromium for a suite; call it in `before` and close what it returns in `after`. Without a Chromium it says
 * loudly what does not run and how to change that, and leaves the suite out.
 */
export async function launchBrowser(suite: Mocha.Context): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) {
    const title = suite.test?.parent?.fullTitle()
    console.error(
      `\n  !! NOT RUN, no Chromium: "${title}". Install it (apt-get install chromium) or set CHROMIUM_PATH.\n`,
    )
    return suite.skip()
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
