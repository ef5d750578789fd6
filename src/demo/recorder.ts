/** Shows what a client sends and gets, as lines for a terminal. Credentials are cut to six characters. */

/** Members that are worth nothing to the reader and something to a thief. */
const SECRETS = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'token',
  'code',
  'code_verifier',
  'code_challenge',
  'client_secret',
  'registration_access_token',
  'state',
  'nonce',
])

/** Of the long metadata documents, what the next step depends on. */
const METADATA = [
  'resource',
  'authorization_servers',
  'issuer',
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'scopes_supported',
  'code_challenge_methods_supported',
  'client_id_metadata_document_supported',
]

export interface Exchange {
  readonly method: string
  readonly url: URL
  readonly status: number
  readonly challenge?: string
}

export interface Recorder {
  /** `fetch`, with each exchange shown. */
  readonly fetch: (input: string | URL, init?: RequestInit) => Promise<Response>
  readonly exchanges: readonly Exchange[]
}

/** @param before called with each request before it is shown */
export function recorder(print: (line: string) => void, before: (url: URL, body: unknown) => void): Recorder {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    async fetch(input, init) {
      const url = new URL(input)
      const method = init?.method ?? 'GET'
      const sent = bodyOf(init?.body)
      before(url, sent)
      print(`  > ${method} ${url.origin}${url.pathname}`)
      const authorization = new Headers(init?.headers).get('authorization')
      if (authorization)
        print(`    Authorization: ${authorization.replace(/ .*/, (rest) => ` ${shorten(rest.trim())}`)}`)
      show(print, isMessage(sent) ? { method: sent.method, ...toolOf(sent.params) } : sent)
      const response = await fetch(url, init)
      const challenge = response.headers.get('www-authenticate')
      exchanges.push({ method, url, status: response.status, ...(challenge ? { challenge } : {}) })
      print(`  < ${response.status} ${response.statusText}`.trimEnd())
      if (challenge) print(`    WWW-Authenticate: ${challenge}`)
      const got = await received(response)
      show(print, url.pathname.includes('/.well-known/') ? only(got, METADATA) : isMessage(got) ? resultOf(got) : got)
      return response
    },
  }
}

/** The first six characters of a credential. */
export function shorten(value: string): string {
  return value.length > 6 ? `${value.slice(0, 6)}...` : '...'
}

/** Prints the members of an object, one per line and indented, secrets cut. */
export function show(print: (line: string) => void, value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue
    print(`    ${name}: ${SECRETS.has(name) && typeof member === 'string' ? shorten(member) : plain(member)}`)
  }
}

function plain(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(' ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function bodyOf(body: unknown): unknown {
  if (body instanceof URLSearchParams) return Object.fromEntries(body)
  return typeof body === 'string' ? json(body) : undefined
}

async function received(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (type.startsWith('application/json')) return json(await response.clone().text())
  // The stateless server ends its event streams after the one answer.
  if (!type.startsWith('text/event-stream') || !response.body) return undefined
  return json(/^data: ?(\{.*)$/m.exec(await response.clone().text())?.[1] ?? '')
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Message {
  readonly jsonrpc: string
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value
}

function toolOf(params: unknown): object {
  return only(params, ['name', 'arguments'])
}

function resultOf({ result, error }: Message): object {
  if (error) return { error }
  const { content, ...rest } = only(result, ['protocolVersion', 'supportedVersions', 'serverInfo', 'content'])
  const texts = Array.isArray(content) ? content.map((part) => part?.text ?? part?.type) : undefined
  return { ...rest, ...(texts ? { content: texts } : {}) }
}

function only(value: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)))
}
