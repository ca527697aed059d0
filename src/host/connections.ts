import type { Quotas } from './quotas.ts'
import { LATER_MS, type Refusals } from './refusals.ts'

interface Stream {
  destroy(): void
}

interface Connection {
  readonly address: string | null
  readonly since: number
}

export interface ConnectionsStatus {
  readonly open: number
  /** Of those that are open. */
  readonly silent: number
}

/**
 * The connections that a host has, as many as it may have. Who connects and then says nothing goes first: when its time
 * is over, or before that where there is somebody else who would have no room. Then it is the turn of whose address has most.
 */
export class Connections<S extends Stream> {
  readonly #limits: Quotas['host']
  readonly #refusals: Refusals
  readonly #connections = new Map<S, Connection>()
  /** Those that nothing came over, the oldest first. */
  readonly #silent = new Set<S>()
  readonly #addresses = new Map<string, number>()

  constructor(limits: Quotas['host'], refusals: Refusals) {
    this.#limits = limits
    this.#refusals = refusals
  }

  get status(): ConnectionsStatus {
    return { open: this.#connections.size, silent: this.#silent.size }
  }

  /** Takes a connection in, from an address if that is known; throws QUOTA_EXCEEDED where there is no room for it. */
  add(stream: S, address: string | null, now: number): void {
    const { connections, connectionsPerAddress } = this.#limits
    if (address !== null) {
      this.#makeRoom(connectionsPerAddress, () => this.#addresses.get(address) ?? 0, address)
      const used = this.#addresses.get(address) ?? 0
      this.#refusals.limit('host.connectionsPerAddress', connectionsPerAddress, used, LATER_MS)
    }
    this.#makeRoom(connections, () => this.#connections.size, null)
    if (address !== null) this.#takeFromLargest(address)
    this.#refusals.limit('host.connections', connections, this.#connections.size, LATER_MS)
    this.#connections.set(stream, { address, since: now })
    this.#silent.add(stream)
    if (address !== null) this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1)
  }

  /** Something came over it. */
  heard(stream: S): void {
    this.#silent.delete(stream)
  }

  delete(stream: S): void {
    const connection = this.#connections.get(stream)
    if (connection === undefined) return
    this.#connections.delete(stream)
    this.#silent.delete(stream)
    const { address } = connection
    if (address === null) return
    const left = (this.#addresses.get(address) ?? 0) - 1
    if (left > 0) this.#addresses.set(address, left)
    else this.#addresses.delete(address)
  }

  /** Ends those that have been silent for too long. */
  sweep(now: number): void {
    const { silentSeconds } = this.#limits
    if (silentSeconds === null) return
    for (const stream of this.#silent) {
      const { since } = this.#connections.get(stream) ?? { since: 0 }
      if (now - since < silentSeconds * 1000) break
      this.#end(stream)
    }
  }

  /** Ends one that is silent, of an address if that is what is short of. */
  #makeRoom(limit: number | null, used: () => number, address: string | null): void {
    if (limit === null || used() < limit) return
    for (const stream of this.#silent) {
      if (address !== null && this.#connections.get(stream)?.address !== address) continue
      this.#end(stream)
      return
    }
  }

  /**
   * Where nobody is silent, one of the address that has most has to go, any, if this one would have fewer: whoever takes all there
   * are, and says something over each, takes them from itself.
   */
  #takeFromLargest(address: string): void {
    const { connections } = this.#limits
    if (connections === null || this.#connections.size < connections) return
    const own = this.#addresses.get(address) ?? 0
    const most = Math.max(0, ...this.#addresses.values())
    if (most <= own + 1) return
    const streams = [...this.#connections].filter(([, { address: other }]) => {
      return other !== null && this.#addresses.get(other) === most
    })
    const [stream] = streams[Math.floor(Math.random() * streams.length)] ?? []
    if (stream === undefined) return
    this.#refusals.count('host.connections')
    this.#end(stream)
  }

  #end(stream: S): void {
    this.delete(stream)
    stream.destroy()
  }
}
