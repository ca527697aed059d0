import { BYTES_ALONE, type Meter, type Meters, type Rate } from './meter.ts'
import type { Quotas } from './quotas.ts'
import { ASKED_MS, type Refusals, SOON_MS } from './refusals.ts'
import type { Sender } from './sender.ts'
import type { StoredBytes } from './stored.ts'

const CALLS_AND_FUEL: readonly Rate[] = ['calls', 'fuel']

/** What all instances of a host have in common. */
export interface Tenants {
  readonly quotas: Quotas
  readonly refusals: Refusals
  readonly users: Meters
  readonly deployers: Meters
  readonly stored: StoredBytes
  readonly holdings: Holdings
}

/** Instances, and what they have on disk, by deployer. */
export class Holdings {
  readonly #deployers = new Map<
    string,
    { bytes: number; readonly instances: Map<string, number> }
  >()

  /** Notes what an instance has, bytes; it counts as one of its deployer's from the first time on. */
  set(deployer: string, address: string, bytes: number): void {
    const held = this.#deployers.get(deployer) ?? { bytes: 0, instances: new Map() }
    this.#deployers.set(deployer, held)
    held.bytes += bytes - (held.instances.get(address) ?? 0)
    held.instances.set(address, bytes)
  }

  /** One is about to be there: many that are deployed at once are not seen on the disk before the last one was let in. */
  reserve(deployer: string, address: string): void {
    if (!this.#deployers.get(deployer)?.instances.has(address)) this.set(deployer, address, 0)
  }

  /** It is not there, unless something of it is: anybody may try to deploy, any number of times. */
  release(deployer: string, address: string): void {
    const held = this.#deployers.get(deployer)
    if (held?.instances.get(address) !== 0) return
    held.instances.delete(address)
    if (held.instances.size === 0) this.#deployers.delete(deployer)
  }

  bytes(deployer: string): number {
    return this.#deployers.get(deployer)?.bytes ?? 0
  }

  instances(deployer: string): number {
    return this.#deployers.get(deployer)?.instances.size ?? 0
  }
}

/** What somebody sends to an instance. */
export interface Sent {
  /** Z-base-32. */
  readonly user: string
  readonly sender: Sender | null
  /** Calls of that user that wait already. */
  readonly waiting: number
  /** Entries, of any kind. */
  readonly entries: number
  /** Calls among them. */
  countCalls(): number
}

/** An instance, as far as quotas are concerned. */
export class Tenant {
  readonly #tenants: Tenants
  readonly #address: string
  readonly #deployer: string

  constructor(tenants: Tenants, address: string, deployer: string) {
    this.#tenants = tenants
    this.#address = address
    this.#deployer = deployer
  }

  /** To be called before `admit`, where something can be waited for. */
  async prepare(user: string): Promise<void> {
    await this.#tenants.stored.load(user)
  }

  /**
   * Throws QUOTA_EXCEEDED where nothing may be taken in of what was sent. Nothing is charged: who it is from is not
   * known before its signature is verified, and nobody shall use up what others have.
   */
  admit({ user, sender, waiting, entries, countCalls }: Sent): void {
    const { quotas, refusals, users, deployers, stored, holdings } = this.#tenants
    sender?.limitUser(user)
    const { bytesStored, callsWaiting } = quotas.user
    refusals.limit('user.bytesStored', bytesStored, stored.of(user), ASKED_MS)
    const kept = holdings.bytes(this.#deployer)
    refusals.limit('deployer.bytesStored', quotas.deployer.bytesStored, kept, ASKED_MS)
    const meters = [
      ['user', users.known(user)],
      ['deployer', deployers.known(this.#deployer)],
      ['connection', sender?.meter]
    ] as const
    const isOver = meters.some(([, meter]) => meter?.exceeded() || meter?.tooMany(entries))
    if (!isOver && waiting < (callsWaiting ?? Number.POSITIVE_INFINITY)) return
    const calls = countCalls()
    for (const [scope, meter] of meters) {
      if (meter === undefined) continue
      // The bytes of a request were held against those of its connection when it was let in, and are charged already: to refuse it
      // for them would be to refuse it every time. Acks alone cost no more than their bytes.
      if (scope !== 'connection') refusals.rates(scope, meter, BYTES_ALONE)
      if (calls > 0) refusals.rates(scope, meter, CALLS_AND_FUEL)
      if (calls > 0) refusals.calls(scope, meter, calls)
    }
    if (calls > 0) refusals.limit('user.callsWaiting', callsWaiting, waiting, SOON_MS)
  }

  /** Who pays for what comes of a user's calls. */
  metersOf(user: string, sender: Sender | null): readonly Meter[] {
    const { users, deployers } = this.#tenants
    const meters = [users.of(user), deployers.of(this.#deployer)]
    return sender === null ? meters : [...meters, sender.meter]
  }

  /** Charges what was taken in. */
  take(user: string, sender: Sender | null, calls: number, bytes: number): void {
    const { users, deployers, stored } = this.#tenants
    users.of(user).take(calls, bytes)
    deployers.of(this.#deployer).take(calls, bytes)
    // its bytes were counted with the request
    sender?.meter.take(calls, 0)
    sender?.addUser(user)
    stored.add(user, bytes)
  }

  /** Notes how many bytes the instance has on disk. */
  keep(bytes: number): void {
    this.#tenants.holdings.set(this.#deployer, this.#address, bytes)
  }
}
