import { rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import type Corestore from 'corestore'
import CorestoreStorage, { type Rocks } from 'hypercore-storage'
import { MivmError } from '../protocol/errors.ts'
import { type Entry, fill } from './fill.ts'
import { syncDirectory } from './sync-directory.ts'

/** The database of a store, a copy of it that is being made, one that is whole, and what that copy has replaced. */
export const DATABASE = 'db'
const UNFINISHED = 'salvaging'
const COPY = 'salvaged'
const REPLACED = 'db-damaged'

/** So many bytes more than the key before it a key may have and be found; a number in it has eight more at most. */
const LONGER_BY = 8

/** Windows has no other name for a directory while files in it are open. */
const CAN_MOVE_OPEN = process.platform !== 'win32'

const KEYS_AT_ONCE = 256

/** What RocksDB says of files that are not what it wrote, or that the disk does not give back. */
const UNREADABLE: readonly RegExp[] = [
  /(checksum mismatch|corrupt).*\.sst\b/i,
  /^corrupt/i,
  /\bblob (CRC|log (header|footer)|record|index|offset|reference)\b/i,
  /mismatch when reading (a )?blob/i,
  /while stat a file for size: .*\.blob\b/,
  /while pread .*input\/output error/i
]

/**
 * A run of entries of the database that cannot be read: what there was between two keys. Of a value that has a file of its
 * own not even the key is known, and the entry before it cannot be read either; another one that is damaged near it may
 * take with it what is in between.
 */
export interface Lost {
  /** The last key before it; null where there is none. */
  readonly after: Uint8Array | null
  /** The first one behind it; null where there is none. */
  readonly before: Uint8Array | null
}

/** What is to be done to the copy before it takes the place of the database. */
export type Mend = (storage: CorestoreStorage, lost: readonly Lost[]) => Promise<void>

/**
 * Whether files of the database hold something else than what was written to them. RocksDB checks a sum over each block
 * that it reads, and takes no more writes at all once it has come upon a wrong one by itself, which it does sooner or
 * later: it reads everything again to merge its files.
 */
export function isUnreadable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return UNREADABLE.some((words) => words.test(error.message)) || isUnreadable(error.cause)
}

/** Reads all that there is; false where something cannot be read. */
export async function isWhole(db: Rocks): Promise<boolean> {
  for await (const entry of readable(db)) if (entry === null) return false
  return true
}

/**
 * Writes the database of a store that is open anew, without what cannot be read, and closes the store. Nothing becomes
 * older by that: what is kept is the newest that there was. Returns how many entries are kept, and what is lost; where
 * `mend` throws, the database stays as it is. `undo` is called where it stays so for any reason, before this throws.
 */
export async function salvage(
  dir: string,
  store: Corestore,
  mend: Mend,
  undo: () => Promise<void> = async () => {}
): Promise<{ kept: number; lost: readonly Lost[] }> {
  const copy = path.join(dir, UNFINISHED)
  for (const name of [UNFINISHED, COPY]) await remove(path.join(dir, name))
  const lost: Lost[] = []
  let kept: number
  try {
    kept = await makeCopy(store.storage.db, copy, mend, lost)
    await syncDirectory(copy)
    await syncDirectory(dir)
    // whoever opens the store as soon as this process lets go of it shall not find what is to be replaced
    if (CAN_MOVE_OPEN) await moveAside(dir)
  } catch (error) {
    await remove(copy)
    await undo()
    throw error
  } finally {
    // it removes files that it does not know, and must not find those of the copy in its place
    await store.storage.close()
  }
  await replace(dir)
  return { kept, lost }
}

async function makeCopy(from: Rocks, copy: string, mend: Mend, lost: Lost[]): Promise<number> {
  const storage = new CorestoreStorage(copy)
  try {
    await storage.db.ready()
    const kept = await fill(storage, notingLost(from, lost))
    if (lost.length > 0) await mend(storage, lost)
    // into tables, which are synced
    await storage.db.flush()
    return kept
  } finally {
    await storage.close()
  }
}

