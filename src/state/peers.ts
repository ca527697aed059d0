import type Corestore from 'corestore'
import type { Peer, PeerData, PeerRange, PeerRequest, SharedCore } from 'hypercore'
import Protomux from 'protomux'
import { deferred } from '../protocol/deferred.ts'
import { codeOf, messageOf } from '../protocol/errors.ts'
import { PAGE_BLOCKS } from './pages.ts'
import { UpgradeTurns } from './upgrade-turns.ts'

/**
 * How far beyond the verified end of a log it is noted which blocks a peer says that it has: a bit for each, in memory.
 * A multiple of what a page of them holds.
 */
const AHEAD_MAX = 128 * 1024
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
/**
 * How logs go on where nobody asks any more, of which each may cost a signature: who answers late says that of each log, and where two
 * do not agree Hypercore asks without a number.
 */
const UNASKED = { burst: 4 * 1024, perSecond: 256 }
/** Bytes that a peer has not read, beyond which it is answered nothing more. */
const UNREAD_MAX = 4 * 1024 * 1024
/** How long a peer has to show what it says there is before another one is asked, ms. */
const ANSWER_MS = 3_000

/**
 * Bounds what a peer can make Hypercore do with all logs of a store. As it is, one message that says that the peer has
 * blocks 1 to 2^50 takes memory until the process dies, requests for blocks are all answered at once, whether the
 * peer reads what it asked for or not, and nobody else is asked how a log goes on while one peer does not say it.
 */
export function boundPeers(store: Corestore, answerMs: number = ANSWER_MS): void {
  boundErrors()
  store.watch((core) => {
    const { replicator } = core
    boundProofs(core)
    const turns = new UpgradeTurns(core, answerMs)
    const add = replicator._addPeer
    replicator._addPeer = (peer) => {
      boundClaims(peer, core)
      boundRequests(peer)
      turns.bound(peer)
      boundForks(peer, core)
      dropOvertaken(peer, core)
      boundMessages(peer, core)
      add.call(replicator, peer)
    }
  })
}

/**
 * Has all that a peer says end its connection at most. As it is, a TypeError over some of it, such as a request of another fork
 * behind a wrong proof, is taken for a bug, and ends the process (`safety-catch`).
 */
function boundErrors(): void {
  Protomux.prototype._safeDestroy = function (error) {
    this._destroying = true
    this.stream.destroy(error)
  }
  // of a channel that is closed already
  Protomux.prototype._warn = () => {}
}

/** The same for proofs, of which Hypercore catches what is wrong itself: one of no blocks is a TypeError. */
function boundProofs(core: SharedCore): void {
  const { verify, verifyReorg } = core
  core.verify = (proof, from) => verify.call(core, proof, from).catch(refuse)
  core.verifyReorg = (proof) => verifyReorg.call(core, proof).catch(refuse)
}

function refuse(error: unknown): never {
  const isTakenForBug =
    error instanceof TypeError || error instanceof RangeError || codeOf(error) === 'ERR_ASSERTION'
  throw isTakenForBug ? new Error(messageOf(error), { cause: error }) : error
}

/** Of what a peer says that it has only that is taken in which may be asked of it. */
function boundClaims(peer: Peer, core: SharedCore): void {
  const { onrange, onbitfield } = peer
  const limit = () => {
    if (core.replicator.pushOnly) return 0
    return Math.ceil(core.state.length / PAGE_BLOCKS) * PAGE_BLOCKS + AHEAD_MAX
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

/**
 * Who shows another fork of a log of which none is taken is asked for nothing more. As it is, what it was asked counts as asked for
 * ever, and nobody else is.
 */
function boundForks(peer: Peer, core: SharedCore): void {
  const { ondata } = peer
  peer.ondata = async (data) => {
    if (data.fork <= core.state.fork || core.replicator.allowFork) return ondata.call(peer, data)
    peer.paused = true
    peer.onnodata({ request: data.request, reason: 0 })
  }
}

/**
 * What a peer answers to how a log goes on from where it ended then says nothing, if it was lengthened meanwhile by who had it from
 * elsewhere. As it is, that is taken for a lie, and the peer is asked for nothing more.
 */
function dropOvertaken(peer: Peer, core: SharedCore): void {
  const { _handleData } = peer
  peer._handleData = async (data) => {
    const { fork, length } = core.state
    const asked = core.replicator._inflight.get(data.request)
    const from = asked?.peer === peer && data.fork === fork ? asked.upgrade?.start : undefined
    if (from === undefined || from >= length) return _handleData.call(peer, data)
    peer.onnodata({ request: data.request, reason: 0 })
  }
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
  const { protomux, ondata } = peer
  const rate = rateOf(RATES, protomux)
  const unasked = rateOf(UNASKED_RATES, protomux)
  const count = () => rate.count(core.replicator.pushOnly ? READ : SHOWN)
  const counted = <Message, Done>(listener: (message: Message) => Done) => {
    return (message: Message) => {
      count()
      return listener.call(peer, message)
    }
  }
  peer.onsync = counted(peer.onsync)
  peer.onrange = counted(peer.onrange)
  peer.onbitfield = counted(peer.onbitfield)
  peer.onwant = counted(peer.onwant)
  peer.onunwant = counted(peer.onunwant)
  peer.onnodata = counted(peer.onnodata)
  peer.oncancel = counted(peer.oncancel)
  peer.onextension = counted(peer.onextension)
  peer.ondata = (data) => {
    count()
    const { pushOnly, _inflight } = core.replicator
    const isAsked = _inflight.get(data.request)?.peer === peer
    if (!pushOnly && !isAsked && isProof(data)) unasked.count(UNASKED)
    // who asks for nothing takes nothing
    const isTaken = !pushOnly && (isAsked || isProof(data))
    return isTaken ? ondata.call(peer, data) : Promise.resolve()
  }
}

/** Whether it says how a log goes on, which is looked at whoever has asked for it. */
function isProof({ request, upgrade }: PeerData): boolean {
  return request === 0 || upgrade !== null
}

/** How many messages of one peer have come lately, of all logs together. */
class MessageRate {
  #messages = 0
  #countedAt = performance.now()

  /** Counts one more; throws where these are too many. */
  count({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }): void {
    const now = performance.now()
    const less = ((now - this.#countedAt) * perSecond) / 1000
    this.#messages = Math.max(0, this.#messages - less) + 1
    this.#countedAt = now
    if (this.#messages > burst) throw new Error('the peer says too much at once')
  }
}

const RATES = new WeakMap<Protomux, MessageRate>()
const UNASKED_RATES = new WeakMap<Protomux, MessageRate>()

function rateOf(rates: WeakMap<Protomux, MessageRate>, mux: Protomux): MessageRate {
  const rate = rates.get(mux) ?? new MessageRate()
  rates.set(mux, rate)
  return rate
}

const ANSWERING = new WeakMap<Protomux, Answering>()

/** Answers the requests of one peer, so many at a time, in the order in which they came. */
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
