/**
 * Remembers in the browser where it signed in the last time. All it does is to put that IdP first on the next chooser:
 * it approves nothing, chooses nothing, and is compared with the list, so a planted cookie can at worst change an order.
 */
import type { Context } from 'koa'

const YEAR = 365 * 24 * 60 * 60 * 1000

export interface LastIdp {
  /** The id that this browser claims; nobody vouches for it. */
  of(ctx: Context): string | undefined
  remember(ctx: Context, idp: string): void
}

/** @param secure whether the issuer is https; browsers take the prefix only there */
export function openLastIdp(secure: boolean): LastIdp {
  const name = `${secure ? '__Host-' : ''}consulate_last_idp`
  return {
    of: (ctx) => ctx.cookies.get(name, { signed: false }),
    remember(ctx, idp) {
      const options = { httpOnly: true, secure, sameSite: 'lax', path: '/', signed: false, overwrite: true } as const
      ctx.cookies.set(name, idp, { ...options, maxAge: YEAR })
    },
  }
}
