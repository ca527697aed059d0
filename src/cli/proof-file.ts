import { randomUUID } from 'node:crypto'
import { openSync } from 'node:fs'
import { access, constants, link, lstat, open, rm, stat, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { directory, noFile, openPipe } from '../bundle/bounded-file.ts'
import { ARMORED_MAX, tooLarge } from '../protocol/envelope.ts'
import { codeOf } from '../protocol/errors.ts'
import { isThere } from '../state/file-error.ts'
import { atEnd } from './interruption.ts'

/** How often it is looked whether somebody reads a pipe, ms. */
const READER_MS = 100

/** Reads a receipt or evidence, `-` from stdin. A file may be of any size, and what is no file may never end. */
export async function readProof(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of file === '-' ? process.stdin : await openFile(file)) {
    size += chunk.length
    if (size > ARMORED_MAX) throw tooLarge(file === '-' ? undefined : file)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Throws where {@link writeProof} cannot write, USAGE where a file is there that is not empty: before something is done that it
 * is to prove.
 */
export async function checkWritable(file: string): Promise<void> {
  const resolved = path.resolve(file)
  const found = await stat(resolved).catch(() => lstat(resolved).catch(noneThere))
  if (found?.isDirectory() === true) throw directory(file)
  const isFull = found?.isFile() === true && found.size > 0
  if (isFull || found?.isSymbolicLink() === true) throw isThere(file)
  await access(found === null ? path.dirname(resolved) : resolved, constants.W_OK)
}

/**
 * Writes a receipt or evidence into a new file, never over what is in one: it may be all that is left of a proof. Pipes take
 * it as well, and empty files, as `mktemp` makes them.
 */
export async function writeProof(file: string, proof: Uint8Array | string): Promise<void> {
  try {
    await writeNew(file, proof)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    await checkWritable(file)
    const pipe = await openPipeTo(file)
    if (pipe === null) await writeFile(file, proof)
    else await finished(pipe.end(proof))
  }
}

/** A named pipe, as soon as somebody reads it; null for everything else. As with `openPipe`, no thread waits for that. */
async function openPipeTo(file: string): Promise<Socket | null> {
  if (process.platform !== 'linux' || !(await stat(file)).isFIFO()) return null
  for (;;) {
    try {
      const fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') throw error
    }
    await sleep(READER_MS)
  }
}

/** All of a file, or nothing, whenever it is interrupted; throws EEXIST where there is something of that name. */
export async function writeNew(file: string, content: Uint8Array | string): Promise<void> {
  if ((await lstat(file).catch(noneThere)) !== null) {
    throw Object.assign(new Error(`${file} is there`), { code: 'EEXIST' })
  }
  const fresh = `${file}.${randomUUID()}`
  await writeWhole(fresh, content)
  try {
    await link(fresh, file)
  } catch (error) {
    // some disks, as those that are carried around, have no second names
    if (!NO_LINKS.has(codeOf(error) ?? '')) throw error
    await writeWhole(file, content)
  } finally {
    await rm(fresh, { force: true })
  }
}

const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(content)
  } catch (error) {
    await rm(file, { force: true }).catch(() => {})
    throw error
  } finally {
    await handle.close()
  }
}

function noneThere(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null
  throw error
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  const pipe = await openPipe(file)
  if (pipe !== null) return pipe
  const handle = await open(file).catch((error) => noFile(error, file))
  atEnd(() => handle.close())
  const found = await handle.stat()
  if (found.isDirectory()) throw directory(file)
  if (found.size > ARMORED_MAX) throw tooLarge(file)
  return handle.createReadStream({ autoClose: false })
}
