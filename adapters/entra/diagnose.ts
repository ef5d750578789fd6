/** What usually goes wrong between us and Entra, looked at one thing after the other for `consulate doctor`. */
import type { Finding, Host } from '../../src/adapter.ts'
import { discoveryUrl, requireEndpoint } from '../code-flow/connection.ts'
import type { Credential } from '../code-flow/credentials.ts'
import { daysLeft, endWords } from './credentials.ts'
import { permissionFor } from './graph.ts'
import type { EntraOptions } from './options.ts'
import { aadstsOf, explainer, type Place } from './refusals.ts'
import type { Tenants } from './tenants.ts'

/** Beyond it ID tokens are refused; half of it is worth a word. */
const SKEW_MS = 60_000

export interface Subject {
  readonly host: Host
  readonly options: EntraOptions
  readonly tenants: Tenants
  readonly credentials: readonly Credential[]
  readonly graph: string
  readonly place: Place
}

export async function* diagnose(subject: Subject): AsyncGenerator<Finding> {
  const { metadata, finding, date } = await discovery(subject)
  yield finding
  yield clock(subject, date)
  yield tenants(subject)
  for (const credential of subject.credentials) {
    yield end(subject, credential)
    yield await login(subject, credential, metadata)
  }
  yield redirectUri(subject)
  yield groups(subject)
}

interface Metadata {
  readonly issuer: string
  readonly token_endpoint: string
}

async function discovery({ host, options, tenants }: Subject) {
  const step = 'Discovery document'
  const url = discoveryUrl(tenants.server)
  const bad = (detail: string, remedy: string, date: string | null = null) => ({
    finding: { step, state: 'bad', detail, remedy } satisfies Finding,
    metadata: undefined,
    date,
  })
  let response: Response
  try {
    response = await host.fetch(url)
  } catch (error) {
    const port = url.port || (url.protocol === 'http:' ? '80' : '443')
    const remedy = `Let this machine reach ${url.hostname} on port ${port}, and set NODE_EXTRA_CA_CERTS for a proxy that opens TLS.`
    return bad(`${url.href}: ${messageOf(error)}`, remedy)
  }
  const date = response.headers.get('date')
  const { issuer, token_endpoint } = await membersOf(response)
  if (response.status !== 200 || typeof issuer !== 'string' || typeof token_endpoint !== 'string') {
    return bad(`${url.href} answered with status ${response.status}`, 'Check tenant and authority.', date)
  }
  if (!tenants.acceptIssuer(issuer))
    return bad(`${url.href} names the issuer ${issuer}`, 'Check tenant and authority.', date)
  try {
    // The credential goes there next.
    requireEndpoint('token_endpoint', token_endpoint, { server: tenants.server, allowInsecure: options.allowInsecure })
  } catch (error) {
    return bad(messageOf(error), 'Find out who answers in the place of Entra.', date)
  }
  const finding: Finding = { step, state: 'good', detail: issuer }
  return { finding, metadata: { issuer, token_endpoint }, date }
}

function clock({ host }: Subject, date: string | null): Finding {
  const step = 'Clock'
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return { step, state: 'skipped', detail: 'there is no answer with a date to compare with' }
  const off = Math.abs(host.now().getTime() - theirs)
  const detail = `differs by ${Math.round(off / 1000)} seconds from the clock of Entra`
  if (off <= SKEW_MS / 2) return { step, state: 'good', detail }
  return {
    step,
    state: off > SKEW_MS ? 'bad' : 'warning',
    detail,
    remedy: 'Synchronise the clock of this machine (NTP).',
  }
}

function tenants({ options, tenants: { shared } }: Subject): Finding {
  const step = 'Tenants'
  if (!shared) return { step, state: 'good', detail: `users and guests of ${options.tenant}` }
  if (options.tenant === 'consumers') return { step, state: 'good', detail: 'personal Microsoft accounts' }
  if (options.tenants) return { step, state: 'good', detail: `users and guests of ${options.tenants.join(', ')}` }
  const remedy = 'List the tenants that you mean under tenants, or name one as tenant.'
  return { step, state: 'warning', detail: 'anybody with an account in any tenant may sign in', remedy }
}

