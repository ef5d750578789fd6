/**
 * A proxy that understands as much of the MongoDB protocol as it takes to answer one command differently than the engine
 * behind it would: with an error instead, or with an error beside what was done. Everything else passes unchanged.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { BSON } from 'mongodb'

export interface WireFaults {
  readonly port: number
  /** Answers each such command with an error, and does not pass it on. */
  refuse(command: string, error: WireError): void
  /** Passes it on, and puts a write concern error beside the answer: done on the primary, not known to the majority. */
  doubt(command: string, error: WireError): void
  /** Answers each such command with bytes that are no message. */
  garble(command: string): void
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

type Kind = 'refuse' | 'doubt' | 'garble'

const OP_MSG = 2013
/** Message length, request id, response to, opcode. */
const HEADER = 16
/** Flags, and the kind of the one section. */
const PREFIX = 5

export async function wireFaults(target: { host: string; port: number }): Promise<WireFaults> {
  const faults = new Map<string, { readonly kind: Kind; readonly error: WireError }>()
  const sockets = new Set<Socket>()
  let shown = 0

  const server = createServer((near) => {
    const far = connect(target)
    /** Requests whose answers are to be changed. */
    const doubted = new Map<number, WireError>()
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        near.destroy()
        far.destroy()
        sockets.delete(socket)
      })
    }
    near.on(
      'data',
      framed((message) => {
        const command = bodyOf(message)
        const fault = command && faults.get(Object.keys(command)[0] ?? '')
        if (!fault || !(fault.error.when?.(command) ?? true)) {
          far.write(message)
          return
        }
        shown += 1
        if (fault.kind === 'garble') near.write(Buffer.alloc(64, 0x5a))
        else if (fault.kind === 'refuse') near.write(reply(message.readInt32LE(4), refusal(fault.error)))
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
        const error = doubted.get(answered)
        doubted.delete(answered)
        near.write(error ? reply(answered, { ...bodyOf(message), writeConcernError: described(error) }) : message)
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const set = (kind: Kind) => (command: string, error: WireError) => void faults.set(command, { kind, error })
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    refuse: set('refuse'),
    doubt: set('doubt'),
    garble: (command) => set('garble')(command, { code: 0, codeName: '' }),
    get shown() {
      return shown
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Calls back with one whole message at a time. */
function framed(take: (message: Buffer) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
      const length = pending.readInt32LE(0)
      take(pending.subarray(0, length))
      pending = pending.subarray(length)
    }
  }
}

/** The document of a command or an answer, or undefined for an older kind of message. */
function bodyOf(message: Buffer): BSON.Document | undefined {
  if (message.readInt32LE(12) !== OP_MSG) return undefined
  const at = HEADER + PREFIX
  return BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)))
}

function reply(to: number, body: BSON.Document): Buffer {
  const document = BSON.serialize(body)
  const message = Buffer.alloc(HEADER + PREFIX)
  message.writeInt32LE(message.length + document.length, 0)
  message.writeInt32LE(to, 8)
  message.writeInt32LE(OP_MSG, 12)
  return Buffer.concat([message, document])
}

const described = ({ code, codeName }: WireError) => ({ code, codeName, errmsg: `a fault of the tests: ${codeName}` })
const refusal = (error: WireError) => ({ ok: 0, ...described(error) })
