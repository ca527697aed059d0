import type { Clock } from '../net/bucket.ts'
import { Meter, Meters, type Usage } from './meter.ts'
import type { Quotas, Rates } from './quotas.ts'
import { ASKED_MS, Refusals } from './refusals.ts'
import { Sender, type Senders } from './sender.ts'
import type { StoredBytes } from './stored.ts'
import { Holdings, Tenant, type Tenants } from './tenant.ts'

/** Users, and deployers, of whom it is known what they did lately. */
const METERS_KEPT = 10_000
/** Of how many of them the status tells. */
const LARGEST = 10

const NO_RATES: Rates = { callsPerSecond: null, fuelPerSecond: null, bytesPerSecond: null }

/** What somebody has used lately. */
export interface Account extends Usage {
  /** Z-base-32. */
  readonly id: string
  readonly bytesStored: number
}

export interface AdmissionStatus {
  readonly quotas: Quotas
  /** How often something was refused since the start, by the name of the quota. */
  readonly refused: { readonly [quota: string]: number }
  /** Bytes of calls and other requests that wait in memory. */
  readonly bytesWaiting: number
  /** Those who have used most. */
  readonly users: readonly (Account & { readonly connections: number })[]
  readonly deployers: readonly (Account & { readonly instances: number })[]
}

/**
 * Holds what users, deployers and connections do against their quotas. What is over one is refused with QUOTA_EXCEEDED
 * before anything of it is taken in. What was taken in is executed, whatever it costs, and delays what comes next.
 */
export class Admission {
  readonly refusals: Refusals = new Refusals()
  readonly quotas: Quotas
  readonly #clock: Clock
  readonly #deployments: Meters
  readonly #senders: Senders
  readonly #tenants: Tenants

  constructor(quotas: Quotas, stored: StoredBytes, clock: Clock = () => performance.now()) {
    const { refusals } = this
    const { burstSeconds } = quotas
    const meters = (rates: Rates) =>
      new Meters(METERS_KEPT, () => new Meter(rates, burstSeconds, clock))
    this.quotas = quotas
    this.#clock = clock
    this.#deployments = meters({
      ...NO_RATES,
      callsPerSecond: quotas.deployer.deploymentsPerSecond
    })
    const left = new Map<string, number>()
    this.#senders = { quotas, refusals, open: new Set(), users: new Map(), held: 0, left }
    this.#tenants = {
      quotas,
      refusals,
      users: meters(quotas.user),
      deployers: meters(quotas.deployer),
      stored,
      holdings: new Holdings()
    }
  }

  /** Whoever is at the other end of a new connection, from a network address if that is known. */
  sender(address: string | null = null): Sender {
    const { connection, burstSeconds } = this.quotas
    return new Sender(this.#senders, new Meter(connection, burstSeconds, this.#clock), address)
  }

  /** An instance; both are z-base-32. */
  tenant(address: string, deployer: string): Tenant {
    return new Tenant(this.#tenants, address, deployer)
  }

  /** Throws QUOTA_EXCEEDED where somebody may not deploy now, or not from there; charges the deployment where it may. */
  deploy(deployer: string, sender: Sender | null = null): void {
    const { refusals, holdings } = this.#tenants
    const { instances, bytesStored, deploymentsPerSecond } = this.quotas.deployer
    sender?.checkRates()
    sender?.limitUser(deployer)
    refusals.limit('deployer.instances', instances, holdings.instances(deployer), ASKED_MS)
    refusals.limit('deployer.bytesStored', bytesStored, holdings.bytes(deployer), ASKED_MS)
    const wait = this.#deployments.known(deployer)?.exceeded()?.wait ?? 0
    const used = wait > 0 ? Number.POSITIVE_INFINITY : 0
    refusals.limit('deployer.deploymentsPerSecond', deploymentsPerSecond, used, wait)
    const meter = this.#tenants.deployers.known(deployer)
    if (meter !== undefined) refusals.rates('deployer', meter)
    this.#deployments.of(deployer).take(1, 0)
  }

  /** Counts an instance that was let in until it is on disk, or until what is returned is called, which it is not. */
  reserve(deployer: string, address: string): () => void {
    const { holdings } = this.#tenants
    holdings.reserve(deployer, address)
    return () => holdings.release(deployer, address)
  }

  /** What the operator, and whoever is refused, may want to see. */
  status(): AdmissionStatus {
    const { users, deployers, stored, holdings } = this.#tenants
    return {
      quotas: this.quotas,
      refused: this.refusals.counts,
      bytesWaiting: this.#senders.held,
      users: users.largest(LARGEST).map(({ id, usage }) => ({
        id,
        ...usage,
        bytesStored: stored.of(id),
        connections: this.#senders.users.get(id) ?? 0
      })),
      deployers: deployers.largest(LARGEST).map(({ id, usage }) => ({
        id,
        ...usage,
        bytesStored: holdings.bytes(id),
        instances: holdings.instances(id)
      }))
    }
  }

  /** Notes down what is known of what is stored. */
  async close(): Promise<void> {
    await this.#tenants.stored.flush()
  }
}
