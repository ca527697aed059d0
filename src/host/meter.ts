import { Bucket, type Clock } from '../net/bucket.ts'
import type { Rates } from './quotas.ts'

/** What is counted of what somebody does. */
export interface Usage {
  readonly calls: number
  readonly fuel: number
  readonly bytes: number
  /** How often something was refused. */
  readonly refused: number
}

const RATES = {
  calls: 'callsPerSecond',
  fuel: 'fuelPerSecond',
  bytes: 'bytesPerSecond'
} as const

/** What is counted in a second. */
export type Rate = keyof typeof RATES

/** What costs neither calls nor fuel: acks, and replies. */
export const BYTES_ALONE: readonly Rate[] = ['bytes']

/** A rate that is used up. */
export interface Excess {
  readonly what: Rate
  readonly limit: number
  /** For how long it is, ms. */
  readonly wait: number
  /** How many calls there is room for then, where that is known. */
  readonly room?: number
}

/** Where a rate is used up, calls are let in in parts: as many at once as it has for so long, s. */
const PART_SECONDS = 0.1

const NAMES: readonly Rate[] = ['calls', 'fuel', 'bytes']

/** What one user, deployer or connection does, and how much of it it may do. */
export class Meter {
  readonly #rates: Rates
  readonly #buckets: { readonly [rate in Rate]: Bucket | null }
  #calls = 0
  #fuel = 0
  #bytes = 0
  #refused = 0

  constructor(rates: Rates, burstSeconds: number, clock: Clock) {
    const bucket = (rate: Rate) => {
      const perSecond = rates[RATES[rate]]
      // one of anything at least has to fit
      return perSecond === null
        ? null
        : new Bucket(Math.max(1, perSecond * burstSeconds), perSecond, clock)
    }
    this.#rates = rates
    this.#buckets = { calls: bucket('calls'), fuel: bucket('fuel'), bytes: bucket('bytes') }
  }

  get usage(): Usage {
    return { calls: this.#calls, fuel: this.#fuel, bytes: this.#bytes, refused: this.#refused }
  }

  /** The rate that is used up, of those that are named; null where none is. */
  exceeded(rates: readonly Rate[] = NAMES): Excess | null {
    let worst: Excess | null = null
    for (const what of rates) {
      const wait = this.#buckets[what]?.wait() ?? 0
      const limit = this.#rates[RATES[what]]
      if (limit !== null && wait > (worst?.wait ?? 0)) worst = { what, limit, wait }
    }
    return worst
  }

  /**
   * Whether so many calls are too many at once: who has used its burst gets its rate in small parts, which hold up nobody.
   * Where there has been no call for long any number may come.
   */
  tooMany(calls: number): Excess | null {
    const bucket = this.#buckets.calls
    const limit = this.#rates.callsPerSecond
    if (bucket === null || limit === null || bucket.room >= calls || bucket.isFull) return null
    const part = Math.min(calls, Math.max(1, Math.floor(limit * PART_SECONDS)))
    const room = Math.max(part, Math.floor(bucket.room))
    return { what: 'calls', limit, wait: bucket.wait(room), room }
  }

  take(calls: number, bytes: number): void {
    this.#calls += calls
    this.#bytes += bytes
    this.#buckets.calls?.charge(calls)
    this.#buckets.bytes?.charge(bytes)
  }

  /** What calls have cost is known when they are executed. */
  burn(fuel: number): void {
    this.#fuel += fuel
    this.#buckets.fuel?.charge(fuel)
  }

  refuse(): void {
    this.#refused++
  }
}

/**
 * The meters of those who were here lately. Anybody can make any number of keys: where there are more than are kept, the
 * one that was not here for longest is forgotten, with its debt. Who makes a new key has no debt either.
 */
export class Meters {
  readonly #create: () => Meter
  readonly #max: number
  readonly #meters = new Map<string, Meter>()

  constructor(max: number, create: () => Meter) {
    this.#max = max
    this.#create = create
  }

  get size(): number {
    return this.#meters.size
  }

  /** The meter of somebody who was here lately. */
  known(id: string): Meter | undefined {
    return this.#meters.get(id)
  }

  /** The meter of somebody who is here now. */
  of(id: string): Meter {
    const known = this.#meters.get(id)
    const meter = known ?? this.#create()
    // insertion order is age
    if (known !== undefined) this.#meters.delete(id)
    this.#meters.set(id, meter)
    if (this.#meters.size > this.#max) {
      const [oldest = ''] = this.#meters.keys()
      this.#meters.delete(oldest)
    }
    return meter
  }

  /** Those who have done most, by fuel and then by calls. */
  largest(count: number): { readonly id: string; readonly usage: Usage }[] {
    return [...this.#meters]
      .map(([id, meter]) => ({ id, usage: meter.usage }))
      .sort((a, b) => b.usage.fuel - a.usage.fuel || b.usage.calls - a.usage.calls)
      .slice(0, count)
  }
}
