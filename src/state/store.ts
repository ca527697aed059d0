import Corestore from 'corestore'
import { MivmError } from '../protocol/errors.ts'
import { Cache } from './cache.ts'
import { isFull } from './storage-error.ts'

/** Opens the cores in a directory; throws DIRECTORY_LOCKED, STORAGE_FULL or DIRECTORY_DAMAGED. */
export async function openStore(dir: string): Promise<Corestore> {
  const store = new Corestore(dir)
  try {
    await store.ready()
    Cache.over(store.storage)
    return store
  } catch (error) {
    await closeStore(store).catch(() => {})
    const message = error instanceof Error ? error.message : String(error)
    if (/lock/i.test(message)) {
      throw new MivmError(
        'DIRECTORY_LOCKED',
        `${dir} is in use by another process: stop that first, or use another --dir`
      )
    }
    if (!/corrupt/i.test(message) && (await isFull(error, dir))) {
      throw new MivmError('STORAGE_FULL', `the disk of ${dir} is full: make room and start again`, {
        cause: error
      })
    }
    throw new MivmError(
      'DIRECTORY_DAMAGED',
      `${dir} cannot be opened (${message}): restore it from a backup`
    )
  }
}

/** Lets go of the directory also where a core of it could not be opened, which its own `close` stumbles over. */
export async function closeStore(store: Corestore): Promise<void> {
  await store.close().catch(() => store.storage.close())
}
