/** The secret of development mode: generated once and kept beside the data. In production it comes from configuration. */
import { randomBytes } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { privateFolder } from './folder.ts'

/**
 * Reads `<folder>/secret`, or makes it: 256 random bits, mode 0600. Processes that start together get the same one.
 * @throws {Error} one sentence when the folder or the file cannot be used.
 */
export async function localSecret(folder: string): Promise<string> {
  const file = join(await privateFolder(folder, 'store.path'), 'secret')
  return (await read(file)) ?? (await create(file))
}

async function create(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(`${randomBytes(32).toString('base64url')}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Linking is all or nothing, and fails when the name exists: nobody ever reads half a secret or replaces one.
    await link(draft, file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new Error(`The secret ${file} cannot be created (${(cause as NodeJS.ErrnoException).code}).`, { cause })
    }
  } finally {
    await rm(draft, { force: true })
  }
  const secret = await read(file)
  if (secret === undefined) throw new Error(`The secret ${file} was removed while this process started.`)
  return secret
}

async function read(file: string): Promise<string | undefined> {
  let content: string
  try {
    content = (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Error(`The secret ${file} cannot be read (${code}).`, { cause })
  }
  if (!/^[A-Za-z0-9_-]{43}$/.test(content)) {
    throw new Error(
      `The secret ${file} is damaged; restore it, or remove the whole folder to start anew without its data.`,
    )
  }
  return content
}
