/** The adapter of R7: an IdP with two routes, `<url>/sign-in` and `<url>/refresh`, and without OpenID Connect. */
import { z } from 'zod'

export default {
  contract: 1,
  type: 'company',
  options: z.strictObject({ url: z.url() }),
  open({ url }, host) {
    async function ask(path, form) {
      const request = { method: 'POST', body: new URLSearchParams(form) }
      const response = await host.fetch(`${url}${path}`, request).catch((cause) => {
        throw refused('unavailable', 'the company does not answer', cause)
      })
      if (response.status >= 500) throw refused('unavailable', `the company answered ${response.status}`)
      if (response.status >= 400) throw refused('denied', 'the company refused')
      return response.json()
    }
    return {
      start: async () => ({
        kind: 'form',
        title: 'Company',
        fields: [{ type: 'text', name: 'login', label: 'Login' }],
      }),
      async finish(_login, callback) {
        const form = new URLSearchParams(await callback.text())
        return ask('/sign-in', { login: form.get('login') ?? '' })
      },
      refresh: ({ secret }) => ask('/refresh', { login: secret }),
    }
  },
}

/** As a package of its own would have it, without ours at hand. */
function refused(reason, message, cause) {
  return Object.assign(new Error(message, { cause }), { name: 'LoginRefused', reason })
}
