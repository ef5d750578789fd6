/** What files in each place may and may not import; `borders.test.ts` plants them. */

const MONGODB = ['mongodb', 'mongodb/lib/utils.js']
const ENGINES = ['oidc-provider', 'oidc-provider/lib/models/session.js', ...MONGODB]
const ROOTS = ['../main.ts', '../server.ts', '../index.ts']

export interface Borders {
  readonly refused: readonly string[]
  readonly allowed: readonly string[]
}

export const places: Readonly<Record<string, Borders>> = {
  'src/adapter.ts': { refused: [...ENGINES, './url.ts', './config/schema.ts', 'koa', 'node:fs'], allowed: ['zod'] },
  'src/store.ts': { refused: [...ENGINES, './errors.ts', './stores/embedded/rows.ts'], allowed: [] },
  'src/errors.ts': { refused: [...ENGINES, './adapter.ts'], allowed: [] },
  'src/url.ts': { refused: [...ENGINES, './errors.ts', './http/paths.ts'], allowed: [] },
  'src/index.ts': {
    refused: [...ENGINES, './main.ts', './cli/serve.ts', '../adapters/index.ts', 'consulate'],
    allowed: ['./server.ts', './provider/build.ts', './stores/seal.ts', './demo/mount.ts', 'pino'],
  },
  'src/server.ts': {
    refused: [
      ...ENGINES,
      './main.ts',
      './index.ts',
      './provider/build.ts',
      './stores/seal.ts',
      './interaction/routes.ts',
    ],
    allowed: ['./http/cors.ts', './pages/index.ts', 'koa', '@koa/router'],
  },
  'src/main.ts': {
    refused: [...ENGINES, './server.ts', './cli/index.ts', './provider/build.ts', '../adapters/index.ts'],
    allowed: ['./index.ts', './stores/embedded/index.ts', './http/listen.ts'],
  },
  'adapters/x.ts': {
    refused: [
      ...ENGINES,
      '../src/url.ts',
      '../src/index.ts',
      '../test/x.ts',
      'node:fs',
      'undici',
      'koa',
      'axios',
      'consulate',
    ],
    allowed: ['./oidc.ts', './entra/graph.ts', '../src/adapter.ts', 'zod', 'jose', 'openid-client', 'node:crypto'],
  },
  'adapters/x/y.ts': {
    refused: [
      ...ENGINES,
      '../../src/url.ts',
      '../../src/index.ts',
      '../../test/x.ts',
      '../entra/graph.ts',
      'node:fs',
      'undici',
      'koa',
    ],
    allowed: [
      './z.ts',
      '../code-flow.ts',
      '../code-flow/options.ts',
      '../../src/adapter.ts',
      'zod',
      'jose',
      'openid-client',
      'node:crypto',
    ],
  },
  'src/mcp/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../errors.ts',
      '../config/schema.ts',
      'koa',
      'express',
      '@modelcontextprotocol/server',
    ],
    allowed: ['./verify.ts', '../url.ts', 'jose', 'zod', 'node:http'],
  },
  'src/provider/x.ts': {
    refused: [
      ...ROOTS,
      ...MONGODB,
      '../stores/seal.ts',
      '../idp/registry.ts',
      '../interaction/routes.ts',
      '../pages/index.ts',
    ],
    allowed: ['oidc-provider', 'oidc-provider/lib/errors.js', 'koa', '../interaction/port.ts', '../observe/audit.ts'],
  },
  'src/interaction/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
      '../../src/provider/build.ts',
    ],
    allowed: ['./port.ts', '../idp/registry.ts', '../observe/audit.ts', '../pages/models.ts', 'koa', 'node:crypto'],
  },
  'src/http/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/port.ts',
      '../stores/seal.ts',
      '../idp/fetch.ts',
      '../pages/index.ts',
    ],
    allowed: ['../pages/models.ts', '../store.ts', 'helmet', '@koa/cors', 'node:net'],
  },
  'src/pages/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/models.ts',
      '../http/body.ts',
      '../stores/seal.ts',
    ],
    allowed: ['../mcp/metadata.ts', 'eta', 'node:fs'],
  },
  'src/idp/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../provider/build.ts',
      '../interaction/port.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
    ],
    allowed: ['../adapter.ts', '../config/adapters.ts', 'undici'],
  },
  'src/stores/x.ts': {
    refused: [
      ...ENGINES,
      ...ROOTS,
      '../config/schema.ts',
      '../keys/keyring.ts',
      '../observe/log.ts',
      '../provider/build.ts',
    ],
    allowed: ['../store.ts', '../keys/derive.ts', './mongodb/index.ts', 'node:fs/promises'],
  },
  'src/stores/embedded/x.ts': {
    refused: ['oidc-provider', 'mongodb', '../seal.ts', '../mongodb/index.ts', '../../config/schema.ts'],
    allowed: ['../../store.ts', '../text.ts', 'libsql', './rows.ts'],
  },
  'src/stores/mongodb/x.ts': {
    refused: ['oidc-provider', 'libsql', '../seal.ts', '../embedded/index.ts', '../../config/schema.ts'],
    allowed: ['../../store.ts', '../text.ts', 'mongodb', './document.ts'],
  },
  'src/stores/move/x.ts': {
    refused: ['oidc-provider', 'mongodb', 'libsql', '../embedded/index.ts', '../mongodb/index.ts', '../../main.ts'],
    allowed: ['../../store.ts', '../cipher.ts', '../ring.ts', 'node:fs/promises'],
  },
  'src/keys/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../stores/folder.ts', '../config/schema.ts', '../provider/build.ts'],
    allowed: ['../store.ts', 'jose'],
  },
  'src/config/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../idp/registry.ts', '../stores/seal.ts', '../../adapters/index.ts', 'pino'],
    allowed: ['../adapter.ts', '../url.ts', 'yaml', 'zod'],
  },
  'src/observe/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../http/state.ts', '../config/load.ts', '../cli/version.ts'],
    allowed: ['../errors.ts', '../config/schema.ts', '../url.ts', 'pino', 'prom-client', 'node:stream'],
  },
  'src/demo/x.ts': {
    refused: [...ENGINES, ...ROOTS, '../provider/build.ts', '../mcp/keys.ts', '../stores/seal.ts', '../idp/fetch.ts'],
    allowed: ['../mcp/index.ts', '@modelcontextprotocol/client', 'koa'],
  },
  'src/cli/x.ts': {
    refused: [
      ...ENGINES,
      '../server.ts',
      '../index.ts',
      '../provider/build.ts',
      '../http/cors.ts',
      '../stores/seal.ts',
      '../../adapters/dev.ts',
    ],
    allowed: [
      '../main.ts',
      '../config/load.ts',
      '../idp/registry.ts',
      '../http/listen.ts',
      '../../adapters/index.ts',
      'commander',
      'open',
    ],
  },
  'src/elsewhere/x.ts': { refused: [...ENGINES, '../main.ts'], allowed: [] },
  'test/x.ts': { refused: [], allowed: ['../src/main.ts', 'oidc-provider', 'mongodb'] },
}
