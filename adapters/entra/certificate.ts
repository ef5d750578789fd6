/** Certificates and keys in PEM, as the configuration holds them. Computes only; where they come from is the host's. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

export interface Certificate {
  readonly key: KeyObject
  /** SHA-256 of the DER form in base64url, the `x5t#S256` by which Entra finds the certificate. */
  readonly thumbprint: string
  readonly expires: Date
}

export interface KeyProblem {
  readonly setting: 'certificate' | 'privateKey'
  readonly remedy: string
}

const MIN_BITS = 2048

/** @throws {Error} for what {@link keyProblem} finds */
export function readCertificate(certificate: string, privateKey: string): Certificate {
  const x509 = new X509Certificate(certificate)
  return {
    key: createPrivateKey(privateKey),
    thumbprint: Buffer.from(x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'),
    expires: new Date(x509.validTo),
  }
}

/** Why the two cannot be used together. Never quotes them. */
export function keyProblem(certificate: string, privateKey: string): KeyProblem | undefined {
  const x509 = attempt(() => new X509Certificate(certificate))
  if (!x509) return { setting: 'certificate', remedy: 'use a certificate in PEM (-----BEGIN CERTIFICATE-----)' }
  const key = attempt(() => createPrivateKey(privateKey))
  if (!key)
    return { setting: 'privateKey', remedy: 'use a key in PEM, without a passphrase (-----BEGIN PRIVATE KEY-----)' }
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < MIN_BITS) {
    return { setting: 'privateKey', remedy: `Entra takes RSA keys; use one of at least ${MIN_BITS} bits` }
  }
  if (!x509.checkPrivateKey(key)) {
    return { setting: 'privateKey', remedy: 'this is not the key of the certificate' }
  }
  return undefined
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
