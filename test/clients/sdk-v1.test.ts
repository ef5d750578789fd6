import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { testSdk, textOf } from './sdk.ts'

testSdk({
  name: 'the MCP TypeScript SDK 1',
  UnauthorizedError,
  refreshesToStepUp: true,
  open(url, provider) {
    const transport = new StreamableHTTPClientTransport(url, { authProvider: provider })
    const client = new Client({ name: 'sdk-1', version: '1.0.0' })
    return {
      connect: () => client.connect(transport),
      finishAuth: (answer) => transport.finishAuth(answer.get('code') ?? ''),
      callTool: async (name, args) => textOf(await client.callTool({ name, arguments: args })),
      close: () => client.close(),
    }
  },
})
