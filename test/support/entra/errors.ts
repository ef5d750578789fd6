/**
 * Errors in the shape of "Microsoft Entra authentication & authorization error codes", "Handling error codes in your
 * application": `error`, `error_description` with the code in front and the ids behind it, `error_codes`, `timestamp`,
 * `trace_id`, `correlation_id`, and `claims` where a claims challenge belongs to it.
 */
import { randomUUID } from 'node:crypto'

export class Aadsts extends Error {
  readonly code: number
  readonly claims: string | undefined

  constructor(code: number, claims?: string) {
    super(`AADSTS${code}`)
    this.code = code
    this.claims = claims
  }
}

/** `error` and words per code. What is not listed here is an `invalid_request`, as most of them are. */
const KNOWN: Readonly<Record<number, [error: string, words: string]>> = {
  50011: ['invalid_request', 'The redirect URI specified in the request does not match the redirect URIs configured.'],
  50020: [
    'access_denied',
    'The user account does not exist in the tenant and cannot access the application in that tenant.',
  ],
  50057: ['invalid_grant', 'The user account is disabled.'],
  50076: [
    'interaction_required',
    'Due to a configuration change made by your administrator, you must use multi-factor authentication.',
  ],
  50079: ['interaction_required', 'You must enroll in multi-factor authentication to access the resource.'],
  50105: ['invalid_grant', 'The signed in user is not assigned to a role for the application.'],
  50126: ['invalid_grant', 'Error validating credentials due to invalid username or password.'],
  50133: ['invalid_grant', 'The session is not valid due to password expiration or recent password change.'],
  50173: ['invalid_grant', 'The provided grant has expired due to it being revoked, a fresh auth token is needed.'],
  50194: ['invalid_request', 'The application is not configured as a multi-tenant application.'],
  53003: ['access_denied', 'Access has been blocked by Conditional Access policies.'],
  54005: ['invalid_grant', 'OAuth2 Authorization code was already redeemed.'],
  500112: ['invalid_grant', 'The reply address does not match the one that the code was requested with.'],
  501481: [
    'invalid_grant',
    'The Code_Verifier does not match the code_challenge supplied in the authorization request.',
  ],
  65001: ['invalid_grant', 'The user or administrator has not consented to use the application.'],
  65004: ['access_denied', 'User declined to consent to access the app.'],
  650053: ['invalid_client', "The application asked for a scope that doesn't exist on the resource."],
  70000: ['invalid_grant', 'Provided grant is invalid or malformed.'],
  70003: ['unsupported_grant_type', 'The app requested an unsupported grant type.'],
  700082: ['invalid_grant', 'The refresh token has expired due to inactivity.'],
  700016: ['unauthorized_client', 'The application was not found in the directory.'],
  700024: ['invalid_client', 'Client assertion is not within its valid time range.'],
  700027: [
    'invalid_client',
    'The certificate with identifier used to sign the client assertion is not registered, or the signature is not valid.',
  ],
  700213: ['invalid_request', 'No matching federated identity record found for presented assertion subject.'],
  7000112: ['unauthorized_client', 'The application is disabled.'],
  7000215: [
    'invalid_client',
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.',
  ],
  7000218: [
    'invalid_client',
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ],
  7000222: ['invalid_client', 'The provided client secret keys for the app are expired.'],
  90002: [
    'invalid_request',
    'Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.',
  ],
  90094: ['access_denied', 'The grant requires admin permission.'],
  900144: ['invalid_request', 'The request body must contain the following parameter.'],
  9001023: ['invalid_request', 'The grant type is not supported over the /common or /consumers endpoints.'],
  9010010: [
    'invalid_target',
    'The resource parameter provided in the request does not match with the requested scopes.',
  ],
}

export function errorBody({ code, claims }: Aadsts): Record<string, unknown> {
  const [error, words] = KNOWN[code] ?? ['invalid_request', 'The request is not valid.']
  const [trace, correlation] = [randomUUID(), randomUUID()]
  const timestamp = new Date().toISOString().replace('T', ' ').replace(/\.\d+/, '')
  return {
    error,
    error_description: `AADSTS${code}: ${words} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [code],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    ...(claims !== undefined && { claims }),
  }
}

/** `invalid_client` is 401, everything else 400. */
export function statusOf(error: Aadsts): number {
  return errorBody(error).error === 'invalid_client' ? 401 : 400
}
