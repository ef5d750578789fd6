/** What the browser takes to an OpenID provider (OpenID Connect Core section 3.1.2.1). */
import type { ServerMetadata } from 'openid-client'
import type { Login } from '../../src/adapter.ts'

export interface RequestOptions {
  readonly scopes: readonly string[]
  /** More parameters of the authorization request. Those of the protocol win. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Whether the IdP lets people choose an account (`prompt=select_account`); where it does not, they sign in anew. By
   * default what its metadata say, and it does when they say nothing. */
  readonly selectsAccount?: boolean | undefined
}

export function authorizationParameters(
  { state, nonce, redirectUri, codeChallenge, hints: { loginHint, prompt, claims } }: Login,
  { scopes, parameters, selectsAccount }: RequestOptions,
  metadata: ServerMetadata,
): Record<string, string> {
  const prompts = metadata.prompt_values_supported
  const chooses = selectsAccount ?? (!Array.isArray(prompts) || prompts.includes('select_account'))
  return {
    ...parameters,
    redirect_uri: redirectUri.href,
    response_mode: 'query',
    scope: scopes.join(' '),
    state,
    nonce,
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    ...(loginHint && { login_hint: loginHint }),
    ...(prompt && { prompt: chooses ? prompt : 'login' }),
    ...(claims && { claims }),
  }
}
