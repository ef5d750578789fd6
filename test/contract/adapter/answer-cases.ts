/** What an IdP may answer with when it is down, broken or misconfigured, endpoint by endpoint. */
import { randomUUID } from 'node:crypto'
import type { Refusal } from '../../../src/adapter.ts'
import type { Endpoint } from '../../support/fake-idp.ts'
import type { Case } from './case.ts'

const HTML = { headers: { 'content-type': 'text/html' } }
const JSON_TYPE = { headers: { 'content-type': 'application/json' } }

/** The faults of a single answer, the same for every endpoint. */
const FAULTS: readonly [name: string, words: string, refusal: Refusal, answer: () => Response][] = [
  ['500', 'answers 500', 'unavailable', () => new Response('<h1>Oops</h1>', { status: 500 })],
  ['503', 'answers 503', 'unavailable', () => new Response('{}', { status: 503, headers: { 'retry-after': '120' } })],
  ['429', 'answers 429', 'unavailable', () => new Response('slow down', { status: 429 })],
  ['404', 'answers 404', 'invalid', () => new Response('not here', { status: 404 })],
  ['html', 'sends a page in place of JSON', 'invalid', () => new Response('<html></html>', HTML)],
  ['truncated', 'sends half an answer', 'invalid', () => new Response('{"access_token":"eyJhb', JSON_TYPE)],
  ['list', 'sends a list in place of an object', 'invalid', () => Response.json([])],
  ['null', 'sends null in place of an object', 'invalid', () => Response.json(null)],
  ['empty', 'sends nothing', 'invalid', () => new Response('', JSON_TYPE)],
]

export const OPENID_ENDPOINTS: readonly Endpoint[] = ['discovery', 'token', 'jwks']
export const OAUTH2_ENDPOINTS: readonly Endpoint[] = ['token', 'api']

export function answerCases(endpoints: readonly Endpoint[]): readonly Case[] {
  return endpoints.flatMap((endpoint) =>
    FAULTS.map(
      ([name, words, outcome, answer]): Case => ({
        name: `${endpoint}-${name}`,
        words: `an IdP that ${words} at ${endpoint}`,
        outcome,
        bend: ({ idp }) => {
          idp.faults.answer = (at, response) => (at === endpoint ? answer() : response)
        },
      }),
    ),
  )
}

/** Writes each character of a text as JSON may. */
const escaped = (text: string) =>
  Array.from(text, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')

const echo = (name: string, words: string, body: (proofs: readonly string[]) => string): Case => ({
  name: `token-error-${name}`,
  words: `a token endpoint that repeats code, verifier and secret in its error${words}`,
  outcome: 'invalid',
  bend: ({ idp }) => {
    idp.faults.answer = (at, response) => {
      const form = idp.requests.at(-1)?.form
      const proofs = [form?.get('code') ?? '', form?.get('code_verifier') ?? '', idp.clientSecret]
      return at === 'token' ? new Response(body(proofs), { status: 400, ...JSON_TYPE }) : response
    }
  },
  message: 'invalid_grant',
})

/** What is quoted back to us must not come out of us again. */
export const ECHO_CASES: readonly Case[] = [
  echo('echo', '', (proofs) =>
    JSON.stringify({ error: 'invalid_grant', error_description: `no ${proofs.join(' by ')}` }),
  ),
  echo(
    'echo-escaped',
    ', in escapes of JSON',
    (proofs) => `{"error":"invalid_grant","error_description":"no ${proofs.map(escaped).join(' by ')}"}`,
  ),
]

export const secretCases = (endpoints: readonly Endpoint[]): readonly Case[] =>
  endpoints.map((endpoint) => ({
    name: `${endpoint}-secret`,
    words: `an IdP that sends something secret in place of JSON at ${endpoint}`,
    outcome: 'invalid',
    bend: ({ idp }) => {
      // Short enough for an error of the JSON parser to quote it whole.
      const secret = `secret-${randomUUID().slice(0, 12)}`
      idp.secrets.push(secret)
      idp.faults.answer = (at, response) => (at === endpoint ? new Response(secret, JSON_TYPE) : response)
    },
  }))

const metadata = (name: string, words: string, change: Record<string, unknown>, unspent = true): Case => ({
  name: `metadata-${name}`,
  words: `an IdP whose metadata ${words}`,
  outcome: 'invalid',
  bend: ({ idp }) => {
    idp.faults.answer = async (at, response) =>
      at === 'discovery' ? Response.json({ ...((await response.json()) as object), ...change }) : response
  },
  unspent,
})

/** The signs of a discovery document that is not the IdP's, or not fit for use. */
export const METADATA_CASES: readonly Case[] = [
  metadata('issuer-other', 'are those of another issuer', { issuer: 'https://evil.test' }),
  metadata('issuer-missing', 'name no issuer', { issuer: undefined }),
  metadata('issuer-number', 'name a number as issuer', { issuer: 7 }),
  metadata('authorize-missing', 'lack the authorization endpoint', { authorization_endpoint: undefined }),
  metadata('token-missing', 'lack the token endpoint', { token_endpoint: undefined }),
  metadata('jwks-missing', 'lack the keys', { jwks_uri: undefined }),
  metadata('authorize-script', 'name an authorization endpoint that runs code', {
    authorization_endpoint: 'javascript:alert(1)',
  }),
  metadata('authorize-http', 'name an authorization endpoint on plain http', {
    authorization_endpoint: 'http://idp.evil.example/authorize',
  }),
  metadata('token-http', 'name a token endpoint on plain http', { token_endpoint: 'http://idp.evil.example/token' }),
  metadata('jwks-http', 'name keys on plain http', { jwks_uri: 'http://idp.evil.example/jwks' }),
  metadata('token-not-a-url', 'name a token endpoint that is no URL', { token_endpoint: 'token' }),
]
