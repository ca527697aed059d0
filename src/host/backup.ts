import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import CorestoreStorage from 'hypercore-storage'
import { MivmError } from '../protocol/errors.ts'
import { type BackupRecord, BackupWriter, readBackup } from '../state/backup-file.ts'
import { writeDurably } from '../state/durable-file.ts'
import { fill } from '../state/fill.ts'
import { listDirectory } from '../state/list-directory.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { closeStore, openStore } from '../state/store.ts'
import { syncDirectory } from '../state/sync-directory.ts'
import { Wal } from '../state/wal.ts'
import { storeOf } from './directory.ts'
import { noteCopy, Restored } from './restored.ts'
import { checkBeside } from './room.ts'

/** What there is beside the database; the key of the host is in it. */
const FILES = /^(host\.key|set-back\/[a-z0-9]+\.head)$/
const KEYS_AT_ONCE = 256
/** How much of the database is read before it is looked again whether there is room, bytes. */
const ROOM_BYTES = 1024 * 1024

export interface Backup {
  readonly file: string
  readonly records: number
}

/**
 * Writes a backup of a host that is open, as it is at this moment, while it goes on; until `stop`, which leaves nothing. Throws
 * STORAGE_FULL also where what is left is what the host needs.
 */
export async function backUp(
  dir: string,
  storage: CorestoreStorage,
  wal: Wal,
  file: string,
  stop?: AbortSignal
): Promise<Backup> {
  const writer = await BackupWriter.create(file)
  try {
    const snapshot = storage.db.snapshot()
    try {
      // what is in it may not be on disk yet, and what a power cut takes back shall be in no backup
      await wal.sync()
      for (const name of await filesOf(dir)) {
        const value = await readFile(path.join(dir, name))
        await writer.add({ kind: 'file', key: b4a.from(name), value })
      }
      const entries = snapshot.iterator({}, { capacity: KEYS_AT_ONCE })
      let unchecked = ROOM_BYTES
      for await (const { key, value } of untilStopped(entries, stop)) {
        unchecked += key.byteLength + value.byteLength
        if (unchecked >= ROOM_BYTES) {
          await checkBeside(dir, file)
          unchecked = 0
        }
        await writer.add({ kind: 'key', key, value })
      }
    } finally {
      await snapshot.close()
    }
    await noteCopy(dir)
    return { file, records: await writer.finish() }
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

/** The same of a host that is not running; throws DIRECTORY_LOCKED where it is. */
export async function backUpClosed(dir: string, file: string, stop?: AbortSignal): Promise<Backup> {
  if (!(await filesOf(dir)).includes('host.key')) {
    throw new MivmError('USAGE', `there is no host in ${dir}: give its --dir`)
  }
  const store = await openStore(storeOf(dir))
  const wal = new Wal(store.storage.rocks)
  try {
    return await backUp(dir, store.storage, wal, file, stop)
  } finally {
    await wal.close()
    await closeStore(store)
  }
}

/**
 * Brings a host back into a directory in which there is nothing yet; its mark has the host ask others what it has signed
 * since, before it signs anything. Nothing is there before all of the backup was read and found whole, nor after `stop`.
 */
export async function restore(
  file: string,
  dir: string,
  stop?: AbortSignal
): Promise<{ records: number }> {
  await refuseWhenThere(dir)
  let records = 0
  for await (const _ of untilStopped(readBackup(file), stop)) records++
  const parent = path.dirname(dir)
  await makeDirectory(parent)
  await removeLeft(dir)
  const fresh = await mkdtemp(unfinished(dir))
  try {
    await Restored.mark(fresh)
    await restoreAll(fresh, untilStopped(readBackup(file), stop))
    await refuseWhenThere(dir)
    stop?.throwIfAborted()
    await rename(fresh, dir)
    await syncDirectory(parent)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    throw error
  }
  return { records }
}

/** How directories begin that are to become this one. */
function unfinished(dir: string): string {
  return path.join(path.dirname(dir), `.restoring-${path.basename(dir)}-`)
}

/** Removes what was left by one that was killed: it has the key of the host in it, and as many bytes as the host. */
async function removeLeft(dir: string): Promise<void> {
  const parent = path.dirname(dir)
  const beginning = path.basename(unfinished(dir))
  const names = (await listDirectory(parent)).filter((name) => name.startsWith(beginning))
  for (const name of names.filter((it) => /^[^-]{6}(\.left)?$/.test(it.slice(beginning.length)))) {
    const left = path.join(parent, name)
    const taken = name.endsWith('.left') ? left : `${left}.left`
    // one that is under way after all then comes to nothing, instead of to a part of a host
    if (taken !== left) await rename(left, taken).catch(ignoreMissing)
    await rm(taken, { recursive: true, force: true })
  }
}

async function* untilStopped<T>(records: AsyncIterable<T>, stop?: AbortSignal): AsyncGenerator<T> {
  for await (const record of records) {
    stop?.throwIfAborted()
    yield record
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function restoreAll(dir: string, records: AsyncIterable<BackupRecord>): Promise<void> {
  const storage = new CorestoreStorage(storeOf(dir))
  await storage.db.ready()
  try {
    await fill(storage, withFiles(dir, records))
    // into tables, which are synced
    await storage.db.flush()
  } finally {
    await storage.close()
  }
  // the store remembers which directory it was made in, and this one gets another name
  await rm(path.join(storeOf(dir), 'CORESTORE'), { force: true })
  await syncDirectory(storeOf(dir))
}

/** What goes into the database; files are written as they come. */
async function* withFiles(
  dir: string,
  records: AsyncIterable<BackupRecord>
): AsyncGenerator<BackupRecord> {
  for await (const record of records) {
    if (record.kind === 'file') await fillFile(dir, record)
    else yield record
  }
}

async function fillFile(dir: string, { key, value }: BackupRecord): Promise<void> {
  const name = b4a.toString(key)
  if (!FILES.test(name))
    throw new MivmError('BACKUP_DAMAGED', 'the backup names a file that none has')
  await writeDurably(path.join(dir, name), value)
}

async function filesOf(dir: string): Promise<string[]> {
  const names = await listDirectory(dir, { recursive: true })
  return names.map((name) => name.split(path.sep).join('/')).filter((name) => FILES.test(name))
}

async function refuseWhenThere(dir: string): Promise<void> {
  if ((await listDirectory(dir)).length === 0) return
  throw new MivmError('USAGE', `there is something in ${dir}: restore into an empty directory`)
}
