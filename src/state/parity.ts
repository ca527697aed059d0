import { open, readdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import { writeDurably } from './durable-file.ts'
import type { Mended } from './mend-records.ts'

const FIRST_LINE = b4a.from('mivm/parity/1\n')
const SUFFIX = '.parity'
/** What a mended file is called until it is whole. */
const UNFINISHED = 'mending'

/** Chunks of each file that may be damaged at the same time, one of each group. */
const GROUPS = 8
/** What has more than a quarter of other chunks than it had is another file; so a small file has so many of them. */
const CHUNKS_MIN = 16
const CHUNK_MIN = 16
const CHUNK_MAX = 4096
const CHUNK_HASH_BYTES = 16
const HASH_BYTES = 32

/** Bytes that are read at once, whole chunks of any size, and how long others have the process behind them, ms. */
const READ_BYTES = 256 * 1024
const PAUSE_MS = 2
/** Larger files are none of RocksDB's, which have 256 MiB at most and a little more. */
const FILE_MAX = 512 * 1024 ** 2

/**
 * How often it is looked for tables that nothing was written to for so long, ms: RocksDB writes them under the names that they
 * have later, and most are not kept for that long where much is written.
 */
const ROUND_MS = 60_000
const SETTLED_MS = 60_000
/** At the end no more bytes than these are read, of the smallest files that have no note yet. */
const LAST_BYTES_MAX = 64 * 1024 ** 2

/**
 * What a file can be mended with: of a chunk that is damaged its hash says which one it is, and the sum of its group what it
 * was. A sum is that of the bits of all of them without carry (XOR), with zeros behind the last chunk.
 */
interface Parity {
  /** Bytes of the file. */
  readonly size: number
  /** Of each chunk, one behind the other. */
  readonly hashes: Uint8Array
  /** Of each group, one behind the other: chunk `i` is in group `i` mod GROUPS. */
  readonly sums: Uint8Array
}

export interface CoverOptions {
  /** Whether the database is closed: then all of its tables are whole, and its manifest grows no more. */
  readonly isClosed?: boolean
  readonly signal?: AbortSignal
}

/**
 * Notes beside each table of a database what it can be mended with, and beside the manifest where that is closed: RocksDB opens
 * nothing where the end of one of them, or what all logs have in common, is damaged. What cannot be read or written is left
 * out: nothing depends on it.
 */
export async function coverTables(db: string, options: CoverOptions = {}): Promise<void> {
  const { isClosed = false, signal } = options
  const files = await listFiles(db)
  for (const name of files.keys()) {
    const isLeft = name.endsWith(SUFFIX) && !files.has(name.slice(0, -SUFFIX.length))
    if (isLeft) await rm(path.join(db, name)).catch(() => {})
  }
  const names = isClosed ? /^(\d+\.(sst|blob)|MANIFEST-\d+)$/ : /^\d+\.(sst|blob)$/
  const isWritten = ({ size, at }: Listed) =>
    size > 0 && size <= FILE_MAX && (isClosed || Date.now() - at >= SETTLED_MS)
  const written = [...files].filter(([name, file]) => names.test(name) && isWritten(file))
  let bytes = 0
  for (const [name, table] of written.sort(([, a], [, b]) => a.size - b.size)) {
    if (signal?.aborted) return
    const note = path.join(db, `${name}${SUFFIX}`)
    if (await isOf(note, files.get(`${name}${SUFFIX}`), table)) continue
    bytes += table.size
    if (isClosed && bytes > LAST_BYTES_MAX) return
    const file = path.join(db, name)
    const parity = await read(file, table.size, isClosed ? 0 : PAUSE_MS, signal).catch(() => null)
    if (parity === null) continue
    try {
      await writeDurably(note, encode(parity), path.join(db, `unfinished${SUFFIX}`))
    } catch {
      // as on a full disk: all of them would be read, for nothing, and in the next round again
      return
    }
  }
}

/** Bytes of a file, and when it was written last, as Date.now(). */
interface Listed {
  readonly size: number
  readonly at: number
}

async function listFiles(dir: string): Promise<ReadonlyMap<string, Listed>> {
  const names = await readdir(dir).catch(() => [])
  const files = names.map(async (name) => {
    const found = await stat(path.join(dir, name)).catch(() => null)
    return [name, { size: found?.size ?? 0, at: found?.mtimeMs ?? 0 }] as const
  })
  return new Map(await Promise.all(files))
}

/** Whether a note is that of a table as it is now. */
async function isOf(note: string, listed: Listed | undefined, table: Listed): Promise<boolean> {
  if (listed?.size !== sizeOf(table.size)) return false
  // tables of some more bytes have notes as long
  return listed.at >= table.at || (await readNote(note))?.size === table.size
}

/**
 * Mends files of a database, which is not open, by the notes beside them, where no more than a chunk of each group is damaged.
 * What comes of it is what was there when the note was made, by the hash of every chunk.
 */
export async function mendTables(db: string): Promise<Mended[]> {
  const mended: Mended[] = []
  for (const name of await readdir(db).catch(() => [])) {
    if (!name.endsWith(SUFFIX)) continue
    const file = path.join(db, name.slice(0, -SUFFIX.length))
    const parity = await readNote(path.join(db, name))
    const bytes = await readFile(file).catch(() => null)
    const whole = parity && bytes && mend(bytes, parity)
    if (whole === null) continue
    await writeDurably(file, whole, path.join(db, UNFINISHED))
    mended.push({ file, at: null })
  }
  return mended
}

/**
 * The same of the manifest that a database has, which does not grow any more once it has a note: each time that it is opened it has
 * another one. RocksDB takes one that ends too early for whole: without the tables that were written last, and without a word. A
 * host would then sign other blocks at lengths that it has signed before. Throws where it cannot be mended.
 */
export async function mendManifest(db: string): Promise<Mended[]> {
  const name = (await readFile(path.join(db, 'CURRENT'), 'latin1').catch(() => '')).trim()
  if (!/^MANIFEST-\d+$/.test(name)) return []
  const file = path.join(db, name)
  const parity = await readNote(`${file}${SUFFIX}`)
  const bytes = await readFile(file).catch(() => null)
  // one that has grown was noted down while another process had opened it meanwhile
  if (parity === null || bytes === null || bytes.byteLength > parity.size) return []
  const now = fresh(bytes.byteLength)
  sum(now, 0, bytes)
  if (b4a.equals(now.hashes, parity.hashes) && bytes.byteLength === parity.size) return []
  const whole = mend(bytes, parity)
  if (whole === null) throw new Error(`corrupted: ${name} is not what was written`)
  await writeDurably(file, whole, path.join(db, UNFINISHED))
  return [{ file, at: null }]
}

/** Covers the tables of a store as they grow old, until it is closed. */
export class Covering {
  readonly #db: string
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> = Promise.resolve()
  #isRunning = false

  constructor(db: string) {
    this.#db = db
    this.#timer = setInterval(() => this.#cover(), ROUND_MS).unref()
  }

  #cover(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    const { signal } = this.#stop
    this.#running = coverTables(this.#db, { signal }).finally(() => {
      this.#isRunning = false
    })
  }

  /** To be called when the store is closed: what is new by then is covered as well, unless that is much. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#running
    await coverTables(this.#db, { isClosed: true })
  }
}

/** The largest power of two of which there are sixteen in a file, of those that a chunk may have. */
function chunkOf(size: number): number {
  let chunk = CHUNK_MIN
  while (chunk < CHUNK_MAX && chunk * 2 * CHUNKS_MIN <= size) chunk *= 2
  return chunk
}

