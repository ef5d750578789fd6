import { Writable } from 'node:stream'
import { expect } from 'chai'
import pino from 'pino'
import { openAudit } from '../../src/observe/audit.ts'
import { createLog } from '../../src/observe/log.ts'
import { obtainTokens, postForm, refresh, register } from '../support/client.ts'
import { audited } from '../support/company-issuer.ts'
import { startIssuer } from '../support/issuer.ts'

describe('the audit log', () => {
  const written: string[] = []
  const sink = () => {
    written.length = 0
    return new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk))
        done()
      },
    })
  }

  it('has one line for each event of a connection, told from others, with who and what', async () => {
    const issuer = await startIssuer()
    const client = await register(issuer.url, { client_name: 'Audited' })
    const tokens = await obtainTokens(issuer.url, client)
    const next = await refresh(issuer.url, client, tokens.refresh_token)
    await postForm(`${issuer.url}/revoke`, { token: next.body.refresh_token, client_id: client.client_id })
    await issuer.close()

    const lines = audited(issuer)
    expect(lines.map(({ event }) => event)).to.deep.equal([
      'client.registered',
      'consent.given',
      'authorization.granted',
      'token.issued',
      'token.issued',
      'grant.revoked',
    ])
    expect(new Set(lines.map(({ client: id }) => id))).to.deep.equal(new Set([client.client_id]))
    const [registered, consent, , issued, refreshed, revoked] = lines
    expect(registered).to.include({ name: 'Audited' })
    expect(consent).to.include({ idp: 'dev', resource: `${issuer.url}/demo/mcp`, scopes: 'demo:read' })
    const { account, grant } = consent ?? {}
    expect([account, grant].every((id) => typeof id === 'string')).to.equal(true)
    for (const line of [issued, refreshed, revoked]) expect(line).to.include({ account, grant })
    expect([issued?.grant_type, refreshed?.grant_type]).to.deep.equal(['authorization_code', 'refresh_token'])
    const text = JSON.stringify(lines)
    for (const secret of [tokens.access_token, tokens.refresh_token, next.body.refresh_token]) {
      expect(text).to.not.include(secret)
    }
  })

  it('is written whatever level the log has, and not at all when it is off', () => {
    for (const level of ['info', 'warn', 'fatal'] as const) {
      openAudit(createLog({ level, format: 'json' }, sink()))('grant.ended', { grant: 'g', reason: 'denied' })
      expect(written).to.have.length(1)
      expect(JSON.parse(written[0] ?? '')).to.include({ audit: true, event: 'grant.ended', grant: 'g' })
    }
    openAudit(createLog({ level: 'silent', format: 'json' }, sink()))('grant.ended', {})
    openAudit(pino({ level: 'silent' }, sink()))('grant.ended', {})
    expect(written).to.deep.equal([])
  })

  it('lets no name of a client begin a line of its own', () => {
    openAudit(createLog({ level: 'info', format: 'json' }, sink()))('client.registered', {
      name: 'x\n{"audit":true,"event":"consent.given"}',
    })
    expect(written.join('').trimEnd().split('\n')).to.have.length(1)
  })
})
