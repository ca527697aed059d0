import { rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { writeDurably } from '../state/durable-file.ts'
import { syncDirectory } from '../state/sync-directory.ts'

const FILE = 'restored'
const ASKED = 'restored-asked'
const COPIED = 'backed-up'

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

/**
 * Notes that there is a copy of a data directory, before it can be used: where that is started in the place of the original, and the
 * original once more, the two would sign a history each.
 */
export async function noteCopy(dir: string): Promise<void> {
  const file = path.join(dir, COPIED)
  if (!(await isThere(file))) await writeDurably(file, `${new Date().toISOString()}\n`)
}

/** Whether there is such a copy, or has been, or this is one. */
export async function isCopied(dir: string): Promise<boolean> {
  for (const file of [COPIED, FILE, ASKED]) {
    if (await isThere(path.join(dir, file))) return true
  }
  return false
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
