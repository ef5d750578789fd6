/**
 * Ties an authorization request to the browser that made it. The engine's own cookies are bound to a path and so cannot
 * carry the `__Host-` prefix: a sibling subdomain could plant the ones of another browser here, and with them an
 * interaction that somebody else began or approved. This cookie it cannot plant.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { Failure } from '../errors.ts'
import type { DerivedKeys } from '../keys/derive.ts'

const LIFETIME = 10 * 60 * 1000

export interface BrowserBinding {
  /** Marks this browser as the one that made the request. */
  bind(ctx: Context, uid: string): void
  /** @throws {Failure} `flow_expired` in any other browser; once the cookie has expired, the two look the same */
  check(ctx: Context, uid: string): void
}

/** @param secure whether the issuer is https; browsers take the prefix only there */
export function openBrowserBinding(keys: DerivedKeys, secure: boolean): BrowserBinding {
  const mark = (key: Buffer, purpose: string, uid: string) =>
    createHmac('sha256', key).update(`${purpose} ${uid}`).digest('base64url')
  const name = (key: Buffer, uid: string) =>
    `${secure ? '__Host-' : ''}consulate_browser_${mark(key, 'name', uid).slice(0, 12)}`
  return {
    bind(ctx, uid) {
      const options = { httpOnly: true, secure, sameSite: 'lax', path: '/', signed: false, maxAge: LIFETIME } as const
      const [key] = keys()
      ctx.cookies.set(name(key, uid), mark(key, 'value', uid), options)
    },
    check(ctx, uid) {
      const bound = keys().some((key) => {
        const presented = Buffer.from(ctx.cookies.get(name(key, uid), { signed: false }) ?? '')
        const expected = Buffer.from(mark(key, 'value', uid))
        return presented.length === expected.length && timingSafeEqual(presented, expected)
      })
      if (!bound) throw new Failure('flow_expired', 'this browser has no cookie of the authorization request')
    },
  }
}
