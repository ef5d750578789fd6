import { createHash, randomBytes } from 'node:crypto'
import type { Hints, Login } from '../../src/adapter.ts'

/** A login as the host mints it. */
export function newLogin(hints: Hints = {}, redirectUri = 'https://auth.example.com/callback/idp'): Login {
  const random = () => randomBytes(32).toString('base64url')
  const codeVerifier = random()
  return {
    redirectUri: new URL(redirectUri),
    state: random(),
    nonce: random(),
    codeVerifier,
    codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    hints,
  }
}
