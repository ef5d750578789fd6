/** IdPs that do as a test says: an empty form to press, and whatever end the test has for the sign-in. */
import { z } from 'zod'
import { type AdapterType, defineAdapter, type Hints, type Identity, type Login } from '../../src/adapter.ts'

export interface ScriptedIdps {
  readonly type: AdapterType
  /** The sign-ins that were begun, oldest first. */
  readonly begun: { readonly idp: string; readonly hints: Hints }[]
  /** How every sign-in ends. */
  finish: (idp: string, login: Login) => Promise<Identity>
}

export function scriptedIdps(): ScriptedIdps {
  const begun: ScriptedIdps['begun'] = []
  const scripted: ScriptedIdps = {
    begun,
    finish: async (idp) => ({
      subject: 'ada',
      claims: { name: `Ada of ${idp}`, email: 'ada@example.com', groups: [] },
    }),
    type: defineAdapter({
      type: 'scripted',
      options: z.strictObject({}),
      open: (_options, { id }) => ({
        async start({ hints }) {
          begun.push({ idp: id, hints })
          return { kind: 'form', title: `Sign-in of ${id}`, fields: [] }
        },
        finish: (login) => scripted.finish(id, login),
      }),
    }),
  }
  return scripted
}
