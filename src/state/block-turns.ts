import type { Peer, SentRequest, SharedCore } from 'hypercore'

/** How often the time doubles for which a silent one is not asked: up to 3 min. */
const SILENCES_MAX = 6
/** Who sends less than that part of what another one sends in the same time is as good as silent. */
const SLOW_PART = 1 / 8

/**
 * Whose turn it is to be asked for blocks. As it is, three peers that say that they have them, and send none or hardly any, keep
 * all others from sending what those three were asked for; and so do fewer, since Hypercore asks another one only when that has
 * just sent something. After a while it is the turn of another one, and one of those before is asked for nothing until a time
 * has passed, which is twice as long each time, or nobody else is left.
 */
export class BlockTurns {
  readonly #core: SharedCore
  readonly #waitMs: number
  /** Blocks that each has sent since it was last looked. */
  readonly #sent = new Map<Peer, number>()
  /** Until when each is not asked, as performance.now(). */
  readonly #resting = new Map<Peer, number>()
  readonly #silences = new WeakMap<Peer, number>()

  constructor(core: SharedCore, waitMs: number) {
    this.#core = core
    this.#waitMs = waitMs
  }

  bound(peer: Peer): void {
    const { ondata, _canRequest } = peer
    peer.ondata = async (data) => {
      if (data.block !== null) this.#sent.set(peer, this.#sentBy(peer) + 1)
      await ondata.call(peer, data)
    }
    peer._canRequest = (index, force) => {
      return !this.#isResting(peer) && _canRequest.call(peer, index, force)
    }
  }

  /** To be called every so often as long as something is asked for. */
  pass(): void {
    const { replicator } = this.#core
    for (const peer of this.#resting.keys()) {
      if (!replicator.peers.includes(peer)) this.#resting.delete(peer)
    }
    const asked = new Map<number, SentRequest[]>()
    for (const request of replicator._inflight) {
      const { block } = request
      if (block !== null) asked.set(block.index, [...(asked.get(block.index) ?? []), request])
    }
    for (const [index, requests] of asked) this.#passOn(index, requests)
    this.#sent.clear()
  }

  /** Has another one asked for a block, where there is one that may have it and is no slower. */
  #passOn(index: number, requests: readonly SentRequest[]): void {
    const { replicator } = this.#core
    const before = Date.now() - this.#waitMs
    const [slowest] = requests
      .filter(({ timestamp }) => timestamp <= before)
      .sort((a, b) => this.#sentBy(a.peer) - this.#sentBy(b.peer))
    if (slowest === undefined) return
    const others = replicator.peers.filter((peer) => {
      return !requests.some((request) => request.peer === peer) && peer._remoteHasBlock(index)
    })
    if (others.length === 0) return
    // all have had their turn
    if (others.every((other) => this.#isResting(other))) {
      for (const other of others) this.#resting.delete(other)
    }
    const best = Math.max(...others.map((other) => this.#sentBy(other)))
    const { peer } = slowest
    if (this.#sentBy(peer) > best * SLOW_PART) return
    this.#rest(peer)
    replicator._clearRequest(peer, slowest)
    peer._cancelRequest(slowest)
  }

  #rest(peer: Peer): void {
    if (this.#isResting(peer)) return
    const count = this.#sentBy(peer) > 0 ? 1 : (this.#silences.get(peer) ?? 0) + 1
    this.#silences.set(peer, count)
    const ms = restMs(this.#waitMs, count)
    this.#resting.set(peer, performance.now() + ms)
    // nothing may be under way by then, and nobody else may have what is left
    setTimeout(() => {
      const { replicator } = this.#core
      if (replicator.peers.includes(peer)) replicator.updatePeer(peer)
    }, ms + 1).unref()
  }

  #isResting(peer: Peer): boolean {
    return performance.now() < (this.#resting.get(peer) ?? 0)
  }

  #sentBy(peer: Peer): number {
    return this.#sent.get(peer) ?? 0
  }
}

/** For how long a peer is not asked that was silent so often in a row, for `waitMs` the first time, ms. */
export function restMs(waitMs: number, silences: number): number {
  return waitMs * 2 ** Math.min(silences, SILENCES_MAX)
}
