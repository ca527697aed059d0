import { setTimeout as sleep } from 'node:timers/promises'
import { BYTES_ALONE, type Meter } from './meter.ts'
import type { Quotas } from './quotas.ts'
import { LATER_MS, type Refusals, SOON_MS } from './refusals.ts'

/** Bytes that count for each entry that was looked at and refused: what it is found out by takes as long as so many more. */
const REFUSED_BYTES = 4096

/** What all connections of a host have in common. */
export interface Senders {
  readonly quotas: Quotas
  readonly refusals: Refusals
  readonly open: Set<Sender>
  /** Connections over which the calls of each user come, by z-base-32. */
  readonly users: Map<string, number>
  /** Bytes in memory of what all of them have sent, and wait for. */
  held: number
  /** The same of those that are gone, by the network address that they came from; '' where that is not known. */
  readonly left: Map<string, number>
}

/** Who is at the other end of a connection, as far as quotas are concerned: nobody knows who that is. */
export class Sender {
  readonly meter: Meter
  readonly #senders: Senders
  readonly #address: string
  readonly #users = new Set<string>()
  #held = 0
  #isClosed = false

  constructor(senders: Senders, meter: Meter, address: string | null) {
    this.meter = meter
    this.#senders = senders
    this.#address = address ?? ''
    senders.open.add(this)
  }

  /** Lets a request in; returns what is to be called at its end. Throws QUOTA_EXCEEDED. */
  request(bytes: number): () => void {
    const { refusals, quotas, held, open, left } = this.#senders
    refusals.rates('connection', this.meter)
    const { bytesWaiting } = quotas.host
    // Who holds less than its share is let in, else one connection could take all there is. Who comes again holds what it has sent
    // before: else it could have as much each time.
    const own = this.#held + (left.get(this.#address) ?? 0) + bytes
    if (bytesWaiting !== null && own > bytesWaiting / open.size) {
      // one that is larger than all there may be would never be let in
      const used = held + Math.min(bytes, bytesWaiting / 2)
      refusals.limit('host.bytesWaiting', bytesWaiting, used, SOON_MS)
    }
    this.meter.take(0, bytes)
    this.hold(bytes)
    return () => this.hold(-bytes)
  }

  /** Throws QUOTA_EXCEEDED where what was done for it since it was let in is too much. */
  checkRates(): void {
    this.#senders.refusals.rates('connection', this.meter)
  }

  /**
   * Resolves when it may be sent more: thousands of requests may have been let in together, each for a reply of a
   * thousand times its own bytes. What it was promised is not refused.
   */
  async mayReceive(): Promise<void> {
    let excess = this.meter.exceeded(BYTES_ALONE)
    if (excess !== null) this.#senders.refusals.delay('connection', this.meter, excess)
    for (; excess !== null && !this.#isClosed; excess = this.meter.exceeded(BYTES_ALONE)) {
      await sleep(excess.wait, undefined, { ref: false })
    }
  }

  /** Charges a reply. */
  replied(bytes: number): void {
    this.meter.take(0, bytes)
  }

  /** Charges entries of a user's log that were sent and not taken in, on top of their bytes. */
  refused(entries: number): void {
    this.meter.take(0, entries * REFUSED_BYTES)
  }

  /** Throws QUOTA_EXCEEDED where no more calls of this user may come from here. */
  limitUser(user: string): void {
    if (this.#users.has(user)) return
    const { refusals, quotas, users } = this.#senders
    refusals.limit('connection.users', quotas.connection.users, this.#users.size, LATER_MS)
    refusals.limit('user.connections', quotas.user.connections, users.get(user) ?? 0, LATER_MS)
  }

  /** What the user has signed has come from here, and from nowhere before. */
  addUser(user: string): void {
    // one that is gone by then would be counted for ever
    if (this.#isClosed || this.#users.has(user)) return
    this.#users.add(user)
    this.#senders.users.set(user, (this.#senders.users.get(user) ?? 0) + 1)
  }

  /** What it has sent takes so many bytes more, or less. */
  hold(bytes: number): void {
    this.#held += bytes
    this.#senders.held += bytes
    if (this.#isClosed) this.#leave(bytes)
  }

  /** The connection is gone; what it has sent and the host has taken in is not. */
  close(): void {
    const { open, users } = this.#senders
    if (!this.#isClosed) this.#leave(this.#held)
    this.#isClosed = true
    open.delete(this)
    for (const user of this.#users) {
      const left = (users.get(user) ?? 0) - 1
      if (left > 0) users.set(user, left)
      else users.delete(user)
    }
    this.#users.clear()
  }

  /** What it has sent takes so many bytes more, or less, since it is gone. */
  #leave(bytes: number): void {
    const { left } = this.#senders
    const all = (left.get(this.#address) ?? 0) + bytes
    if (all > 0) left.set(this.#address, all)
    else left.delete(this.#address)
  }
}
