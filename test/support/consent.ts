/** The consent page as a browser has it before a person decides. */
import type { Browser, Page } from '../../src/demo/driver.ts'
import { authorizationRequest, browserFor, type Registered, type Request } from './client.ts'

export interface Consent {
  readonly request: Request
  readonly browser: Browser
  readonly page: Page
}

export async function openConsent(
  issuer: string,
  client: Registered,
  changes: Record<string, string | undefined> = {},
): Promise<Consent> {
  const request = authorizationRequest(issuer, client, changes)
  const browser = browserFor(request)
  const { page } = await browser.open(request.url)
  if (!page) throw new Error('no consent page')
  return { request, browser, page }
}

/** Presses Approve, or what `changes` says, and follows nothing: where would the browser go? */
export async function press(
  browser: Browser,
  page: Page,
  changes: { form?: Record<string, string>; headers?: Record<string, string> } = {},
): Promise<Response> {
  const [form] = page.forms
  if (!form) throw new Error('the page has no form')
  const cookie = browser.cookies.header(form.action)
  return fetch(form.action, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...changes.headers },
    body: new URLSearchParams({ ...form.values, decision: 'approve', ...changes.form }),
  })
}

/** Presses Approve as people do, and answers the page after it. */
export async function approve({ browser, page }: Consent): Promise<Page> {
  const [form] = page.forms
  const next = form && (await browser.submit(page, form, { name: 'decision', value: 'approve' }))
  if (!next?.page) throw new Error('no page after the consent')
  return next.page
}

/** The ids of the IdPs on a chooser, in their order. */
export function offered(page: Page): string[] | undefined {
  return page.forms[0]?.buttons.filter(({ name }) => name === 'idp').map(({ value }) => value)
}
