/**
 * The way back to a client that gets no code. A browser follows an error by itself only to a program on its own device;
 * to a web host it goes when the user clicks, because anybody can register one and an authorization server must not be
 * their redirector (RFC 9700 section 4.11.2).
 */
import type { Context } from 'koa'
import { type ErrorCode, Failure, type WayBack } from '../errors.ts'
import { displayHost } from '../pages/text.ts'
import { isLoopbackHost } from '../url.ts'

/** A web host, a program on this device, or an application with a URI scheme of its own. */
export type RedirectKind = 'web' | 'device' | 'app'

export function redirectKind(target: string | URL): RedirectKind {
  const { protocol, hostname } = new URL(target)
  if (protocol !== 'https:' && protocol !== 'http:') return 'app'
  return isLoopbackHost(hostname) ? 'device' : 'web'
}

export function wayBack(target: URL): WayBack {
  return { url: target.href, host: displayHost(target).host }
}

/** @throws {Failure} of this code, with the way back, when the target is a web host. */
export function leaveWithError(ctx: Context, target: URL, code: ErrorCode): void {
  if (redirectKind(target) === 'web') {
    // In the fragment when the client asked for a response type that we do not have.
    const answer = new URLSearchParams(target.search || target.hash.slice(1))
    const error = answer.get('error') ?? 'no error named'
    const description = answer.get('error_description') ?? 'no description'
    throw new Failure(code, `${error}: ${description}`, { back: wayBack(target) })
  }
  ctx.status = 303
  ctx.redirect(target.href)
}
