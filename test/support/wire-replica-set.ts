/**
 * A proxy that passes the engine of the tests off as the primary of a replica set: the driver then numbers its writes and
 * repeats one whose answer it did not get, and the proxy does each number once, as servers do. Nothing else of a replica
 * set is here; what only a real one can show is in `stores/mongodb/replica-set.test.ts`.
 */
import { connect, createServer } from 'node:net'
import type { BSON } from 'mongodb'
import { closeProxy, listenAnywhere, SocketPairs } from './socket-pairs.ts'
import { bodyOf, framed, isQuery, messageOf, queryReply } from './wire.ts'

/** What becomes of a write: its answer as it was, another one in its place, or the end of its connection. */
export type Fate = 'answered' | 'cut' | ((answer: BSON.Document) => BSON.Document)

export interface WireReplicaSet {
  readonly port: number
  /** Asked before each write is done; `number` is the same for each repetition of it. */
  fate: (command: string, number: string) => Promise<Fate> | Fate
  close(): Promise<void>
}

/** Members beside this one, as it tells of them; none of them is there. */
export interface OtherMembers {
  readonly hosts?: readonly string[]
  readonly passives?: readonly string[]
  readonly arbiters?: readonly string[]
}

export async function wireReplicaSet(
  target: { host: string; port: number },
  { hosts = [], ...others }: OtherMembers = {},
): Promise<WireReplicaSet> {
  const pairs = new SocketPairs()
  const done = new Map<string, BSON.Document>()
  const self: { fate: WireReplicaSet['fate'] } = { fate: () => 'answered' }

  const server = createServer((near) => {
    const far = connect(target)
    const answers = new Map<number, (message: Buffer) => void>()
    pairs.tie(near, far)
    far.on(
      'data',
      framed((message) => {
        answers.get(message.readInt32LE(8))?.(message)
        answers.delete(message.readInt32LE(8))
      }),
    )
    const ask = (id: number, message: Buffer) =>
      new Promise<Buffer>((resolve) => {
        answers.set(id, resolve)
        far.write(message)
      })

    const handle = async (message: Buffer): Promise<void> => {
      const id = message.readInt32LE(4)
      if (isQuery(message)) {
        near.write(queryReply(await ask(id, message), asPrimary))
        return
      }
      const { lsid, txnNumber, $clusterTime: _, ...command } = bodyOf(message) ?? {}
      const [name = ''] = Object.keys(command)
      if (/^(hello|ismaster)$/i.test(name)) {
        const { isMaster, hello, ...rest } = command
        const answer = bodyOf(await ask(id, messageOf(id, 0, { isMaster: 1, ...rest })))
        near.write(messageOf(id, id, asPrimary(answer ?? {})))
        return
      }
      const number = txnNumber === undefined ? undefined : `${lsid.id.toString('hex')}:${txnNumber}`
      const fate = number === undefined ? 'answered' : await self.fate(name, number)
      const known = number === undefined ? undefined : done.get(number)
      const answer = known ?? bodyOf(await ask(id, messageOf(id, 0, command))) ?? {}
      if (number !== undefined) done.set(number, answer)
      if (fate === 'cut') near.destroy()
      else near.write(messageOf(id, id, fate === 'answered' ? answer : fate(answer)))
    }
    near.on(
      'data',
      framed((message) => void handle(message).catch(() => near.destroy())),
    )
  })
  const port = await listenAnywhere(server)

  function asPrimary(answer: BSON.Document): BSON.Document {
    const me = `127.0.0.1:${port}`
    const role = { ismaster: true, isWritablePrimary: true, secondary: false, me, primary: me, hosts: [me, ...hosts] }
    return { ...answer, ...role, ...others, setName: 'rs0', setVersion: 1, logicalSessionTimeoutMinutes: 30 }
  }

  return Object.assign(self, {
    port,
    close: () => closeProxy(server, pairs),
  })
}
