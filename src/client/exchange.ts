import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import Protomux from 'protomux'
import { Bucket } from '../net/bucket.ts'
import { HeadsChannel } from '../net/heads-channel.ts'
import {
  contradiction,
  isSigned,
  type Statement,
  type Subject,
  stateProof,
  treeHashAt
} from '../protocol/comparison.ts'
import { MivmError } from '../protocol/errors.ts'
import { verifyEvidence } from '../protocol/evidence.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { topicOf } from '../protocol/manifest.ts'
import { HEADS_PROTOCOL, LENGTHS_MAX } from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'

/** Peers that heads are exchanged with at once. */
const PEERS_MAX = 64
/** Heads that are not compared yet; of each peer the newest. */
const PENDING_MAX = 64
/** Heads that are known to be of one history with ours. */
const KNOWN_MAX = 1024
/** Between two of our heads, ms. */
const TELL_MS = 500
/** Proofs that are asked for at once, and in a second from then on. */
const PROOFS_BURST = 8
const PROOFS_PER_SECOND = 0.5
/** Until what could not be compared is tried again, ms. */
const RETRY_MS = 10_000

/** Evidence that peers send each other: whatever else a file proves is nothing that heads are about. */
const CODES: readonly string[] = ['TWO_HISTORIES', 'HISTORY_FORKED']

export interface ExchangeOptions {
  readonly subject: Subject
  /** The newest head of the call log that we have verified; null where there is none yet. */
  newest(): Head | null
  /** A proof from block 0 that has a boundary at each of these lengths; null where nobody shows one. */
  prove(lengths: readonly number[]): Promise<Proof | null>
  /** Puts evidence where it stays; it is there when this resolves. */
  keep(evidence: Uint8Array, code: string): Promise<void>
}

/** What calls end with where there is evidence against the host, in a file. */
export function twoHistories(file: string): MivmError {
  return new MivmError(
    'HEAD_CONFLICT',
    `the host has signed two histories of this instance: the evidence is in ${file}, "mivm verify" shows it; give it to the others, and call nothing there any more`
  )
}

interface Peer {
  readonly id: number
  readonly stream: SecretStream
  readonly channel: HeadsChannel
  /** Whether it has told what it holds, or has had the time to. */
  heard: boolean
  opened: boolean
  asked: boolean
}

/**
 * Compares the heads that peers of an instance hold with ours, without its host. Whoever holds heads of two histories has
 * evidence of it in the end, and so has everybody who is told; what cannot be compared accuses nobody.
 */
