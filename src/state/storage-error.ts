import { statfs } from 'node:fs/promises'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { saysFull } from './file-error.ts'
import { isUnreadable } from './salvage.ts'

/** With less room than this, bytes, a write that failed failed for want of it. */
const ROOM_MIN = 8 * 1024 * 1024

/**
 * What a failed write means: STORAGE_FULL or STORAGE_FAILED. RocksDB only says that it failed; whether there is room
 * left, the file system knows. `disk` says whose it is, `advice` what to do.
 */
export async function storageError(
  error: unknown,
  dir: string,
  { disk, advice }: { readonly disk: string; readonly advice: string }
): Promise<MivmError> {
  return (await isFull(error, dir))
    ? new MivmError('STORAGE_FULL', `${disk} is full: ${advice}`, { cause: error })
    : new MivmError('STORAGE_FAILED', `${disk} cannot be written (${reasonOf(error)}): ${advice}`, {
        cause: error
      })
}

/** Whether a write failed because of what the database had read before: it takes no more until that is taken out of it. */
export function isUnwritable(error: unknown): boolean {
  return error instanceof Error && isUnreadable(error.cause)
}

/** Whether an operation on files failed for want of room. */
export async function isFull(error: unknown, dir: string): Promise<boolean> {
  const room = await statfs(dir).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => Number.POSITIVE_INFINITY
  )
  return room < ROOM_MIN || saysFull(error)
}

/** What the database says, or where it has read something that is damaged, what it says of that. */
function reasonOf(error: unknown): string {
  const isOfRead = error instanceof Error && isUnreadable(error.cause)
  return isOfRead ? reasonOf(error.cause) : messageOf(error)
}
