import { rm } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type { Commit, Version } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Write } from '../protocol/files.ts'
import { Tree, type TreeNode } from '../protocol/merkle.ts'
import { Archive } from '../state/archive.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { closeStore, openStore } from '../state/store.ts'
import { checkpointFile } from './checkpoint.ts'
import { PlainLog } from './plain-log.ts'

/** What a commit says of the archive. */
export type Versions = Pick<Commit, 'archive' | 'blobs'>

/** Roots of the trees over its two logs. */
export interface ShadowRoots {
  readonly archive: readonly TreeNode[]
  readonly blobs: readonly TreeNode[]
}

/**
 * The auditor's own copy of a state archive: what replay writes, and what replay reads. It is kept beside a checkpoint,
 * for the next audit to go on from.
 */
export class Shadow {
  readonly archive: Archive
  /** The two logs of the archive. */
  readonly files: PlainLog
  readonly blobs: PlainLog
  readonly #dir: string
  /** Nothing is in it: whoever has it open has the directory. */
  readonly #lock: Corestore

  private constructor(dir: string, lock: Corestore, logs: Logs, blobsKey: Uint8Array) {
    this.files = logs.files
    this.blobs = logs.blobs
    this.archive = new Archive(this.files, this.blobs, blobsKey)
    this.#dir = dir
    this.#lock = lock
  }

  /**
   * An empty one, in the place of what is there, and of the checkpoint that goes with that. `blobsKey` is the key of the
   * published blobs. Throws DIRECTORY_LOCKED while another audit of it runs.
   */
  static async create(dir: string, id: string, blobsKey: Uint8Array): Promise<Shadow> {
    const shadowDir = dirOf(dir, id)
    const lock = (await tryLock(shadowDir)) ?? (await lockAnew(shadowDir))
    await rm(checkpointFile(dir, id), { recursive: true, force: true })
    // cuts off what is in the files
    const logs = await openLogs(shadowDir, { archive: [], blobs: [] })
    if (logs === null) throw new Error('an empty directory has a log')
    return Shadow.#over(shadowDir, lock, logs, blobsKey)
  }

  /**
   * What an audit has kept, as it was at a commit and with its roots there; null where it is not there any more. Throws
   * DIRECTORY_LOCKED.
   */
  static async reopen(
    dir: string,
    id: string,
    blobsKey: Uint8Array,
    at: Versions,
    roots: ShadowRoots
  ): Promise<Shadow | null> {
    if (!isOf(roots.archive, at.archive) || !isOf(roots.blobs, at.blobs)) return null
    const shadowDir = dirOf(dir, id)
    const lock = await tryLock(shadowDir)
    if (lock === null) return null
    try {
      const logs = await openLogs(shadowDir, roots)
      if (logs !== null) return await Shadow.#over(shadowDir, lock, logs, blobsKey)
    } catch {
      // what cannot be read is built anew
    }
    await closeStore(lock)
    return null
  }

  static async #over(
    dir: string,
    lock: Corestore,
    logs: Logs,
    blobsKey: Uint8Array
  ): Promise<Shadow> {
    const shadow = new Shadow(dir, lock, logs, blobsKey)
    await shadow.archive.ready()
    return shadow
  }

  get roots(): ShadowRoots {
    return { archive: this.files.state.roots, blobs: this.blobs.state.roots }
  }

  /** Writes one commit, and says what its entry has to name. */
  async commit(writes: readonly Write[]): Promise<Versions> {
    await this.archive.write(writes)
    return this.archive.version()
  }

  /** Lets go of what is in memory. */
  async flush(): Promise<void> {
    this.files.flush()
    this.blobs.flush()
  }

  /** Resolves when all of it is on disk. */
  async sync(): Promise<void> {
    await this.files.sync()
    await this.blobs.sync()
  }

  /** Whether every block is what was written, or what the commit says that it began with; reads all of them. */
  async isWhole(): Promise<boolean> {
    const { archive, blobs } = this.archive.version()
    return (await isWhole(this.files, archive)) && (await isWhole(this.blobs, blobs))
  }

  /** Lets go of it; `keep` leaves it for the next audit. */
  async close({ keep = false } = {}): Promise<void> {
    await this.archive.close()
    await this.#lock.close()
    if (!keep) await rm(this.#dir, { recursive: true, force: true })
  }
}

/** What is written down of a copy that another thread goes on with; only to be read. */
export class ShadowView {
  readonly files: PlainLog
  readonly blobs: PlainLog

  private constructor({ files, blobs }: Logs) {
    this.files = files
    this.blobs = blobs
  }

  /** As it was when it had these roots. */
  static async open(dir: string, id: string, roots: ShadowRoots): Promise<ShadowView> {
    const logs = await openLogs(dirOf(dir, id), roots, { readOnly: true })
    if (logs === null) throw new Error('the copy of the state has been cut off')
    return new ShadowView(logs)
  }

  async close(): Promise<void> {
    await this.files.close()
    await this.blobs.close()
  }
}

interface Logs {
  readonly files: PlainLog
  readonly blobs: PlainLog
}

function dirOf(dir: string, id: string): string {
  return path.join(dir, `${id}.shadow`)
}

async function lockIn(dir: string): Promise<Corestore> {
  await makeDirectory(dir)
  return openStore(path.join(dir, 'lock'), { mayMove: true })
}

/** The lock of a directory where what was there is of no use. */
async function lockAnew(dir: string): Promise<Corestore> {
  await rm(dir, { recursive: true, force: true })
  return lockIn(dir)
}

async function tryLock(dir: string): Promise<Corestore | null> {
  try {
    return await lockIn(dir)
  } catch (error) {
    if (error instanceof MivmError && error.code === 'DIRECTORY_DAMAGED') return null
    throw error
  }
}

async function openLogs(
  dir: string,
  { archive, blobs }: ShadowRoots,
  options?: { readonly readOnly: boolean }
): Promise<Logs | null> {
  const files = await PlainLog.open(dir, 'files', archive, options)
  const log = await PlainLog.open(dir, 'blobs', blobs, options)
  if (files !== null && log !== null) return { files, blobs: log }
  await files?.close()
  await log?.close()
  return null
}

function isOf(roots: readonly TreeNode[], { length, treeHash }: Version): boolean {
  const tree = new Tree(roots)
  return tree.length === length && b4a.equals(tree.treeHash(), treeHash)
}

async function isWhole(log: PlainLog, { length, treeHash }: Version): Promise<boolean> {
  const tree = new Tree()
  try {
    while (tree.length < length) tree.append(await log.get(tree.length))
  } catch {
    return false
  }
  return b4a.equals(tree.treeHash(), treeHash)
}
