/** Chromium for tests that look at pages as people do. It never reaches beyond this machine. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { leaveOut } from './leave-out.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export function findChromium(): string | undefined {
  return process.env.CHROMIUM_PATH || places.find((path) => existsSync(path))
}

/**
 * Starts Chromium for a suite; call it in `before` and close what it returns in `after`. Without a Chromium
 * the suite is left out.
 */
export async function launchBrowser(suite: Mocha.Context): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) {
    return leaveOut(suite, 'no Chromium', 'Install it (apt-get install chromium) or set CHROMIUM_PATH.')
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
