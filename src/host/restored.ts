import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from '../state/durable-file.ts'
import { syncDirectory } from '../state/sync-directory.ts'

const FILE = 'restored'

/** The mark of a data directory that was brought back from a backup, and has not asked others yet what was signed since. */
export class Restored {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Null where a directory has no such mark. */
  static async find(dir: string): Promise<Restored | null> {
    const file = path.join(dir, FILE)
    const isThere = await stat(file).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false
        throw error
      }
    )
    return isThere ? new Restored(file) : null
  }

  static async mark(dir: string): Promise<void> {
    await writeDurably(path.join(dir, FILE), `${new Date().toISOString()}\n`)
  }

  /** Removes the mark. */
  async asked(): Promise<void> {
    await rm(this.#file, { force: true })
    await syncDirectory(path.dirname(this.#file))
  }
}
