import type { Contract } from './vm.ts'

/**
 * So much longer than it has time for its work a batch may hold an engine, ms: at least one call is executed, and the
 * instance may have to be built before.
 */
export const LAG_MS = 150

/** How long it is remembered of somebody that others had to wait, ms. */
const REMEMBERED_MS = 60_000

/** What a deployer has deployed may be slow so often; then all of it is: or each instance had its chance. */
const DEPLOYER_LAGS = 4

/** Of so many instances, and deployers, it is remembered. */
const REMEMBERED_MAX = 1_000
const QUICK_MAX = 10_000

/**
 * Knows for which contracts others should not have to wait: those that have lately held an engine for long, and while there
 * are any, those of which nothing is known yet: who can have many deployed would have each of them hold it once.
 */
export class Laggards {
  readonly #instances: Lags
  readonly #deployers: Lags
  /** Instances that held it as briefly as they should when they last did, the one of longest ago first. */
  readonly #quick = new Set<string>()
  readonly #clock: () => number
  #lastAt = Number.NEGATIVE_INFINITY

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
    this.#instances = new Lags(clock)
    this.#deployers = new Lags(clock)
  }

  /** `inTheWay`: in an engine that is for all. Who lags where it is alone says nothing about others. */
  note({ address, deployer }: Contract, inTheWay: boolean): void {
    this.#quick.delete(address)
    this.#instances.add(address)
    if (!inTheWay) return
    this.#deployers.add(deployer)
    this.#lastAt = this.#clock()
  }

  noteQuick({ address }: Contract): void {
    this.#quick.delete(address)
    this.#quick.add(address)
    const [oldest = ''] = this.#quick
    if (this.#quick.size > QUICK_MAX) this.#quick.delete(oldest)
  }

  has({ address, deployer }: Contract): boolean {
    if (this.#instances.of(address) > 0 || this.#deployers.of(deployer) >= DEPLOYER_LAGS)
      return true
    return this.#clock() - this.#lastAt < REMEMBERED_MS && !this.#quick.has(address)
  }
}

/** Counts for each of many, until there was nothing to count for a while. */
class Lags {
  /** How many, and when the last one was; the one that has been quiet for longest comes first. */
  readonly #known = new Map<string, { readonly count: number; readonly at: number }>()
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  add(id: string): void {
    const count = this.of(id) + 1
    this.#known.delete(id)
    this.#known.set(id, { count, at: this.#clock() })
    const [quietest = ''] = this.#known.keys()
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(quietest)
  }

  of(id: string): number {
    const known = this.#known.get(id)
    return known !== undefined && this.#clock() - known.at < REMEMBERED_MS ? known.count : 0
  }
}
