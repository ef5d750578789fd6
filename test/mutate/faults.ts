/** The faults that `npm run mutate` plants: each is a check left out, or a mistake an author could make. */

export interface Fault {
  readonly name: string
  readonly file: string
  /** What is replaced by what. Each text is in the file exactly once. */
  readonly changes: readonly (readonly [find: string, put: string])[]
  /** Whose tests must notice: `entra` is entra.test.ts, every entra-*.test.ts, and those in entra/, in test/adapters/. */
  readonly caughtBy: readonly string[]
}

/** Faults in one file, and whose tests must notice. */
export const fault =
  (file: string, ...caughtBy: string[]) =>
  (name: string, ...changes: (readonly [find: string, put: string])[]): Fault => ({ name, file, changes, caughtBy })

const flow = fault('adapters/code-flow.ts', 'contract')
const request = fault('adapters/code-flow/request.ts', 'contract')
const oauth2 = fault('adapters/code-flow/oauth2-flow.ts', 'github')
const callback = fault('adapters/code-flow/callback.ts', 'contract')
const token = fault('adapters/code-flow/id-token.ts', 'contract')
const connection = fault('adapters/code-flow/connection.ts', 'contract')
const refusals = fault('adapters/code-flow/refusals.ts', 'contract')
const api = fault('adapters/code-flow/refusals.ts', 'github')
const guard = fault('src/idp/fetch.ts', 'contract')
const tenants = fault('adapters/entra/tenants.ts', 'entra')
const entra = fault('adapters/entra.ts', 'entra')
const oidc = fault('adapters/code-flow.ts', 'oidc')

const CHECKS = 'const checks = { expectedState: login.state, pkceCodeVerifier: login.codeVerifier }'
const VERIFY = '  return jwtVerify<Payload>(token, keys, {'
const IMPORT =
  "import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose'"
const ALGORITHMS = '    algorithms: ALGORITHMS.filter((name) => offered.includes(name)),'
const REQUIRED = "    requiredClaims: ['iss', 'aud', 'exp', 'iat', ...requiredClaims],\n  })"

