/**
 * How we prove to an IdP's token endpoint who we are.
 *
 * Owns the ways of client authentication, and changing from one credential to the next while both are valid. Where a
 * credential comes from and when it must be renewed is left to the adapter.
 */
import { type CryptoKey, type JWTHeaderParameters, type KeyObject, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import { type Host, LoginRefused } from '../../src/adapter.ts'
import { idpErrorOf } from './refusals.ts'

/** One credential of ours at the IdP. */
export interface Credential {
  /** For the operator, without anything secret. */
  readonly name: string
  /** When it ends, where that is known. */
  readonly expires?: Date | undefined
  readonly authenticate: oidc.ClientAuth
}

export type ClientSecretMethod = 'client_secret_basic' | 'client_secret_post'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const ASSERTION_SECONDS = 300

/** A client without a credential, which PKCE alone protects. */
export const publicClient: Credential = { name: 'no credential', authenticate: oidc.None() }

/**
 * A client secret. Without a method it is `client_secret_basic` unless the IdP lists other methods only, which is known
 * at the first token request (OpenID Connect Discovery section 3).
 */
export function clientSecret(secret: string, method?: ClientSecretMethod, expires?: Date): Credential {
  const basic = oidc.ClientSecretBasic(secret)
  const post = oidc.ClientSecretPost(secret)
  return {
    name: 'the client secret',
    expires,
    authenticate(server, client, body, headers) {
      const offered = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
      const used = method ?? (offered.includes('client_secret_basic') ? 'client_secret_basic' : undefined)
      return (used === 'client_secret_basic' ? basic : post)(server, client, body, headers)
    },
  }
}

export interface PrivateKey {
  readonly name: string
  readonly key: CryptoKey | KeyObject
  /** `alg`, and what tells the IdP which key it is, for instance `kid`. */
  readonly header: JWTHeaderParameters & { readonly alg: string }
  readonly expires?: Date | undefined
}

/** `private_key_jwt`: an assertion for the token endpoint, good for five minutes (RFC 7523 section 3). */
export function privateKeyJwt({ name, key, header, expires }: PrivateKey, host: Host): Credential {
  return {
    name,
    expires,
    async authenticate(server, client, body) {
      const now = Math.floor(host.now().getTime() / 1000)
      const assertion = await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ typ: 'JWT', ...header })
        .setIssuer(client.client_id)
        .setSubject(client.client_id)
        .setAudience(server.token_endpoint ?? server.issuer)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + ASSERTION_SECONDS)
        .sign(key)
      setAssertion(client, body, assertion)
    },
  }
}

/** An assertion that the platform keeps in a file. Read for every request, because the platform renews it. */
export function assertionFile(path: string, host: Host): Credential {
  return {
    name: `the token in ${path}`,
    async authenticate(_server, client, body) {
      const assertion = await host.readFile(path).catch(() => {
        throw new LoginRefused('invalid', `the token file ${path} cannot be read`)
      })
      setAssertion(client, body, assertion.trim())
    },
  }
}

function setAssertion(client: oidc.ClientMetadata, body: URLSearchParams, assertion: string): void {
  body.set('client_id', client.client_id)
  body.set('client_assertion_type', ASSERTION_TYPE)
  body.set('client_assertion', assertion)
}

/** Whether the IdP refused the credential, and not what was asked for. By default the error `invalid_client`. */
export type RefusesCredential = (error: unknown) => boolean

const isInvalidClient: RefusesCredential = (error) => idpErrorOf(error)?.error === 'invalid_client'

/**
 * Runs requests with the credential that worked last, and with the others when the IdP refuses that one, so that a
 * credential can be renewed while we run.
 */
export function rotating(
  credentials: readonly Credential[],
  refuses: RefusesCredential = isInvalidClient,
): <T>(request: (credential: Credential) => Promise<T>) => Promise<T> {
  let preferred = 0
  return async (request) => {
    const start = preferred
    for (let tried = 0; ; tried++) {
      const index = (start + tried) % credentials.length
      try {
        const result = await request(credentials[index] ?? publicClient)
        preferred = index
        return result
      } catch (error) {
        if (tried + 1 >= credentials.length || !refuses(error)) throw error
      }
    }
  }
}
