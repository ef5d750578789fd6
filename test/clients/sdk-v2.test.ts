import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { testSdk, textOf } from './sdk.ts'

testSdk({
  name: 'the MCP TypeScript SDK 2',
  UnauthorizedError,
  refreshesToStepUp: false,
  open(url, provider) {
    const transport = new StreamableHTTPClientTransport(url, { authProvider: provider })
    const client = new Client({ name: 'sdk-2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    return {
      connect: () => client.connect(transport),
      finishAuth: (answer) => transport.finishAuth(answer),
      callTool: async (name, args) => textOf(await client.callTool({ name, arguments: args ?? {} })),
      close: () => client.close(),
    }
  },
})
