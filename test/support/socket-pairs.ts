/** What the proxies of the tests have in common: a port of their own, and connections whose two halves end together. */
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'

export class SocketPairs {
  readonly #open = new Set<readonly Socket[]>()

  /** Whichever half ends, the other one does. */
  tie(...pair: readonly [near: Socket, far: Socket]): void {
    this.#open.add(pair)
    for (const socket of pair) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        for (const each of pair) each.destroy()
        this.#open.delete(pair)
      })
    }
  }

  /** Ends every connection. */
  end(): void {
    for (const pair of this.#open) for (const socket of pair) socket.destroy()
  }
}

/** Listens on a free port of 127.0.0.1, and answers it. */
export async function listenAnywhere(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('a server without a port')
  return address.port
}

/** Ends the connections and the server. */
export async function closeProxy(server: Server, pairs: SocketPairs): Promise<void> {
  pairs.end()
  await new Promise((resolve) => server.close(resolve))
}
