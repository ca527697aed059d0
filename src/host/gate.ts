import type Protomux from 'protomux'
import { countHeldBack } from '../net/rpc.ts'

/** Bytes that are held back for one peer, beyond which its connection ends: it has asked for them, and comes again. */
const LATE_MAX = 64 * 1024 * 1024

/**
 * How long it may be closed without a break, ms, before commits that have not begun wait until it was open: with many instances
 * one begins before the other has ended, and nobody would be told anything as long as somebody calls.
 */
const CLOSED_MS = 200

/** What is held back for a peer beside what Protomux itself gathers. */
interface Late {
  bytes: number
  readonly sends: (() => void)[]
}

/**
 * Holds back everything that would leave for peers while a commit is on its way to the disk: Hypercore announces a
 * new head as soon as it is written, and one that a power cut takes back must never have been seen.
 */
export class Gate {
  readonly #streams = new Map<Protomux, Late>()
  #holding = 0
  /** As performance.now(). */
  #closedAt = 0
  /** It is not opened any more. */
  #isStuck = false
  #waiting: (() => void)[] = []

  /** Peers' streams come under the gate as they connect, also while it is closed. */
  add(mux: Protomux): void {
    const late: Late = { bytes: 0, sends: [] }
    this.#streams.set(mux, late)
    this.#gather(mux, late)
    countHeldBack(mux, () => late.bytes + (mux._batchState?.end ?? 0))
    for (let i = 0; i < this.#holding; i++) mux.cork()
  }

  delete(mux: Protomux): void {
    this.#streams.delete(mux)
  }

  /** Resolves when it may be closed, which is nearly always at once. */
  async turn(): Promise<void> {
    while (this.#isClosedForLong) await new Promise<void>((go) => this.#waiting.push(go))
  }

  /** It stays closed, and nobody waits for it: what was written is not known to be on disk. */
  jam(): void {
    this.#isStuck = true
    this.#admit()
  }

  get #isClosedForLong(): boolean {
    const isClosed = this.#holding > 0 && !this.#isStuck
    return isClosed && performance.now() - this.#closedAt > CLOSED_MS
  }

  #admit(): void {
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Closes the gate until the returned function is called. Nests. */
  hold(): () => void {
    if (this.#holding === 0) this.#closedAt = performance.now()
    this.#holding++
    for (const mux of this.#streams.keys()) mux.cork()
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#holding--
      for (const [mux, late] of this.#streams) {
        if (this.#holding === 0) sendLate(late)
        mux.uncork()
      }
      if (this.#holding === 0) this.#admit()
    }
  }

  /** A Protomux that is corked sends all the same when it has gathered more than 8 MiB: not while the gate is closed. */
  #gather(mux: Protomux, late: Late): void {
    const send = mux._sendBatch
    mux._sendBatch = (batch, state) => {
      if (this.#holding === 0) {
        send.call(mux, batch, state)
        return
      }
      late.sends.push(() => send.call(mux, batch, state))
      late.bytes += state.end
      if (late.bytes > LATE_MAX) mux.destroy()
    }
  }
}

function sendLate(late: Late): void {
  late.bytes = 0
  for (const send of late.sends.splice(0)) send()
}
