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
  /** Passes each such command on so many milliseconds later, or those only on which `when` says so. */
  hold(command: string, by: number, when?: WireError['when']): void
  /** Passes each such command on as another one. */
  alter(command: string, change: (command: BSON.Document) => BSON.Document): void
  /** Passes the next such commands on, and ends their connections in place of the answers. */
  lose(command: string, loss?: Loss): void
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

export interface Loss {
  /** Only commands on which it says so. */
  readonly when?: (command: BSON.Document) => boolean
  /** How many; one by default. */
  readonly times?: number
  /** Happens after the command was done and before its connection ends. */
  readonly meanwhile?: () => Promise<unknown>
}

type Kind = 'refuse' | 'doubt' | 'garble'

export async function wireFaults(target: { host: string; port: number }): Promise<WireFaults> {
  const faults = new Map<string, { readonly kind: Kind; readonly error: WireError }>()
  const losses = new Map<string, Loss>()
  const holds = new Map<string, { readonly by: number; readonly when?: WireError['when'] }>()
  const changes = new Map<string, (command: BSON.Document) => BSON.Document>()
  const pairs = new SocketPairs()
  let shown = 0

  const server = createServer((near) => {
    const far = connect(target)
    /** Requests whose answers are to be changed. */
    const doubted = new Map<number, WireError>()
    const lost = new Map<number, Loss>()
    pairs.tie(near, far)
    near.on(
      'data',
      framed((message) => {
        const command = bodyOf(message)
        const [name = ''] = Object.keys(command ?? {})
        const loss = losses.get(name)
        if (command && loss && (loss.when?.(command) ?? true)) {
          shown += 1
          const { times = 1 } = loss
          if (times > 1) losses.set(name, { ...loss, times: times - 1 })
          else losses.delete(name)
          lost.set(message.readInt32LE(4), loss)
        }
        const fault = command && faults.get(name)
        if (!fault || !(fault.error.when?.(command) ?? true)) {
          const change = command && changes.get(name)
          const passed = change ? messageOf(message.readInt32LE(4), 0, change(command)) : message
          const hold = command && holds.get(name)
          if (hold && (hold.when?.(command) ?? true)) setTimeout(() => far.write(passed), hold.by)
          else far.write(passed)
          return
        }
        shown += 1
        if (fault.kind === 'garble') near.write(Buffer.alloc(64, 0x5a))
        else if (fault.kind === 'refuse') near.write(messageOf(0, message.readInt32LE(4), refusal(fault.error)))
        else {
          doubted.set(message.readInt32LE(4), fault.error)
          far.write(message)
        }
      }),
    )
    far.on(
      'data',
      framed((message) => {
        const answered = message.readInt32LE(8)
        const loss = lost.get(answered)
        if (loss) {
          void Promise.resolve(loss.meanwhile?.()).finally(() => near.destroy())
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
  return {
    port,
    refuse: set('refuse'),
    doubt: set('doubt'),
    garble: (command) => set('garble')(command, { code: 0, codeName: '' }),
    hold: (command, by, when) => void holds.set(command, { by, when }),
    alter: (command, change) => void changes.set(command, change),
    lose: (command, loss = {}) => void losses.set(command, loss),
    get shown() {
      return shown
    },
    close: () => closeProxy(server, pairs),
  }
}

const described = ({ code, codeName }: WireError) => ({ code, codeName, errmsg: `a fault of the tests: ${codeName}` })
const refusal = (error: WireError) => ({ ok: 0, ...described(error) })
