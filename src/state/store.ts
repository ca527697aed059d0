import path from 'node:path'
import b4a from 'b4a'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { SharedCore } from 'hypercore'
import CorestoreStorage from 'hypercore-storage'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { type Manifest, manifestKey } from '../protocol/manifest.ts'
import { takeOverHashes } from '../protocol/tree-hash.ts'
import { skipUnchanged, sortNodes } from './atom.ts'
import { Cache } from './cache.ts'
import { forgetDevice, mendDeviceFile, syncDeviceFile } from './device-file.ts'
import { fileError } from './file-error.ts'
import { hasLog } from './head.ts'
import { type Mended, mendRecords } from './mend-records.ts'
import { readWholePages } from './pages.ts'
import { mendManifest, mendTables } from './parity.ts'
import { boundPeers } from './peers.ts'
import { DATABASE, finishSalvage, isUnreadable } from './salvage.ts'
import { isFull } from './storage-error.ts'

export interface StoreOptions {
  /** Told of bits that the disk had flipped and that are as they were written again. */
  readonly onMended?: (mended: Mended) => void
  /** Told why a write has failed: no other one succeeds until the store is opened again. */
  readonly onStuck?: ((error: unknown) => void) | undefined
  /** What to do where it cannot be opened; default: what the operator of a host does. */
  readonly advice?: string
  /** Whether a directory that was copied or moved here is taken as it is: where nothing is signed with what is in it. */
  readonly mayMove?: boolean
  /** Bytes of what was written last that RocksDB keeps in memory, until it makes a file of them; default: 16 MiB. */
  readonly writeBuffer?: number
  /** Whether damaged tables are mended first, as far as can be; default: where the store cannot be opened without that. */
  readonly mendsTables?: boolean
}

/**
 * Opens the cores in a directory; throws DIRECTORY_LOCKED, STORAGE_FULL, STORAGE_FAILED where the system does not let it, or
 * DIRECTORY_DAMAGED.
 */
export async function openStore(dir: string, options: StoreOptions = {}): Promise<Corestore> {
  const { onMended = () => {}, onStuck = () => {}, advice = RESTORE, mayMove = false } = options
  const { writeBuffer: writeBufferSize = WRITE_BUFFER, mendsTables = false } = options
  const db = path.join(dir, DATABASE)
  await mendDeviceFile(dir)
  await finishSalvage(dir)
  const storage = new CorestoreStorage(dir, { ...STORAGE, writeBufferSize })
  storage._maybeRecoverLater = keepLogs
  let store: Corestore | null = null
  try {
    // it has the lock of the directory
    await storage.deviceFile.ready()
    for (const mended of await mendRecords(db)) onMended(mended)
    for (const mended of await mendManifest(db)) onMended(mended)
    for (const mended of mendsTables ? await mendTables(db) : []) onMended(mended)
    store = new Corestore(storage)
    await store.ready()
    await syncDeviceFile(dir)
    Cache.over(storage, (error) => {
      if (!failed.has(storage)) failed.set(storage, error)
      onStuck(error)
    })
    takeOverHashes()
    skipUnchanged()
    sortNodes()
    readWholePages()
    keepUsed(store)
    forgetUnopened(store)
    store.watch(takeNoForks)
    boundPeers(store)
    return store
  } catch (error) {
    // the library opens a database that it closes, and this one has not been found fit for that
    const closing = store === null ? storage.deviceFile.close() : closeStore(store)
    await closing.catch(() => {})
    const known = await notOpened(error, dir, advice)
    if (known.code !== 'DIRECTORY_DAMAGED') throw known
    if (!isMoved(error)) {
      if (mendsTables) throw known
      return openStore(dir, { ...options, mendsTables: true })
    }
    if (!mayMove) throw known
    await forgetDevice(dir)
    return openStore(dir, { ...options, mayMove: false })
  }
}

/** Why a store cannot be opened, and what to do. */
async function notOpened(error: unknown, dir: string, advice: string): Promise<MivmError> {
  const message = messageOf(error)
  const options = { cause: error }
  if (/could not be locked|while lock file/i.test(message)) {
    return new MivmError(
      'DIRECTORY_LOCKED',
      `${dir} is in use by another process: stop that first, or use another --dir`
    )
  }
  if (REFUSED.test(message)) {
    return new MivmError(
      'STORAGE_FAILED',
      `${dir} cannot be opened (${message}): check who owns it, that it may be written, how many files may be open, and how large they may be`,
      options
    )
  }
  if (FAILS.test(message)) {
    return new MivmError(
      'STORAGE_FAILED',
      `${dir} cannot be opened, since the disk fails (${message}): see what the system says of it, and where it does not give that back any more, ${advice}`,
      options
    )
  }
  if (!/corrupt/i.test(message) && !isUnreadable(error) && (await isFull(error, dir))) {
    const full = `the disk of ${dir} is full: make room and start again`
    return new MivmError('STORAGE_FULL', full, options)
  }
  if (isMoved(error)) {
    return new MivmError(
      'DIRECTORY_DAMAGED',
      `${dir} was copied or moved here, and an old copy would sign a second history: go on where it was, or remove CORESTORE in it if this is the newest there is`
    )
  }
  return new MivmError(
    'DIRECTORY_DAMAGED',
    `${dir} cannot be opened (${message}): ${advice}`,
    options
  )
}

/** Stores that take nothing more, and what the first write that failed has failed with. */
const failed = new WeakMap<object, unknown>()

