/** The least length of a secret, in characters. 32 random bytes in hex have 64. */
export const MIN_SECRET_LENGTH = 32

const MAKE_ONE = 'Make one with: openssl rand -hex 32'

const PLACEHOLDER =
  /^(change|replace|default|example|placeholder|insert|secret|password|consulate|your[-_ ]|my[-_ ]|test[-_ ])/i

/** Why a secret must not be used, with the remedy, or undefined when nothing speaks against it. */
export function secretWeakness(secret: string): string | undefined {
  if (secret.length < MIN_SECRET_LENGTH) {
    return `Use at least ${MIN_SECRET_LENGTH} characters; this one has ${secret.length}. ${MAKE_ONE}`
  }
  if (PLACEHOLDER.test(secret) || /change[-_ ]?me/i.test(secret)) {
    return `Use a secret of your own; this one is a placeholder. ${MAKE_ONE}`
  }
  if (new Set(secret).size < 8 || repeats(secret) || counts(secret)) {
    return `Use a random secret; this one is a pattern. ${MAKE_ONE}`
  }
  return undefined
}

/** Whether the text is a shorter text said at least twice, the last time perhaps cut off. */
function repeats(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return true
  }
  return false
}

/** Whether most characters follow their neighbour, as in "abcdefgh" or "12345678". */
function counts(text: string): boolean {
  let steps = 0
  for (let i = 1; i < text.length; i++) {
    if (Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) === 1) steps++
  }
  return steps > text.length / 2
}
