/** An issuer in front of a company's IdP (`company.ts`), and clients of its people. */
import { decodeJwt } from 'jose'
import type { ConfigInput } from '../../src/config/schema.ts'
import { type Answer, obtainTokens, type Registered, refresh, register, type Tokens } from './client.ts'
import { Company } from './company.ts'
import { startIssuer, type TestIssuer, type TestOptions } from './issuer.ts'

export interface CompanyIssuer {
  readonly issuer: TestIssuer
  readonly company: Company
  stop(): Promise<void>
}

export const INTERVAL = 900_000

export async function startCompanyIssuer(
  sessions: ConfigInput['sessions'] = {},
  options: Pick<TestOptions, 'store' | 'config' | 'metrics' | 'fetchForClients'> = {},
): Promise<CompanyIssuer> {
  const company = await Company.start()
  const issuer = await startIssuer({
    ...options,
    adapters: [company.adapter()],
    config: (defaults, url) => ({
      ...(options.config?.(defaults, url) ?? defaults),
      sessions,
      idps: [{ id: 'company', type: 'company', name: 'The Company' }],
    }),
  })
  return {
    issuer,
    company,
    async stop() {
      await issuer.close()
      await company.stop()
    },
  }
}

/** A client that somebody connected, and that keeps its newest refresh token. */
export class Connected {
  readonly client: Registered
  tokens: Tokens
  readonly #issuer: string

  private constructor(issuer: string, client: Registered, tokens: Tokens) {
    this.#issuer = issuer
    this.client = client
    this.tokens = tokens
  }

  static async by(login: string, issuer: string, buttons: Record<string, string> = {}): Promise<Connected> {
    const client = await register(issuer)
    return new Connected(issuer, client, await obtainTokens(issuer, client, {}, { texts: { login }, buttons }))
  }

  async refresh(): Promise<Answer<Tokens & { error?: string }>> {
    const answer = await refresh<Tokens & { error?: string }>(this.#issuer, this.client, this.tokens.refresh_token)
    if (answer.status === 200) this.tokens = answer.body
    return answer
  }

  /** The claims of the newest access token. */
  get claims() {
    return decodeJwt<{ name?: string; groups?: string[]; grant_id: string }>(this.tokens.access_token)
  }
}

/** The lines of the audit log. */
export function audited(issuer: Pick<TestIssuer, 'logged'>, event?: string): Record<string, unknown>[] {
  return issuer.logged.filter((line) => line.audit === true && (event === undefined || line.event === event))
}
