import { open } from 'node:fs/promises'

/** Puts the names in a directory on disk: else a power cut could take back that of a file that is there itself. */
export async function syncDirectory(dir: string): Promise<void> {
  // Windows cannot, and need not
  if (process.platform === 'win32') return
  const handle = await open(dir)
  await handle.sync().finally(() => handle.close())
}
