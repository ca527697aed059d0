import { constants, open } from 'node:fs/promises'

/** What a text can be made of; no file of ours is as large. */
const BYTES_MAX = 2 ** 29 - 32

/**
 * The bytes of a file that this program has written. Throws as `readFile` does, and for what has come in its place: a named pipe,
 * for which nobody waits, or what has no end.
 */
export async function readOwnFile(file: string): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await handle.stat()
    // a directory is refused where it is read
    if (!found.isFile() && !found.isDirectory()) throw refused('ENXIO', 'not a file', file)
    if (found.size > BYTES_MAX) throw refused('EFBIG', 'file too large', file)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

function refused(code: string, why: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${why}, read '${file}'`), { code })
}
