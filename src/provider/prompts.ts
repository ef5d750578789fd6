/**
 * When the user must be asked: always. A request goes on only with the result of its own interaction, in which the
 * client was approved and the user signed in; nothing remembered from another request counts.
 */
import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'

const { base, Check, Prompt } = interactionPolicy

/** `prompt` values are accepted and end in the same pages; `none` is answered with `login_required`. */
export function prompts() {
  const policy = base()
  const login = policy.get('login')
  login?.checks.remove('no_session')
  login?.checks.add(
    new Check('not_approved', 'the user must approve the client and sign in', 'login_required', (ctx) => {
      return grantIdOf(ctx) === undefined
    }),
  )
  policy.remove('consent')
  policy.add(new Prompt({ name: 'consent', requestable: true }))
  policy.add(new Prompt({ name: 'select_account', requestable: true }))
  return policy
}

/** The grant made in the interaction that this very request comes back from. */
export function grantIdOf(ctx: KoaContextWithOIDC): string | undefined {
  return ctx.oidc.result?.consent?.grantId
}
