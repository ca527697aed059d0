import { open, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { syncDirectory } from './sync-directory.ts'

/** How long another process may take from making the file to writing it, ms. */
const UNFINISHED_MS = 2_000

/**
 * Corestore's note in its directory of where that is, so that a copy is not taken for it. It is written when the
 * directory is made, and not synced: what a crash may leave is a file without anything in it, and Corestore would take
 * the directory for a copy for ever. Such a file is removed; nothing was signed here before it was whole.
 */
export async function mendDeviceFile(dir: string): Promise<void> {
  const file = fileOf(dir)
  if (!(await isUnfinished(file))) return
  // another process may be about to write it
  await sleep(UNFINISHED_MS)
  if (await isUnfinished(file)) await rm(file)
}

/** Puts it, and the names of all that is new in the directory, on disk. */
export async function syncDeviceFile(dir: string): Promise<void> {
  const handle = await open(fileOf(dir), 'r+')
  await handle.sync().finally(() => handle.close())
  await syncDirectory(dir)
  await syncDirectory(path.dirname(dir))
}

/** Has the directory taken for the one that it was copied from. */
export async function forgetDevice(dir: string): Promise<void> {
  await rm(fileOf(dir), { force: true })
}

function fileOf(dir: string): string {
  return path.join(dir, 'CORESTORE')
}

/** Some file systems fill what was not written with zeros. */
async function isUnfinished(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null)
  return found?.isFile() === true && (await readFile(file)).every((byte) => byte === 0)
}
