import type SecretStream from '@hyperswarm/secret-stream'
import Protomux from 'protomux'
import { HeadsBudget, HeadsChannel, type HeadsListener } from '../net/heads-channel.ts'
import type { Head } from '../protocol/head.ts'
import { HEADS_PROTOCOL } from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'

/** Peers that heads are exchanged with at once. */
const PEERS_MAX = 64
/** Of those, how many may have come to us: whoever comes again and again takes no place of those whom we go to. */
const INBOUND_MAX = 48
/** Between two of our heads, ms, and how many peers are told at once: with 64 all of them are in 8 s. */
const TELL_MS = 500
const TOLD_AT_ONCE = 4

/** What peers say, each under a number of its own. Nothing of it is verified. */
export interface GossipListener {
  /** The newest head that we have verified, for peers to be told. */
  newest(): Head | null
  /** Evidence for a peer that has just come. */
  evidence(): Uint8Array | null
  /** A peer comes: its number. */
  onEnter(): number
  onLeave(id: number): void
  onHead(head: Head, id: number): void
  /** It wants a proof with boundaries at these lengths. */
  onAsk(lengths: readonly number[], id: number): void
  /** It shows a proof that it was asked for. */
  onProof(proof: Proof): void
  onEvidence(file: Uint8Array): void
  /** Peers are about to be told our newest head. */
  onTell(): void
}

interface Peer {
  readonly id: number
  readonly stream: SecretStream
  readonly channel: HeadsChannel
  /** Whether it has told what it holds, or has had the time to. */
  heard: boolean
  opened: boolean
  asked: boolean
  /** Length of the newest head that it was told. */
  told: number
}

/** The peers of an instance that heads are exchanged with: who is there, who says what, and whose turn it is to be told. */
export class Gossip {
  readonly #topic: Uint8Array
  readonly #listener: GossipListener
  readonly #peers = new Map<SecretStream, Peer>()
  /** With what is called at their end. */
  readonly #streams = new Map<SecretStream, () => void>()
  readonly #budgets = new WeakMap<SecretStream, HeadsBudget>()
  /** Those who are not listened to any more. */
  readonly #refused = new WeakSet<SecretStream>()
  #telling: NodeJS.Timeout | null = null
  #closed = false

  constructor(topic: Uint8Array, listener: GossipListener) {
    this.#topic = topic
    this.#listener = listener
  }

  /** Whether all peers that are there have said what they hold, or have had the time to. */
  get isHeard(): boolean {
    return [...this.#peers.values()].every(({ heard }) => heard)
  }

  /** How long it takes until all peers are told of a head, ms. */
  get roundMs(): number {
    return TELL_MS * Math.max(1, Math.ceil(this.#peers.size / TOLD_AT_ONCE))
  }

  /** Talks to the peer on this stream, as soon as it knows the instance. */
  join(stream: SecretStream): void {
    if (this.#closed || this.#streams.has(stream)) return
    const onClose = () => this.#streams.delete(stream)
    this.#streams.set(stream, onClose)
    const mux = Protomux.from(stream)
    mux.pair({ protocol: HEADS_PROTOCOL, id: this.#topic }, () => this.#open(stream))
    stream.once('close', onClose)
    this.#open(stream)
  }

  /** Tells those who were told longest ago, after a while; the others when it is their turn. */
  tell(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = null
      this.#tell()
    }, TELL_MS).unref()
  }

  tellEvidence(file: Uint8Array): void {
    for (const { channel, opened } of this.#peers.values()) if (opened) channel.sendEvidence(file)
  }

  /** Asks a peer for a proof with boundaries at these lengths. */
  ask(id: number, lengths: readonly number[]): void {
    const peer = this.#peer(id)
    if (peer?.opened !== true) return
    peer.asked = true
    peer.channel.sendAsk(lengths)
  }

  /** Answers what a peer has asked; null where we cannot. */
  answer(id: number, proof: Proof | null): void {
    const peer = this.#peer(id)
    if (peer?.opened === true) peer.channel.sendProof(proof)
  }

  /** Does not listen to a peer any more. */
  refuse(id: number): void {
    const peer = this.#peer(id)
    if (peer === undefined) return
    this.#refused.add(peer.stream)
    peer.channel.close()
  }

  close(): void {
    this.#closed = true
    if (this.#telling !== null) clearTimeout(this.#telling)
    for (const [stream, onClose] of this.#streams) {
      // it may last for longer than this instance is called
      stream.off('close', onClose)
      if (!stream.destroyed) {
        Protomux.from(stream).unpair({ protocol: HEADS_PROTOCOL, id: this.#topic })
      }
    }
    for (const { channel } of [...this.#peers.values()]) channel.close()
  }

  #peer(id: number): Peer | undefined {
    return [...this.#peers.values()].find((peer) => peer.id === id)
  }

  #open(stream: SecretStream): void {
    if (this.#closed || this.#peers.size >= PEERS_MAX || this.#peers.has(stream)) return
    if (this.#refused.has(stream) || !this.#hasRoomFor(stream)) return
    const listener = this.#listener
    const id = listener.onEnter()
    const budget = this.#budgets.get(stream) ?? new HeadsBudget()
    this.#budgets.set(stream, budget)
    const heard: HeadsListener = {
      onOpen: () => this.#greet(stream),
      onHead: (head) => {
        const peer = this.#peers.get(stream)
        if (peer !== undefined) peer.heard = true
        listener.onHead(head, id)
      },
      onAsk: (lengths) => listener.onAsk(lengths, id),
      onProof: (proof) => {
        const peer = this.#peers.get(stream)
        if (peer?.asked !== true || proof === null) return
        peer.asked = false
        listener.onProof(proof)
      },
      onEvidence: (file) => listener.onEvidence(file),
      onClose: () => {
        listener.onLeave(id)
        this.#peers.delete(stream)
      }
    }
    const channel = HeadsChannel.open(stream, this.#topic, heard, budget)
    if (channel === null) {
      listener.onLeave(id)
      return
    }
    const peer = { id, stream, channel, heard: false, opened: false, asked: false, told: 0 }
    this.#peers.set(stream, peer)
    setTimeout(() => {
      peer.heard = true
    }, TELL_MS).unref()
  }

  #hasRoomFor({ isInitiator }: SecretStream): boolean {
    const inbound = [...this.#peers.keys()].filter((stream) => !stream.isInitiator)
    return isInitiator || inbound.length < INBOUND_MAX
  }

  #greet(stream: SecretStream): void {
    const peer = this.#peers.get(stream)
    if (peer === undefined) return
    peer.opened = true
    const newest = this.#listener.newest()
    if (newest !== null) tell(peer, newest)
    const evidence = this.#listener.evidence()
    if (evidence !== null) peer.channel.sendEvidence(evidence)
  }

  #tell(): void {
    const newest = this.#listener.newest()
    if (newest === null || this.#closed) return
    this.#listener.onTell()
    const behind = [...this.#peers.values()].filter(({ opened, told }) => {
      return opened && told < newest.length
    })
    for (const peer of behind.slice(0, TOLD_AT_ONCE)) {
      tell(peer, newest)
      this.#peers.delete(peer.stream)
      this.#peers.set(peer.stream, peer)
    }
    if (behind.length > TOLD_AT_ONCE) this.tell()
  }
}

function tell(peer: Peer, head: Head): void {
  peer.told = head.length
  peer.channel.sendHead(head)
}
