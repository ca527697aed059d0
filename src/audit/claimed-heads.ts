import b4a from 'b4a'
import type { Head } from '../protocol/head.ts'
import type { AckedCall } from './call-log.ts'
import type { Heads, ShownLog } from './heads.ts'
import type { HostShows } from './host-view.ts'

/** Calls without an ack of which it is known what head is in them; of others it is looked at once more, with the ack. */
const UNACKED_MAX = 256

/**
 * The heads that one user has written down, each of which is claimed once: that of a call with its ack, all others with the
 * block of the log that they are in. Whoever reads that log beside another one has the same of these.
 */
export class ClaimedHeads {
  readonly #user: string
  readonly #heads: Heads
  readonly #shown: ShownLog
  /** Blocks that were looked at by whoever was here before. */
  readonly #before: number
  #to: number
  /** Signatures of heads in calls that had no ack yet when they were read, by block. */
  readonly #unacked = new Map<number, Uint8Array>()

  constructor(user: string, heads: Heads, shown: ShownLog, to = 0) {
    this.#user = user
    this.#heads = heads
    this.#shown = shown
    this.#before = to
    this.#to = to
  }

  /** Blocks that are looked at. */
  get to(): number {
    return this.#to
  }

  /** Whether a block was looked at by whoever was here before: it may be another one than was read then. */
  wasRead(block: number): boolean {
    return block < this.#before
  }

  /** Whether a block that was read is looked at for the first time. */
  look(block: number): boolean {
    if (block < this.#to) return false
    this.#to = block + 1
    return true
  }

  /** The head in a block of the log. */
  inBlock(block: number, head: Head): void {
    this.#heads.claim(head, { log: this.#shown, user: this.#user, block })
  }

  /** That in a call without an ack is claimed with its block: with the ack it is not claimed again. */
  noteUnacked(block: number, { signature }: Head): void {
    // a copy, since it is cut from the block, all of which would stay
    if (this.#unacked.size < UNACKED_MAX) this.#unacked.set(block, new Uint8Array(signature))
  }

  /**
   * The head in a call that has an ack, where entries up to `ackedTo` have theirs. It counts whether the log is shown or not:
   * the host has signed it with the ack, so it has been there.
   */
  inAck({ ack, asked, index }: AckedCall, ackedTo: number): void {
    const head = asked?.head ?? null
    const block = Math.max(0, ack.entry - 1)
    const read = this.#unacked.get(block)
    this.#unacked.delete(block)
    if (head === null || (read !== undefined && b4a.equals(read, head.signature))) return
    // of what was read before it is known when it is compared whether the copy has another call there
    if (ack.entry > ackedTo && this.wasRead(block)) return
    const shownBy = (hostShows: HostShows) => ((hostShows(null) ?? 0) > index ? block + 1 : null)
    const source = { log: { shownBy }, user: this.#user, block }
    this.#heads.claim(head, block < this.#to ? { ...source, again: true } : source)
  }
}
