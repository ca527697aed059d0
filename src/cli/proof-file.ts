import { access, constants, open, stat } from 'node:fs/promises'
import path from 'node:path'
import { directory, noFile, openPipe } from '../bundle/bounded-file.ts'
import { ARMORED_MAX, tooLarge } from '../protocol/envelope.ts'
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

/** Throws where no file can be written there: before something is done that it is to prove. */
export async function checkWritable(file: string): Promise<void> {
  const resolved = path.resolve(file)
  const found = await stat(resolved).catch((error) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found?.isDirectory() === true) throw directory(file)
  await access(found === null ? path.dirname(resolved) : resolved, constants.W_OK)
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  const pipe = await openPipe(file)
  if (pipe !== null) return pipe
  const handle = await open(file).catch((error) => noFile(error, file))
  atEnd(() => handle.close())
  const found = await handle.stat()
  if (found.isDirectory()) throw directory(file)
  if (found.size > ARMORED_MAX) throw tooLarge()
  return handle.createReadStream({ autoClose: false })
}
