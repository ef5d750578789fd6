/** The data folder: made for its owner alone, or refused with one sentence that names the setting. */
import { access, chmod, constants, mkdir, readdir, stat } from 'node:fs/promises'
import { resolve } from 'node:path'

/** What may already lie in a folder whose permissions we tighten: our own files and what a fresh volume holds. */
const OURS = /^(consulate\.db(-wal|-shm)?|secret(\.[0-9a-f]+)?|lost\+found)$/

/**
 * Creates the folder with mode 0700, or checks the one that is there, and answers its absolute path. Permissions for
 * group and others are removed when the folder is ours, unless it holds other things: those somebody else may need.
 * @throws {Error} one sentence that starts with `setting`.
 */
export async function privateFolder(path: string, setting: string): Promise<string> {
  const folder = resolve(path)
  const refuse = (why: string, cause?: unknown) => new Error(`${setting}: the folder ${folder} ${why}.`, { cause })
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw refuse('is a file; name a folder', cause)
    throw refuse(`cannot be created (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw refuse('cannot be written by this user', cause)
  }
  const { mode, uid } = await stat(folder)
  // Whoever may write there may put another file in place of ours.
  if ((mode & 0o022) !== 0 && uid !== process.getuid?.()) {
    throw refuse('belongs to another user and others can write to it; name a folder of the user who runs Consulate')
  }
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) {
    const foreign = (await readdir(folder)).some((name) => !OURS.test(name))
    if (foreign)
      throw refuse('is open to other users and holds other files; name an empty folder or run chmod 700 on it')
    await chmod(folder, 0o700)
  }
  return folder
}
