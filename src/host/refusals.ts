import { MivmError } from '../protocol/errors.ts'
import type { Excess, Meter, Rate } from './meter.ts'

/** When to try again, ms: where calls make room as they are executed. */
export const SOON_MS = 250
/** Where others make room as they go. */
export const LATER_MS = 5_000
/** Where only the operator can. */
export const ASKED_MS = 60_000

/** Whose rate it is. */
type Scope = 'user' | 'deployer' | 'connection'

/** Refuses what is over a quota, and counts it. */
export class Refusals {
  readonly #counts = new Map<string, number>()

  /** How often something was refused, by the name of the quota. */
  get counts(): { readonly [quota: string]: number } {
    return Object.fromEntries(this.#counts)
  }

  /** Throws QUOTA_EXCEEDED where one of the rates of somebody is used up. */
  rates(scope: Scope, meter: Meter, rates?: readonly Rate[]): void {
    this.#excess(scope, meter, meter.exceeded(rates))
  }

  /** Counts what has to wait until a rate is not used up any more, and is not refused. */
  delay(scope: Scope, meter: Meter, over: Excess): void {
    meter.refuse()
    this.count(nameOf(scope, over))
  }

  /** Throws QUOTA_EXCEEDED where these are too many calls at once. */
  calls(scope: Scope, meter: Meter, calls: number): void {
    this.#excess(scope, meter, meter.tooMany(calls))
  }

  /** Throws QUOTA_EXCEEDED where there is as much of something as there may be; null for no limit. */
  limit(quota: string, limit: number | null, used: number, wait: number): void {
    if (limit !== null && used >= limit) this.#refuse(quota, limit, wait)
  }

  #excess(scope: Scope, meter: Meter, over: Excess | null): void {
    if (over === null) return
    meter.refuse()
    this.#refuse(nameOf(scope, over), over.limit, over.wait, over.room)
  }

  count(quota: string): void {
    this.#counts.set(quota, (this.#counts.get(quota) ?? 0) + 1)
  }

  #refuse(quota: string, limit: number, retryAfter: number, room?: number): never {
    this.count(quota)
    const advice =
      retryAfter < ASKED_MS ? `wait ${format(retryAfter)}` : 'wait, or ask its operator for more'
    const message = `${quota} of the host, ${limit}, is used up: ${advice}`
    throw new MivmError('QUOTA_EXCEEDED', message, {
      retryAfter,
      ...(room === undefined ? {} : { room })
    })
  }
}

function nameOf(scope: Scope, { what }: Excess): string {
  return `${scope}.${what}PerSecond`
}

function format(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.ceil(ms / 100) / 10} s`
}
