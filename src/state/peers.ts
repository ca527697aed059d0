import type Corestore from 'corestore'
import type { Peer, PeerRange, PeerRequest, SentRequest, SharedCore } from 'hypercore'
import type Protomux from 'protomux'
import { deferred } from '../protocol/deferred.ts'
import { BlockTurns } from './block-turns.ts'

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
/**
 * Messages of one peer about what it has and wants, at once and in a second: one of five bytes takes kilobytes and tens of
 * microseconds. Who shows logs tells of each that grows; who reads them tells as often that it has heard of it, and a host hears more
 * of that than there is.
 */
const SHOWN = { burst: 64 * 1024, perSecond: 64 * 1024 }
const READ = { burst: 16 * 1024, perSecond: 16 * 1024 }
/** Bytes that a peer has not read, beyond which it is answered nothing more. */
const UNREAD_MAX = 4 * 1024 * 1024
/** How long a peer has to show the head that it says there is before another one is asked, ms. */
const ANSWER_MS = 3_000
/** How often the time doubles for which a silent one is not asked: up to 3 min. */
const SILENCES_MAX = 6

/**
 * Bounds what a peer can make Hypercore do with all logs of a store. As it is, one message that says that the peer has
 * blocks 1 to 2^50 takes memory until the process dies, requests for blocks are all answered at once, whether the
 * peer reads what it asked for or not, and nobody else is asked how a log goes on while one peer does not say it.
 */
export function boundPeers(store: Corestore, answerMs: number = ANSWER_MS): void {
  store.watch((core) => {
    const { replicator } = core
    const turns = new Turns(core, answerMs)
    const add = replicator._addPeer
    replicator._addPeer = (peer) => {
      boundClaims(peer, core)
      boundRequests(peer)
      turns.bound(peer)
      boundMessages(peer, core)
      add.call(replicator, peer)
    }
  })
}

/** A peer that has not shown in time what it says there is. */
interface Silence {
  /** Whether it still says so. */
  says: boolean
  readonly end: NodeJS.Timeout
}

/**
 * Whose turn it is to be asked. Hypercore asks one peer how a log goes on and waits for that one, and asks others for a block
 * only when they have just sent something: a single peer that says that it has more, and shows nothing, would keep the
 * host from showing what it has. After a while it is another one's turn, where there is any. How the log goes on is then not
 * asked of the silent one until it has said so after all, all others were silent, too, or a time has passed, which is twice
 * as long each time where others have more: a host that was busy for once may be the only one who has what is new.
 */
class Turns {
  readonly #core: SharedCore
  readonly #answerMs: number
  readonly #silences = new Map<Peer, Silence>()
  /** How often each has been silent since it has shown something. */
  readonly #counts = new WeakMap<Peer, number>()
  readonly #blocks: BlockTurns
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
      // of those there is one at a time
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
      await ondata.call(peer, data)
      if (this.#core.state.length > length) this.#counts.delete(peer)
    }
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
    const others = replicator.peers.filter((other) => other !== peer && this.#isAhead(other))
    const isAlone = others.length === 0
    if (performance.now() < at + this.#patience(peer, isAlone)) return
    // all have had their turn
    if (others.every((other) => this.#silences.has(other))) {
      for (const other of others) this.#hear(other)
    }
    this.#silence(peer, isAlone ? 1 : (this.#counts.get(peer) ?? 0) + 1)
    replicator._clearRequest(peer, request)
    peer._cancelRequest(request)
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
      this.#answerMs * 2 ** Math.min(count, SILENCES_MAX)
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
  peer.onrequest = (request: PeerRequest) => {
    answering.checkRoom()
    // one of the same number takes its place; it is gone when it is cancelled, or the log is closed
    remoteRequests.set(request.id, request)
    return answering.run(async () => {
      if (remoteRequests.get(request.id) === request) await peer._handleRequest(request)
    })
  }
}

/** What is thrown here ends the connection, and nothing more is read of a frame that has a million of them. */
function boundMessages(peer: Peer, core: SharedCore): void {
  const { protomux } = peer
  const said = SAID.get(protomux) ?? new Said()
  SAID.set(protomux, said)
  const counted = <Message, Done>(listener: (message: Message) => Done) => {
    return (message: Message) => {
      said.count(core.replicator.pushOnly ? READ : SHOWN)
      return listener.call(peer, message)
    }
  }
  peer.onsync = counted(peer.onsync)
  peer.onrange = counted(peer.onrange)
  peer.onbitfield = counted(peer.onbitfield)
  peer.onwant = counted(peer.onwant)
  peer.onunwant = counted(peer.onunwant)
}

/** What one peer has said lately. */
class Said {
  #messages = 0
  #countedAt = performance.now()

  /** Throws where it is too much. */
  count({ burst, perSecond }: typeof READ): void {
    const now = performance.now()
    const less = ((now - this.#countedAt) * perSecond) / 1000
    this.#messages = Math.max(0, this.#messages - less) + 1
    this.#countedAt = now
    if (this.#messages > burst) throw new Error('the peer says too much at once')
  }
}

const SAID = new WeakMap<Protomux, Said>()

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

  /** Throws where a peer has asked for more than may wait, which ends the connection. */
  checkRoom(): void {
    if (this.#waiting.length - this.#gone < WAITING_MAX) return
    throw new Error('the peer asks for too much at once')
  }

  async #turn(): Promise<void> {
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
      const { promise, resolve } = deferred<void>()
      const go = () => resolve()
      stream.once('drain', go).once('close', go)
      await promise
      stream.off('drain', go).off('close', go)
    }
  }
}