function countOf(size: number): number {
  return Math.ceil(size / chunkOf(size))
}

/** Of the note beside a file, bytes. */
function sizeOf(size: number): number {
  const numbers = c.encode(c.uint, size).byteLength
  const rest = countOf(size) * CHUNK_HASH_BYTES + GROUPS * chunkOf(size) + HASH_BYTES
  return FIRST_LINE.byteLength + numbers + rest
}

/** Throws where the file cannot be read, or has another size. */
async function read(
  file: string,
  size: number,
  pauseMs: number,
  signal?: AbortSignal
): Promise<Parity | null> {
  const handle = await open(file, 'r')
  try {
    const parity = fresh(size)
    const buffer = new Uint8Array(READ_BYTES)
    for (let at = 0; at < size; at += READ_BYTES) {
      if (signal?.aborted) return null
      const length = Math.min(READ_BYTES, size - at)
      const { bytesRead } = await handle.read(buffer, 0, length, at)
      if (bytesRead !== length) return null
      sum(parity, at, buffer.subarray(0, length))
      if (pauseMs > 0) await sleep(pauseMs)
    }
    return parity
  } finally {
    await handle.close()
  }
}

function fresh(size: number): Parity {
  return {
    size,
    hashes: new Uint8Array(countOf(size) * CHUNK_HASH_BYTES),
    sums: new Uint8Array(GROUPS * chunkOf(size))
  }
}

