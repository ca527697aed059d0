import { open } from 'node:fs/promises'
import { ARMORED_MAX, tooLarge } from '../protocol/envelope.ts'
import { MivmError } from '../protocol/errors.ts'
import { atEnd } from './interruption.ts'

/** Reads a receipt or evidence, `-` from stdin. A file may be of any size, and what is no file may never end. */
export async function readProof(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of file === '-' ? process.stdin : await openFile(file)) {
    size += chunk.length
    if (size > ARMORED_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  const handle = await open(file).catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new MivmError('FILE_UNKNOWN', `there is no file ${file}: check the path`)
  })
  atEnd(() => handle.close())
  const stats = await handle.stat()
  if (stats.isDirectory()) {
    throw new MivmError('FILE_UNKNOWN', `${file} is a directory: name a file in it`)
  }
  if (stats.size > ARMORED_MAX) throw tooLarge()
  return handle.createReadStream({ autoClose: false })
}
