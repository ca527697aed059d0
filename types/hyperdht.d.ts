declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'

  export interface NodeAddress {
    host: string
    port: number
  }

  export interface DHTOptions {
    /** Addresses, or strings `host:port`. Without it: the public network. */
    bootstrap?: (NodeAddress | string)[]
    keyPair?: KeyPair
    port?: number
    host?: string
    /** False: a lasting node that answers others. */
    ephemeral?: boolean
    firewalled?: boolean
  }

  export interface Server
    extends EventEmitter<{
      connection: [stream: SecretStream]
      listening: []
      close: []
    }> {
    /** Announces it anew, soon. */
    refresh(): void
    close(): Promise<void>
  }

  export default class DHT extends EventEmitter<{
    ready: []
    close: []
    listening: []
    persistent: []
    'network-change': []
    'network-update': []
  }> {
    constructor(opts?: DHTOptions)
    static keyPair(seed?: Uint8Array): KeyPair
    /** Private: through whom a key was reached before. */
    readonly _relayAddressesCache: { clear(): void }
    /** Nodes that have answered lately. */
    toArray(): readonly unknown[]
    /** Answers at once; `open` or `error` follows (`PEER_NOT_FOUND`, `PEER_CONNECTION_FAILED`, …). */
    connect(publicKey: Uint8Array, opts?: { keyPair?: KeyPair }): SecretStream
    /** One question to one node. */
    request(...args: unknown[]): Promise<unknown>
    destroy(opts?: { force?: boolean }): Promise<void>
  }
}

declare module 'hyperdht/testnet.js' {
  import type { NodeAddress } from 'hyperdht'

  export interface Testnet {
    readonly bootstrap: NodeAddress[]
    destroy(): Promise<void>
  }

  /** A network of its own on loopback, in this process. Fewer than three nodes hang connects. */
  export default function createTestnet(
    size?: number,
    opts?: {
      host?: string
      port?: number
      bootstrap?: NodeAddress[]
      teardown?: (fn: () => Promise<void>, opts: { order: number }) => void
    }
  ): Promise<Testnet>
}
