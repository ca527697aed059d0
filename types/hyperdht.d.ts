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
    nodes?: NodeAddress[]
    keyPair?: KeyPair
    seed?: Uint8Array
    port?: number
    host?: string
    /** False: a lasting node that answers others. */
    ephemeral?: boolean
    firewalled?: boolean
    /** In ms; false for none. */
    connectionKeepAlive?: number | false
  }

  export interface Server
    extends EventEmitter<{
      connection: [stream: SecretStream]
      listening: []
      close: []
    }> {
    readonly listening: boolean
    readonly publicKey: Uint8Array | null
    readonly closed: boolean
    address(): (NodeAddress & { publicKey: Uint8Array }) | null
    listen(keyPair?: KeyPair): Promise<this>
    close(): Promise<void>
  }

  export interface ServerOptions {
    /** True means deny; the other side notices after 4 s. */
    firewall?: (remotePublicKey: Uint8Array, payload: unknown, address: NodeAddress) => boolean
    holepunch?: false
    shareLocalAddress?: boolean
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
    readonly defaultKeyPair: KeyPair
    /** Private: through whom a key was reached before. */
    readonly _relayAddressesCache: { clear(): void }
    readonly host: string | null
    readonly port: number
    readonly destroyed: boolean
    readonly online: boolean
    readonly firewalled: boolean
    readonly bootstrapped: boolean
    /** Nodes that have answered lately. */
    toArray(): readonly unknown[]
    address(): NodeAddress | null
    ready(): Promise<void>
    fullyBootstrapped(): Promise<void>
    createServer(onconnection?: (stream: SecretStream) => void): Server
    createServer(opts: ServerOptions, onconnection?: (stream: SecretStream) => void): Server
    /** Answers at once; `open` or `error` follows (`PEER_NOT_FOUND`, `PEER_CONNECTION_FAILED`, …). */
    connect(publicKey: Uint8Array, opts?: { keyPair?: KeyPair }): SecretStream
    destroy(opts?: { force?: boolean }): Promise<void>
  }
}

declare module 'hyperdht/testnet.js' {
  import type DHT from 'hyperdht'
  import type { DHTOptions, NodeAddress } from 'hyperdht'

  export interface Testnet {
    readonly nodes: DHT[]
    readonly bootstrap: NodeAddress[]
    createNode(opts?: DHTOptions): DHT
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
