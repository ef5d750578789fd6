/** A cookie jar with the rules of browsers (RFC 6265bis) that a sign-in depends on, loopback counting as secure. */

interface Cookie {
  readonly name: string
  readonly value: string
  readonly host: string
  readonly path: string
  readonly secure: boolean
}

export class CookieJar {
  #cookies: Cookie[] = []

  /** Takes the `Set-Cookie` headers of an answer. A cookie that a browser would refuse is dropped. */
  store(url: URL, headers: Headers): void {
    for (const header of headers.getSetCookie()) this.#take(url, header)
  }

  /** The `Cookie` header of a request, longest path first, or undefined when there is nothing to send. */
  header(url: URL): string | undefined {
    const pairs = this.#cookies
      .filter((cookie) => cookie.host === url.hostname && within(url.pathname, cookie.path))
      .filter((cookie) => !cookie.secure || isSecure(url))
      .sort((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`)
    return pairs.length > 0 ? pairs.join('; ') : undefined
  }

  #take(url: URL, header: string): void {
    const [pair = '', ...rest] = header.split(';').map((part) => part.trim())
    const separator = pair.indexOf('=')
    const attributes = new Map(rest.map((part) => splitOnce(part)))
    const cookie: Cookie = {
      name: pair.slice(0, separator),
      value: pair.slice(separator + 1),
      host: url.hostname,
      path: attributes.get('path')?.startsWith('/') ? (attributes.get('path') as string) : folder(url.pathname),
      secure: attributes.has('secure'),
    }
    if (separator < 1 || (cookie.secure && !isSecure(url))) return
    const hostOnly = cookie.secure && cookie.path === '/' && !attributes.has('domain')
    if (cookie.name.startsWith('__Host-') && !hostOnly) return
    const same = (other: Cookie) =>
      other.name === cookie.name && other.host === cookie.host && other.path === cookie.path
    this.#cookies = this.#cookies.filter((other) => !same(other))
    if (!expired(attributes)) this.#cookies.push(cookie)
  }
}

function splitOnce(part: string): [string, string] {
  const [name = '', ...value] = part.split('=')
  return [name.toLowerCase(), value.join('=')]
}

function expired(attributes: ReadonlyMap<string, string>): boolean {
  const age = attributes.get('max-age')
  if (age !== undefined) return Number(age) <= 0
  const expires = attributes.get('expires')
  return expires !== undefined && Date.parse(expires) <= Date.now()
}

function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
}

function folder(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function within(path: string, parent: string): boolean {
  return path === parent || path.startsWith(parent.endsWith('/') ? parent : `${parent}/`)
}
