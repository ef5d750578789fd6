/**
 * One model of each page. `openPages` renders them once at start, so that a broken override stops the server then and
 * never a user later. Each names every optional part of its model, so that those lines of a view run too.
 */
import type { Models } from './models.ts'

export const samples: Models = {
  consent: {
    action: '/consent',
    csrf: 'token',
    clientName: 'Claude Code',
    clientHost: 'claude.ai',
    redirectHost: 'bücher.example',
    redirectHostAscii: 'xn--bcher-kva.example',
    redirectKind: 'web',
    resourceName: 'Demo server',
    resourceUrl: 'https://mcp.example.com/mcp',
    scopes: [{ scope: 'demo:read', words: 'read who you are' }],
    idpName: 'Contoso',
  },
  choose: {
    action: '/choose',
    csrf: 'token',
    clientName: 'Claude Code',
    resourceName: 'Demo server',
    idps: [
      { id: 'entra', name: 'Contoso', logo: { url: '/assets/idps/entra' }, lastUsed: true },
      { id: 'partners', name: 'Partners', lastUsed: false },
    ],
    email: { value: 'ada@example.org', problem: 'Nobody here signs in people of this domain.' },
  },
  form: {
    action: '/callback/dev',
    state: 'state',
    title: 'Development sign-in',
    notice: 'Anyone can sign in here as anybody.',
    fields: [
      { type: 'text', name: 'user', label: 'User name', autocomplete: 'username' },
      {
        type: 'choice',
        name: 'as',
        label: 'Sign in as',
        options: [{ value: 'ada', label: 'Ada', description: 'admin' }],
      },
    ],
  },
  failure: {
    title: 'You cancelled',
    words: 'Nothing was shared with the application.',
    remedy: 'You can close this page.',
    link: { url: 'https://login.example.com/adminconsent', label: 'Give consent' },
    reference: 'a1b2c3',
    back: { url: 'https://claude.ai/callback', host: 'claude.ai' },
  },
  landing: {
    issuer: 'https://issuer.example.com',
    development: true,
    servers: [
      {
        name: 'Demo server',
        url: 'https://mcp.example.com/mcp',
        scopes: [{ scope: 'demo:read', words: 'read who you are' }],
        connect: [{ client: 'Claude Code', how: 'Run in a terminal:', snippet: 'claude mcp add' }],
      },
    ],
    documents: [{ name: 'Signing keys', url: 'https://issuer.example.com/jwks' }],
  },
  logout: {
    action: '/logout',
    csrf: 'token',
    idps: [
      { id: 'company', name: 'Contoso', disconnects: true },
      { id: 'partners', name: 'Partners', disconnects: false },
    ],
  },
  loggedOut: { idpName: 'Contoso', failed: true },
  adminConsent: { idpName: 'Contoso' },
}
