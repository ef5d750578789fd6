/** Opens the sockets of the server, and closes them without cutting off whoever is being answered. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hardenServer, SERVER_OPTIONS } from './limits.ts'

export interface ListenOptions {
  /** An address, a host name, or `localhost` for both 127.0.0.1 and [::1] as far as the machine has them. */
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

export interface Listening {
  readonly port: number
  /** Stops accepting, lets requests finish for at most `graceMs` milliseconds, then cuts the rest off. */
  close(graceMs: number): Promise<void>
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

/** @throws {NodeJS.ErrnoException} `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` or `ENOTFOUND`; nothing listens then. */
export async function listen(handler: Handler, { host, port }: ListenOptions): Promise<Listening> {
  const first = await open(handler, host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'), port)
  const servers = [first]
  const { port: chosen } = first.address() as AddressInfo
  if (host === 'localhost') {
    try {
      servers.push(await open(handler, '::1', chosen))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Another program there would answer some of the browsers that ask for `localhost`.
      if (code === 'EADDRINUSE') {
        await close(first, 0)
        throw error
      }
    }
  }
  return {
    port: chosen,
    close: async (graceMs) => {
      await Promise.all(servers.map((server) => close(server, graceMs)))
    },
  }
}

function open(handler: Handler, host: string, port: number): Promise<Server> {
  const server = createServer(SERVER_OPTIONS, handler)
  hardenServer(server)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection that is kept alive counts as open until its last answer is out.
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(cutOff)
      clearInterval(idle)
      resolve()
    })
  })
}
