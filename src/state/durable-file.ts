import { randomUUID } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { codeOf } from '../protocol/errors.ts'
import { makeDirectory } from './make-directory.ts'
import { syncDirectory } from './sync-directory.ts'

/**
 * Writes a file, readable by its owner alone: it is on disk, whole and under its name, when this resolves. `once` is what it is
 * called until then, for who alone writes it, so that one at most is left behind; by default a name that nobody else has.
 */
export async function writeDurably(
  file: string,
  bytes: Uint8Array | string,
  once?: string
): Promise<void> {
  const dir = path.resolve(path.dirname(file))
  const fresh = once ?? `${file}.${randomUUID()}`
  await makeDirectory(dir)
  // what a process has left that was killed
  if (once !== undefined) await rm(once, { force: true })
  try {
    await writeSynced(fresh, bytes)
    await rename(fresh, file)
  } catch (error) {
    // on a full disk each try would leave another one, and take the room that somebody has made
    await rm(fresh, { force: true }).catch(() => {})
    throw error
  }
  await syncDirectory(dir)
}

/** The same for a file that is not there yet, whoever else makes it; throws EEXIST, and leaves what is there as it is. */
export async function createDurably(file: string, bytes: Uint8Array | string): Promise<void> {
  const dir = path.resolve(path.dirname(file))
  const fresh = `${file}.${randomUUID()}`
  await makeDirectory(dir)
  try {
    await writeSynced(fresh, bytes)
    await link(fresh, file).catch(async (error) => {
      if (!NO_LINKS.has(codeOf(error) ?? '')) throw error
      // no file has two names there: a crash may leave a part of this one, which nobody was told of yet
      await writeSynced(file, bytes)
    })
  } finally {
    await rm(fresh, { force: true })
  }
  await syncDirectory(dir)
}

/** What file systems say that have no hard links, as FAT and exFAT. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Puts a file on disk that is not there yet, readable by its owner alone; a power cut may still take its name back. */
async function writeSynced(file: string, bytes: Uint8Array | string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } catch (error) {
    await rm(file, { force: true }).catch(() => {})
    throw error
  } finally {
    await handle.close()
  }
}
