import { close, fdatasync, open } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Rocks } from 'hypercore-storage'

/**
 * Makes what RocksDB has written durable. A write of RocksDB ends in the page cache, and after a power cut the
 * host would sign other blocks at lengths that it has signed before; so nothing leaves before `sync` resolves.
 *
 * Syncs the write-ahead log itself, because the database has no call for that. Callers that come while a sync is
 * under way share the next one.
 */
export class Wal {
  readonly #rocks: Rocks
  #file: { path: string; fd: number } | null = null
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(rocks: Rocks) {
    this.#rocks = rocks
  }

  /** Where the database is. */
  get dir(): string {
    return this.#rocks.path
  }

  /** Resolves when everything written before this call is on disk. */
  sync(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#sync().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.sync()
      })
    return this.#next
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => {})
    if (this.#file !== null) await closeFile(this.#file.fd)
    this.#file = null
  }

  async #sync(): Promise<void> {
    // the log that it was the last time is synced while we ask whether it still is
    const synced = this.#file === null ? null : sync(this.#file.fd)
    const [{ path: name }] = await Promise.all([this.#rocks.currentWalFile(), synced])
    const current = path.join(this.#rocks.path, name)
    if (this.#file?.path !== current) await this.#rotate(current)
  }

  /** The database has moved on to a new log: what is in the logs before it may not be on disk yet either. */
  async #rotate(current: string): Promise<void> {
    if (this.#file !== null) await closeFile(this.#file.fd)
    this.#file = null
    const logs = (await readdir(this.#rocks.path)).filter((file) => file.endsWith('.log'))
    for (const log of logs) await syncFile(path.join(this.#rocks.path, log))
    await syncFile(this.#rocks.path)
    this.#file = { path: current, fd: await openFile(current, 'r') }
    await sync(this.#file.fd)
  }
}

async function syncFile(file: string): Promise<void> {
  const fd = await openFile(file, 'r').catch(ignoreMissing)
  if (fd === null) return
  await sync(fd).finally(() => closeFile(fd))
}

/** A log that the database no longer needs may go at any time: what was in it is in a table, synced. */
function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}

const sync = promisify(fdatasync)
const openFile = promisify(open)
const closeFile = promisify(close)