/**
 * Why nothing more is written to the store of a log, STORAGE_FULL or STORAGE_FAILED; null where there is no reason. Hypercore keeps
 * to itself that it could not write what came, and whoever has asked for it waits in vain.
 */
export function writeFailure({ state }: Hypercore): unknown {
  const error = failed.get(state.storage.store)
  return error === undefined ? null : fileError(error)
}

function isMoved(error: unknown): boolean {
  return /device file/i.test(messageOf(error))
}

const RESTORE = 'restore it from a backup, and start with "mivm host --recover"'

/** What the system says of files in which nothing is wrong: RocksDB has its words, and no code. */
const REFUSED =
  /permission denied|operation not permitted|read-only file system|too many open files|file too large/i

/** What it says of a disk that gives nothing back, or takes nothing: whether something is wrong with the files nobody knows yet. */
const FAILS = /input\/output error|\bEIO\b/i

/**
 * hypercore-storage removes all write-ahead logs where RocksDB finds that they do not follow each other, and begins anew
 * without what was in them the next time. A host would sign other blocks at lengths that it has signed before.
 */
function keepLogs(): void {}

/**
 * RocksDB's kTolerateCorruptedTailRecords: after a crash the last record of the write-ahead log may be incomplete. Its
 * default also opens a log with a damaged record in the middle, without all that came after it, and says nothing: a
 * host would then sign other blocks at lengths that it has signed before.
 */
const TAIL_MAY_BE_TORN = 0

/** RocksDB's own default is 64 MiB. */
const WRITE_BUFFER = 16 * 1024 * 1024

const STORAGE = {
  walRecoveryMode: TAIL_MAY_BE_TORN,
  /**
   * Files that RocksDB has open: each has a descriptor, and its index and filter in memory. Its default is all there are, and
   * there may be ever more small ones, with values of 4 KiB and more, whole pages of bitfields among them. To have those written
   * together anew, at every turn (`blobGarbageCollectionAgeCutOff`), would stop all writing as soon as one of them is damaged.
   */
  maxOpenFiles: 128
}

/** With so many logs open, those that nobody uses are closed with the next cycle, and not after so many. */
const LOGS_CROWDED = 1_024
const CYCLES_IDLE = 3

/**
 * Corestore closes a log some seconds after nobody has used it, also where somebody has come to read it meanwhile: a
 * reader who was told shortly before that it is in use here never asks for it again, and waits in vain.
 */
function keepUsed({ cores }: Corestore): void {
  const cycle = cores._gcCycleBound
  cores._gcCycleBound = () => {
    for (const core of cores._gcing) {
      const isUsed = core.hasSession() || !core.replicator.idle()
      if (isUsed) cores.resume(b4a.toString(core.discoveryKey, 'hex'))
      else if (cores.size > LOGS_CROWDED) core.gc = CYCLES_IDLE
    }
    cycle()
  }
}

/**
 * Corestore gives a log that could not be opened to everybody who asks for it after that, as long as somebody does: one read that
 * fails for want of a descriptor would be the end of that log until the process is started again.
 */
function forgetUnopened(store: Corestore): void {
  store.watch((core) => {
    core.ready().catch(() => store.cores._gc(core))
  })
}

/**
 * Whoever opens a log first decides for all whether it may be cut back, and Corestore opens one that a peer asks for so that it
 * may: a user that has rewritten its log could take the first one from everybody who keeps a copy, by asking for it.
 */
function takeNoForks({ replicator }: SharedCore): void {
  replicator.allowFork = false
}

/** Lets forks of a log in, those that peers have shown already as well: where there is nothing to lose by that. */
export function letForksIn({ core: { replicator } }: Hypercore): void {
  replicator.allowFork = true
  for (const peer of replicator.peers) replicator._updateFork(peer)
  replicator.updateAll()
}

/**
 * Opens a log of somebody else's. Forks are let in where there is nothing to lose by them: the head of a log that was
 * rewritten is evidence, and can only be fetched so.
 */
export async function openForeignLog(
  store: Corestore,
  of: { readonly key: Uint8Array } | { readonly manifest: Manifest }
): Promise<Hypercore> {
  const allowFork = !(await hasLog(store, 'key' in of ? of.key : manifestKey(of.manifest)))
  const log = store.get({ ...of, allowFork })
  await log.ready()
  if (allowFork) letForksIn(log)
  return log
}

/**
 * Closes a log, and has it out of memory at once where nobody else uses it: Corestore waits some seconds, in which who reads
 * thousands of logs, one after the other, would have all of them there.
 */
export async function closeLog({ cores }: Corestore, log: Hypercore): Promise<void> {
  const { core } = log
  // else the channels to those who do not read it from here, and the log with them, stay for as long
  core.replicator._notDownloadingLinger = 0
  await log.close()
  if (core.hasSession() || !core.replicator.idle()) return
  cores._gcing.delete(core)
  await core.close()
  cores._gc(core)
}

/** Lets go of the directory also where a core of it could not be opened, which its own `close` stumbles over. */
export async function closeStore(store: Corestore): Promise<void> {
  await store.close().catch(() => {})
  // a store that could not be opened says that it is closed, and keeps the lock
  await store.storage.close()
}

/**
 * Has nothing left in the write-ahead log, where damage costs all that came after it: in a table it costs what is
 * in its block. Where the database takes nothing more, what is acknowledged stays in the log.
 */
export async function settleStore({ storage }: Corestore): Promise<void> {
  try {
    await storage.db.flush()
  } catch {
    // it is as durable as it was
  }
}
