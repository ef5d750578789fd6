import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parse } from 'yaml'
import { adapters } from '../../adapters/index.ts'
import { parseConfig } from '../../src/config/load.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

interface Service {
  readonly environment?: Record<string, unknown>
  readonly [key: string]: unknown
}

describe('docker-compose.yml', () => {
  const compose = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, Service>
    configs: Record<string, { content: string }>
  }
  const { services, configs } = compose
  const replicas = ['consulate-1', 'consulate-2'].map((name) => services[name] ?? {})

  it('holds a configuration that can be used, for each replica with a port of its own', async () => {
    // What Compose makes of it.
    const text = (configs.consulate?.content ?? '').replaceAll('$$', '$')
    const ports: number[] = []
    for (const { environment = {} } of replicas) {
      const { config } = await parseConfig(text, {
        folder: '/etc/consulate',
        env: {
          CONSULATE_SECRET: 'only for trying things out on one machine',
          CONSULATE_PORT: String(environment.CONSULATE_PORT),
        },
        adapterTypes: adapters,
      })
      expect(config.store).to.include({ type: 'mongodb' })
      expect(config.listen.host).to.equal('127.0.0.1')
      ports.push(config.listen.port)
    }
    expect(ports).to.deep.equal([3001, 3002])
    for (const port of ports) expect(configs.balancer?.content).to.include(`127.0.0.1:${port}`)
  })

  it('opens development mode to this machine only', () => {
    const published = Object.values(services).flatMap(({ ports }) => (ports as string[] | undefined) ?? [])
    expect(published).to.deep.equal(['127.0.0.1:3000:3000'])
    for (const replica of replicas) expect(replica.network_mode).to.equal('service:balancer')
  })

  it('runs every replica read-only, without capabilities and after the migration', () => {
    for (const replica of replicas) {
      expect(replica).to.deep.include({ read_only: true, cap_drop: ['ALL'], build: '.' })
      expect(replica.security_opt).to.deep.equal(['no-new-privileges:true'])
      expect(replica.depends_on).to.deep.include({ migrate: { condition: 'service_completed_successfully' } })
    }
    expect(services.migrate?.depends_on).to.deep.include({ mongo: { condition: 'service_healthy' } })
  })

  it('founds a replica set of one, and calls it healthy when it can be written', () => {
    expect(services.mongo?.command).to.include('rs0')
    const check = JSON.stringify(services.mongo?.healthcheck)
    expect(check).to.include('rs.initiate').and.to.include('isWritablePrimary')
  })
})

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile')
  const [, last = ''] = dockerfile.split(/^FROM alpine/m)

  it('ends in an image without build tools, run by a user without rights, with a health check', () => {
    expect(dockerfile.match(/^FROM /gm)).to.have.length(3)
    expect(last).to.match(/^USER 10001:10001$/m)
    expect(last).to.match(/^HEALTHCHECK /m)
    expect(last).to.not.match(/npm (ci|install)/)
    expect(last).to.match(/^ENTRYPOINT \["node", "\/app\/dist\/src\/cli\/index\.js"\]$/m)
  })

  it('installs what the lockfile names, in each of its stages, and of it only what runs in the last one', () => {
    const installs = dockerfile.match(/npm (?:ci|install|i|add|update)\b.*/g) ?? []
    expect(installs.map((command) => command.replace(/ \\$/, ''))).to.deep.equal([
      'npm ci --no-fund --no-audit',
      'npm ci --omit=dev --no-fund --no-audit',
    ])
    expect(dockerfile).to.not.match(/--no-package-lock/)
    // `npm ci` refuses a lockfile that says something else than package.json.
    const { dependencies, devDependencies } = JSON.parse(read('package.json'))
    const { packages } = JSON.parse(read('package-lock.json'))
    expect(packages['']).to.deep.include({ dependencies, devDependencies })
  })

  it('runs on what is no public promise of two packages, so these do not float', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    for (const name of ['mongodb', 'oidc-provider']) expect(dependencies[name], name).to.match(/^~\d+\.\d+\.\d+$/)
  })

  it('gets what the build reads, and nothing else', () => {
    const ignored = read('.dockerignore').split('\n')
    expect(ignored).to.include('*')
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }
    for (const folder of include) expect(ignored).to.include(`!${folder}`)
    const { files } = JSON.parse(read('package.json')) as { files: string[] }
    for (const file of files.filter((each) => each !== 'dist')) expect(ignored).to.include(`!${file}`)
  })
})