export const FAULTS: readonly Fault[] = [
  request('state is not sent', ['    state,\n', '']),
  flow('state is not compared', [CHECKS, CHECKS.replace('login.state', 'oidc.skipStateCheck')]),
  request('nonce is not sent', ['    nonce,\n', '']),
  token('nonce is not compared', ['if (nonce !== undefined && payload.nonce !== nonce)', 'if (nonce === "")']),
  request('PKCE challenge is not sent', ['    code_challenge: codeChallenge,\n', '']),
  request('PKCE is sent as plain', ["code_challenge_method: 'S256'", "code_challenge_method: 'plain'"]),
  flow('PKCE verifier is not sent', [CHECKS, 'const checks = { expectedState: login.state }']),
  oauth2('state is not compared (OAuth 2.0)', [CHECKS, CHECKS.replace('login.state', 'oidc.skipStateCheck')]),
  oauth2('PKCE challenge is not sent (OAuth 2.0)', ['          code_challenge: codeChallenge,\n', '']),
  oauth2('PKCE verifier is not sent (OAuth 2.0)', [CHECKS, 'const checks = { expectedState: login.state }']),

  callback('a repeated parameter is let pass', ['if (new Set(names).size < names.length)', 'if (names.length < 0)']),
  callback('a POST is let pass', ["if (callback.method !== 'GET')", "if (callback.method === 'NONE')"]),
  callback('the issuer of an answer (iss) is ignored', [
    'url.search = new URL(callback.url).search\n',
    "url.search = new URL(callback.url).search\n  url.searchParams.delete('iss')\n",
  ]),
  connection('the promise of iss in every answer is ignored', [
    'new oidc.Configuration(metadata, ',
    'new oidc.Configuration({ ...metadata, authorization_response_iss_parameter_supported: false }, ',
  ]),
  connection('the issuer of the metadata is not compared', [
    'const url = acceptIssuer ? discoveryUrl(server) : server',
    'const url = discoveryUrl(server)',
  ]),
  connection('endpoints may be anything', ["if (protocol === 'https:' || ", "if (protocol !== 'none:' || "]),
  connection('a failed discovery is remembered', ['if (current === attempt) current = undefined', 'void attempt']),
  connection('new keys are not looked for', [', cooldownDuration: 0', '']),
  connection('clocks may differ by ten minutes', ['SKEW_SECONDS = 60', 'SKEW_SECONDS = 600']),
  connection('clocks may not differ', ['SKEW_SECONDS = 60', 'SKEW_SECONDS = 0']),

  token('the issuer of a token is not compared', [
    '    issuer: issuerOf ? issuerOf(decodeJwt(token), issuer) : issuer,\n',
    '',
  ]),
  token('the audience of a token is not compared', ['    audience: clientId,\n', '']),
  token('azp is not looked at', [
    "throw new LoginRefused('invalid', 'the token was given to another client (azp)')",
    'void payload',
  ]),
  token('the access token need not be that of the ID token', [
    'if (payload.at_hash !== undefined && ',
    'if (payload === undefined && ',
  ]),
  token('a token may name nobody', ["if (typeof payload.sub !== 'string' || payload.sub === '')", 'if (!payload)']),
  token('an old token is believed', ['    maxTokenAge: MAX_TOKEN_AGE_SECONDS,\n', '']),
  token('a token without an end is believed', [REQUIRED, REQUIRED.replace("'exp', ", '')]),
  token("the computer's clock is used in place of the host's", ['    currentDate: host.now(),\n', '']),
  token('algorithms that the IdP does not use are accepted', [ALGORITHMS, '    algorithms: ALGORITHMS,']),
  token('alg none is accepted', [
    VERIFY,
    `  if (decodeProtectedHeader(token).alg === 'none') {
    return Promise.resolve({ payload: decodeJwt<Payload>(token), protectedHeader: { alg: 'none' } } as never)
  }
${VERIFY}`,
  ]),
  token(
    'HS256 with the public key is accepted',
    [IMPORT, IMPORT.replace('decodeJwt,', 'decodeJwt, exportSPKI,')],
    ["const ALGORITHMS = ['RS256'", "const ALGORITHMS = ['HS256', 'RS256'"],
    [
      VERIFY,
      `  const either: typeof keys = Object.assign(
    async (header: never, input: never) => {
      const { alg } = header as { alg: string }
      const key = await keys({ ...(header as object), alg: 'RS256' } as never, input)
      return alg === 'HS256' ? new TextEncoder().encode(await exportSPKI(key)) : key
    },
    keys,
  ) as never
  return jwtVerify<Payload>(token, either, {`,
    ],
  ),
  token(
    'the signature is not verified',
    [IMPORT, IMPORT.replace('decodeJwt,', 'decodeJwt, SignJWT,')],
    [ALGORITHMS, "    algorithms: ['HS256'],"],
    [
      VERIFY,
      `  const blind = new SignJWT(decodeJwt(token))
    .setProtectedHeader({ ...decodeProtectedHeader(token), alg: 'HS256' })
    .sign(new Uint8Array(32))
  return blind.then((signed) => jwtVerify<Payload>(signed, new Uint8Array(32), {`,
    ],
    [REQUIRED, `${REQUIRED})`],
  ),

  refusals('raw errors escape', ['throw refusalOf(error, meaning)', 'throw error']),
  refusals('a refusal by the user is called an attack', ["const reason = denied ? 'denied' :", 'const reason =']),
  refusals('an outage that the IdP reports is called an attack', ["OUTAGES.has(error) ? 'unavailable' :", '']),
  refusals('an IdP without an answer is called an attack', [
    "new LoginRefused('unavailable', `no answer from",
    "new LoginRefused('invalid', `no answer from",
  ]),
  refusals('status 5xx and 429 are read like answers', [
    'if (response.status < 500 && response.status !== 429) return',
    'if (response.status > 0) return',
  ]),
  refusals('what the IdP repeats of us goes to the log', [
    'return withoutProofs(response, headers, body)',
    'return response',
  ]),
  api('a text that is no JSON goes to the log', [' || error instanceof SyntaxError) return', ') return']),

  guard('redirects are followed', ["redirect: 'manual'", "redirect: 'follow'"]),
  guard('an answer may have any size', ['if (size > maxBytes)', 'if (size < 0)']),
  guard('an answer may take any time', [
    "controller.abort(new DOMException('too late', 'TimeoutError')), timeoutMs)",
    "controller.abort(new DOMException('too late', 'TimeoutError')), 2 ** 30)",
  ]),

  flow('a re-check does not compare the user', [
    'if (now && now.subject !== identity.subject)',
    'if (now && now.subject === "")',
  ]),
  flow('a re-check forgets the renewed refresh token', ['tokens.refresh_token ?? secret', 'secret']),
  flow('a renewed refresh token is lost in an outage', ['keeping(renewed, atRefresh', 'keeping(secret, atRefresh']),
  flow('a re-check believes an ID token unread', [
    "await verifyIdToken(tokens.idToken ?? '', expected, { nonce, accessToken })",
    `nonce === undefined
      ? { claims: JSON.parse(atob((tokens.idToken ?? '').split('.')[1] ?? '')), signingKey: undefined }
      : await verifyIdToken(tokens.idToken ?? '', expected, { nonce, accessToken })`,
  ]),
  refusals('an ended session is taken for a fault', ["(endsAccess && error === 'invalid_grant')", 'false']),
  refusals('an IdP that is down ends access', [
    "throw new LoginRefused('unavailable', `$",
    "throw new LoginRefused('denied', `$",
  ]),

  token('an ID token passes for a logout token (nonce)', [
    'if (payload.nonce !== undefined) throw',
    'if (payload.nonce === "") throw',
  ]),
  token('a logout token may be about anything (events)', [
    'if (!isObject(payload.events) || !isObject(payload.events[LOGOUT_EVENT]))',
    'if (payload.events === "")',
  ]),
  token('a logout token for another client makes us fetch', ['if (!isForUs)', 'if (isForUs === undefined)']),
  token('a logout token of another issuer makes us fetch', ['if (!isOfIdp)', 'if (isOfIdp === undefined)']),
  connection('each key id of a logout token makes us fetch', [
    "const logoutKeys = createRemoteJWKSet(new URL(jwksUri ?? ''), { [jwksFetch]: fetch })",
    'const logoutKeys = keys',
  ]),
  token('a logout token may be of any type', ['if (!LOGOUT_TYPES.includes(', 'if (!"".concat(']),
  token('a logout token passes for an ID token (events)', [
    'if (payload.events !== undefined)',
    'if (payload.events === "")',
  ]),
  token('a token of another type passes for an ID token (typ)', ['/\\+jwt$/', '/^$/']),
  token('a logout token may name nobody', ['if (!subject && !session)', 'if (subject === "")']),

  oidc('userinfo may be of another user', [
    'userInfo(connection, accessToken, claims.sub)',
    'userInfo(connection, accessToken, oidc.skipSubjectCheck)',
  ]),
  oidc('userinfo wins over the ID token', ['{ ...more, ...claims }', '{ ...claims, ...more }']),

  tenants('tid and iss may be of different tenants', [
    'if (iss !== issuerOf(tid) || issuer.replace(TEMPLATE, tid) !== iss)',
    'if (iss === tid)',
  ]),
  tenants('a key of another issuer may sign', ['if (!fits)', 'if (fits === undefined)']),
  tenants('a domain may stand for any issuer', ['if (issuer !== issuerOf(tid)) return false', '']),
  tenants('tid may be anything', ["typeof tid !== 'string' || !GUID.test(tid)", "typeof tid !== 'string'"]),
  tenants('the list of tenants is not looked at', ['if (tenants && !tenants.includes(tid))', 'if (tid === "")']),
  tenants('personal accounts are let in', [
    'if (tid === PERSONAL_ACCOUNTS && !allowPersonalAccounts)',
    'if (tid === "")',
  ]),
  fault('adapters/entra/groups.ts', 'entra')('a token without a groups claim is taken for no groups', [
    "absent === 'none' && claims.groups === undefined",
    'claims.groups === undefined',
  ]),
  fault('adapters/entra/graph.ts', 'entra')('a claims challenge of Graph is not read', [
    'if (challenge !== undefined)',
    "if (challenge === '')",
  ]),
  fault('adapters/entra/graph.ts', 'entra')('a permission that we lack ends access', [
    "recheck ? 'unavailable' : 'not_allowed'",
    "'not_allowed'",
  ]),
  fault('adapters/entra/refusals.ts', 'entra')('what is wrong for everybody ends access', [
    'recheck && row.everyone',
    'recheck && !row',
  ]),
  fault('adapters/entra/options.ts', 'entra')('every tenant is let in unasked', [
    'many && !tenants && !anyTenant',
    'many && tenants && anyTenant',
  ]),
  entra('users are named by sub', ['const subject = `', 'const subject = claims.sub || `']),
  entra('an unverified e-mail address counts', ['email !== undefined && verified &&', 'email !== undefined &&']),
]
