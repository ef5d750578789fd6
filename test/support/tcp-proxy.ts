/** A TCP proxy that does to a connection what networks do: cut it, stall it, delay it, forget one half of it. */
import { connect, createServer, type Server, type Socket } from 'node:net'

type Mode = 'open' | 'cut' | 'stalled' | 'half-open'

export interface TcpProxy {
  readonly port: number
  /** Ends every connection and refuses new ones. */
  cut(): void
  /** Takes connections and data, and lets nothing through. */
  stall(): void
  /** Lets what is sent through, and no answer back. */
  halfOpen(): void
  /** Milliseconds by which answers come later. */
  delay(by: number): void
  /** Lets everything through again. What was stalled is lost with its connections. */
  restore(): void
  close(): Promise<void>
}

export async function tcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let mode: Mode = 'open'
  let lag = 0
  const pairs = new Set<readonly [Socket, Socket]>()

  const end = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
    pairs.clear()
  }
  const server: Server = createServer((near) => {
    if (mode === 'cut') {
      near.destroy()
      return
    }
    const far = connect(target)
    const pair = [near, far] as const
    pairs.add(pair)
    near.on('data', (chunk) => {
      if (mode !== 'stalled') far.write(chunk)
    })
    far.on('data', (chunk) => {
      if (mode !== 'open') return
      if (lag === 0) near.write(chunk)
      else setTimeout(() => near.writable && near.write(chunk), lag)
    })
    for (const socket of pair) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        for (const each of pair) each.destroy()
        pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()

  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cut() {
      mode = 'cut'
      end()
    },
    stall() {
      mode = 'stalled'
    },
    halfOpen() {
      mode = 'half-open'
    },
    delay(by) {
      lag = by
    },
    restore() {
      if (mode !== 'open') end()
      mode = 'open'
      lag = 0
    },
    async close() {
      end()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
