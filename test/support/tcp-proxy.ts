/** A TCP proxy that does to a connection what networks do: cut it, stall it, delay it, forget one half of it. */
import { connect, createServer } from 'node:net'
import { closeProxy, listenAnywhere, SocketPairs } from './socket-pairs.ts'

type Mode = 'open' | 'cut' | 'stalled' | 'half-open'

export interface TcpProxy {
  readonly port: number
  /** How many connections have ended. */
  readonly ended: number
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
  let ended = 0
  const pairs = new SocketPairs()

  const server = createServer((near) => {
    if (mode === 'cut') {
      near.destroy()
      return
    }
    const far = connect(target)
    near.once('close', () => {
      ended += 1
    })
    pairs.tie(near, far)
    near.on('data', (chunk) => {
      if (mode !== 'stalled') far.write(chunk)
    })
    far.on('data', (chunk) => {
      if (mode !== 'open') return
      if (lag === 0) near.write(chunk)
      else setTimeout(() => near.writable && near.write(chunk), lag)
    })
  })
  const port = await listenAnywhere(server)

  return {
    port,
    get ended() {
      return ended
    },
    cut() {
      mode = 'cut'
      pairs.end()
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
      if (mode !== 'open') pairs.end()
      mode = 'open'
      lag = 0
    },
    close: () => closeProxy(server, pairs),
  }
}
