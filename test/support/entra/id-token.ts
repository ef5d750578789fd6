/** ID tokens of the v2.0 endpoint, after "ID token claims reference" and "Configure and manage optional claims". */
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { type Directory, PERSONAL_ACCOUNTS, type Person } from './directory.ts'

export interface Keys {
  /** The key set of a place. Each key has an `issuer`, see "Access tokens", "Validate the issuer": a template for the
   * keys that serve all organisations, and that of the one tenant for personal accounts. */
  published(place: string, cloud: string, named: boolean): Promise<{ keys: JWK[] }>
  sign(claims: Record<string, unknown>, which: Directory['behaviour']['signWith']): Promise<string>
}

export async function newKeys(): Promise<Keys> {
  const make = async (kid: string) => {
    const pair = await generateKeyPair('RS256', { extractable: true })
    return { ...pair, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid, use: 'sig', alg: 'RS256' } }
  }
  const [organisations, personal] = [await make('organisations-key'), await make('personal-key')]
  return {
    async published(place, cloud, named) {
      const issuer = (tid: string) => (named ? { issuer: `${cloud}/${tid}/v2.0` } : {})
      return {
        keys: [
          { ...organisations.jwk, ...issuer('{tenantid}') },
          // Side by side, so that nothing but the issuer of the key tells them apart.
          { ...personal.jwk, ...(place === 'organizations' ? issuer('{tenantid}') : {}), ...issuer(PERSONAL_ACCOUNTS) },
        ],
      }
    },
    sign(claims, which) {
      const key = which === 'personal' ? personal : organisations
      return new SignJWT(claims).setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: key.kid }).sign(key.privateKey)
    },
  }
}

export interface Circumstances {
  readonly cloud: string
  readonly graph: string
  readonly scopes: readonly string[]
  readonly nonce?: string | undefined
}

export function claimsOf(directory: Directory, person: Person, { cloud, graph, scopes, nonce }: Circumstances) {
  const { app, behaviour } = directory
  const now = Math.floor((Date.now() + behaviour.clockAhead) / 1000)
  const claims: Record<string, unknown> = {
    aud: app.clientId,
    iss: `${cloud}/${person.tid}/v2.0`,
    // Dated back by five minutes, as tokens of Entra are.
    iat: now - 300,
    nbf: now - 300,
    exp: now + 3600,
    name: person.name,
    oid: person.oid,
    preferred_username: person.username,
    rh: `0.${randomUUID()}.`,
    sid: randomUUID(),
    // Pairwise: another for each application.
    sub: createHash('sha256').update(`${app.clientId} ${person.oid}`).digest('base64url'),
    tid: person.tid,
    uti: randomUUID(),
    ver: '2.0',
    ...(nonce !== undefined && { nonce }),
    ...(scopes.includes('email') && person.email !== undefined && { email: person.email }),
    ...(person.xms_edov !== undefined && { xms_edov: person.xms_edov }),
    ...(person.acct !== undefined && { acct: person.acct }),
    ...(person.roles && { roles: person.roles }),
    ...groupClaims(directory, person, graph),
    ...behaviour.idToken,
  }
  for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name]
  return claims
}

/** "Configure group claims for applications by using Microsoft Entra ID" and "ID token claims reference", "Groups
 * overage claim": without a group to name there is no claim; above the limit there is no `groups`, but where to ask;
 * `hasgroups` in the implicit flow. */
function groupClaims({ app, behaviour }: Directory, { groups: all, oid, tid }: Person, graph: string) {
  const { overageAbove, overageAs } = behaviour
  const assigned = ({ assignedGroups }: Directory['app']) => all.filter((id) => assignedGroups.includes(id))
  const groups = app.groupMembershipClaims === 'ApplicationGroup' ? assigned(app) : all
  if (app.groupMembershipClaims === null || groups.length === 0) return {}
  if (groups.length <= overageAbove) return { groups }
  if (overageAs === 'hasgroups') return { hasgroups: true }
  const endpoint = `${graph}/${tid}/users/${oid}/getMemberObjects`
  return { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint } } }
}
