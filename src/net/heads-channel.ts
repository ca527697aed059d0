import type SecretStream from '@hyperswarm/secret-stream'
import c, { type Encoder } from 'compact-encoding'
import Protomux, { type Channel } from 'protomux'
import type { Head } from '../protocol/head.ts'
import {
  HEADS_ASK,
  HEADS_HEAD,
  HEADS_PROOF,
  HEADS_PROTOCOL,
  LENGTHS_MAX
} from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import { Bucket } from './bucket.ts'

/** Bytes of one message; evidence of two histories has a few thousand. */
const HEADS_MESSAGE_MAX = 64 * 1024

/** What a peer may have us do at once, and in a second; a head costs 1, a proof, a question or a channel 2, evidence 8. */
const BURST = 32
const PER_SECOND = 4
const CHANNEL_COST = 2
/** Messages beyond that, in a row, after which it is not listened to any more. */
const IGNORED_MAX = 256

/** What a peer says. Nothing of it is verified. */
export interface HeadsListener {
  onOpen(): void
  onHead(head: Head): void
  onAsk(lengths: readonly number[]): void
  onProof(proof: Proof | null): void
  onEvidence(file: Uint8Array): void
  onClose(): void
}

/** What a peer has had us do, on one channel after the other: who opens it anew begins where it was. */
export class HeadsBudget {
  readonly #bucket = new Bucket(BURST, PER_SECOND)
  #ignored = 0

  /** False where it has said too much. */
  take(cost: number): boolean {
    const isTaken = this.#bucket.take(cost)
    this.#ignored = isTaken ? 0 : this.#ignored + 1
    return isTaken
  }

  get isSpent(): boolean {
    return this.#ignored > IGNORED_MAX
  }
}

interface Sender<T> {
  send(message: T): void
}

/**
 * The channel of one instance on a stream between two of its peers. What a peer can make us do is bounded: messages that
 * are too large, cannot be read, or are too many, are dropped.
 */
export class HeadsChannel {
  readonly #channel: Channel
  readonly #head: Sender<Head>
  readonly #ask: Sender<{ readonly lengths: readonly number[] }>
  readonly #proof: Sender<{ readonly proof: Proof | null }>
  readonly #evidence: Sender<Uint8Array>
  readonly #budget: HeadsBudget

  private constructor(channel: Channel, listener: HeadsListener, budget: HeadsBudget) {
    this.#channel = channel
    this.#budget = budget
    this.#head = this.#message(HEADS_HEAD, 1, (head) => listener.onHead(head))
    this.#ask = this.#message(HEADS_ASK, 2, ({ lengths }) => {
      if (lengths.length <= LENGTHS_MAX) listener.onAsk(lengths)
    })
    this.#proof = this.#message(HEADS_PROOF, 2, ({ proof }) => listener.onProof(proof))
    this.#evidence = this.#message(c.raw, 8, (file) => listener.onEvidence(file))
  }

  /** Null where the stream has ended, has such a channel already, or has had too many. */
  static open(
    stream: SecretStream,
    topic: Uint8Array,
    listener: HeadsListener,
    budget: HeadsBudget = new HeadsBudget()
  ): HeadsChannel | null {
    if (!budget.take(CHANNEL_COST)) return null
    const channel = Protomux.from(stream).createChannel<unknown>({
      protocol: HEADS_PROTOCOL,
      id: topic,
      onopen: () => listener.onOpen(),
      onclose: () => listener.onClose()
    })
    if (channel === null) return null
    const heads = new HeadsChannel(channel, listener, budget)
    channel.open()
    return heads
  }

  sendHead(head: Head): void {
    this.#head.send(head)
  }

  sendAsk(lengths: readonly number[]): void {
    this.#ask.send({ lengths })
  }

  sendProof(proof: Proof | null): void {
    this.#proof.send({ proof })
  }

  sendEvidence(file: Uint8Array): void {
    this.#evidence.send(file)
  }

  close(): void {
    this.#channel.close()
  }

  /** Messages are decoded here: the library takes the process down for some of what a peer can send. */
  #message<T>(encoding: Encoder<T>, cost: number, listener: (message: T) => void): Sender<T> {
    const { send } = this.#channel.addMessage({
      encoding: c.raw,
      onmessage: (bytes) => {
        if (!this.#take(cost) || bytes.byteLength > HEADS_MESSAGE_MAX) return
        const message = tryDecode(encoding, bytes)
        if (message !== null) listener(message)
      }
    })
    return { send: (message) => void send(c.encode(encoding, message)) }
  }

  #take(cost: number): boolean {
    if (this.#budget.take(cost)) return true
    if (this.#budget.isSpent) this.close()
    return false
  }
}

/** Null for what is no message. */
function tryDecode<T>(encoding: Encoder<T>, bytes: Uint8Array): T | null {
  try {
    // bytes of the stream's own buffers are used again
    return c.decode(encoding, Uint8Array.from(bytes))
  } catch {
    return null
  }
}
