import { constants, createReadStream, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { MivmError } from '../protocol/errors.ts'

/** The bytes of a file, or of a stream; null where there are more than `max`: what is no file may never end. */
export async function readAtMost(
  from: string | AsyncIterable<Uint8Array>,
  max: number
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  const named = typeof from === 'string'
  for await (const chunk of named ? ((await openPipe(from)) ?? createReadStream(from)) : from) {
    size += chunk.length
    if (size > max) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * What comes through a named pipe; null for everything else. A thread that waits for whoever writes into one keeps the process
 * from ending, so that nothing but an event waits here.
 */
export async function openPipe(file: string): Promise<AsyncIterable<Uint8Array> | null> {
  // elsewhere one that nobody writes to yet may look as if it had ended
  if (process.platform !== 'linux') return null
  const found = await stat(file).catch(() => null)
  if (found?.isFIFO() !== true) return null
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
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
