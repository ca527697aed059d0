import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { syncDirectory } from './sync-directory.ts'

/** Writes a file, readable by its owner alone: it is on disk, whole and under its name, when this resolves. */
export async function writeDurably(file: string, bytes: Uint8Array | string): Promise<void> {
  const dir = path.dirname(file)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const fresh = `${file}.${randomUUID()}`
  const handle = await open(fresh, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(fresh, file)
  } catch (error) {
    // on a full disk each try would leave another one, and take the room that somebody has made
    await rm(fresh, { force: true }).catch(() => {})
    throw error
  }
  await syncDirectory(dir)
}
