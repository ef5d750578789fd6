/** From what Entra answers to a refusal with a reason, words for the user and a line for the operator's log. */
import { type Advice, LoginRefused } from '../../src/adapter.ts'
import { type IdpError, idpWords } from '../code-flow.ts'
import { AADSTS, type AadstsRow } from './aadsts.ts'
import { isShared } from './tenants.ts'

const BY_CODE = new Map(AADSTS.flatMap((row) => row.codes.map((code) => [code, row] as const)))

const TITLES: Readonly<Record<AadstsRow['act'], string>> = {
  user: 'You were not signed in',
  admin: 'An administrator has to act first',
  operator: 'Signing in with Microsoft is not set up correctly',
  wait: 'Microsoft cannot sign you in right now',
}

export interface Place {
  readonly authority: string
  readonly tenant: string
  readonly clientId: string
  readonly redirectUri: URL
  /** What sign-ins ask for, and consent is therefore needed for. */
  readonly scopes: readonly string[]
}

/** The code in the description comes first: `error_codes` may list what led to it as well. */
export function aadstsOf({
  description,
  members,
}: IdpError): { readonly code: number; readonly row?: AadstsRow } | undefined {
  const listed = Array.isArray(members.error_codes) ? members.error_codes[0] : undefined
  const code = Number(/\bAADSTS(\d+)\b/.exec(description)?.[1] ?? listed)
  if (!Number.isInteger(code)) return undefined
  const row = BY_CODE.get(code)
  return { code, ...(row && { row }) }
}

/** Whether Entra refused our credential, and not the user or the request. */
export function refusesCredential(error: IdpError): boolean {
  return error.error === 'invalid_client' || aadstsOf(error)?.row?.credential === true
}

/** At a re-check, what is wrong for everybody is an outage: it must not end the access of whoever comes by meanwhile.
 * @returns undefined for what the shared flow explains as well */
export function explainer(place: Place): (error: IdpError, recheck?: boolean) => LoginRefused | undefined {
  return (error, recheck = false) => {
    const { code, row } = aadstsOf(error) ?? {}
    // The challenge of a Conditional Access policy. Whether it can be followed is the host's to judge.
    const { claims } = error.members
    const challenged = typeof claims === 'string' && { challenge: claims }
    // What a new sign-in could answer is a decision, not a fault.
    if (!row) return challenged ? new LoginRefused('denied', idpWords(error), challenged) : undefined
    const remedy = filled(row.remedy, place)
    const message = `AADSTS${code}: ${row.cause} ${remedy} (${idpWords(error)})`
    const reason = recheck && row.everyone ? 'unavailable' : row.reason
    return new LoginRefused(reason, message, { advice: adviceOf(row, remedy, place), ...challenged })
  }
}

function adviceOf(row: AadstsRow, remedy: string, place: Place): Advice {
  const consent = row.link === 'consent' ? consentUrl(place) : undefined
  return {
    title: TITLES[row.act],
    words: row.cause,
    remedy,
    ...(consent?.protocol === 'https:' && {
      link: { url: consent.href, label: 'Consent for the organisation (administrators)' },
    }),
  }
}

/** As "Admin consent on the Microsoft identity platform" describes it: consent for exactly what sign-ins ask for, whatever the
 * app registration lists. Personal accounts have no administrator. */
function consentUrl({ authority, tenant, clientId, redirectUri, scopes }: Place): URL {
  const url = new URL(`/${isShared(tenant) ? 'organizations' : tenant}/v2.0/adminconsent`, authority)
  const parameters = { client_id: clientId, scope: scopes.join(' '), redirect_uri: redirectUri.href }
  url.search = new URLSearchParams(parameters).toString()
  return url
}

export function filled(remedy: string, { clientId, redirectUri }: Pick<Place, 'clientId' | 'redirectUri'>): string {
  return remedy.replaceAll('{redirectUri}', redirectUri.href).replaceAll('{clientId}', clientId)
}
