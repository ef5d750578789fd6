/**
 * A proxy that understands as much of the MongoDB protocol as it takes to answer one command differently than the engine
 * behind it would: with an error instead, or with an error beside what was done. Everything else passes unchanged.
 */
import { connect, createServer } from 'node:net'
import type { BSON } from 'mongodb'
import { closeProxy, listenAnywhere, SocketPairs } from './socket-pairs.ts'
import { bodyOf, framed, messageOf } from './wire.ts'

export interface WireFaults {
  readonly port: number
  /** Answers each such command with an error, and does not pass it on. */
  refuse(command: string, error: WireError): void
  /** Passes it on, and puts a write concern error beside the answer: done on the primary, not known to the majority. */
  doubt(command: string, error: WireError): void
  /** Answers each such command with bytes that are no message. */
  garble(command: string): void
  /** Passes the next such command on, and ends its connection in place of the answer. */
  lose(command: string, when?: WireError['when']): void
  /** How often a fault was shown. */
  readonly shown: number
  close(): Promise<void>
}

export interface WireError {
  readonly code: number
  readonly codeName: string
  /** Only for commands on which it says so. */
  readonly when?: (command: BSON.Document) => boolean
}

type Kind = 'refuse' | 'doubt' | 'garble' | 'lose'

export async function wireFaults(target: { host: string; port: number }): Promise<WireFaults> {
  const faults = new Map<string, { readonly kind: Kind; readonly error: WireError }>()
  const pairs = new SocketPairs()
  let shown = 0

  const server = createServer((near) => {
    const far = connect(target)
    /** Requests whose answers are to be changed. */
    const doubted = new Map<number, WireError>()
    const lost = new Set<number>()
    pairs.tie(near, far)
    near.on(
      'data',
      framed((message) => {
        const command = bodyOf(message)
        const [name = ''] = Object.keys(command ?? {})
        const fault = command && faults.get(name)
        if (!fault || !(fault.error.when?.(command) ?? true)) {
          far.write(message)
          return
        }
        shown += 1
        if (fault.kind === 'garble') near.write(Buffer.alloc(64, 0x5a))
        else if (fault.kind === 'refuse') near.write(messageOf(0, message.readInt32LE(4), refusal(fault.error)))
        else {
          if (fault.kind === 'doubt') doubted.set(message.readInt32LE(4), fault.error)
          else if (faults.delete(name)) lost.add(message.readInt32LE(4))
          far.write(message)
        }
      }),
    )
    far.on(
      'data',
      framed((message) => {
        const answered = message.readInt32LE(8)
        if (lost.has(answered)) {
          near.destroy()
          return
        }
        const error = doubted.get(answered)
        doubted.delete(answered)
        const body = { ...bodyOf(message), ...(error && { writeConcernError: described(error) }) }
        near.write(error ? messageOf(0, answered, body) : message)
      }),
    )
  })
  const port = await listenAnywhere(server)
  const set = (kind: Kind) => (command: string, error: WireError) => void faults.set(command, { kind, error })
  const unnamed = { code: 0, codeName: '' }
  return {
    port,
    refuse: set('refuse'),
    doubt: set('doubt'),
    garble: (command) => set('garble')(command, unnamed),
    lose: (command, when) => set('lose')(command, { ...unnamed, ...(when && { when }) }),
    get shown() {
      return shown
    },
    close: () => closeProxy(server, pairs),
  }
}

const described = ({ code, codeName }: WireError) => ({ code, codeName, errmsg: `a fault of the tests: ${codeName}` })
const refusal = (error: WireError) => ({ ok: 0, ...described(error) })
