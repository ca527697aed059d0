import b4a from 'b4a'
import type Hypercore from 'hypercore'

/**
 * Length that the host itself shows of a log, null for the call log; null where it is not here to show anything. A
 * peer is asked by its key: what it says of the lengths of its logs comes in the order in which they grew.
 */
export type HostShows = (core: Hypercore | null) => number | null

export interface HostViewOptions {
  /** How long ago the host may have answered last, ms. */
  readonly grace: number
  /** Whether the host says that it was set back, and has signed more than it shows. */
  isSetBack(): boolean
  /** When it was asked what it has answered last, as performance.now(). */
  answeredAt(): number
}

/** What the host itself shows of its logs, as a peer, or because this is its own disk. */
export class HostView {
  readonly #host: Uint8Array
  readonly #callLog: Hypercore
  readonly #options: HostViewOptions

  constructor(host: Uint8Array, callLog: Hypercore, options: HostViewOptions) {
    this.#host = host
    this.#callLog = callLog
    this.#options = options
  }

  get isHere(): boolean {
    return this.#callLog.writable || this.#peersOf(this.#callLog).length > 0
  }

  /**
   * What it shows, and nothing where it has not answered what it was asked lately. All that it says comes in one order: what
   * it has not shown until it answers it does not show; but of a connection that has stalled nobody knows what is on its way.
   */
  get showsNow(): HostShows {
    const { answeredAt, grace } = this.#options
    return answeredAt() >= performance.now() - grace ? this.shows : () => null
  }

  readonly shows: HostShows = (of) => {
    if (this.#options.isSetBack()) return null
    const core = of ?? this.#callLog
    if (this.#callLog.writable) return core.length
    const lengths = this.#peersOf(core)
      .filter(({ remoteFork }) => remoteFork === core.fork)
      .map(({ remoteLength }) => remoteLength)
      .filter((length) => length > 0)
    return lengths.length === 0 ? null : Math.max(...lengths)
  }

  /** The longest call log that anybody shows. */
  get longest(): number {
    const { length, fork, peers } = this.#callLog
    const others = peers.filter(({ remoteFork }) => remoteFork === fork)
    return others.reduce((most, { remoteLength }) => Math.max(most, remoteLength), length)
  }

  /** Whether it says that it has rewritten a log since what is here of it. */
  hasRewritten(core: Hypercore): boolean {
    return this.#peersOf(core).some(({ remoteFork }) => remoteFork > core.fork)
  }

  #peersOf(core: Hypercore) {
    return core.peers.filter(({ remotePublicKey }) => b4a.equals(remotePublicKey, this.#host))
  }
}
