import { setTimeout as sleep } from 'node:timers/promises'
import type { Bootstrap } from '../net/network.ts'
import { type Heard, type Held, subjectOf } from '../protocol/comparison.ts'
import { readGenesis } from '../protocol/genesis.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { CONSISTENCY, type InfoReply } from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import type { EvidenceDir } from '../state/evidence-dir.ts'
import { Exchange } from './exchange.ts'
import { Meeting } from './meeting.ts'
import type { Replica } from './replica.ts'

/** How long others are looked for, and then listened to, ms. */
const MEET_WAIT = 3_000
const HEAR_WAIT = 5_000
/** For a proof of the host, ms. */
const PROOF_WAIT = 10_000

export interface OthersOptions {
  readonly replica: Replica
  readonly address: Uint8Array
  /** What the host says of the instance; null where it is not there. */
  readonly info: InfoReply | null
  readonly kept: EvidenceDir
  readonly bootstrap?: Bootstrap | undefined
  /** Where they meet, of who has many instances; default: a place of its own. */
  readonly meeting?: Meeting
}

/** All others who know an instance, for an auditor: it tells them what it holds, and hears what they do. */
export class Others {
  readonly #options: OthersOptions
  readonly #meeting: Meeting
  #exchange: Exchange | null = null
  #tried: Promise<void> = Promise.resolve()
  #held: Held | null = null
  /** Length of the newest head that was passed on. */
  #toldTo = 0

  private constructor(options: OthersOptions) {
    this.#options = options
    this.#meeting = options.meeting ?? new Meeting(options.bootstrap)
  }

  /** Begins to look for them: what they say is heard while the auditor reads. */
  static async open(options: OthersOptions): Promise<Others> {
    const others = new Others(options)
    const { address, info } = options
    // a host that tells of another genesis is none of this instance
    if (info !== null && readGenesis(address, info.genesis) !== null)
      await others.#enter(info.genesis)
    return others
  }

  /** Tells what was read, and waits for a while for what they say to that. */
  async hear(held: Held): Promise<Heard> {
    this.#held = held
    const exchange = this.#exchange ?? (await this.#enter(held.genesis))
    if (held.head !== null) exchange.told(held.head)
    await Promise.race([this.#tried, sleep(MEET_WAIT, undefined, { ref: false })])
    await exchange.settled(HEAR_WAIT)
    return { heads: exchange.pending, evidence: exchange.evidence }
  }

  /** The same without waiting, for an auditor that goes on: what they have said by now. */
  overhear(held: Held): Heard {
    this.#held = held
    // whoever began while the host was away had no genesis to begin with
    if (this.#exchange === null) this.#enter(held.genesis).catch(() => {})
    const exchange = this.#exchange
    if (exchange === null) return { heads: [], evidence: null }
    if (held.head !== null && held.head.length !== this.#toldTo) {
      this.#toldTo = held.head.length
      exchange.told(held.head)
    }
    return { heads: exchange.pending, evidence: exchange.evidence }
  }

  /** A head that somebody else has shown. */
  claim(head: Head): void {
    this.#exchange?.claim(head)
  }

  async close(): Promise<void> {
    if (this.#options.meeting === undefined) await this.#meeting.close()
    else if (this.#exchange !== null) await this.#meeting.leave(this.#exchange)
  }

  async #enter(genesis: Uint8Array): Promise<Exchange> {
    const { address, info, kept } = this.#options
    const subject = subjectOf(genesis)
    const exchange = new Exchange({
      subject,
      newest: () => this.#held?.head ?? null,
      prove: (lengths) => this.#prove(subject.host, lengths),
      keep: async (evidence, code) => {
        await kept.keep(encodeId(address), code, evidence)
      }
    })
    this.#exchange = exchange
    const before = await kept.read(encodeId(address))
    if (before !== null) await exchange.accuse(before)
    if (info !== null) exchange.claim(info.head)
    this.#tried = this.#meeting.enter(exchange, subject.host).catch(() => {})
    return exchange
  }

  async #prove(host: Uint8Array, lengths: readonly number[]): Promise<Proof | null> {
    const { replica, address, info } = this.#options
    const own = (await this.#held?.prove(lengths)) ?? null
    if (own !== null) return own
    // one that was away in the beginning may be back; nobody waits for that
    const rpc = info === null ? replica.connected(host) : await replica.connect(host)
    if (rpc === undefined) return null
    return (await rpc.request(CONSISTENCY, { address, lengths }, PROOF_WAIT)).proof
  }
}
