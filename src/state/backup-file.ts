import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import b4a from 'b4a'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import { MivmError } from '../protocol/errors.ts'
import { isThere } from './file-error.ts'
import { syncDirectory } from './sync-directory.ts'

/** What a backup is made of: a file of the directory, or a key of the database with its value. */
export interface BackupRecord {
  readonly kind: 'file' | 'key'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const FAMILY = 'mivm/backup/'
const FIRST_LINE = `${FAMILY}1\n`
const HASH_BYTES = 32
/** Before each frame: its length, and the hash over it and all before it. */
const HEADER_BYTES = 4 + HASH_BYTES
/** Bytes of records in one frame, about. */
const FRAME_BYTES = 1024 * 1024
/** No frame has more, whatever its header says. */
const FRAME_MAX = 256 * 1024 * 1024
const KINDS = ['file', 'key'] as const

const deflate = promisify(zlib.deflate)
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate)

/** Writes a backup: the file is there, whole and on disk, under its name when it is closed, and not before. */
export class BackupWriter {
  readonly #file: string
  readonly #part: string
  readonly #handle: FileHandle
  #records: Uint8Array[] = []
  #size = 0
  #hash = crypto.hash(b4a.from(FIRST_LINE))
  #count = 0

  private constructor(file: string, part: string, handle: FileHandle) {
    this.#file = file
    this.#part = part
    this.#handle = handle
  }

  /** Throws USAGE where there is something of that name. */
  static async create(file: string): Promise<BackupWriter> {
    await refuseWhenThere(file)
    const part = `${file}.part`
    // who has the key in it is the host
    const handle = await open(part, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? isThere(part) : error
    })
    const writer = new BackupWriter(file, part, handle)
    try {
      await handle.writeFile(FIRST_LINE)
    } catch (error) {
      await writer.abandon()
      throw error
    }
    return writer
  }

  async add({ kind, key, value }: BackupRecord): Promise<void> {
    const record = b4a.concat([
      Uint8Array.of(KINDS.indexOf(kind)),
      c.encode(c.buffer, key),
      c.encode(c.buffer, value)
    ])
    this.#records.push(record)
    this.#size += record.byteLength
    this.#count++
    if (this.#size >= FRAME_BYTES) await this.#flush()
  }

  /** Number of records. */
  async finish(): Promise<number> {
    await this.#flush()
    await this.#frame(new Uint8Array())
    await this.#handle.sync()
    await this.#handle.close()
    await refuseWhenThere(this.#file)
    await rename(this.#part, this.#file)
    await syncDirectory(path.dirname(this.#file))
    return this.#count
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await rm(this.#part, { force: true })
  }

  async #flush(): Promise<void> {
    if (this.#records.length === 0) return
    const frame = await deflate(b4a.concat(this.#records), { level: 1 })
    this.#records = []
    this.#size = 0
    await this.#frame(frame)
  }

  async #frame(bytes: Uint8Array): Promise<void> {
    this.#hash = chained(this.#hash, bytes)
    await this.#handle.writeFile(
      b4a.concat([c.encode(c.uint32, bytes.byteLength), this.#hash, bytes])
    )
  }
}

/** All records of a backup, in order; throws FILE_UNKNOWN, BACKUP_UNKNOWN, BACKUP_VERSION, BACKUP_DAMAGED. */
export async function* readBackup(file: string): AsyncGenerator<BackupRecord> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new MivmError('FILE_UNKNOWN', `there is no file ${file}: check the path`)
  })
  if (!found.isFile()) {
    const message = `${file} is no file: put the backup into one, since it is read twice`
    throw new MivmError('BACKUP_UNKNOWN', message)
  }
  const handle = await open(file)
  try {
    await checkFirstLine(handle, file)
    let hash = crypto.hash(b4a.from(FIRST_LINE))
    for (;;) {
      const header = await take(handle, HEADER_BYTES, file)
      const length = c.decode(c.uint32, header.subarray(0, 4))
      if (length > FRAME_MAX) throw damaged(file)
      const frame = await take(handle, length, file)
      hash = chained(hash, frame)
      if (!b4a.equals(hash, header.subarray(4))) throw damaged(file)
      if (length === 0) break
      yield* recordsIn(await inflated(frame, file), file)
    }
    if ((await handle.read(b4a.alloc(1), 0, 1)).bytesRead > 0) throw damaged(file)
  } finally {
    await handle.close()
  }
}

async function checkFirstLine(handle: FileHandle, file: string): Promise<void> {
  const bytes = b4a.alloc(FIRST_LINE.length)
  const { bytesRead } = await handle
    .read(bytes, 0, bytes.byteLength)
    .catch(() => ({ bytesRead: 0 }))
  const line = b4a.toString(bytes.subarray(0, bytesRead))
  if (line === FIRST_LINE) return
  if (line.startsWith(FAMILY)) {
    throw new MivmError(
      'BACKUP_VERSION',
      `${file} is a backup of a newer version: restore it with that`
    )
  }
  throw new MivmError('BACKUP_UNKNOWN', `${file} is no backup: give a file of "mivm backup"`)
}

async function take(handle: FileHandle, length: number, file: string): Promise<Uint8Array> {
  const bytes = b4a.alloc(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, length - at)
    if (bytesRead === 0) {
      throw new MivmError('BACKUP_DAMAGED', `${file} is cut off: copy it anew, or take another one`)
    }
    at += bytesRead
  }
  return bytes
}

async function inflated(frame: Uint8Array, file: string): Promise<Uint8Array> {
  try {
    return await inflate(frame, { maxOutputLength: FRAME_MAX })
  } catch {
    throw damaged(file)
  }
}

function* recordsIn(bytes: Uint8Array, file: string): Generator<BackupRecord> {
  const state = { start: 0, end: bytes.byteLength, buffer: bytes }
  while (state.start < state.end) {
    const kind = KINDS[bytes[state.start++] ?? -1]
    // what is taken for a key goes into the database of a host
    if (kind === undefined) throw damaged(file)
    yield { kind, key: bufferOf(state, file), value: bufferOf(state, file) }
  }
}

/** compact-encoding has one value for nothing and for no bytes. */
function bufferOf(state: Parameters<typeof c.buffer.decode>[0], file: string): Uint8Array {
  try {
    return c.buffer.decode(state) ?? new Uint8Array()
  } catch {
    throw damaged(file)
  }
}

function chained(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  return crypto.hash([before, bytes])
}

/** It is not opened: whoever opens a named pipe waits for the other side. */
async function refuseWhenThere(file: string): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found !== null) throw isThere(file)
}

function damaged(file: string): MivmError {
  return new MivmError('BACKUP_DAMAGED', `${file} is damaged: copy it anew, or take another one`)
}
