import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import { Bucket } from '../net/bucket.ts'
import { Mutex } from '../net/mutex.ts'
import {
  contradiction,
  isSigned,
  lengthsIn,
  type Statement,
  type Subject,
  stateProof
} from '../protocol/comparison.ts'
import { MivmError } from '../protocol/errors.ts'
import { isHistoryCode, verifyEvidence } from '../protocol/evidence.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { topicOf } from '../protocol/manifest.ts'
import { LENGTHS_MAX } from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import { Claims, type Patience, type Question } from './claims.ts'
import { Gossip } from './gossip.ts'

/** Heads that are known to be of one history with ours. */
const KNOWN_MAX = 1024
/** Proofs that are asked for at once, and in a second from then on. */
const PROOFS_BURST = 8
const PROOFS_PER_SECOND = 0.5
/** Until what could not be compared is tried again, ms. */
const RETRY_MS = 10_000

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

/**
 * Compares the heads that peers of an instance hold with ours, without its host. Whoever holds heads of two histories has
 * evidence of it in the end, and so has everybody who is told; what cannot be compared accuses nobody.
 */
export class Exchange {
  readonly topic: Uint8Array
  readonly #options: ExchangeOptions
  readonly #gossip: Gossip
  /** Heads of our own history, by length, all of them verified. */
  readonly #known = new Map<number, Head>()
  /** Heads that peers hold and that are not known to be of our history. */
  readonly #claims: Claims
  /** When our newest head grew, as performance.now(). */
  #grownAt = Number.NEGATIVE_INFINITY
  /** How many wait for what is there to be compared. */
  #hurries = 0
  #evidence: Uint8Array | null = null
  /** One after the other: what somebody has made up must not be in the way of what holds. */
  readonly #accusing = new Mutex()
  #settling: Promise<void> | null = null
  /** Something has come since it was last looked at what is to be compared. */
  #isStale = false
  /** What we ask for ourselves, and what others ask for: nobody can use up the first. */
  readonly #questions = new Bucket(PROOFS_BURST, PROOFS_PER_SECOND)
  readonly #answers = new Bucket(PROOFS_BURST, PROOFS_PER_SECOND)
  #retrying: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.topic = topicOf(options.subject.address)
    this.#gossip = this.#join()
    this.#claims = new Claims(options.subject, (id) => this.#gossip.refuse(id))
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

  /** Heads that the host has signed and peers hold, and that are neither known to be of our history nor to go on from it. */
  get pending(): readonly Head[] {
    return this.#claims.open
  }

  /** Talks to the peer on this stream, as soon as it knows the instance. */
  join(stream: SecretStream): void {
    this.#gossip.join(stream)
  }

