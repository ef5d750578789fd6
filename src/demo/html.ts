/** Reads the forms of a page: enough of HTML for pages that escape their values, as those of sign-ins do. */

export interface Button {
  readonly name: string
  readonly value: string
}

export interface Form {
  readonly action: URL
  readonly method: 'GET' | 'POST'
  /** Inputs with a value, hidden ones included. */
  readonly values: Readonly<Record<string, string>>
  /** Names of the inputs that a person fills in. */
  readonly inputs: readonly string[]
  /** Submit buttons that carry a value. */
  readonly buttons: readonly Button[]
}

export function parseForms(html: string, page: URL): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, head = '', body = '']) => {
    const form = attributes(head)
    const inputs = tags(body, 'input').filter((input) => input.name)
    const typed = inputs.filter((input) => !/^(hidden|submit|button|checkbox|radio)$/i.test(input.type ?? 'text'))
    return {
      action: new URL(form.action ?? '', page),
      method: form.method?.toUpperCase() === 'POST' ? 'POST' : 'GET',
      values: Object.fromEntries(inputs.map((input) => [input.name, input.value ?? ''])),
      inputs: typed.map((input) => input.name ?? ''),
      buttons: tags(body, 'button').flatMap(({ name, value, disabled }) =>
        name && disabled === undefined ? [{ name, value: value ?? '' }] : [],
      ),
    }
  })
}

/** The title of a page, or its address when it has none. */
export function titleOf(html: string, page: URL): string {
  return decode(/<title[^>]*>([^<]*)/i.exec(html)?.[1]?.trim() ?? '') || page.href
}

function tags(html: string, name: string): Record<string, string>[] {
  return [...html.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'gi'))].map(([, head = '']) => attributes(head))
}

function attributes(head: string): Record<string, string> {
  const found = head.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)
  return Object.fromEntries(
    [...found].map(([, name = '', double, single, bare]) => [
      name.toLowerCase(),
      decode(double ?? single ?? bare ?? ''),
    ]),
  )
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text: string): string {
  return text.replaceAll(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name.toLowerCase()] ?? whole
    return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal))
  })
}
