import type Corestore from 'corestore'
import type { Peer, PeerRange, PeerRequest, SharedCore } from 'hypercore'
import type Protomux from 'protomux'

/**
 * How far beyond the verified end of a log it is noted which blocks a peer says that it has: a bit for each, in memory.
 * A multiple of what a page of them holds.
 */
const AHEAD_MAX = 128 * 1024
const PAGE = 32_768
/** Requests for blocks that one peer has answered at the same time. */
const ANSWERING_MAX = 32
/** Requests of one peer that wait for that; whoever has more is cut off. */
const WAITING_MAX = 64 * 1024
/** Bytes that a peer has not read, beyond which it is answered nothing more. */
const UNREAD_MAX = 4 * 1024 * 1024

/**
 * Bounds what a peer can make Hypercore do with all logs of a store. As it is, one message that says that the peer has
 * blocks 1 to 2^50 takes memory until the process dies, and requests for blocks are all answered at once, whether the
 * peer reads what it asked for or not.
 */
export function boundPeers(store: Corestore): void {
  store.watch((core) => {
    const { replicator } = core
    const add = replicator._addPeer
    replicator._addPeer = (peer) => {
      boundClaims(peer, core)
      boundRequests(peer)
      add.call(replicator, peer)
    }
  })
}

/** Of what a peer says that it has only that is taken in which may be asked of it. */
function boundClaims(peer: Peer, core: SharedCore): void {
  const { onrange, onbitfield } = peer
  const limit = () => {
    if (core.replicator.pushOnly) return 0
    return Math.ceil(core.state.length / PAGE) * PAGE + AHEAD_MAX
  }
  peer.onrange = async (range) => {
    const bounded = boundRange(range, peer._remoteContiguousLength, limit())
    if (bounded !== null) await onrange.call(peer, bounded)
  }
  peer.onbitfield = ({ start, bitfield }) => {
    const words = Math.floor((limit() - start) / 32)
    if (words > 0) onbitfield.call(peer, { start, bitfield: bitfield.subarray(0, words) })
  }
}

/** Null where nothing is left of it. A length that all blocks are there to takes no bits, however large it is. */
function boundRange(range: PeerRange, contiguous: number, limit: number): PeerRange | null {
  const { drop, start } = range
  const end = start + range.length
  if (!drop && start <= contiguous) return { drop, start: 0, length: end }
  const length = Math.min(end, limit) - start
  return length > 0 ? { drop, start, length } : null
}

/** As Hypercore answers them, but so many at once, over all logs, and none while the peer does not read. */
function boundRequests(peer: Peer): void {
  const { protomux, remoteRequests } = peer
  const answering = ANSWERING.get(protomux) ?? new Answering(protomux)
  ANSWERING.set(protomux, answering)
  peer.onrequest = async (request: PeerRequest) => {
    // one of the same number takes its place; it is gone when it is cancelled, or the log is closed
    remoteRequests.set(request.id, request)
    await answering.run(async () => {
      if (remoteRequests.get(request.id) === request) await peer._handleRequest(request)
    })
  }
}

const ANSWERING = new WeakMap<Protomux, Answering>()

/** What one peer is answered at the same time. */
class Answering {
  readonly #mux: Protomux
  #running = 0
  #waiting: (() => void)[] = []
  /** Of those that wait, how many have had their turn. */
  #gone = 0

  constructor(mux: Protomux) {
    this.#mux = mux
  }

  async run(answer: () => Promise<void>): Promise<void> {
    if (this.#running < ANSWERING_MAX) this.#running++
    else await this.#turn()
    try {
      await this.#readable()
      await answer()
    } finally {
      this.#next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#waiting.length - this.#gone >= WAITING_MAX) this.#mux.destroy()
    await new Promise<void>((go) => this.#waiting.push(go))
  }

  #next(): void {
    const go = this.#waiting[this.#gone++]
    if (go !== undefined) {
      go()
      return
    }
    this.#running--
    this.#waiting = []
    this.#gone = 0
  }

  async #readable(): Promise<void> {
    const { stream } = this.#mux
    while (stream._writableState.buffered > UNREAD_MAX && !stream.destroyed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const go = () => resolve()
      stream.once('drain', go).once('close', go)
      await promise
      stream.off('drain', go).off('close', go)
    }
  }
}
