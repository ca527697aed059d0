import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'

/**
 * Makes a directory, for its owner alone, and those above it; resolves to the first that was not there, undefined where all
 * were. Node's own `recursive` never ends where the one above takes no directories, as /proc does not.
 */
export async function makeDirectory(dir: string, mode = 0o700): Promise<string | undefined> {
  const wanted = path.resolve(dir)
  const parent = path.dirname(wanted)
  try {
    return await make(wanted, mode)
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isAbsent || parent === wanted) throw error
  }
  const first = await makeDirectory(parent, mode)
  const made = await make(wanted, mode)
  return first ?? made
}

async function make(dir: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(dir, { mode })
    return dir
  } catch (error) {
    const found = await stat(dir).catch(() => null)
    if (found?.isDirectory() === true) return undefined
    throw error
  }
}
