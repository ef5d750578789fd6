/**
 * A browser without a person: follows redirects, keeps cookies and presses the buttons that a willing user would. The
 * demo uses it for `--auto`, and tests use it to walk through sign-ins. It knows forms, and nothing of OAuth.
 */
import { CookieJar } from './cookies.ts'
import { type Button, type Form, parseForms, titleOf } from './html.ts'

export type { Button, Form } from './html.ts'

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly html: string
  readonly title: string
  readonly forms: readonly Form[]
}

export interface BrowserOptions {
  /** Ends the walk before this address is asked, for instance at a client's redirect URI. */
  readonly until?: (url: URL) => boolean
  /** Called for each request with what it was answered. */
  readonly onRequest?: (method: string, url: URL, status: number) => void
}

/** Where a walk ended: at a page, or before an address that `until` names. */
export type Visit = { readonly url: URL; readonly page?: Page }

const MAX_REDIRECTS = 20
const TIMEOUT_MS = 20_000

export class Browser {
  readonly cookies = new CookieJar()
  readonly #options: BrowserOptions

  constructor(options: BrowserOptions = {}) {
    this.#options = options
  }

  /** Types an address, or follows a link out of another program. */
  open(url: string | URL): Promise<Visit> {
    return this.#go('GET', new URL(url), { 'sec-fetch-site': 'none' })
  }

  /** Submits a form of a page, with a button and with texts for its inputs. */
  submit(page: Page, form: Form, button?: Button, texts: Readonly<Record<string, string>> = {}): Promise<Visit> {
    const data = new URLSearchParams({ ...form.values, ...texts })
    if (button) data.append(button.name, button.value)
    const headers = {
      'sec-fetch-site': form.action.origin === page.url.origin ? 'same-origin' : 'cross-site',
      // What browsers do on a page whose policy is to send no referrer.
      origin: page.headers.get('referrer-policy') === 'no-referrer' ? 'null' : page.url.origin,
    }
    if (form.method === 'POST') return this.#go('POST', form.action, headers, data)
    const url = new URL(form.action)
    url.search = data.toString()
    return this.#go('GET', url, headers)
  }

  async #go(method: string, target: URL, headers: Record<string, string>, body?: URLSearchParams): Promise<Visit> {
    let request: RequestInit = { method, headers, ...(body ? { body } : {}) }
    let url = target
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      if (this.#options.until?.(url)) return { url }
      const cookie = this.cookies.header(url)
      const response = await fetch(url, {
        ...request,
        headers: { accept: 'text/html', ...request.headers, ...(cookie ? { cookie } : {}) },
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      this.#options.onRequest?.(request.method ?? 'GET', url, response.status)
      this.cookies.store(url, response.headers)
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || !location) return { url, page: await read(url, response) }
      await response.body?.cancel()
      if (response.status !== 307 && response.status !== 308) request = { method: 'GET', headers: {} }
      url = new URL(location, url)
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects, the last one to ${url.origin}${url.pathname}`)
  }
}

async function read(url: URL, response: Response): Promise<Page> {
  const html = await response.text()
  return {
    url,
    status: response.status,
    headers: response.headers,
    html,
    title: titleOf(html, url),
    forms: parseForms(html, url),
  }
}

export interface Choices {
  /** The button to press when a page offers several, by name: `{ decision: 'approve', persona: 'ada' }`. */
  readonly buttons?: Readonly<Record<string, string>>
  /** What to type into inputs, by name. */
  readonly texts?: Readonly<Record<string, string>>
  /** Called for each page that is about to be answered. */
  readonly onPage?: (page: Page, button: Button | undefined) => void
}

const MAX_PAGES = 10

/**
 * Opens an address and answers each page, until the walk ends at a page without a form or before `until`. Approves, and
 * presses the first button where nothing else is chosen.
 * @throws {Error} when a page reports a failure, or asks for a text that is not among the choices
 */
export async function walk(browser: Browser, url: string | URL, choices: Choices = {}): Promise<Visit> {
  let visit = await browser.open(url)
  for (let count = 0; count < MAX_PAGES; count += 1) {
    const { page } = visit
    if (!page) return visit
    if (page.status >= 400) throw new Error(`the page “${page.title}” answered with status ${page.status}`)
    const [form] = page.forms
    if (!form) return visit
    const button = choose(page, form.buttons, choices.buttons ?? {})
    // Whoever has a button in mind need not fill in a field that leads elsewhere.
    const decided = button !== undefined && choices.buttons?.[button.name] === button.value
    const missing = form.inputs.find((input) => choices.texts?.[input] === undefined && !form.values[input])
    if (missing && !decided) throw new Error(`the page “${page.title}” asks for ${missing}`)
    choices.onPage?.(page, button)
    visit = await browser.submit(page, form, button, pick(choices.texts, form.inputs))
  }
  throw new Error(`more than ${MAX_PAGES} pages, the last one at ${visit.url.origin}${visit.url.pathname}`)
}

function choose(page: Page, buttons: readonly Button[], wanted: Readonly<Record<string, string>>): Button | undefined {
  const chosen = buttons.find(({ name, value }) => ({ decision: 'approve', ...wanted })[name] === value)
  const open = buttons.find(({ name }) => wanted[name] !== undefined)
  if (!chosen && open) throw new Error(`the page “${page.title}” does not offer ${open.name} ${wanted[open.name]}`)
  return chosen ?? buttons[0]
}

function pick(texts: Readonly<Record<string, string>> = {}, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([name]) => names.includes(name)))
}
