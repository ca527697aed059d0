import type Hypercore from 'hypercore'
import { deferred } from '../protocol/deferred.ts'

/** How many times as long as for one thing an audit waits for all that never comes. */
const FRUITLESS_MAX = 4

/** The steps in which a {@link Stall} counts, ms. */
const STEP_MS = 100

/** How often an audit asks for the same blocks. */
export const ASKED_MAX = 2

/** How long an audit waits for others: a log that names a thousand users who do not exist shall not stall it. */
export class Patience {
  readonly #each: number
  readonly #isAlone: () => boolean
  #left: number
  #isOver = false
  /** What is left when it is over, for what cannot be done without. */
  #reserve: number

  /** `isAlone`: whether nobody is there who could be asked for anything. */
  constructor(each: number, isAlone: () => boolean = () => false) {
    this.#each = each
    this.#isAlone = isAlone
    this.#left = each * FRUITLESS_MAX
    this.#reserve = each
  }

  /** For the next thing, ms; 0: only what is here. */
  get ms(): number {
    return Math.min(this.#each, this.#left)
  }

  /** From now on nobody is waited for: what is not here comes by itself. */
  end(): void {
    this.#left = 0
    this.#isOver = true
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Waits as long as this takes also where it is over: where nothing comes, no longer in all than for one thing. */
  async lastly<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isOver) return work()
    this.#left = this.#reserve
    this.#isOver = false
    try {
      return await work()
    } finally {
      this.#reserve = this.#left
      this.end()
    }
  }

  /** As in the beginning. */
  renew(): void {
    this.#left = this.#each * FRUITLESS_MAX
    this.#isOver = false
  }

  /** Says that this long nothing came. True where it is worth to wait on: somebody may come back. */
  spend(ms: number): boolean {
    this.#left = Math.max(0, this.#left - ms)
    return this.#left > 0 && this.#isAlone()
  }
}

/**
 * A promise that resolves when nothing has come for as long as there is patience. It is counted in small steps: where
 * this process does not get to run, what has come meanwhile has not been looked at either.
 */
export class Stall {
  readonly promise: Promise<void>
  /** For how long nothing came, ms. */
  waited = 0
  readonly #patience: Patience
  readonly #resolve: () => void
  /** Until patience is asked again, ms. */
  #left = 0
  #each = 0
  #timer: NodeJS.Timeout | null = null

  constructor(patience: Patience) {
    const { promise, resolve } = deferred<void>()
    this.promise = promise
    this.#resolve = resolve
    this.#patience = patience
    this.#wait()
  }

  progress(): void {
    this.waited = 0
    this.#left = this.#each
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #wait(): void {
    this.#each = this.#patience.ms
    this.#left = this.#each
    if (this.#each > 0) this.#step()
  }

  #step(): void {
    const ms = Math.min(this.#left, STEP_MS)
    this.#timer = setTimeout(() => {
      this.#left -= ms
      if (this.#left > 0) this.#step()
      else this.#over()
    }, ms)
  }

  #over(): void {
    this.waited += this.#each
    if (this.#patience.spend(this.#each)) this.#wait()
    else this.#resolve()
  }
}

/**
 * Less of something than there is said to be, and since when. There may always be more, and what comes behind: what counts is
 * what was said when that time began.
 */
export class Shortfall {
  #open: { readonly to: number; readonly since: number } | null = null

  /** What was to be there `ms` ago and is not yet, of `to` that are to be there now; null where nothing is late. */
  late(here: number, to: number, ms: number): number | null {
    if (this.#open !== null && here >= this.#open.to) this.#open = null
    if (here < to) this.#open ??= { to, since: performance.now() }
    const open = this.#open
    return open === null || open.since > performance.now() - ms ? null : open.to
  }
}

/**
 * Asks peers for the newest head, and waits until the core has the length or patience is over. Who closes a log that it does
 * not use at the moment that it is asked for it shows nothing of it, and Hypercore does not ask it again.
 */
export async function awaitLength(
  core: Hypercore,
  lengthMin: number,
  patience: Patience
): Promise<void> {
  if (patience.ms === 0) return
  reopen(core)
  const again = setTimeout(reopen, patience.ms / 2, core)
  const stall = new Stall(patience)
  const updated = core.update({ wait: true }).catch(() => false)
  const grown = deferred<void>()
  const onAppend = () => {
    if (core.length >= lengthMin) grown.resolve()
  }
  core.on('append', onAppend)
  onAppend()
  try {
    await Promise.race([Promise.all([updated, grown.promise]), stall.promise])
  } finally {
    core.off('append', onAppend)
    clearTimeout(again)
    stall.end()
  }
}

/** Waits until there is a peer for each of some logs that were just opened, or `ms`. */
export async function awaitPeers(cores: readonly Hypercore[], ms: number): Promise<void> {
  const alone = cores.filter(({ peers }) => peers.length === 0)
  if (alone.length === 0 || ms === 0) return
  const stall = new Stall(new Patience(ms))
  const found = alone.map(
    (core) => new Promise<void>((resolve) => core.once('peer-add', () => resolve()))
  )
  await Promise.race([Promise.all(found), stall.promise])
  stall.end()
}

/** Opens a log again with those peers who have closed it, where none has it open. */
export function reopen({ core, peers }: Hypercore): void {
  if (peers.length > 0) return
  for (const downloading of [false, true]) core.replicator._setDownloadingNow(downloading)
}
