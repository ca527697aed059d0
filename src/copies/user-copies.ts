import { setTimeout as sleep } from 'node:timers/promises'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import type { Ranges } from '../client/ranges.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { userLogKey, userLogManifest } from '../protocol/manifest.ts'
import { extendByRange, fetchRanges, firstMissing, isOther, type Waiting } from './by-range.ts'
import { awaitBlocks, discard, fetchBlocks, isVersion, openCopy } from './copy.ts'
import { Progress } from './progress.ts'
import type { WalkedUser } from './walk.ts'

/** How long an entry is waited for that no commit names, ms. */
const OPEN_MS = 5_000
/** How long nothing may come of a log before it is tried anew, and then left for later, ms. */
const USER_MS = 10_000
const USER_TRIES = 2
/** How long logs are waited for, of all that one part of the call log names, ms; then they come beside the rest. */
const USERS_MS = 30_000
/** How long one is tried at a time that is had beside the rest, ms: what has come stays. And how many at once. */
const BESIDE_MS = 300_000
const BESIDE_MAX = 8
/** Between two tries to have what logs lack, ms. */
const LATER_MS = 30_000
/** Bytes of a log that are taken beyond what a commit names. */
const BEYOND_MAX = 1024 * 1024
/** The same beyond a call that is under way, where others wait behind it. */
const OPEN_BEYOND_MAX = 64 * 1024 * 1024
/** Blocks of a log that are taken at once. */
const BLOCKS_MAX = 4096

export interface UserCopiesOptions {
  readonly store: Corestore
  /** Of the instance. */
  readonly address: Uint8Array
  readonly stop: AbortSignal
  /** Who is asked for many blocks at once. */
  readonly ranges: Ranges
  /** Bytes that the instance may still have here. */
  room(): number
  /** Throws where there are none. */
  refuseWhenFull(): void
  /** Whether the host of the instance is there. */
  hasHost(): boolean
  /** What a log that comes beside the rest has failed with. */
  onFailed(error: unknown): void
}

/** A user whose log is lacking, and when it was last tried, as performance.now(). */
interface Lacking {
  readonly user: WalkedUser
  readonly triedAt: number
}

/**
 * The logs of an instance's users, as far as its commits name them. A user may sign two logs, and show others the one that
 * the host has not: what came of that makes room, once it is known to be another one, and where it comes again that log is left
 * out for a while. That nobody shows how a log goes on takes nothing away of it.
 */
export class UserCopies {
  readonly #options: UserCopiesOptions
  readonly #bytes = new Map<string, number>()
  /** Users whose logs could not be had as the commits name them. */
  readonly #lacking = new Map<string, Lacking>()
  /** Logs that are on their way. */
  readonly #taking = new Map<string, Promise<void>>()

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

