import type SecretStream from '@hyperswarm/secret-stream'
import type Corestore from 'corestore'
import Protomux from 'protomux'
import { remoteAddressOf } from '../net/remote-address.ts'
import { Rpc, relieve } from '../net/rpc.ts'
import type { Admission } from './admission.ts'
import { Connections, type ConnectionsStatus } from './connections.ts'
import type { Gate } from './gate.ts'
import type { Sender } from './sender.ts'

/** How often those are looked for who say nothing, or leave too much unread, ms. */
const SWEEP_MS = 500

/** Who is connected: each stream with its RPC channel, and with replication as soon as something has come over it. */
export class Peers {
  readonly #store: Corestore
  readonly #gate: Gate
  readonly #admission: Admission
  readonly #answer: (rpc: Rpc, sender: Sender) => void
  readonly #rpcs = new Set<Rpc>()
  readonly #connections: Connections<SecretStream>
  readonly #sweep: NodeJS.Timeout
  #isClosing = false

  /** `answer` is told of each one that is taken in. */
  constructor(
    store: Corestore,
    gate: Gate,
    admission: Admission,
    answer: (rpc: Rpc, sender: Sender) => void
  ) {
    this.#store = store
    this.#gate = gate
    this.#admission = admission
    this.#answer = answer
    this.#connections = new Connections(admission.quotas.host, admission.refusals)
    this.#sweep = setInterval(() => {
      this.#connections.sweep(performance.now())
      this.#relieve()
    }, SWEEP_MS).unref()
  }

  get size(): number {
    return this.#rpcs.size
  }

  get connections(): ConnectionsStatus {
    return this.#connections.status
  }

  /** What one of them may leave unread and be sent more, bytes: its share of a part of what all may, since the last reply comes on top. */
  get unreadMax(): number {
    const { bytesWaiting } = this.#admission.quotas.host
    return (bytesWaiting ?? Number.POSITIVE_INFINITY) / 4 / this.#rpcs.size
  }

  /** Takes a connection in, or ends it where there is no room. */
  add(stream: SecretStream): void {
    if (this.#isClosing || !this.#hasRoomFor(stream)) {
      stream.destroy()
      return
    }
    // Before anything has come over it nothing leaves either: thousands of streams that say nothing shall not cost
    // every commit, and every log that is opened. The listener of the multiplexer comes after this one.
    stream.once('data', () => {
      this.#connections.heard(stream)
      if (this.#isClosing) return
      this.#gate.add(mux)
      this.#store.replicate(stream)
    })
    const mux = Protomux.from(stream)
    const sender = this.#admission.sender(remoteAddressOf(stream))
    const rpc = new Rpc(
      mux,
      (bytes) => sender.request(bytes),
      (bytes) => sender.replied(bytes)
    )
    this.#rpcs.add(rpc)
    stream.once('close', () => {
      this.#connections.delete(stream)
      this.#gate.delete(mux)
      this.#rpcs.delete(rpc)
      sender.close()
    })
    this.#answer(rpc, sender)
  }

  /** Takes nobody in any more; those who are here stay until `close`. */
  stop(): void {
    this.#isClosing = true
    clearInterval(this.#sweep)
  }

  close(): void {
    this.stop()
    for (const rpc of this.#rpcs) rpc.destroy()
  }

  #hasRoomFor(stream: SecretStream): boolean {
    try {
      this.#connections.add(stream, remoteAddressOf(stream), performance.now())
      return true
    } catch {
      // it is counted
      return false
    }
  }

  /** Those who have left most have to go. */
  #relieve(): void {
    const { bytesWaiting } = this.#admission.quotas.host
    if (bytesWaiting === null) return
    const ended = relieve(this.#rpcs, bytesWaiting)
    for (let i = 0; i < ended; i++) this.#admission.refusals.count('host.bytesWaiting')
  }
}