function end({ host }: Subject, credential: Credential): Finding {
  const step = `End of ${credential.name}`
  const { expires } = credential
  const days = daysLeft(credential, host.now())
  if (!expires) return { step, state: 'skipped', detail: 'not known (a client secret may have expires beside it)' }
  if (days === undefined) return { step, state: 'good', detail: expires.toISOString().slice(0, 10) }
  const remedy = 'Add its successor under credentials, restart, and remove this one afterwards.'
  return { step, state: days < 0 ? 'bad' : 'warning', detail: endWords(credential, days), remedy }
}

/** A client-credentials token request: it needs no user, and the token is thrown away. */
async function login({ host, options, graph, place, tenants }: Subject, credential: Credential, metadata?: Metadata) {
  const step = `Sign-in with ${credential.name}`
  const skipped = (detail: string): Finding => ({ step, state: 'skipped', detail })
  if (!metadata) return skipped('without the discovery document there is no token endpoint')
  // Application tokens are of one tenant ("OAuth 2.0 client credentials flow on the Microsoft identity platform").
  const [first] = options.tenants ?? []
  if (tenants.shared && first === undefined) return skipped('applications sign in to one tenant, and none is named')
  const endpoint = tenants.shared
    ? metadata.token_endpoint.replace(`/${options.tenant}/`, `/${first}/`)
    : metadata.token_endpoint
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${graph}/.default` })
  const headers = new Headers({ accept: 'application/json' })
  try {
    const server = { issuer: metadata.issuer, token_endpoint: endpoint }
    await credential.authenticate(server, { client_id: options.clientId }, body, headers)
    const response = await host.fetch(endpoint, { method: 'POST', headers: Object.fromEntries(headers), body })
    const answer = await membersOf(response)
    if (response.status === 200) {
      // A proxy or a portal that wants a login of its own answers 200 to everything.
      if (typeof answer.access_token === 'string') return { step, state: 'good', detail: 'Entra accepts it' } as const
      const detail = `${new URL(endpoint).origin} answered with status 200 and without an access_token`
      return { step, state: 'bad', detail, remedy: 'Find out who answers in the place of Entra.' } satisfies Finding
    }
    const error = { error: String(answer.error), description: String(answer.error_description ?? ''), members: answer }
    const { code, row } = aadstsOf(error) ?? {}
    const known = explainer(place)(error)?.advice
    const detail = row
      ? `AADSTS${code}: ${row.cause}`
      : `status ${response.status}, ${error.error} AADSTS${code ?? ' unknown'}`
    const remedy = known?.remedy ?? 'Look the code up at https://login.microsoftonline.com/error.'
    return { step, state: 'bad', detail, remedy } satisfies Finding
  } catch (error) {
    return {
      step,
      state: 'bad',
      detail: messageOf(error),
      remedy: 'Let this machine reach it, and read the file, that the message names.',
    } satisfies Finding
  }
}

function redirectUri({ place: { redirectUri: uri, clientId } }: Subject): Finding {
  const detail = `only Entra can tell; the app registration ${clientId} must have ${uri.href} under the platform Web`
  return { step: 'Redirect URI', state: 'skipped', detail }
}

/** Groups are asked for with the token of a user, and there is none. */
function groups({ options: { groups: wanted, clientId }, graph }: Subject): Finding {
  const step = 'Groups'
  const onlySignIn = `only a sign-in can tell; the app registration ${clientId} must have`
  const granted = `${permissionFor(wanted)} of ${graph} (delegated), consented, under API permissions`
  switch (wanted.from) {
    case 'none':
      return { step, state: 'good', detail: 'not asked for; tokens carry none' }
    case 'roles':
      return {
        step,
        state: 'skipped',
        detail: `${onlySignIn} app roles, and its enterprise application people in them`,
      }
    case 'token': {
      const claim = 'a groups claim in the ID token, under Token configuration'
      const asked =
        wanted.absent === 'graph' ? 'whose token has no such claim, or who are in more than 200' : 'in more than 200'
      return { step, state: 'skipped', detail: `${onlySignIn} ${claim}, and, for people ${asked}, ${granted}` }
    }
    case 'graph': {
      const detail = `${onlySignIn} ${granted}`
      if (wanted.as === 'id') return { step, state: 'skipped', detail }
      const remedy = 'Names are not unique: where people may make groups themselves, use ids.'
      return { step, state: 'warning', detail: `${detail}, for names`, remedy }
    }
  }
}

/** Of an answer that may be anything. */
async function membersOf(response: Response): Promise<Record<string, unknown>> {
  const answer: unknown = await response.json().catch(() => undefined)
  return typeof answer === 'object' && answer !== null ? { ...answer } : {}
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error'
}
