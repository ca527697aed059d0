declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events'
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  import type DHT from 'hyperdht'
  import type { NodeAddress, Server } from 'hyperdht'

  export interface SwarmOptions {
    keyPair?: KeyPair
    seed?: Uint8Array
    bootstrap?: (NodeAddress | string)[]
    /** Taken over: `destroy()` destroys it. */
    dht?: DHT
    port?: number
    maxPeers?: number
    maxParallel?: number
    /** True means deny, and ban. */
    firewall?: (remotePublicKey: Uint8Array, payload: unknown) => boolean
    /** In ms: the waits before the tries at reconnecting. */
    backoffs?: number[]
    jitter?: number
  }

  export interface PeerInfo {
    readonly publicKey: Uint8Array
    readonly topics: readonly Uint8Array[]
    readonly client: boolean
    readonly server: boolean
    readonly banned: boolean
    ban(banned: boolean): void
    reconnect(reconnect: boolean): void
  }

  export interface Discovery {
    readonly topic: Uint8Array
    /** Resolves when the topic has been announced (server) and looked up (client) once. */
    flushed(): Promise<boolean>
    refresh(opts?: { client?: boolean; server?: boolean }): Promise<void>
    destroy(): Promise<void>
  }

  export default class Hyperswarm extends EventEmitter<{
    connection: [stream: SecretStream, peer: PeerInfo]
    update: []
    ban: [peer: PeerInfo, error: Error]
  }> {
    constructor(opts?: SwarmOptions)
    readonly keyPair: KeyPair
    readonly dht: DHT
    readonly server: Server
    readonly connections: Set<SecretStream>
    readonly connecting: number
    /** By public key in hex. */
    readonly peers: Map<string, PeerInfo>
    readonly destroyed: boolean
    /** Of connections that we have opened; Infinity unless told otherwise. */
    maxClientConnections: number
    /** Both roles unless told otherwise. */
    join(
      topic: Uint8Array,
      opts?: { client?: boolean; server?: boolean; limit?: number }
    ): Discovery
    leave(topic: Uint8Array): Promise<void>
    status(topic: Uint8Array): Discovery | null
    joinPeer(publicKey: Uint8Array): void
    leavePeer(publicKey: Uint8Array): void
    listen(): Promise<Server>
    /** Resolves when every topic is announced and every known peer was tried. */
    flush(): Promise<boolean>
    clear(): Promise<unknown>
    suspend(): Promise<void>
    resume(): Promise<void>
    destroy(opts?: { force?: boolean }): Promise<void>
  }
}