export class Exchange {
  readonly topic: Uint8Array
  readonly #options: ExchangeOptions
  readonly #peers = new Map<SecretStream, Peer>()
  readonly #streams = new Set<SecretStream>()
  /** Heads of our own history, by length. */
  readonly #known = new Map<number, Head>()
  /** Heads that peers hold, by who has said so. */
  readonly #pending = new Map<number, Head>()
  /** Those of them that were asked for, since we hold what we hold. */
  readonly #tried = new Set<Head>()
  #ids = 0
  #evidence: Uint8Array | null = null
  #accusing: Promise<void> = Promise.resolve()
  #settling: Promise<void> | null = null
  /** What we ask for ourselves, and what others ask for: nobody can use up the first. */
  readonly #questions = new Bucket(PROOFS_BURST, PROOFS_PER_SECOND)
  readonly #answers = new Bucket(PROOFS_BURST, PROOFS_PER_SECOND)
  #telling: NodeJS.Timeout | null = null
  #retrying: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.topic = topicOf(options.subject.address)
    const newest = options.newest()
    if (newest !== null) this.#remember(newest)
  }

  get subject(): Subject {
    return this.#options.subject
  }

  /** The newest head that we have verified. */
  get newest(): Head | null {
    return this.#options.newest()
  }

  /** Evidence that there are two histories; null as long as there is none. */
  get evidence(): Uint8Array | null {
    return this.#evidence
  }

  /** Heads that the host has signed and peers hold, and that are not known to be of our history. */
  get pending(): readonly Head[] {
    return [...this.#pending.values()]
  }

  /** Talks to the peer on this stream, as soon as it knows the instance. */
  join(stream: SecretStream): void {
    if (this.#closed || this.#streams.has(stream)) return
    this.#streams.add(stream)
    const mux = Protomux.from(stream)
    const id = { protocol: HEADS_PROTOCOL, id: this.topic }
    mux.pair(id, () => this.#open(stream))
    stream.once('close', () => this.#streams.delete(stream))
    this.#open(stream)
  }

  /** Our newest head has grown. */
  told(head: Head): void {
    if (this.#closed) return
    this.#remember(head)
    this.#tried.clear()
    if (this.#pending.size > 0) this.#settle()
    this.#telling ??= setTimeout(() => {
      this.#telling = null
      const newest = this.#options.newest()
      if (newest === null) return
      for (const { channel, opened } of this.#peers.values()) if (opened) channel.sendHead(newest)
    }, TELL_MS).unref()
  }

  /** A head of the call log that somebody holds; one that the host has not signed says nothing. */
  claim(head: Head): void {
    this.#claim(head, ++this.#ids)
  }

  /** Something that the host has signed, and that may be of another history than ours. */
  async weigh(statement: Statement): Promise<void> {
    const { subject, newest } = this.#options
    const base = newest()
    const ours = [base, ...this.#pending.values()].filter((head) => head !== null)
    for (const head of ours) {
      const evidence = contradiction(subject, { head, proof: null }, statement)
      if (evidence !== null) return this.accuse(evidence)
    }
    if (base === null || treeHashAt(subject, statement, base.length) === null) return
    this.#remember(statement.head)
    for (const [id, head] of this.#pending) {
      if (treeHashAt(subject, statement, head.length) === null) continue
      this.#pending.delete(id)
      this.#remember(head)
    }
  }

  /** Compares heads that we had seen before with what is shown now. */
  async recall(heads: readonly Head[]): Promise<void> {
    const { subject, prove } = this.#options
    const proof = heads.length === 0 ? null : await prove(heads.map(({ length }) => length))
    if (proof === null) return
    const shown = stateProof(subject, proof)
    for (const head of heads) {
      // what is in our log may be of another program of ours
      if (!isSigned(subject, head)) continue
      const evidence = contradiction(subject, { head, proof: null }, shown)
      if (evidence !== null) return this.accuse(evidence)
    }
  }

  /** Keeps evidence that is of this instance and holds, and tells the others. Nothing where it is something else. */
  async accuse(evidence: Uint8Array): Promise<void> {
    if (this.#evidence !== null) return
    // one after the other: what somebody has made up must not be in the way of what holds
    const accusing = this.#accusing.catch(() => {}).then(() => this.#accuse(evidence))
    this.#accusing = accusing
    await accusing
  }

  /** Resolves when all peers that are there now have said what they hold and that is compared, or the time is over. */
  async settled(ms: number): Promise<void> {
    const end = performance.now() + ms
    const isBusy = () =>
      this.#settling !== null || [...this.#peers.values()].some(({ heard }) => !heard)
    while (isBusy() && performance.now() < end && !this.#closed) {
      await sleep(10)
    }
    await this.#accusing.catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#telling !== null) clearTimeout(this.#telling)
    if (this.#retrying !== null) clearTimeout(this.#retrying)
    for (const stream of this.#streams) {
      if (!stream.destroyed) {
        Protomux.from(stream).unpair({ protocol: HEADS_PROTOCOL, id: this.topic })
      }
    }
    for (const { channel } of [...this.#peers.values()]) channel.close()
    await this.#settling
    await this.#accusing.catch(() => {})
  }

  #open(stream: SecretStream): void {
    if (this.#closed || this.#peers.size >= PEERS_MAX || this.#peers.has(stream)) return
    const id = ++this.#ids
    const channel = HeadsChannel.open(stream, this.topic, {
      onOpen: () => this.#greet(stream),
      onHead: (head) => {
        const peer = this.#peers.get(stream)
        if (peer !== undefined) peer.heard = true
        this.#claim(head, id)
      },
      onAsk: (lengths) => {
        this.#answer(stream, lengths).catch(() => {})
      },
      onProof: (proof) => {
        const peer = this.#peers.get(stream)
        if (peer?.asked !== true || proof === null) return
        peer.asked = false
        this.#take(proof).catch(() => {})
      },
      onEvidence: (file) => {
        this.accuse(file).catch(() => {})
      },
      onClose: () => this.#peers.delete(stream)
    })
    if (channel === null) return
    const peer = { id, stream, channel, heard: false, opened: false, asked: false }
    this.#peers.set(stream, peer)
    setTimeout(() => {
      peer.heard = true
    }, TELL_MS).unref()
  }

  #greet(stream: SecretStream): void {
    const peer = this.#peers.get(stream)
    if (peer === undefined) return
    peer.opened = true
    const newest = this.#options.newest()
    if (newest !== null) peer.channel.sendHead(newest)
    if (this.#evidence !== null) peer.channel.sendEvidence(this.#evidence)
  }

  #claim(head: Head, id: number): void {
    if (this.#closed || this.#evidence !== null) return
    const known = this.#known.get(head.length)
    // most of what peers say is known, and costs no signature
    if (known !== undefined && head.fork === 0 && b4a.equals(known.treeHash, head.treeHash)) return
    const { subject } = this.#options
    if (!isSigned(subject, head)) return
    const mine = { head: known ?? head, proof: null }
    const evidence = contradiction(subject, mine, { head, proof: null })
    if (evidence !== null) {
      this.accuse(evidence).catch(() => {})
      return
    }
    this.#pending.delete(id)
    this.#pending.set(id, head)
    const [oldest = 0] = this.#pending.keys()
    if (this.#pending.size > PENDING_MAX) this.#pending.delete(oldest)
    this.#settle()
  }

  #settle(): void {
    this.#settling ??= this.#compare()
      .catch(() => {})
      .finally(() => {
        this.#settling = null
      })
  }

  /** Asks for proofs that tie what peers hold to what we hold, a few heads at a time. */
  async #compare(): Promise<void> {
    while (this.#pending.size > 0 && this.#evidence === null && !this.#closed) {
      const base = this.#options.newest()
      if (base === null) return
      // what nobody can show, and a host may sign any number of it, must not be in the way of the rest
      const untried = [...this.#pending.values()].filter((head) => !this.#tried.has(head))
      const heads = untried.slice(0, LENGTHS_MAX - 1)
      if (heads.length === 0) {
        this.#tried.clear()
        this.#retryIn(RETRY_MS)
        return
      }
      if (!this.#questions.take()) {
        this.#retryIn(1000 / PROOFS_PER_SECOND)
        return
      }
      for (const head of heads) this.#tried.add(head)
      const lengths = [base.length, ...heads.map(({ length }) => length)]
      const proof = await this.#options.prove(lengths).catch(() => null)
      if (proof !== null) await this.#take(proof)
      if (this.#evidence === null) this.#askPeers(heads, lengths)
    }
  }

  /** Who holds a head that we could not compare can have it proven. */
  #askPeers(heads: readonly Head[], lengths: readonly number[]): void {
    for (const peer of this.#peers.values()) {
      const head = this.#pending.get(peer.id)
      if (!peer.opened || head === undefined || !heads.includes(head)) continue
      peer.asked = true
      peer.channel.sendAsk(lengths)
    }
  }

  async #answer(stream: SecretStream, lengths: readonly number[]): Promise<void> {
    if (this.#evidence !== null) return
    const proof = this.#answers.take() ? await this.#options.prove(lengths).catch(() => null) : null
    const peer = this.#peers.get(stream)
    if (peer?.opened !== true) return
    peer.channel.sendProof(proof)
    if (proof !== null) await this.#take(proof)
  }

  async #take(proof: Proof): Promise<void> {
    try {
      await this.weigh(stateProof(this.#options.subject, proof))
    } catch (error) {
      // what does not hold says nothing
      if (!(error instanceof MivmError && error.code === 'PROOF_INVALID')) throw error
    }
  }

  async #accuse(evidence: Uint8Array): Promise<void> {
    if (this.#evidence !== null) return
    const { subject, keep } = this.#options
    const proven = await verifyEvidence(evidence, { host: encodeId(subject.host) }).catch(
      () => null
    )
    if (proven === null || proven.address !== encodeId(subject.address)) return
    if (!CODES.includes(proven.code)) return
    await keep(proven.bytes, proven.code)
    this.#evidence = proven.bytes
    this.#pending.clear()
    for (const { channel, opened } of this.#peers.values()) {
      if (opened) channel.sendEvidence(proven.bytes)
    }
  }

  #remember(head: Head): void {
    if (this.#known.size >= KNOWN_MAX) {
      const [oldest = 0] = this.#known.keys()
      this.#known.delete(oldest)
    }
    this.#known.set(head.length, head)
  }

  #retryIn(ms: number): void {
    if (this.#closed) return
    this.#retrying ??= setTimeout(() => {
      this.#retrying = null
      this.#settle()
    }, ms).unref()
  }
}
