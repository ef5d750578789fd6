import { expect } from 'chai'
import { adapters } from '../../adapters/index.ts'
import { developmentConfig } from '../../src/config/development.ts'
import { checkRules } from '../../src/config/rules.ts'
import { secretWeakness } from '../../src/config/secret-strength.ts'
import { canonicalResource as providerForm } from '../../src/url.ts'
import { parse, pathsIn, problemsIn, SECRET, sound } from './support.ts'

const withResource = (change: Record<string, unknown>) => {
  const settings = sound()
  settings.resources[0] = { ...settings.resources[0], ...change }
  return settings
}

describe('the issuer', () => {
  const wrong: [string, string][] = [
    ['https://auth.example.com/', 'https://auth.example.com'],
    ['https://auth.example.com/t1/', 'https://auth.example.com/t1'],
    ['https://Auth.Example.com', 'https://auth.example.com'],
    ['https://auth.example.com:443', 'https://auth.example.com'],
    ['https://auth.example.com?a=b', 'https://auth.example.com'],
    ['https://auth.example.com#a', 'https://auth.example.com'],
    ['https://me:pw@auth.example.com', 'https://auth.example.com'],
    ['http://auth.example.com', 'https://auth.example.com'],
    ['http://127.0.0.1.example.com', 'https://127.0.0.1.example.com'],
    ['http://localhost.example.com:3000', 'https://localhost.example.com:3000'],
  ]
  for (const [issuer, right] of wrong) {
    it(`is refused as ${issuer}, and the right one is shown`, async () => {
      const [problem] = await problemsIn({ ...sound(), issuer })
      expect(problem?.path).to.equal('issuer')
      expect(problem?.remedy.endsWith(` ${right}`), problem?.remedy).to.equal(true)
    })
  }

  for (const issuer of [
    'https://auth.example.com/t1',
    'http://localhost:3000',
    'http://127.0.0.1',
    'http://[::1]:8080',
  ]) {
    it(`may be ${issuer}`, async () => {
      expect((await parse({ ...sound(), issuer })).config.issuer).to.equal(issuer)
    })
  }
})

describe('outside development mode the configuration', () => {
  it('is refused without an IdP and without an MCP server', async () => {
    expect(await pathsIn({ ...sound(), idps: [], resources: [] })).to.have.members(['idps', 'resources'])
  })

  it('is refused with the development sign-in', async () => {
    const settings = sound()
    settings.idps.push({ id: 'dev', type: 'dev', name: 'Dev' })
    expect(await pathsIn(settings)).to.deep.equal(['idps[1].type'])
  })

  const weak = [
    SECRET.slice(1),
    'changeme-4f8a1c9e7b2d6035-4f8a1c9e7b2d6036',
    'Kx9Lq2Wn8Rt5-ChangeMe-Zv1Bc7Yd3Hg6',
    'replace-this-by-the-output-of-openssl',
    'secret1-Kx9Lq2Wn8Rt5Zv1Bc7Yd3Hg6',
    'a'.repeat(64),
    'k3Jx0Vq9ZpLw7RtBk3Jx0Vq9ZpLw7RtB',
    'k3Jx0Vq9Zpk3Jx0Vq9Zpk3Jx0Vq9Zpk3',
    'abcdefghijklmnopqrstuvwxyz012345',
  ]
  for (const secret of weak) {
    it(`is refused with the secret ${secret.slice(0, 16)}... of ${secret.length} characters`, async () => {
      const [problem, ...others] = await problemsIn({ ...sound(), secret })
      expect(others).to.deep.equal([])
      expect(problem).to.deep.include({ path: 'secret', value: '***' })
      expect(problem?.remedy).to.contain('openssl rand')
    })
  }

  it('is refused with a weak introspection secret', async () => {
    const introspection = { clientId: 'files', clientSecret: 'a'.repeat(40) }
    expect(await pathsIn(withResource({ introspection }))).to.deep.equal(['resources[0].introspection.clientSecret'])
  })
})

describe('a random secret', () => {
  it('passes in base64, base64url and hex', () => {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      const bytes = Buffer.from('9f3c5a0e7d1b48826c45f0a1937be2d4580c6e1fb7a29d3340f5c8e6127ab9d1', 'hex')
      expect(secretWeakness(bytes.toString(encoding))).to.equal(undefined)
    }
  })
})

describe('development mode', () => {
  const development = () => ({ ...sound(), development: true, issuer: 'http://localhost:3000', secret: 'x' })

  it('allows the development sign-in and any secret', async () => {
    const idps = [{ id: 'dev', type: 'dev', name: 'Dev' }]
    expect((await parse({ ...development(), idps })).config.development).to.equal(true)
  })

  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'auth.example.com']) {
    it(`is refused when it listens on ${host}`, async () => {
      expect(await pathsIn({ ...development(), listen: { host } })).to.deep.equal(['listen.host'])
    })
  }

  it('is refused under the name of another machine', async () => {
    expect(await pathsIn({ ...development(), issuer: 'https://auth.example.com' })).to.deep.equal(['issuer'])
  })

  it('without a configuration obeys every rule', () => {
    const config = developmentConfig({ port: 3100, dataFolder: '/tmp/data', secret: SECRET })
    expect(checkRules(config, adapters)).to.deep.equal([])
    expect(config.issuer).to.equal('http://localhost:3100')
    expect(config.resources[0]).to.deep.include({
      resource: 'http://localhost:3100/demo/mcp',
      defaultScopes: ['demo:read'],
      claims: ['groups', 'name'],
    })
  })
})