/** Takes in bytes of the file from there on, whole chunks but for its last one. */
function sum({ size, hashes, sums }: Parity, start: number, bytes: Uint8Array): void {
  const chunk = chunkOf(size)
  for (let at = 0; at < bytes.byteLength; at += chunk) {
    const index = (start + at) / chunk
    const one = bytes.subarray(at, at + chunk)
    hashes.set(hashOf(one), index * CHUNK_HASH_BYTES)
    add(sums.subarray((index % GROUPS) * chunk), one)
  }
}

function add(to: Uint8Array, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.byteLength; i++) to[i] = (to[i] ?? 0) ^ (bytes[i] ?? 0)
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return crypto.hash(bytes).subarray(0, CHUNK_HASH_BYTES)
}

/** The bytes of a file as they were; null where nothing is wrong with them, or too much. Its end may be missing. */
function mend(bytes: Uint8Array, { size, hashes, sums }: Parity): Uint8Array | null {
  if (bytes.byteLength > size) return null
  const mended = b4a.alloc(size)
  mended.set(bytes)
  const chunk = chunkOf(size)
  const chunkAt = (index: number) => mended.subarray(index * chunk, (index + 1) * chunk)
  const isAsItWas = (index: number, one: Uint8Array) =>
    b4a.equals(
      hashOf(one),
      hashes.subarray(index * CHUNK_HASH_BYTES, (index + 1) * CHUNK_HASH_BYTES)
    )
  const left = b4a.from(sums)
  const damaged = new Map<number, number>()
  for (let index = 0; index < countOf(size); index++) {
    const group = index % GROUPS
    const one = chunkAt(index)
    if (isAsItWas(index, one)) add(left.subarray(group * chunk), one)
    else if (damaged.has(group)) return null
    else damaged.set(group, index)
  }
  if (damaged.size === 0 && bytes.byteLength === size) return null
  if (damaged.size > countOf(size) / (CHUNKS_MIN / 4)) return null
  const found = [...damaged].map(([group, index]) => {
    const { byteLength } = chunkAt(index)
    return { index, one: left.subarray(group * chunk, group * chunk + byteLength) }
  })
  if (!found.every(({ index, one }) => isAsItWas(index, one))) return null
  for (const { index, one } of found) mended.set(one, index * chunk)
  return mended
}

/** Null where there is none. */
function readNote(note: string): Promise<Parity | null> {
  return readFile(note).then(decode, () => null)
}

function encode({ size, hashes, sums }: Parity): Uint8Array {
  const body = b4a.concat([FIRST_LINE, c.encode(c.uint, size), hashes, sums])
  return b4a.concat([body, crypto.hash(body)])
}

/** Null where it is damaged itself, or of a newer version. */
function decode(bytes: Uint8Array): Parity | null {
  const body = bytes.subarray(0, Math.max(0, bytes.byteLength - HASH_BYTES))
  if (!b4a.equals(body.subarray(0, FIRST_LINE.byteLength), FIRST_LINE)) return null
  if (!b4a.equals(crypto.hash(body), bytes.subarray(body.byteLength))) return null
  const state = { start: FIRST_LINE.byteLength, end: body.byteLength, buffer: body }
  const size = c.uint.decode(state)
  if (size === 0 || size > FILE_MAX || bytes.byteLength !== sizeOf(size)) return null
  const split = state.start + countOf(size) * CHUNK_HASH_BYTES
  return { size, hashes: body.subarray(state.start, split), sums: body.subarray(split) }
}
