/** Sign-in without an IdP, for development: whoever opens the page picks one of four people and is that person. */
import { z } from 'zod'
import { type Claims, defineAdapter, type Field, LoginRefused } from '../src/adapter.ts'

interface Persona extends Claims {
  readonly name: string
  readonly groups: readonly string[]
}

const PERSONAS: ReadonlyMap<string, Persona> = new Map(
  [
    { username: 'ada', name: 'Ada Lovelace', groups: ['engineering', 'admins'] },
    { username: 'grace', name: 'Grace Hopper', groups: ['engineering'] },
    { username: 'katherine', name: 'Katherine Johnson', groups: ['finance'] },
    { username: 'alan', name: 'Alan Turing', groups: [] },
  ].map((persona) => [persona.username, { ...persona, email: `${persona.username}@example.com`, emailVerified: true }]),
)

const CHOICE: Field = {
  type: 'choice',
  name: 'persona',
  label: 'Sign in as',
  options: [...PERSONAS].map(([value, { name, groups }]) => ({
    value,
    label: name,
    description: groups.length > 0 ? `Groups: ${groups.join(', ')}` : 'No groups',
  })),
}

export const dev = defineAdapter({
  type: 'dev',
  developmentOnly: true,
  options: z.strictObject({}),
  open: () => ({
    async start() {
      return {
        kind: 'form',
        title: 'Development sign-in',
        notice: 'This is not a real sign-in: anyone who opens this page can be any of these people.',
        fields: [CHOICE],
      }
    },
    async finish(login, callback) {
      const form = new URLSearchParams(await callback.text())
      if (form.getAll('state').join() !== login.state) throw new LoginRefused('invalid', 'the form is of another login')
      const subject = form.getAll('persona').join()
      const claims = PERSONAS.get(subject)
      if (!claims) throw new LoginRefused('invalid', 'the form names nobody we know')
      return { subject, claims }
    },
  }),
})
