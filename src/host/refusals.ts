import { MivmError } from '../protocol/errors.ts'
import type { Meter, Rate } from './meter.ts'

/** What only the operator can change is asked for again after this, ms. */
export const ASKED_MS = 60_000

/** Refuses what is over a quota, and counts it. */
export class Refusals {
  readonly #counts = new Map<string, number>()

  /** How often something was refused, by the name of the quota. */
  get counts(): { readonly [quota: string]: number } {
    return Object.fromEntries(this.#counts)
  }

  /** Throws QUOTA_EXCEEDED where one of the rates of somebody is used up. */
  rates(scope: 'user' | 'deployer' | 'connection', meter: Meter, rates?: readonly Rate[]): void {
    const over = meter.exceeded(rates)
    if (over === null) return
    meter.refuse()
    this.#refuse(`${scope}.${over.what}PerSecond`, over.limit, over.wait)
  }

  /** Throws QUOTA_EXCEEDED where there is as much of something as there may be; null for no limit. */
  limit(quota: string, limit: number | null, used: number, wait: number): void {
    if (limit !== null && used >= limit) this.#refuse(quota, limit, wait)
  }

  #refuse(quota: string, limit: number, retryAfter: number): never {
    this.#counts.set(quota, (this.#counts.get(quota) ?? 0) + 1)
    const advice =
      retryAfter < ASKED_MS ? `wait ${format(retryAfter)}` : 'wait, or ask its operator for more'
    const message = `${quota} of the host, ${limit}, is used up: ${advice}`
    throw new MivmError('QUOTA_EXCEEDED', message, { retryAfter })
  }
}

function format(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.ceil(ms / 100) / 10} s`
}
