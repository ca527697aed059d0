import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import type Corestore from 'corestore'
import Protomux from 'protomux'
import type { Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { KNOWN, type KnownRequest, type Method } from '../protocol/messages.ts'

/** Between two tries, ms. */
const RETRY_MS = 100
/** A connection may take as long as calls may, within these bounds, ms: on a busy machine it takes a while. */
const CONNECT_MS = 10_000
const CONNECT_MIN_MS = 2_000

/** A host as its clients reach it: one stream, opened when it is needed and again after it was lost. */
export class Remote {
  readonly key: Uint8Array
  readonly #network: Network
  readonly #store: Corestore
  readonly #timeout: number
  #connecting: Promise<Rpc> | null = null
  #replicating = false
  #stream: SecretStream | null = null

  /** `timeout`: how long calls wait for their results, ms. */
  constructor(network: Network, store: Corestore, key: Uint8Array, timeout: number) {
    this.key = key
    this.#network = network
    this.#store = store
    this.#timeout = Math.max(CONNECT_MIN_MS, Math.min(CONNECT_MS, timeout))
  }

  /** The channel to the host, the same one while the connection lasts; throws HOST_UNKNOWN. */
  rpc(): Promise<Rpc> {
    this.#connecting ??= this.#connect().catch((error) => {
      this.#connecting = null
      throw error
    })
    return this.#connecting
  }

  /**
   * Asks what may be asked twice: it goes out again when the connection is lost before the answer is there, which on a
   * busy machine says little about the host; and over a quota, when the host says. Throws HOST_UNKNOWN, TIMEOUT, and what
   * the host answers.
   */
  async ask<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    timeout: number
  ): Promise<Reply> {
    const end = performance.now() + timeout
    for (;;) {
      const rpc = await this.rpc()
      try {
        return await rpc.request(method, request, Math.max(end - performance.now(), 1))
      } catch (error) {
        const wait = waitAfter(error)
        if (wait === null || performance.now() + wait > end) throw error
        await sleep(wait)
      }
    }
  }

  /** Tells the host of a head that it has signed. */
  async tell(known: KnownRequest, timeout: number): Promise<void> {
    const rpc = await this.rpc()
    // an older host does not know what that means
    await rpc.request(KNOWN, known, timeout).catch(() => {})
  }

  /** Replicates this client's copies from the host, from now on. Calls do without: their results come proven. */
  async replicate(): Promise<void> {
    await this.rpc()
    if (this.#replicating) return
    this.#replicating = true
    if (this.#stream !== null) this.#store.replicate(this.#stream)
  }

  close(): void {
    this.#stream?.destroy()
  }

  async #connect(): Promise<Rpc> {
    const stream = await this.#network.connect(this.key, this.#timeout)
    this.#stream = stream
    if (this.#replicating) this.#store.replicate(stream)
    const rpc = new Rpc(Protomux.from(stream))
    // a stream without its channel is of no use to anybody, whoever has ended that
    rpc.onClose(() => {
      this.#connecting = null
      stream.destroy()
    })
    stream.once('close', () => rpc.destroy())
    return rpc
  }
}

/** How long to wait before what failed is asked for again, ms; null where it would fail again. */
function waitAfter(error: unknown): number | null {
  if (!(error instanceof MivmError)) return null
  if (error.code === 'CONNECTION_LOST') return RETRY_MS
  return error.code === 'QUOTA_EXCEEDED' ? Math.max(RETRY_MS, error.retryAfter ?? 0) : null
}
