import { close, fdatasync, fdatasyncSync, open, readdirSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Rocks } from 'hypercore-storage'
import { codeOf } from '../protocol/errors.ts'

/** Syncs that take more than this on average, ms, are left to a thread. */
const BLOCKING_MS = 1

/** What a sync counts for in the average: one that waited for another process does not make a disk slow. */
const SYNC_WEIGHT = 1 / 8

/** So many syncs go to a thread before it is tried again whether the disk is fast. */
const SYNCS_IN_THREAD = 200

/** Of two callers who come within this, ms, each goes on while the disk works for the other one. */
const SHARED_MS = 10

/** How long after a change of a directory, ms, another one may have the same time: some file systems count in seconds. */
const CHANGING_MS = 3_000

/** Between two tries where this process, or the machine, has no descriptor left, ms. */
const EXHAUSTED_MS = 100

/**
 * Makes what RocksDB has written durable. A write of RocksDB ends in the page cache, and after a power cut the
 * host would sign other blocks at lengths that it has signed before; so nothing leaves before `sync` resolves.
 *
 * Syncs the write-ahead log itself, because the database has no call for that. Callers that come while a sync is
 * under way share the next one.
 */
export class Wal {
  readonly #dir: string
  #file: { name: string; fd: number } | null = null
  /** Time of the directory when it was last looked into, ms since 1970; null where it could change and keep that time. */
  #seen: number | null = null
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  /** Why a sync has failed: after that the kernel may say of any other that it succeeded, and what was lost stays lost. */
  #broken: unknown = null
  #inThread = 0
  /** Who has come last, and when that was, as performance.now(). */
  #last: object | null = null
  #lastAt = Number.NEGATIVE_INFINITY
  /** Until when several are taken to come in turns. */
  #sharedUntil = Number.NEGATIVE_INFINITY
  /** What syncs take, ms; where it is not known, so much that the first slow one tells. */
  #average = BLOCKING_MS / 2

  constructor(rocks: Rocks) {
    this.#dir = rocks.path
  }

  /** Where the database is. */
  get dir(): string {
    return this.#dir
  }

  /** Resolves when everything written before this call is on disk. `whose` it is tells whether there are others. */
  sync(whose: object = this): Promise<void> {
    this.#meet(whose)
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
        return this.sync(whose)
      })
    return this.#next
  }

  #meet(whose: object): void {
    const now = performance.now()
    if (whose !== this.#last && now - this.#lastAt < SHARED_MS) this.#sharedUntil = now + SHARED_MS
    this.#last = whose
    this.#lastAt = now
  }

  async close(): Promise<void> {
    while (this.#running !== null) await (this.#next ?? this.#running).catch(() => {})
    await this.#closeFile()
  }

  /** Forgets it first: closed twice, another file that has its number meanwhile would be closed. */
  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = null
    if (file !== null) await closeFile(file.fd)
  }

  async #sync(): Promise<void> {
    if (this.#broken !== null) throw this.#broken
    try {
      await this.#syncNewest()
    } catch (error) {
      this.#broken = error
      throw error
    }
  }

  async #syncNewest(): Promise<void> {
    for (;;) {
      try {
        const name = this.#newest()
        if (name !== null) await this.#rotate(name)
        else if (this.#file !== null) await this.#syncFile(this.#file.fd)
        return
      } catch (error) {
        if (!isExhausted(error)) throw error
      }
      // nobody is told anything meanwhile, so that nothing is lost by waiting
      await sleep(EXHAUSTED_MS)
    }
  }

  /** The log that is written now, where it may be another than the one that is open here. */
  #newest(): string | null {
    const { mtimeMs } = statSync(this.#dir)
    if (this.#file !== null && mtimeMs === this.#seen) return null
    const isChanging = Math.abs(Date.now() - mtimeMs) < CHANGING_MS
    const [newest] = readdirSync(this.#dir)
      .filter(isLog)
      .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
    if (newest === undefined) throw new Error(`no write-ahead log in ${this.#dir}`)
    // a change behind this look may leave the time as it is, and is to be found however late the next one comes
    this.#seen = isChanging ? null : mtimeMs
    return newest === this.#file?.name ? null : newest
  }

  /** The database has moved on to a new log: what is in the logs before it may not be on disk yet either. */
  async #rotate(name: string): Promise<void> {
    await this.#closeFile()
    const logs = (await readdir(this.#dir)).filter(isLog)
    for (const log of logs) await syncFile(path.join(this.#dir, log))
    await syncFile(this.#dir)
    this.#file = { name, fd: await openFile(path.join(this.#dir, name), 'r') }
    await sync(this.#file.fd)
  }

  /**
   * A fast disk has done it before a thread would have begun; a slow one must not stop everybody else. Nor shall any where others
   * write: each of their syncs is little, and all of them are much of what this process has time for.
   */
  async #syncFile(fd: number): Promise<void> {
    if (performance.now() < this.#sharedUntil) return sync(fd)
    if (this.#inThread > 0) {
      this.#inThread--
      return sync(fd)
    }
    const started = performance.now()
    fdatasyncSync(fd)
    this.#average += (performance.now() - started - this.#average) * SYNC_WEIGHT
    if (this.#average <= BLOCKING_MS) return
    this.#inThread = SYNCS_IN_THREAD
    this.#average = BLOCKING_MS / 2
  }
}

/** What passes when somebody closes a file. */
function isExhausted(error: unknown): boolean {
  return /^E[MN]FILE$/.test(codeOf(error) ?? '')
}

/** Names are numbers, which only ever grow. */
function isLog(name: string): boolean {
  return /^\d+\.log$/.test(name)
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
