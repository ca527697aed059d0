import { readdir } from 'node:fs/promises'

/** Names in a directory, with `recursive` also of what is below it; none where there is no such directory. */
export async function listDirectory(dir: string, { recursive = false } = {}): Promise<string[]> {
  return readdir(dir, { recursive }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}
