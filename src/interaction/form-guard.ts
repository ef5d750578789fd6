/**
 * Forms are accepted only from the page we showed this browser: a token bound to the interaction, and the browser's
 * own word on where the form was sent from (RFC 9700 section 4.7).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { Failure } from '../errors.ts'
import type { DerivedKeys } from '../keys/derive.ts'

export interface FormGuard {
  /** The token of an interaction's forms. The same at every call, so that loading a page twice spoils nothing. */
  token(uid: string): string
  /** @throws {Failure} `forged_form` */
  check(ctx: Context, uid: string, token: string | null): void
}

export function openFormGuard(keys: DerivedKeys, origin: string): FormGuard {
  const tokenOf = (key: Buffer, uid: string) => createHmac('sha256', key).update(uid).digest('base64url')
  return {
    token: (uid) => tokenOf(keys()[0], uid),
    check(ctx, uid, token) {
      const site = ctx.get('Sec-Fetch-Site')
      if (site && site !== 'same-origin') throw new Failure('forged_form', `the form was sent from a ${site} page`)
      const from = ctx.get('Origin')
      if (from && from !== origin) throw new Failure('forged_form', 'the form was sent from another origin')
      const actual = Buffer.from(token ?? '')
      const ours = keys().some((key) => {
        const expected = Buffer.from(tokenOf(key, uid))
        return expected.length === actual.length && timingSafeEqual(expected, actual)
      })
      if (!ours) {
        throw new Failure('forged_form', 'the form token is missing or belongs to another interaction')
      }
    },
  }
}
