import type { Peer, SentRequest, SharedCore } from 'hypercore'
import { BlockTurns, restMs } from './block-turns.ts'

/** A peer that has not shown in time what it says there is. */
interface Silence {
  /** Whether it still says so. */
  says: boolean
  readonly end: NodeJS.Timeout
}

/**
 * Whose turn it is to be asked how a log goes on. Hypercore asks one peer and waits for that one, and asks others for a
 * block only when they have just sent something: a single peer that says that it has more, and shows nothing, would keep the
 * host from showing what it has. After a while it is another one's turn, where there is any. The silent one is then not asked
 * until it has said so after all, all others were silent, too, or a time has passed, which is twice as long each time where
 * others have more: a host that was busy for once may be the only one who has what is new.
 */
export class UpgradeTurns {
  readonly #core: SharedCore
  readonly #answerMs: number
  readonly #silences = new Map<Peer, Silence>()
  /** How often each has been silent since it has shown something. */
  readonly #counts = new WeakMap<Peer, number>()
  /** Those that have answered, and have not shown it: one of whom a block was asked for as well may not have that. */
  readonly #fruitless = new WeakSet<Peer>()
  readonly #blocks: BlockTurns
  /** What is asked now: there is one such request at a time. */
  #asked: { readonly peer: Peer; readonly request: SentRequest; readonly at: number } | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(core: SharedCore, answerMs: number) {
    this.#core = core
    this.#answerMs = answerMs
    this.#blocks = new BlockTurns(core, answerMs)
  }

  bound(peer: Peer): void {
    this.#blocks.bound(peer)
    const { _send, onsync, ondata } = peer
    peer._send = (request) => {
      if (request.upgrade !== null) this.#asked = { peer, request, at: performance.now() }
      this.#wait()
      return _send.call(peer, request)
    }
    peer.onsync = (sync) => {
      const silence = this.#silences.get(peer)
      if (silence === undefined) return onsync.call(peer, sync)
      silence.says = sync.canUpgrade
      return onsync.call(peer, { ...sync, canUpgrade: false })
    }
    peer.ondata = async (data) => {
      const { length } = this.#core.state
      if (data.upgrade !== null) this.#hear(peer)
      else this.#lookAt(peer, data.request)
      await ondata.call(peer, data)
      if (this.#core.state.length > length) this.#forgive(peer)
    }
  }

  /** Who answers what it was asked without showing anything would be asked again at once, before anybody else. */
  #lookAt(peer: Peer, answered: number): void {
    if (this.#asked?.peer !== peer || this.#asked.request.id !== answered) return
    // once it was answered its number is that of another request
    const request = this.#core.replicator._inflight.get(answered)
    if (request && request !== this.#asked.request) return
    const isFirst = !this.#fruitless.has(peer)
    if (!isFirst && !this.#silences.has(peer)) this.#passOver(peer, this.#othersThan(peer))
    this.#fruitless.add(peer)
  }

  #forgive(peer: Peer): void {
    this.#counts.delete(peer)
    this.#fruitless.delete(peer)
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      const { replicator } = this.#core
      if (replicator._inflight.idle) return
      this.#pass()
      this.#blocks.pass()
      // each is asked for what others have not sent
      for (const peer of [...replicator.peers]) replicator.updatePeer(peer)
      this.#wait()
    }, this.#answerMs).unref()
  }

  #pass(): void {
    const { replicator } = this.#core
    if (this.#asked === null) return
    const { peer, request, at } = this.#asked
    if (replicator._upgrade?.inflight.includes(request) !== true) return
    const others = this.#othersThan(peer)
    if (performance.now() < at + this.#patience(peer, others.length === 0)) return
    this.#passOver(peer, others)
    replicator._clearRequest(peer, request)
    peer._cancelRequest(request)
  }

  #othersThan(peer: Peer): readonly Peer[] {
    return this.#core.replicator.peers.filter((other) => other !== peer && this.#isAhead(other))
  }

  #passOver(peer: Peer, others: readonly Peer[]): void {
    // all have had their turn
    if (others.every((other) => this.#silences.has(other))) {
      for (const other of others) this.#hear(other)
    }
    this.#silence(peer, others.length === 0 ? 1 : (this.#counts.get(peer) ?? 0) + 1)
  }

  /** How long a peer is waited for, ms. Where nobody else has more there is no hurry, but for one that was silent before. */
  #patience(peer: Peer, isAlone: boolean): number {
    if (!isAlone) return this.#answerMs
    return this.#counts.has(peer) ? 2 * this.#answerMs : Number.POSITIVE_INFINITY
  }

  #silence(peer: Peer, count: number): void {
    const { replicator } = this.#core
    this.#counts.set(peer, count)
    const end = setTimeout(
      () => {
        this.#hear(peer)
        if (!replicator.peers.includes(peer)) return
        if (this.#isAhead(peer)) replicator._addUpgradeMaybe()
        replicator.updatePeer(peer)
      },
      restMs(this.#answerMs, count)
    ).unref()
    this.#silences.set(peer, { says: true, end })
    peer.remoteCanUpgrade = false
  }

  /** It is asked again. */
  #hear(peer: Peer): void {
    const silence = this.#silences.get(peer)
    if (silence === undefined) return
    clearTimeout(silence.end)
    this.#silences.delete(peer)
    peer.remoteCanUpgrade = silence.says
  }

  /** Whether it says that it can show more than is here. */
  #isAhead(peer: Peer): boolean {
    const { fork, length } = this.#core.state
    const says = this.#silences.get(peer)?.says ?? peer.remoteCanUpgrade
    return says && peer.remoteFork === fork && peer.remoteLength > length
  }
}
