/** From the configured credentials to those of the shared flow, and a word to the operator before one ends. */
import type { Host } from '../../src/adapter.ts'
import { assertionFile, type Credential, clientSecret, privateKeyJwt } from '../code-flow/credentials.ts'
import { readCertificate } from './certificate.ts'
import type { EntraOptions } from './options.ts'

const DAY_MS = 86_400_000
const WARN_DAYS = 30
/** What the warning is known by; with the place in the list where there are two, so that each is told. */
const EXPIRES = 'credential_expires'

type Configured = NonNullable<EntraOptions['credentials']>[number]

/** The credentials in the order of the configuration. Every use of any tells `host.warn` of all that end soon: the one that
 * waits for the other to be refused is not used, and must not end unnoticed. */
export function credentialsOf(options: EntraOptions, host: Host): Credential[] {
  const configured = options.credentials ?? [{ clientSecret: options.clientSecret }]
  const alone = configured.length === 1
  const credentials = configured.map((each, index) => {
    const credential = credentialOf(each, host)
    return alone ? credential : { ...credential, name: `${credential.name} (credentials[${index}])` }
  })
  /** On every use, not at the start alone: a server runs for months. The host tells it once an hour. */
  const watch = () => {
    for (const [index, credential] of credentials.entries()) {
      const days = daysLeft(credential, host.now())
      if (days === undefined) continue
      const code = alone ? EXPIRES : `${EXPIRES}_${index}`
      host.warn(code, `${endWords(credential, days)}; add its successor under credentials`)
    }
  }
  return credentials.map((credential) => ({
    ...credential,
    authenticate(...request) {
      watch()
      return credential.authenticate(...request)
    },
  }))
}

function credentialOf(
  { clientSecret: secret, expires, certificate, privateKey, federatedTokenFile }: Configured,
  host: Host,
) {
  if (federatedTokenFile !== undefined) return assertionFile(federatedTokenFile, host)
  if (certificate !== undefined && privateKey !== undefined) {
    const { key, thumbprint, expires: validTo } = readCertificate(certificate, privateKey)
    // PS256 and the SHA-256 thumbprint, as "Microsoft identity platform certificate credentials" asks for.
    const header = { alg: 'PS256', 'x5t#S256': thumbprint }
    return privateKeyJwt({ name: `the certificate ${thumbprint}`, key, header, expires: validTo }, host)
  }
  return clientSecret(secret ?? '', 'client_secret_post', expires === undefined ? undefined : new Date(expires))
}

/** Which of a credential's last days this is: undefined while there are more than 30. */
export function daysLeft({ expires }: Credential, now: Date): number | undefined {
  if (!expires) return undefined
  const days = Math.floor((expires.getTime() - now.getTime()) / DAY_MS)
  return days < WARN_DAYS ? days : undefined
}

export function endWords(credential: Credential, days: number): string {
  const day = credential.expires?.toISOString().slice(0, 10)
  return days < 0 ? `${credential.name} ended on ${day}` : `${credential.name} ends on ${day}, in ${days} days`
}