  /** Has users' logs here. Who shows another one, or shows it slowly, is not waited for again until it is here. */
  async take(users: ReadonlyMap<string, WalkedUser>): Promise<void> {
    const late = new AbortController()
    const wait = sleep(USERS_MS, undefined, { signal: late.signal, ref: false }).catch(() => {})
    for (const [id, user] of users) {
      if (this.#lacking.has(id) || this.#taking.size >= BESIDE_MAX) this.#lack(id, user)
      else await Promise.race([this.#begin(id, user), wait])
      if (this.#taking.has(id)) this.#lack(id, user)
      if (this.#options.stop.aborted) break
    }
    late.abort()
  }

  /** Tries again to have what is lacking, those first that were not tried for longest. */
  takeLacking(): void {
    const before = performance.now() - LATER_MS
    for (const [id, { user, triedAt }] of this.#lacking) {
      if (this.#taking.size >= BESIDE_MAX) return
      if (triedAt <= before && !this.#taking.has(id)) void this.#begin(id, user).catch(() => {})
    }
  }

  /** Resolves when nothing is on its way any more, once `stop` is. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#taking.values())
  }

  /**
   * The log of a user whose call is under way: no commit names it yet, and the host could not go on without it. A head that
   * covers it may be one of far more than the host has.
   */
  async takeOpen(key: Uint8Array, entry: number): Promise<void> {
    const signal = AbortSignal.any([this.#options.stop, AbortSignal.timeout(OPEN_MS)])
    const core = await this.#open(key)
    try {
      if (!(await fetchBlocks(core, 0, entry, { signal }))) return
      const beyond = core.byteLength - (await bytesOf(core, entry))
      if (beyond > Math.min(OPEN_BEYOND_MAX, this.#options.room())) return
      await fetchBlocks(core, entry, core.length, { signal })
      this.#bytes.set(encodeId(core.key), core.byteLength)
    } finally {
      await core.close()
    }
  }

  #lack(id: string, user: WalkedUser): void {
    const triedAt = this.#lacking.get(id)?.triedAt ?? Number.NEGATIVE_INFINITY
    this.#lacking.set(id, { user, triedAt })
  }

  #begin(id: string, user: WalkedUser): Promise<void> {
    const { stop, onFailed } = this.#options
    const taking = this.#take(id, user).finally(() => this.#taking.delete(id))
    this.#taking.set(id, taking)
    taking.catch((error: unknown) => {
      if (!stop.aborted) onFailed(error)
    })
    return taking
  }

  /** Has the log of a user here as a commit names it, or notes that it is lacking. */
  async #take(id: string, user: WalkedUser): Promise<void> {
    const { stop, ranges, hasHost } = this.#options
    const signal = AbortSignal.any([AbortSignal.timeout(BESIDE_MS), stop])
    for (let tries = USER_TRIES; tries > 0 && !signal.aborted; tries--) {
      const core = await this.#open(user.key)
      try {
        if (await this.#isTaken(core, user, signal)) {
          // a later commit may have named more of it meanwhile
          if (this.#lacking.get(id)?.user.head.length === user.head.length) this.#lacking.delete(id)
          return
        }
        // what is here of it may be all that there is, until its host can show the rest
        if (!hasHost()) break
        const isAnother = await isOther(core, headOf(user), ranges, { signal })
        if (isAnother && !signal.aborted) await discard(core)
      } finally {
        await core.close()
      }
    }
    const last = this.#lacking.get(id)?.user ?? user
    this.#lacking.delete(id)
    this.#lacking.set(id, { user: last, triedAt: performance.now() })
  }

  async #isTaken(core: Hypercore, user: WalkedUser, signal: AbortSignal): Promise<boolean> {
    const { address, ranges, refuseWhenFull } = this.#options
    const { length } = user.head
    const id = encodeId(core.key)
    const progress = new Progress(USER_MS, signal)
    const manifest = userLogManifest(user.key, address)
    await extendByRange(core, manifest, headOf(user), ranges, { signal })
    const isThere = await progress.during(core, (waiting) => awaitBlocks(core, length, waiting))
    if (!isThere) return false
    let at = await firstMissing(core, 0, length)
    this.#bytes.set(id, await bytesOf(core, at))
    for (; at < length; at += BLOCKS_MAX) {
      refuseWhenFull()
      const end = Math.min(length, at + BLOCKS_MAX)
      const first = await fetchRanges(core, at, end, ranges, { signal })
      const fetch = (waiting: Waiting) => fetchBlocks(core, first, end, waiting)
      if (!(await progress.during(core, fetch))) return false
      this.#bytes.set(id, await bytesOf(core, end))
    }
    if (!(await isVersion(core, user.head))) return false
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

function headOf({ head }: WalkedUser): Head {
  return { ...head, fork: 0 }
}

/** Of the first blocks of a log, all of which are here. */
async function bytesOf(log: Hypercore, length: number): Promise<number> {
  const roots = await MerkleTree.getRoots(log.state, length)
  return roots.reduce((sum, { size }) => sum + size, 0)
}
