import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import type { Version } from '../protocol/entries.ts'
import { encodeId } from '../protocol/ids.ts'
import { userLogKey } from '../protocol/manifest.ts'
import { awaitBlocks, discard, fetchBlocks, isVersion, openCopy } from './copy.ts'
import { Progress } from './progress.ts'
import type { WalkedUser } from './walk.ts'

/** How long an entry is waited for that no commit names, ms. */
const OPEN_MS = 5_000
/** How long nothing may come of a log before it is tried anew, and then left for later, ms. */
const USER_MS = 10_000
const USER_TRIES = 2
/** Between two tries to have what logs lack, ms. */
const LATER_MS = 30_000
/** Bytes of a log that are taken beyond what a commit names. */
const BEYOND_MAX = 1024 * 1024
/** The same beyond a call that is under way, where others wait behind it. */
const OPEN_BEYOND_MAX = 64 * 1024 * 1024
/** Blocks of a log that are taken at once. */
const BLOCKS_MAX = 1024

export interface UserCopiesOptions {
  readonly store: Corestore
  /** Of the instance. */
  readonly address: Uint8Array
  readonly stop: AbortSignal
  /** Bytes that the instance may still have here. */
  room(): number
  /** Throws where there are none. */
  refuseWhenFull(): void
}

/**
 * The logs of an instance's users, as far as its commits name them. A user may sign two logs, and show others the one that
 * the host has not: what came of that makes room, and where it comes again that log is left out for a while.
 */
export class UserCopies {
  readonly #options: UserCopiesOptions
  readonly #bytes = new Map<string, number>()
  /** Users whose logs could not be had as the commits name them. */
  readonly #lacking = new Map<string, WalkedUser>()
  #lackingSince = 0

  constructor(options: UserCopiesOptions) {
    this.#options = options
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  /** How many could not be had. */
  get lacking(): number {
    return this.#lacking.size
  }

  /** Has the log of a user here as a commit names it, or notes that it is lacking. */
  async take(user: WalkedUser): Promise<void> {
    const { stop } = this.#options
    const id = encodeId(user.key)
    for (let tries = USER_TRIES; tries > 0 && !stop.aborted; tries--) {
      const core = await this.#open(user.key)
      try {
        if (await this.#isTaken(core, user.head)) {
          this.#lacking.delete(id)
          return
        }
        if (!stop.aborted) await discard(core)
      } finally {
        await core.close()
      }
    }
    if (this.#lacking.size === 0) this.#lackingSince = performance.now()
    this.#lacking.set(id, user)
  }

  /** Tries again to have what is lacking, after a while. */
  async takeLacking(): Promise<void> {
    if (this.#lacking.size === 0 || performance.now() - this.#lackingSince < LATER_MS) return
    for (const user of this.#lacking.values()) await this.take(user)
    this.#lackingSince = performance.now()
  }

  /**
   * The log of a user whose call is under way: no commit names it yet, and the host could not go on without it. A head that
   * covers it may be one of far more than the host has.
   */
  async takeOpen(key: Uint8Array, entry: number): Promise<void> {
    const signal = AbortSignal.any([this.#options.stop, AbortSignal.timeout(OPEN_MS)])
    const core = await this.#open(key)
    try {
      const isThere = core.length >= entry || (await awaitBlocks(core, entry, { signal }))
      if (!isThere || !(await fetchBlocks(core, 0, entry, { signal }))) return
      const beyond = core.byteLength - (await bytesOf(core, entry))
      if (beyond > Math.min(OPEN_BEYOND_MAX, this.#options.room())) return
      await fetchBlocks(core, entry, core.length, { signal })
      this.#bytes.set(encodeId(core.key), core.byteLength)
    } finally {
      await core.close()
    }
  }

  async #isTaken(core: Hypercore, { length, treeHash }: Version): Promise<boolean> {
    const id = encodeId(core.key)
    const progress = new Progress(USER_MS, this.#options.stop)
    const isThere = await progress.during(core, (waiting) => awaitBlocks(core, length, waiting))
    for (let at = 0; isThere && at < length; at += BLOCKS_MAX) {
      this.#options.refuseWhenFull()
      const end = Math.min(length, at + BLOCKS_MAX)
      if (!(await progress.during(core, (waiting) => fetchBlocks(core, at, end, waiting)))) break
      this.#bytes.set(id, await bytesOf(core, end))
    }
    if (!isThere || !(await core.has(0, length))) return false
    if (!(await isVersion(core, { length, treeHash }))) return false
    // maybe there is a little more of it, and whoever is shown that there is wants to have it
    const beyond = core.byteLength - (await bytesOf(core, length))
    if (beyond > BEYOND_MAX) return true
    await progress.during(core, (waiting) => fetchBlocks(core, length, core.length, waiting))
    this.#bytes.set(id, core.byteLength)
    return true
  }

  #open(user: Uint8Array): Promise<Hypercore> {
    const { store, address } = this.#options
    return openCopy(store, userLogKey(user, address))
  }
}

/** Of the first blocks of a log, all of which are here. */
async function bytesOf(log: Hypercore, length: number): Promise<number> {
  const roots = await MerkleTree.getRoots(log.state, length)
  return roots.reduce((sum, { size }) => sum + size, 0)
}
