import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { syncDirectory } from './sync-directory.ts'

/**
 * Writes a file, readable by its owner alone: it is on disk, whole and under its name, when this resolves. `fresh` is what it is
 * called until then, by default as nobody else does; whoever writes it alone gives a name that is there once at most.
 */
export async function writeDurably(
  file: string,
  bytes: Uint8Array | string,
  fresh: string = `${file}.${randomUUID()}`
): Promise<void> {
  const dir = path.dirname(file)
  await mkdir(dir, { recursive: true, mode: 0o700 })
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

/** Puts what is in a file on disk, readable by its owner alone; a power cut may still take its name back. */
export async function writeSynced(file: string, bytes: Uint8Array | string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
