import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { codeOf } from '../protocol/errors.ts'
import { syncDirectory } from './sync-directory.ts'

/**
 * Makes a directory, for its owner alone, and those above it that are not there, so that a power cut takes none of their names
 * back. Node's own `recursive` never ends where the one above takes no directories, as /proc does not.
 */
export async function makeDirectory(dir: string, mode = 0o700): Promise<void> {
  const wanted = path.resolve(dir)
  const parent = path.dirname(wanted)
  try {
    await make(wanted, mode)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || parent === wanted) throw error
    await makeDirectory(parent, mode)
    await make(wanted, mode)
  }
}

async function make(dir: string, mode: number): Promise<void> {
  try {
    await mkdir(dir, { mode })
  } catch (error) {
    const found = await stat(dir).catch(() => null)
    if (found?.isDirectory() === true) return
    throw error
  }
  await syncDirectory(path.dirname(dir)).catch((error) => {
    // one that may be written to and not read, where nobody but its owner can sync anything
    if (codeOf(error) !== 'EACCES') throw error
  })
}
