/**
 * The authorization endpoint, after "OAuth 2.0 authorization code flow", "Request an authorization code". What concerns
 * the application itself (unknown, unregistered redirect URI) is shown on a page of Entra and never sent back; everything
 * else goes to the redirect URI with `error`, `error_description` and the state.
 */
import { randomBytes } from 'node:crypto'
import { PERSONAL_ACCOUNTS, type Person } from './directory.ts'
import { Aadsts, errorBody } from './errors.ts'
import { challengeOf, grantedScopes, type Place, personOf, type Service } from './token.ts'

export interface Shown {
  readonly status: number
  readonly html: string
}

export function authorize(service: Service, place: Place, query: URLSearchParams): URL | Shown {
  const { app } = service.directory
  const redirectUri = query.get('redirect_uri') ?? ''
  try {
    if (query.get('client_id') !== app.clientId || service.directory.tenants[place.tenant]?.hasApp === false) {
      throw new Aadsts(700016)
    }
    if (!app.redirectUris.includes(redirectUri)) throw new Aadsts(50011)
    if (place.tenant === 'organizations' && !app.multiTenant) throw new Aadsts(50194)
  } catch (error) {
    if (error instanceof Aadsts) return page(error)
    throw error
  }
  const login = loginOf(service, query)
  if (login === undefined) return { status: 200, html: form(query) }
  const back = new URL(redirectUri)
  back.searchParams.set('state', query.get('state') ?? '')
  back.searchParams.set('session_state', randomBytes(8).toString('hex'))
  try {
    back.searchParams.set('code', signIn(service, place, query, login))
  } catch (error) {
    if (!(error instanceof Aadsts)) throw error
    // Who has no account here stays on Entra's page.
    if (error.code === 50020) return page(error)
    const { error: name, error_description: words } = errorBody(error)
    back.searchParams.set('error', String(name))
    back.searchParams.set('error_description', String(words))
  }
  return back
}

/** "Admin consent on the Microsoft identity platform", where whoever comes is an administrator and accepts: back at the
 * redirect URI with `admin_consent`, `tenant` and `scope`, and the state if there was one. */
export function adminConsent({ directory: { app } }: Service, place: Place, query: URLSearchParams): URL | Shown {
  const scope = query.get('scope')
  if (scope === null) return page(new Aadsts(900144))
  const redirectUri = query.get('redirect_uri') ?? ''
  if (query.get('client_id') !== app.clientId) return page(new Aadsts(700016))
  if (!app.redirectUris.includes(redirectUri)) return page(new Aadsts(50011))
  const asked = scope
    .split(' ')
    .flatMap((name) => (name.startsWith(`${place.graph}/`) ? name.slice(place.graph.length + 1) : []))
  app.consented = [...new Set([...app.consented, ...asked])]
  const back = new URL(redirectUri)
  back.searchParams.set('tenant', place.tenant)
  back.searchParams.set('admin_consent', 'True')
  back.searchParams.set('scope', scope)
  const state = query.get('state')
  if (state !== null) back.searchParams.set('state', state)
  return back
}

/** `login_hint` fills in the name; otherwise whoever sits there, or a page that asks. */
function loginOf({ directory }: Service, query: URLSearchParams): string | undefined {
  const { visitor, visitorAsked } = directory.behaviour
  const asked = query.get('login_hint')
  const hint = asked === null ? visitor : visitorAsked || asked
  if (hint === '') return undefined
  const known = Object.entries(directory.people).find(([login, { username }]) => hint === login || hint === username)
  return known?.[0] ?? hint
}

function signIn({ directory, codes }: Service, place: Place, query: URLSearchParams, login: string): string {
  const { app, behaviour } = directory
  const person = personOf(directory, login)
  if (behaviour.authorizeError) throw new Aadsts(behaviour.authorizeError)
  mayEnter(place.tenant, person)
  if (query.has('resource')) throw new Aadsts(9010010)
  if (query.get('response_type') !== 'code' || !query.get('code_challenge')) throw new Aadsts(900144)
  const scopes = grantedScopes((query.get('scope') ?? '').split(' '), place.graph, app)
  // The challenge of a token error comes back as the parameter `claims`, and is met in the browser.
  if (query.get('claims') === challengeOf(behaviour)) person.secondFactor = true
  const code = randomBytes(32).toString('base64url')
  codes.set(code, { login, scopes, request: query })
  return code
}

/** "Microsoft identity platform and OpenID Connect", the values of `{tenant}`. */
function mayEnter(tenant: string, { tid }: Person): void {
  const personal = tid === PERSONAL_ACCOUNTS
  if (tenant === 'common') return
  if (tenant === 'organizations' ? personal : tenant === 'consumers' ? !personal : tid !== tenant)
    throw new Aadsts(50020)
}

const escaped = (text: string) => text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`)

function page(error: Aadsts): Shown {
  const { error_description: words } = errorBody(error)
  return { status: 400, html: `<!doctype html><title>Sign in</title><h1>Sorry</h1><p>${escaped(String(words))}</p>` }
}

function form(query: URLSearchParams): string {
  const hidden = [...query].map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  )
  return (
    '<!doctype html><html lang="en"><title>Sign in to your account</title><form method="get">' +
    `${hidden.join('')}<label>Name <input name="login_hint" required autofocus></label><button>Next</button></form></html>`
  )
}
