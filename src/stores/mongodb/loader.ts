/** Reads of one turn of the event loop, by one command: what a request needs at once costs it one way to the database. */
import type { Document } from './document.ts'

/** Documents asked for at once. */
const BATCH = 100

interface Read {
  readonly resolve: (document: Document | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Loader {
  readonly #find: (keys: readonly string[]) => Promise<readonly Document[]>
  #waiting = new Map<string, Read[]>()

  constructor(find: (keys: readonly string[]) => Promise<readonly Document[]>) {
    this.#find = find
  }

  load(key: string): Promise<Document | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) setImmediate(() => this.#flush())
      const reads = this.#waiting.get(key) ?? []
      reads.push({ resolve, reject })
      this.#waiting.set(key, reads)
    })
  }

  #flush(): void {
    const waiting = [...this.#waiting]
    this.#waiting = new Map()
    for (let from = 0; from < waiting.length; from += BATCH) void this.#read(new Map(waiting.slice(from, from + BATCH)))
  }

  async #read(batch: ReadonlyMap<string, readonly Read[]>): Promise<void> {
    try {
      const found = new Map((await this.#find([...batch.keys()])).map((document) => [document._id, document]))
      for (const [key, reads] of batch) for (const { resolve } of reads) resolve(found.get(key))
    } catch (error) {
      for (const reads of batch.values()) for (const { reject } of reads) reject(error)
    }
  }
}