/** Puts the copy where the database was, unless another process has put something there. */
async function replace(dir: string): Promise<void> {
  const copy = path.join(dir, COPY)
  try {
    if (!CAN_MOVE_OPEN) await moveAside(dir)
    await rename(path.join(dir, UNFINISHED), copy)
    await rename(path.join(copy, DATABASE), path.join(dir, DATABASE))
  } catch (cause) {
    await remove(copy)
    throw new MivmError(
      'DIRECTORY_LOCKED',
      `${dir} was opened by another process while its database was being replaced: stop that first`,
      { cause }
    )
  }
  await syncDirectory(dir)
  await finishSalvage(dir)
}

/**
 * Where a crash has come in between, whoever opens the store does the rest: a directory without a database has a copy that
 * is whole, or else what was to be replaced.
 */
export async function finishSalvage(dir: string): Promise<void> {
  const database = path.join(dir, DATABASE)
  const copy = path.join(dir, COPY, DATABASE)
  const replaced = path.join(dir, REPLACED)
  if (!(await isThere(database))) {
    const there = (await isThere(copy)) ? copy : replaced
    if (!(await isThere(there))) return
    await rename(there, database)
    await syncDirectory(dir)
  }
  if (!(await isThere(replaced))) return
  await remove(replaced)
  await remove(path.join(dir, COPY))
}

function moveAside(dir: string): Promise<void> {
  return rename(path.join(dir, DATABASE), path.join(dir, REPLACED))
}

function remove(name: string): Promise<void> {
  return rm(name, { recursive: true, force: true })
}

/** All entries that can be read; what is lost between them is noted. */
async function* notingLost(from: Rocks, lost: Lost[]): AsyncGenerator<Entry> {
  let after: Uint8Array | null = null
  let isLost = false
  for await (const entry of readable(from)) {
    if (entry === null) {
      isLost = true
      continue
    }
    if (isLost) lost.push({ after, before: entry.key })
    isLost = false
    after = entry.key
    yield entry
  }
  if (isLost) lost.push({ after, before: null })
}

/** All entries that can be read, in order, and null in between for those that cannot. */
async function* readable(db: Rocks): AsyncGenerator<Entry | null> {
  let start: { gt?: Uint8Array; gte?: Uint8Array } = {}
  for (let capacity = KEYS_AT_ONCE; ; ) {
    try {
      for await (const entry of db.iterator(start, { capacity })) {
        yield entry
        start = { gt: entry.key }
      }
      return
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
    // those before the one that cannot be read come with it
    if (capacity > 1) {
      capacity = 1
      continue
    }
    yield null
    const next = await firstReadable(db, start.gt ?? start.gte ?? new Uint8Array())
    if (next === null) return
    start = { gte: next }
    capacity = KEYS_AT_ONCE
  }
}

/** About the first key behind this one from which it can be read on; null where there is none. */
async function firstReadable(db: Rocks, key: Uint8Array): Promise<Uint8Array | null> {
  const width = key.byteLength + LONGER_BY
  const from = numberOf(key) << BigInt(8 * LONGER_BY)
  const end = 1n << BigInt(8 * width)
  let [unreadable, distance] = [0n, 1n]
  while (from + distance < end && !(await isReadable(db, bytesOf(from + distance, width)))) {
    unreadable = distance
    distance *= 2n
  }
  if (distance > end - from) distance = end - from
  while (distance - unreadable > 1n) {
    const middle = (unreadable + distance) / 2n
    if (await isReadable(db, bytesOf(from + middle, width))) distance = middle
    else unreadable = middle
  }
  return from + distance < end ? bytesOf(from + distance, width) : null
}

async function isReadable(db: Rocks, key: Uint8Array): Promise<boolean> {
  try {
    for await (const _ of db.iterator({ gte: key }, { capacity: 1 })) return true
    return true
  } catch (error) {
    if (isUnreadable(error)) return false
    throw error
  }
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.byteLength === 0 ? 0n : BigInt(`0x${b4a.toString(bytes, 'hex')}`)
}

function bytesOf(number: bigint, width: number): Uint8Array {
  return b4a.from(number.toString(16).padStart(2 * width, '0'), 'hex')
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false
  )
}
