import { codeOf, MivmError } from '../protocol/errors.ts'

/** What the file system says, as an error of ours: STORAGE_FULL or STORAGE_FAILED; any other as it is. */
export function fileError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MivmError) return error
  const code = codeOf(error) ?? ''
  const { message } = error
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

/** For a file that is not written over. */
export function isThere(file: string): MivmError {
  return new MivmError('USAGE', `${file} is there already: choose another name, or remove it`)
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
