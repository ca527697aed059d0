import { codeOf, MivmError, messageOf } from '../protocol/errors.ts'

/** What the file system or the database says, as an error of ours: STORAGE_FULL or STORAGE_FAILED; any other as it is. */
export function fileError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MivmError) return error
  const code = codeOf(error) ?? ''
  const { message } = error
  if (isWriteFailure(error)) return writeError(error)
  if (FULL.has(code)) {
    return new MivmError('STORAGE_FULL', `the disk is full (${message}): make room and try again`, {
      cause: error
    })
  }
  if (code === 'EIO') {
    return new MivmError(
      'STORAGE_FAILED',
      `the disk fails (${message}): see what the system says of it`,
      {
        cause: error
      }
    )
  }
  if (!DENIED.has(code)) return error
  return new MivmError(
    'STORAGE_FAILED',
    `the file system refuses (${message}): check the path and its permissions`,
    { cause: error }
  )
}

/** Whether it was the database that has failed to write: it takes no other write until it is opened again. */
export function isWriteFailure(error: unknown): boolean {
  // where several reads have failed it says the same, of all of them
  const isOfWrite = error instanceof Error && !(error instanceof AggregateError)
  return isOfWrite && error.message === 'Batch was not applied'
}

/** RocksDB says why in the cause of its error; where it has removed the beginning of a file since, there is room again. */
export function saysFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return /no space|ENOSPC|quota exceeded/i.test(error.message) || saysFull(error.cause)
}

/** For a file that is not written over. */
export function isThere(file: string): MivmError {
  return new MivmError('USAGE', `${file} is there already: choose another name, or remove it`)
}

function writeError(error: Error): MivmError {
  const why = messageOf(error.cause ?? error)
  return saysFull(error)
    ? new MivmError('STORAGE_FULL', `the disk is full (${why}): make room and try again`, {
        cause: error
      })
    : new MivmError(
        'STORAGE_FAILED',
        `the disk cannot be written (${why}): see what the system says of it`,
        { cause: error }
      )
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

const DENIED: ReadonlySet<string> = new Set([
  'EACCES',
  'EEXIST',
  'ENOENT',
  'EPERM',
  'EROFS',
  'EISDIR',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EMFILE',
  'ENFILE',
  'ENXIO',
  'EFBIG'
])
