import { createReadStream } from 'node:fs'
import { MivmError } from '../protocol/errors.ts'

/** The bytes of a file, or of a stream; null where there are more than `max`: what is no file may never end. */
export async function readAtMost(
  from: string | AsyncIterable<Uint8Array>,
  max: number
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of typeof from === 'string' ? createReadStream(from) : from) {
    size += chunk.length
    if (size > max) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** For errors of reading what somebody has named as a file: throws FILE_UNKNOWN where there is none, and others as they are. */
export function noFile(error: NodeJS.ErrnoException, file: string): never {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    throw new MivmError('FILE_UNKNOWN', `there is no file ${file}: check the path`)
  }
  if (error.code !== 'EISDIR') throw error
  throw directory(file)
}

/** For a directory where a file belongs. */
export function directory(file: string): MivmError {
  return new MivmError('FILE_UNKNOWN', `${file || 'nothing'} is a directory: give a file`)
}
