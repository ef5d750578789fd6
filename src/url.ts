/**
 * Parses a URL without throwing. `URL.parse` is missing in the oldest runtime that we support, and `URL.canParse` is
 * wrong there: once V8 has compiled a call of it, Node 20 answers false for strings with Latin-1 letters.
 */
export function parseUrl(text: string | URL, base?: string | URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}