  /** Our newest head has grown. */
  told(head: Head): void {
    if (this.#closed || this.#contradicts(head)) return
    this.#remember(head)
    this.#grownAt = performance.now()
    this.#gossip.tell()
    const other = this.#claims.against(head.length, head.treeHash)
    if (other !== null && this.#contradicts(other)) return
    this.#claims.settle(head.length)
  }

  /** A head of the call log that somebody holds; one that the host has not signed says nothing. */
  claim(head: Head): void {
    const { subject } = this.#options
    if (this.#closed || this.#evidence !== null || this.#isKnown(head)) return
    if (!isSigned(subject, head) || this.#contradicts(head)) return
    this.#claims.add(head)
    this.#settle()
  }

  /** Something that the host has signed, and that may be of another history than ours. */
  async weigh(statement: Statement): Promise<void> {
    const { subject, newest } = this.#options
    if (statement.head.fork !== 0) {
      const evidence = contradiction(subject, statement, statement)
      if (evidence !== null) await this.accuse(evidence)
      return
    }
    const shown = new Map(lengthsIn(statement, [...this.#known.keys(), ...this.#claims.lengths]))
    let sameTo = -1
    for (const [length, { treeHash }] of shown) {
      const known = this.#known.get(length)
      const isSame = known !== undefined && b4a.equals(known.treeHash, treeHash)
      if (isSame) sameTo = Math.max(sameTo, length)
      const head = known === undefined || isSame ? this.#claims.against(length, treeHash) : known
      const evidence = head && contradiction(subject, { head, proof: null }, statement)
      if (evidence !== null) return this.accuse(evidence)
      // it differs, or the proof is made so that it seems to: what is held there is as open as it was
      if (head !== null) shown.delete(length)
    }
    if (sameTo < 0) return
    for (const length of shown.keys()) {
      const head = length <= sameTo ? this.#claims.settle(length) : null
      if (head !== null) this.#remember(head)
      // between a head before our newest one and this there may be another history than ours
      if (length > sameTo && sameTo >= (newest()?.length ?? 0)) this.#claims.extend(length)
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
    await this.#accusing.run(() => this.#accuse(evidence))
  }

  /** Resolves when all peers that are there now have said what they hold and that is compared, or the time is over. */
  async settled(ms: number): Promise<void> {
    const end = performance.now() + ms
    const isBusy = () => this.#settling !== null || !this.#gossip.isHeard
    this.#hurries++
    this.#settle()
    while (isBusy() && performance.now() < end && !this.#closed) {
      await sleep(10)
    }
    this.#hurries--
    await this.#accusing.idle
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#claims.clear()
    if (this.#retrying !== null) clearTimeout(this.#retrying)
    this.#gossip.close()
    await this.#settling
    await this.#accusing.idle
  }

  #join(): Gossip {
    return new Gossip(this.topic, {
      newest: () => this.newest,
      evidence: () => this.#evidence,
      onEnter: () => this.#claims.enter(),
      onLeave: (id) => this.#claims.leave(id),
      onHead: (head, id) => this.#hear(head, id),
      onAsk: (lengths, id) => {
        this.#answer(id, lengths).catch(() => {})
      },
      onProof: (proof) => {
        this.#take(proof).catch(() => {})
      },
      onEvidence: (file) => {
        this.accuse(file).catch(() => {})
      },
      onTell: () => this.#settle()
    })
  }

  /** What a peer says that it holds. */
  #hear(head: Head, id: number): void {
    if (this.#closed || this.#evidence !== null) return
    // most of what peers say is known, and costs no signature
    if (this.#isKnown(head)) {
      this.#claims.agree(id, head.length)
    } else if (head.fork === 0 && !this.#known.has(head.length)) {
      this.#claims.hold(id, head)
      this.#settle()
    } else if (!isSigned(this.#options.subject, head) || !this.#contradicts(head)) {
      // nobody who verifies what it holds says what the host has not signed
      this.#gossip.refuse(id)
    }
  }

  #isKnown({ length, fork, treeHash }: Head): boolean {
    const known = this.#known.get(length)
    return known !== undefined && fork === 0 && b4a.equals(known.treeHash, treeHash)
  }

  /** Whether a head that the host has signed contradicts one of ours, or itself; then it is evidence. */
  #contradicts(head: Head): boolean {
    const known = this.#known.get(head.length) ?? head
    const { subject } = this.#options
    const evidence = contradiction(subject, { head: known, proof: null }, { head, proof: null })
    if (evidence !== null) this.accuse(evidence).catch(() => {})
    return evidence !== null
  }

  #settle(): void {
    this.#isStale = this.#settling !== null
    this.#settling ??= this.#compare()
      .catch(() => {})
      .finally(() => {
        this.#settling = null
        if (this.#isStale) this.#settle()
      })
  }

  /**
   * A peer is asked about again after as long as it takes to be told by all, so that what it says next may be known here, and
   * costs nobody a proof. Whoever waits for us does not wait for that.
   */
  #patience({ length }: Head): Patience {
    const next = this.#hurries > 0 ? 0 : this.#gossip.roundMs
    return { next, retry: RETRY_MS, length, grownAt: this.#grownAt }
  }

  /** Asks for proofs that tie what peers hold to what we hold, a few heads at a time. */
  async #compare(): Promise<void> {
    while (this.#evidence === null && !this.#closed) {
      const base = this.#options.newest()
      if (base === null) return
      const patience = this.#patience(base)
      const wait = this.#claims.wait(patience)
      if (wait === null) return
      const later = Math.max(wait, this.#questions.wait())
      if (later > 0) {
        this.#retryIn(later)
        return
      }
      const questions = this.#claims.take(LENGTHS_MAX - 1, patience)
      if (questions.length === 0) continue
      this.#questions.charge(1)
      const lengths = [...new Set([base, ...questions.map(({ head }) => head)].map(lengthOf))]
      const proof = await this.#options.prove(lengths).catch(() => null)
      if (proof !== null) await this.#take(proof)
      if (this.#evidence === null) this.#askPeers(questions, lengths)
    }
  }

  /** Who holds a head that we could not compare can have it proven. */
  #askPeers(questions: readonly Question[], lengths: readonly number[]): void {
    for (const question of questions) {
      if (this.#claims.holds(question)) this.#gossip.ask(question.source, lengths)
    }
  }

  async #answer(id: number, lengths: readonly number[]): Promise<void> {
    if (this.#evidence !== null) return
    const proof = this.#answers.take() ? await this.#options.prove(lengths).catch(() => null) : null
    this.#gossip.answer(id, proof)
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
    // whatever else a file proves is nothing that heads are about
    if (!isHistoryCode(proven.code)) return
    await keep(proven.bytes, proven.code)
    this.#evidence = proven.bytes
    this.#claims.clear()
    this.#gossip.tellEvidence(proven.bytes)
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
    if (this.#retrying !== null) clearTimeout(this.#retrying)
    this.#retrying = setTimeout(() => {
      this.#retrying = null
      this.#settle()
    }, ms).unref()
  }
}

function lengthOf({ length }: Head): number {
  return length
}
