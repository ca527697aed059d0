import { rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from '../state/durable-file.ts'
import { syncDirectory } from '../state/sync-directory.ts'

const FILE = 'restored'
const ASKED = 'restored-asked'

/**
 * The mark of a data directory that was brought back from a backup, and whether others were asked since what else was
 * signed. Of instances that are not in the backup nobody could be asked: that is made up for when one is to be deployed.
 */
export class Restored {
  /** Whether others were asked at an earlier start. */
  readonly isAsked: boolean
  readonly #dir: string

  private constructor(dir: string, isAsked: boolean) {
    this.isAsked = isAsked
    this.#dir = dir
  }

  /** Null where a directory has no such mark. */
  static async find(dir: string): Promise<Restored | null> {
    if (await isThere(path.join(dir, FILE))) return new Restored(dir, false)
    return (await isThere(path.join(dir, ASKED))) ? new Restored(dir, true) : null
  }

  static async mark(dir: string): Promise<void> {
    await writeDurably(path.join(dir, FILE), `${new Date().toISOString()}\n`)
  }

  /** Notes that others were asked. */
  async asked(): Promise<void> {
    await rename(path.join(this.#dir, FILE), path.join(this.#dir, ASKED))
    await syncDirectory(this.#dir)
  }
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    }
  )
}
