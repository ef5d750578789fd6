import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { openEmbeddedStore } from '../../src/stores/embedded/index.ts'
import { leaveOut } from '../support/leave-out.ts'
import { temporaryFolder } from './support.ts'

describe('the folder of the embedded store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error as Error,
    )
  const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
  const openAndClose = async (path: string) => (await openEmbeddedStore({ path })).close()

  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('is made for its owner alone, with the file in it', async () => {
    const path = join(folder.path, 'deep', 'data')
    await openAndClose(path)
    expect(await mode(path)).to.equal('700')
    expect(await mode(join(path, 'consulate.db'))).to.equal('600')
  })

  it('is taken from group and others when it was open to them', async () => {
    const path = join(folder.path, 'data')
    await mkdir(path)
    await chmod(path, 0o755)
    await openAndClose(path)
    expect(await mode(path)).to.equal('700')
    await chmod(path, 0o750)
    await openAndClose(path)
    expect(await mode(path)).to.equal('700')
  })

  it('is refused, and left alone, when it is open to others and holds their files', async () => {
    const path = join(folder.path, 'shared')
    await mkdir(path)
    await chmod(path, 0o755)
    await writeFile(join(path, 'theirs.txt'), '')
    expect((await failure(openAndClose(path))).message).to.match(
      /^store\.path: the folder .*shared is open to other users/,
    )
    expect(await mode(path)).to.equal('755')
  })

  it('is refused when it belongs to another user and others can write to it', async function () {
    if (process.getuid?.() !== 0) leaveOut(this, 'not root', 'Run the tests as root.')
    const path = join(folder.path, 'theirs')
    await mkdir(path)
    await chown(path, 65_534, 65_534)
    await chmod(path, 0o777)
    expect((await failure(openAndClose(path))).message).to.match(/^store\.path: the folder .* belongs to another user/)
    await chmod(path, 0o755)
    await openAndClose(path)
  })

  it('is refused in one sentence when it is a file', async () => {
    const path = join(folder.path, 'file')
    await writeFile(path, '')
    expect((await failure(openAndClose(path))).message).to.match(
      /^store\.path: the folder .*file is a file; name a folder\.$/,
    )
  })

  it('is refused in one sentence when it cannot be created', async () => {
    await writeFile(join(folder.path, 'file'), '')
    const error = await failure(openAndClose(join(folder.path, 'file', 'data')))
    expect(error.message).to.match(/^store\.path: the folder .*data cannot be created \(ENOTDIR\)\.$/)
  })
})
