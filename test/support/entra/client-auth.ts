/**
 * Who the application is, at the token endpoint: "OAuth 2.0 authorization code flow", "Request an access token with a
 * client_secret / a certificate credential / a federated credential".
 */
import { X509Certificate } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, errors, importSPKI, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { Directory } from './directory.ts'
import { Aadsts } from './errors.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** @param audience the token endpoint that the request came to */
export async function authenticate(form: URLSearchParams, app: Directory['app'], audience: string): Promise<void> {
  const assertion = form.get('client_assertion')
  if (assertion !== null) {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) throw new Aadsts(900144)
    return federated(assertion, app) ? byFederation(assertion, app) : byCertificate(assertion, app, audience)
  }
  const secret = form.get('client_secret')
  if (secret === null) throw new Aadsts(7000218)
  const known = app.secrets.find(({ value }) => value === secret)
  if (!known) throw new Aadsts(7000215)
  if (known.expired) throw new Aadsts(7000222)
}

/** An assertion of the application names itself as issuer; one of another platform does not. */
function federated(assertion: string, { clientId }: Directory['app']): boolean {
  return decodeJwt(assertion).iss !== clientId
}

/**
 * "Microsoft identity platform certificate credentials": `x5t#S256` names the certificate, PS256 (or RS256), and `aud`,
 * `iss`, `sub`, `jti`, `nbf`, `exp` as its table of claims has them.
 */
async function byCertificate(
  assertion: string,
  { certificates, clientId }: Directory['app'],
  audience: string,
): Promise<void> {
  const thumbprint = decodeProtectedHeader(assertion)['x5t#S256']
  const certificate = certificates.find((pem) => thumbprintOf(pem) === thumbprint)
  if (!certificate) throw new Aadsts(700027)
  await verify(assertion, new X509Certificate(certificate).publicKey, {
    issuer: clientId,
    subject: clientId,
    audience,
    algorithms: ['PS256', 'RS256'],
    requiredClaims: ['jti', 'nbf', 'exp'],
  })
}

/** "Workload identity federation": issuer, subject and audience must be, letter by letter, those of a credential. */
async function byFederation(assertion: string, { federated: credentials }: Directory['app']): Promise<void> {
  const { iss, sub, aud } = decodeJwt(assertion)
  const found = credentials.find(
    ({ issuer, subject, audience }) => issuer === iss && subject === sub && audience === aud,
  )
  if (!found) throw new Aadsts(700213)
  await verify(assertion, await importSPKI(found.publicKey, 'RS256'), { algorithms: ['RS256'] })
}

async function verify(
  assertion: string,
  key: Parameters<typeof jwtVerify>[1],
  options: JWTVerifyOptions,
): Promise<void> {
  try {
    await jwtVerify(assertion, key as Exclude<typeof key, (...args: never[]) => unknown>, options)
  } catch (error) {
    throw new Aadsts(error instanceof errors.JWTExpired ? 700024 : 700027)
  }
}

function thumbprintOf(pem: string): string {
  return Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
}
