/** As much of the MongoDB wire protocol as proxies of the tests need. */
import { BSON } from 'mongodb'

const OP_QUERY = 2004
const OP_MSG = 2013
/** Message length, request id, response to, opcode. */
const HEADER = 16
/** Flags, and the kind of the one section. */
const PREFIX = 5
/** Of an answer to a query: flags, cursor, start, count. */
const REPLY_PREFIX = 20

/** Calls back with one whole message at a time. */
export function framed(take: (message: Buffer) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
      const length = pending.readInt32LE(0)
      take(Buffer.from(pending.subarray(0, length)))
      pending = pending.subarray(length)
    }
  }
}

/** The document of a command or an answer, or undefined for an older kind of message. */
export function bodyOf(message: Buffer): BSON.Document | undefined {
  if (message.readInt32LE(12) !== OP_MSG) return undefined
  const at = HEADER + PREFIX
  // Ids of cursors are long, and must be long again when they are passed on.
  return BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)), { promoteLongs: false })
}

export function messageOf(id: number, to: number, body: BSON.Document): Buffer {
  const document = BSON.serialize(body)
  const message = Buffer.alloc(HEADER + PREFIX)
  message.writeInt32LE(message.length + document.length, 0)
  message.writeInt32LE(id, 4)
  message.writeInt32LE(to, 8)
  message.writeInt32LE(OP_MSG, 12)
  return Buffer.concat([message, document])
}

/** The older kind of message, in which a driver greets. */
export function isQuery(message: Buffer): boolean {
  return message.readInt32LE(12) === OP_QUERY
}

/** Its answer, with another document. */
export function queryReply(message: Buffer, change: (body: BSON.Document) => BSON.Document): Buffer {
  const start = HEADER + REPLY_PREFIX
  const head = Buffer.from(message.subarray(0, start))
  const document = BSON.serialize(change(BSON.deserialize(message.subarray(start))))
  head.writeInt32LE(start + document.length, 0)
  return Buffer.concat([head, document])
}
