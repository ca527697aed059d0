import type SecretStream from '@hyperswarm/secret-stream'
import b4a from 'b4a'
import Protomux from 'protomux'
import type { Network } from '../net/network.ts'
import { Rpc } from '../net/rpc.ts'

/** Between two tries to reach a host again, ms. */
const RETRY = 1_000

/** Connections to hosts, one to each that is wanted: once it was there it is kept up until these are closed. */
export class HostConnections {
  readonly #network: Network
  readonly #onConnected: (stream: SecretStream) => void
  /** By key in hex; of those that cannot be reached there is none. */
  readonly #connections = new Map<string, Promise<Rpc>>()
  /** Those of them that are there now. */
  readonly #connected = new Map<string, Rpc>()
  #isClosed = false

  /** `onConnected` gets the stream of each connection, also where a host is reached again. */
  constructor(network: Network, onConnected: (stream: SecretStream) => void) {
    this.#network = network
    this.#onConnected = onConnected
  }

  /** Throws HOST_UNKNOWN. */
  async connect(host: Uint8Array): Promise<Rpc> {
    const id = idOf(host)
    let connecting = this.#connections.get(id)
    if (connecting === undefined) {
      connecting = this.#connect(host)
      this.#connections.set(id, connecting)
      connecting.catch(() => this.#connections.delete(id))
    }
    return connecting
  }

  /** The connection to a host that is there or on its way; undefined where there is none. */
  get(host: Uint8Array): Promise<Rpc> | undefined {
    return this.#connections.get(idOf(host))
  }

  /** The same where it is there already. */
  connected(host: Uint8Array): Rpc | undefined {
    return this.#connected.get(idOf(host))
  }

  /** Tries from now on until there is a connection to this host. */
  reconnect(host: Uint8Array): void {
    if (this.#isClosed) return
    setTimeout(() => {
      if (!this.#isClosed) this.connect(host).catch(() => this.reconnect(host))
    }, RETRY).unref()
  }

  /** Tries nothing again; streams end with their network. */
  close(): void {
    this.#isClosed = true
  }

  async #connect(host: Uint8Array): Promise<Rpc> {
    const stream = await this.#network.connect(host)
    this.#onConnected(stream)
    const id = idOf(host)
    const rpc = Rpc.of(Protomux.from(stream))
    this.#connected.set(id, rpc)
    stream.once('close', () => {
      this.#connections.delete(id)
      if (this.#connected.get(id) === rpc) this.#connected.delete(id)
      this.reconnect(host)
    })
    return rpc
  }
}

function idOf(host: Uint8Array): string {
  return b4a.toString(host, 'hex')
}
