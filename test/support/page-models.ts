/** What pages are shown with in tests: ordinary models, and what a hostile client or a careless operator would cause. */
import { configSchema } from '../../src/config/schema.ts'
import { landingModel } from '../../src/pages/landing.ts'
import type { Models } from '../../src/pages/models.ts'
import { samples } from '../../src/pages/samples.ts'

/** Breaks out of every place of an HTML page in which a naive template would put it. */
export const attack = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '</title><script>alert(1)</script>',
  '</code></pre><iframe src=https://evil.example></iframe>',
  '" autofocus onfocus=alert(1) x="',
  '<%= process.env %>',
  '&lt;b&gt;&#x3c;script&#x3e;',
  '`+alert(1)+`',
].join(' ')

/** A model in which every string, however deep, is `text`; unions keep their discriminator. */
export function filledWith<T>(value: T, text: string): T {
  if (typeof value === 'string') return text as T
  if (Array.isArray(value)) return value.map((inner) => filledWith(inner, text)) as T
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    key === 'type' || key === 'redirectKind' ? inner : filledWith(inner, text),
  ])
  return Object.fromEntries(entries) as T
}

const long = 'Extraordinarily'.repeat(20)
const twenty = Array.from({ length: 20 }, (_, index) => ({
  scope: `calendar.events.shared.readwrite.everything:${index}`,
  words: index % 2 ? 'see, change and delete every event of every calendar that you can see' : long.slice(0, 160),
}))
/** Two servers whose names and addresses need care in a shell. */
export const config = configSchema.parse({
  issuer: 'https://issuer.example.com/t1',
  secret: 'a secret of at least thirty-two characters',
  idps: [],
  resources: [
    {
      resource: 'https://mcp.example.com/mcp',
      name: 'Tickets & Änderungen',
      scopes: { 'tickets:read': 'read tickets', 'tickets:write': 'change tickets' },
      defaultScopes: ['tickets:read'],
    },
    {
      resource: "https://other.example/a/b/?tenant=o'brien&x=$(id)",
      name: 'Tickets, änderungen',
      scopes: { all: 'do everything' },
      defaultScopes: ['all'],
    },
  ],
})

const { consent, choose, form, failure, landing, logout, loggedOut, adminConsent } = samples

type Variants = { readonly [N in keyof Models]: Readonly<Record<string, Models[N]>> }

export const variants: Variants = {
  consent: {
    web: consent,
    device: { ...withoutHosts(), redirectHost: 'localhost', redirectKind: 'device' },
    app: { ...withoutHosts(), redirectHost: 'cursor', redirectKind: 'app' },
    rtl: { ...consent, clientName: 'תוכנה 🚀 برنامج', redirectHost: 'דוגמה.example', resourceName: 'خادم التجربة' },
    long: {
      ...consent,
      clientName: long,
      clientHost: `${'a'.repeat(60)}.`.repeat(4),
      redirectHost: `accounts.google.com.${'x'.repeat(60)}.evil.example`,
      resourceName: long.slice(0, 80),
      resourceUrl: `https://mcp.example.com/${'p'.repeat(200)}`,
      scopes: twenty,
    },
  },
  choose: {
    two: { ...choose, idps: choose.idps.map(below) },
    plain: { ...withoutAddress(), idps: choose.idps.map(({ id, name }) => ({ id, name, lastUsed: false })) },
    empty: { ...choose, idps: choose.idps.map(below), email: { value: '' } },
    many: { ...choose, clientName: long, idps: Array.from({ length: 8 }, idp) },
  },
  form: {
    mixed: form,
    inputs: {
      ...form,
      fields: [...form.fields.slice(0, 1), { type: 'password', name: 'password', label: 'Password' }],
    },
    personas: { ...form, fields: form.fields.slice(1) },
    long: { ...filledWith(form, long), action: form.action, fields: filledWith(form.fields.slice(1), long) },
  },
  failure: {
    back: failure,
    bare: { title: failure.title, words: failure.words, remedy: failure.remedy, reference: failure.reference },
    advice: { ...failure, link: { url: `https://login.example.com/${'p'.repeat(400)}?a=b&c=d`, label: long } },
    long: { ...filledWith(failure, long), back: { url: 'cursor://anysphere.cursor-mcp/oauth/callback', host: long } },
  },
  landing: {
    development: landing,
    configured: landingModel(config),
    long: {
      ...filledWith(landing, long),
      servers: [{ ...filledWith(landing.servers[0], long), scopes: twenty }] as never,
    },
  },
  logout: {
    two: logout,
    here: { ...logout, idps: [] },
    silent: { ...logout, idps: logout.idps.slice(1) },
    many: { ...logout, idps: Array.from({ length: 8 }, (_, index) => ({ ...idp(_, index), disconnects: true })) },
  },
  loggedOut: {
    here: { failed: false },
    idp: { ...loggedOut, failed: false },
    failed: loggedOut,
    long: { ...loggedOut, idpName: long },
  },
  adminConsent: { plain: adminConsent, long: { idpName: long } },
}

export const everyVariant = (Object.keys(variants) as (keyof Models)[]).flatMap((page) =>
  Object.keys(variants[page]).map((variant) => `${page}/${variant}`),
)

function withoutHosts() {
  const { clientHost: _, redirectHostAscii: __, idpName: ___, ...rest } = consent
  return rest
}

function withoutAddress() {
  const { email: _, ...rest } = choose
  return rest
}

/** With its logo where the pages application has it. */
function below<T extends (typeof choose.idps)[number]>(each: T): T {
  return { ...each, ...(each.logo ? { logo: { url: `/t1${each.logo.url}` } } : undefined) }
}

function idp(_: unknown, index: number) {
  return {
    id: `idp-${index}`,
    name: index === 3 ? long.slice(0, 60) : `Organisation ${index}`,
    ...(index % 2 ? { logo: { url: '/t1/assets/idps/partners' } } : undefined),
    lastUsed: index === 0,
  }
}
