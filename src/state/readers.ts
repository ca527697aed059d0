import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type { SharedCore } from 'hypercore'
import type Protomux from 'protomux'

/** Logs that peers have open, all of them together: each takes 40 to 60 kB of memory. */
export const LOGS_OPEN_MAX = 4_096
/** So many each of them may have at any time. */
const LOGS_OPEN_LEAST = 16
/** The first ones that a peer asks for are never closed for others: those of an instance, which it wants to hear of as they grow. */
const LOGS_KEPT = 8
/** For how long one that was closed is not opened again for the same peer, ms: Hypercore asks for it again at once. */
const CLOSED_MS = 30_000
/** Only one that was not used for so long is closed, ms: a reader that has asked for very many wants the head of each. */
const IDLE_MS = 1_000

/** What one peer has open, and asks for now. */
interface Held {
  /** When they were last used, as performance.now(), in that order. */
  readonly logs: Map<SharedCore, number>
  /** Of those, the first ones. */
  readonly kept: Set<SharedCore>
  asking: number
  /** When which of them were closed for others, as performance.now(), by discovery key in hex; the oldest first. */
  readonly closed: Map<string, number>
  /** Ends with the last of those that wait for room. */
  turn: Promise<unknown>
}

/**
 * Bounds how many logs of a store are in memory because peers have asked for them by replication. As it is, whoever asks
 * for all that there is has all of it opened, for as long as the connection lasts. Where there are as many as there may
 * be, who has less than an equal share is let in, else one peer could take all there are; who has more waits until one
 * that it does not use can be closed for it. A reader has its head by then, and may ask for ranges of it at any time.
 */
export class Readers {
  readonly #store: Corestore
  readonly #max: number
  readonly #onFull: () => void
  readonly #held = new Map<Protomux, Held>()
  #open = 0
  /** Logs that wait for room, of all peers. */
  #waiting = 0

  private constructor(store: Corestore, max: number, onFull: () => void) {
    this.#store = store
    this.#max = max
    this.#onFull = onFull
  }

  /**
   * To be called before anybody is connected. `max` may be null: no bound. `onFull` is called for each log that there is room
   * for only in the place of another one, if at all.
   */
  static bound(
    store: Corestore,
    max: number | null = LOGS_OPEN_MAX,
    onFull: () => void = () => {}
  ): void {
    if (max === null) return
    const readers = new Readers(store, max, onFull)
    const attach = store._attachMaybe.bind(store)
    store._attachMaybe = (mux, discoveryKey) => {
      const id = b4a.toString(discoveryKey, 'hex')
      return readers.#attach(mux, id, () => attach(mux, discoveryKey))
    }
    store.watch((core) => readers.#watch(core))
  }

  #watch(core: SharedCore): void {
    const { replicator } = core
    const add = replicator._addPeer
    replicator._addPeer = (peer) => {
      add.call(replicator, peer)
      const { protomux, onrequest } = peer
      peer.onrequest = (request) => {
        this.#use(protomux, core)
        return onrequest.call(peer, request)
      }
    }
    const detach = replicator.detachFrom
    replicator.detachFrom = (mux) => {
      detach.call(replicator, mux)
      this.#release(mux, core)
    }
  }

  async #attach(mux: Protomux, id: string, attach: () => Promise<void>): Promise<void> {
    const held = this.#held.get(mux) ?? this.#add(mux)
    if (wasClosed(held, id)) return
    if (!this.#hasRoom(held) && !(await this.#awaitRoom(mux, held))) return
    held.asking++
    this.#open++
    try {
      await attach()
    } finally {
      held.asking--
      this.#open--
      this.#note(mux, held, this.#store.cores.get(id))
    }
  }

  #add(mux: Protomux): Held {
    const held: Held = {
      logs: new Map(),
      kept: new Set(),
      asking: 0,
      closed: new Map(),
      turn: Promise.resolve()
    }
    this.#held.set(mux, held)
    mux.stream.once('close', () => {
      this.#held.delete(mux)
      this.#open -= held.logs.size
    })
    return held
  }

  /** There may be none, or the peer is gone meanwhile. */
  #note(mux: Protomux, held: Held, core: SharedCore | null): void {
    if (!core?.replicator.attached(mux) || !this.#held.has(mux) || held.logs.has(core)) return
    held.logs.set(core, performance.now())
    if (held.kept.size < LOGS_KEPT) held.kept.add(core)
    this.#open++
  }

  #use(mux: Protomux, core: SharedCore): void {
    const logs = this.#held.get(mux)?.logs
    if (logs?.delete(core)) logs.set(core, performance.now())
  }

  #release(mux: Protomux, core: SharedCore): void {
    const held = this.#held.get(mux)
    if (!held?.logs.delete(core)) return
    held.kept.delete(core)
    this.#open--
  }

  #hasRoom(held: Held): boolean {
    if (this.#open < this.#max) return true
    const readers = [...this.#held.values()].filter(({ logs, asking }) => logs.size + asking > 0)
    const share = Math.max(LOGS_OPEN_LEAST, this.#max / Math.max(1, readers.length))
    return held.logs.size + held.asking < share
  }

  /** False where there is none, and no log of that peer's that could be closed for it. */
  async #awaitRoom(mux: Protomux, held: Held): Promise<boolean> {
    this.#onFull()
    if (this.#waiting >= this.#max) return false
    this.#waiting++
    const turn = held.turn.then(() => this.#makeRoom(mux, held))
    held.turn = turn
    const hasRoom = await turn
    this.#waiting--
    return hasRoom
  }

  async #makeRoom(mux: Protomux, held: Held): Promise<boolean> {
    while (!mux.stream.destroyed && !this.#hasRoom(held)) {
      const oldest = firstOf(held)
      if (oldest === null) return false
      const [core, usedAt] = oldest
      const wait = usedAt + IDLE_MS - performance.now()
      if (wait > 0) await sleep(wait, undefined, { ref: false })
      else this.#close(mux, core, held)
    }
    return !mux.stream.destroyed
  }

  #close(mux: Protomux, core: SharedCore, { closed }: Held): void {
    closed.set(b4a.toString(core.discoveryKey, 'hex'), performance.now())
    core.replicator.peers.find(({ protomux }) => protomux === mux)?.channel.close()
    // else the peer could have it again without asking
    core.replicator.detachFrom(mux)
  }
}

/** The log that was asked for first, of those that may be closed, and when that was. */
function firstOf({ logs, kept }: Held): [core: SharedCore, usedAt: number] | null {
  for (const entry of logs) if (!kept.has(entry[0])) return entry
  return null
}

/** Whether a log was closed a short time ago, so that there was room for another one. */
function wasClosed({ closed }: Held, id: string): boolean {
  const since = performance.now() - CLOSED_MS
  for (const [other, at] of closed) {
    if (at > since) break
    closed.delete(other)
  }
  return closed.has(id)
}