describe('an MCP server', () => {
  const wrong: [string, string][] = [
    ['HTTPS://MCP.example.com/Files', 'https://mcp.example.com/Files'],
    ['https://mcp.example.com:443/files', 'https://mcp.example.com/files'],
    ['https://mcp.example.com/', 'https://mcp.example.com'],
    ['https://mcp.example.com/files#x', 'https://mcp.example.com/files'],
    ['https://me:pw@mcp.example.com/files', 'https://mcp.example.com/files'],
    ['https://mcp.example.com/a/../files', 'https://mcp.example.com/files'],
    ['http://mcp.example.com/files', 'https://mcp.example.com/files'],
  ]
  for (const [resource, right] of wrong) {
    it(`is refused as ${resource}, and the canonical form is shown`, async () => {
      const [problem] = await problemsIn(withResource({ resource }))
      expect(problem?.path).to.equal('resources[0].resource')
      expect(problem?.remedy.endsWith(` ${right}`), problem?.remedy).to.equal(true)
    })
  }

  for (const resource of [
    'https://mcp.example.com/a?b=c',
    'https://mcp.example.com/a|b',
    'https://mcp.example.com/%zz',
  ]) {
    it(`is refused as ${resource}`, async () => {
      expect(await pathsIn(withResource({ resource }))).to.deep.equal(['resources[0].resource'])
    })
  }

  for (const resource of ['https://mcp.example.com', 'https://mcp.example.com/Files/', 'http://[::1]:9/a%20b']) {
    it(`may be ${resource}, which is also how the provider spells it`, async () => {
      expect((await parse(withResource({ resource }))).config.resources[0]?.resource).to.equal(resource)
      expect(providerForm(resource)).to.equal(resource)
    })
  }

  it('is listed once, however it is spelled', async () => {
    const settings = sound()
    settings.resources.push({ ...settings.resources[0], resource: 'https://MCP.example.com/files' })
    const problems = await problemsIn(settings)
    expect(problems.map((each) => each.remedy)).to.include('List each MCP server once.')
  })

  it('has default scopes that it offers, and IdPs that exist', async () => {
    expect(await pathsIn(withResource({ defaultScopes: ['files:read', 'files:write'], idps: ['okta'] }))).to.deep.equal(
      ['resources[0].defaultScopes[1]', 'resources[0].idps[0]'],
    )
  })

  for (const scope of ['openid', 'offline_access']) {
    it(`does not call a scope ${scope}`, async () => {
      expect(await pathsIn(withResource({ scopes: { [scope]: 'x' }, defaultScopes: [scope] }))).to.deep.equal([
        `resources[0].scopes.${scope}`,
      ])
    })
  }

  it('has introspection credentials of its own', async () => {
    const settings = withResource({ introspection: { clientId: 'files', clientSecret: SECRET } })
    settings.resources.push({ ...settings.resources[0], resource: 'https://mcp.example.com/other' })
    expect(await pathsIn(settings)).to.deep.equal(['resources[1].introspection.clientId'])
  })
})

describe('an introspection secret', () => {
  const withSecret = (clientSecret: string) => withResource({ introspection: { clientId: 'files', clientSecret } })

  for (const character of ['+', '/', '=', '%', ':', '&', ' ', 'é']) {
    it(`holds no "${character}", which HTTP Basic may change`, async () => {
      const [problem, ...others] = await problemsIn(withSecret(SECRET + character))
      expect(others).to.deep.equal([])
      expect(problem).to.deep.include({ path: 'resources[0].introspection.clientSecret', value: '***' })
      expect(problem?.remedy).to.contain('HTTP Basic').and.to.contain('openssl rand -hex 32')
    })
  }

  it('is held to that in development mode as well', async () => {
    const settings = { ...withSecret(`${SECRET}+`), development: true, issuer: 'http://localhost:3000' }
    expect(await pathsIn(settings)).to.deep.equal(['resources[0].introspection.clientSecret'])
  })

  it('may hold letters, digits and the four unreserved characters', async () => {
    const { config } = await parse(withSecret(`${SECRET}._~-`))
    expect(config.resources[0]?.introspection?.clientSecret).to.equal(`${SECRET}._~-`)
  })
})

describe('the rest of the configuration', () => {
  it('has one IdP for each id', async () => {
    const settings = sound()
    settings.idps.push({ ...settings.idps[0] })
    expect(await pathsIn(settings)).to.deep.equal(['idps[1].id'])
  })

  it('lets a grant live at least as long as a refresh token', async () => {
    const tokens = { refreshTokenSeconds: 100, grantSeconds: 99 }
    expect(await pathsIn({ ...sound(), tokens })).to.deep.equal(['tokens.grantSeconds'])
    expect((await parse({ ...sound(), tokens: { ...tokens, grantSeconds: 100 } })).config.tokens).to.include({
      grantSeconds: 100,
    })
  })

  const schemes = 'http https javascript data file vbscript blob about intent ms-word search-ms web+mcp itms-services'
  for (const scheme of schemes.split(' ')) {
    it(`has no custom scheme ${scheme}`, async () => {
      const registration = { customSchemes: ['cursor', scheme] }
      expect(await pathsIn({ ...sound(), registration })).to.deep.equal(['registration.customSchemes[1]'])
    })
  }

  for (const range of ['0.0.0.0/0', '::/0']) {
    it(`does not trust ${range} as a proxy`, async () => {
      expect(await pathsIn({ ...sound(), trustedProxies: ['10.0.0.0/8', range] })).to.deep.equal(['trustedProxies[1]'])
    })
  }
})
