/**
 * A company's IdP to test sessions with: people who can be disabled, refresh tokens that rotate and may be used once
 * (RFC 9700 section 2.2.2), logout tokens, an end-session endpoint, and any way of not answering. Its adapter reaches it
 * over HTTP by the guarded fetch, like those in `adapters/` reach theirs.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { type AdapterType, defineAdapter, type Identity, LoginRefused } from '../../src/adapter.ts'
import { listen } from './issuer.ts'

export interface Person {
  name: string
  /** Undefined when the company does not tell them. */
  groups: string[] | undefined
  disabled?: boolean
  /** The company answers, but nothing about this person: they sent it too many requests. */
  limited?: boolean
  /** Answers under another name. */
  becomes?: string
}

type Keys = Awaited<ReturnType<typeof generateKeyPair>>
type KeyLike = Keys['privateKey'] | Uint8Array

/** What a logout token says otherwise; undefined leaves a claim out. */
export type Changes = { readonly [claim: string]: unknown }

export type Mode = 'up' | 'down' | 'slow' | 'error' | 'html' | 'cut' | 'empty' | 'half'

export class Company {
  readonly people = new Map<string, Person>()
  mode: Mode = 'up'
  /** Every upstream secret that was ever handed out. */
  readonly secrets: string[] = []
  /** Every session that a sign-in came with, oldest first. */
  readonly sessions: string[] = []
  /** Who was asked about, oldest first. */
  readonly asked: string[] = []
  /** Holds the answers about refresh tokens until it resolves. */
  hold: Promise<unknown> | undefined
  /** Whether sign-ins come with a refresh token, and with a session. */
  gives = { secret: true, session: true }
  readonly #live = new Map<string, string>()
  readonly #server: Server
  readonly #keys: Keys
  origin = ''

  private constructor(keys: Keys) {
    this.#keys = keys
    this.#server = createServer((req, res) => void this.#answer(req, res))
  }

  static async start(): Promise<Company> {
    const company = new Company(await generateKeyPair('ES256', { extractable: true }))
    company.origin = `http://localhost:${await listen(company.#server)}`
    for (const [login, name] of [
      ['ada', 'Ada Lovelace'],
      ['grace', 'Grace Hopper'],
    ] as const) {
      company.people.set(login, { name, groups: ['engineering'] })
    }
    return company
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** A logout token as section 2.4 of OpenID Connect Back-Channel Logout 1.0 has it, bent by `changes`. */
  async logoutToken(changes: Changes, header: Record<string, unknown> = {}, key?: KeyLike): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: this.origin,
      aud: 'consulate',
      iat: now,
      exp: now + 120,
      jti: randomUUID(),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      ...changes,
    }
    const token = new SignJWT(JSON.parse(JSON.stringify(claims)))
    const protectedHeader = { alg: 'ES256', typ: 'logout+jwt', ...header }
    return token.setProtectedHeader(protectedHeader).sign(key ?? this.#keys.privateKey)
  }

  async publicKey(): Promise<string> {
    return JSON.stringify(await exportJWK(this.#keys.publicKey))
  }

  /** The adapter of this company, under a type of that name. */
  adapter(type = 'company'): AdapterType {
    return defineAdapter({
      type,
      options: z.strictObject({}),
      open: (_options, host) => {
        const ask = async (path: string, form: Record<string, string>): Promise<Identity> => {
          const request = { method: 'POST', body: new URLSearchParams(form) }
          const response = await host.fetch(`${this.origin}${path}`, request).catch((cause: unknown) => {
            throw new LoginRefused('unavailable', 'the company does not answer', { cause })
          })
          if (response.status >= 500) {
            const renewed = (await response.json()) as { secret?: string }
            throw new LoginRefused('unavailable', `the company answered ${response.status}`, renewed)
          }
          if (response.status === 400) throw new LoginRefused('denied', 'invalid_grant')
          if (response.status === 403) throw new LoginRefused('unavailable', 'too many requests of this user')
          return (await response.json()) as Identity
        }
        return {
          start: async () => {
            const field = { type: 'text', name: 'login', label: 'Login' } as const
            return { kind: 'form', title: 'Company sign-in', fields: [field] }
          },
          finish: async (_login, callback) => {
            const form = new URLSearchParams(await callback.text())
            return ask('/sign-in', { login: form.get('login') ?? '' })
          },
          refresh: ({ secret = '' }) => ask('/refresh', { secret }),
          endSession: async (returnTo) => {
            if (this.mode !== 'up') throw new LoginRefused('unavailable', 'the company does not answer')
            return new URL(`${this.origin}/end?${new URLSearchParams({ post_logout_redirect_uri: returnTo.href })}`)
          },
          loggedOut: (token) => this.#verify(token),
        }
      },
    })
  }

  /** Every check of section 2.6. */
  async #verify(token: string) {
    if (this.mode === 'down') throw new LoginRefused('unavailable', 'the keys cannot be fetched')
    try {
      const { payload } = await jwtVerify(token, this.#keys.publicKey, {
        issuer: this.origin,
        audience: 'consulate',
        algorithms: ['ES256'],
        typ: 'logout+jwt',
        requiredClaims: ['iat', 'exp', 'jti', 'events'],
      })
      const events = payload.events as Record<string, unknown>
      if (!events['http://schemas.openid.net/event/backchannel-logout']) throw new Error('no logout event')
      if (payload.nonce !== undefined) throw new Error('it has a nonce, like an ID token')
      const { sub: subject, sid: session, jti: id } = payload
      return {
        id: id as string,
        ...(subject === undefined ? {} : { subject }),
        ...(session === undefined ? {} : { session: session as string }),
      }
    } catch (cause) {
      throw new LoginRefused('invalid', 'the logout token is not good', { cause })
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await req.toArray()).join(''))
    const secret = form.get('secret') ?? ''
    const login = req.url === '/sign-in' ? (form.get('login') ?? '') : this.#live.get(secret)
    if (req.url === '/refresh') this.asked.push(login ?? 'nobody')
    if (req.url === '/refresh' && this.mode === 'up') await this.hold
    if (this.mode === 'slow') return
    if (this.mode === 'down') return void req.socket.destroy()
    if (this.mode === 'error') return void res.writeHead(500).end('{}')
    if (this.mode === 'html') return void res.end('<!doctype html><title>Sign in</title>')
    if (this.mode === 'empty') return void res.end('{}')
    if (this.mode === 'cut') return void res.end('{"subject":"')
    const person = this.people.get(login ?? '')
    if (!login || !person || person.disabled) return void res.writeHead(400).end('{"error":"invalid_grant"}')
    if (person.limited) return void res.writeHead(403).end('{}')
    // Used once: the next answer holds the only one that is still good.
    this.#live.delete(secret)
    const next = `upstream-secret-${randomUUID()}`
    if (this.gives.secret) {
      this.#live.set(next, login)
      this.secrets.push(next)
    }
    // Renews the refresh token, and then cannot say who it is of.
    if (this.mode === 'half') return void res.writeHead(500).end(JSON.stringify({ secret: next }))
    const session = req.url === '/sign-in' && this.gives.session ? { session: `sid-${randomUUID()}` } : {}
    if (session.session) this.sessions.push(session.session)
    const { name, groups, becomes = login } = person
    const given = this.gives.secret ? { secret: next } : {}
    res.end(JSON.stringify({ subject: becomes, claims: { name, groups }, ...given, ...session }))
  }
}
