declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events'
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { KeyPair } from 'hypercore-crypto'
  import type DHT from 'hyperdht'
  import type { NodeAddress, Server } from 'hyperdht'

  export interface SwarmOptions {
    keyPair?: KeyPair
    bootstrap?: (NodeAddress | string)[]
    /** Taken over: `destroy()` destroys it. */
    dht?: DHT
    maxPeers?: number
    /** True means deny, and ban. */
    firewall?: (remotePublicKey: Uint8Array, payload: unknown) => boolean
  }

  export interface Discovery {
    /** Resolves when the topic has been announced (server) and looked up (client) once. */
    flushed(): Promise<boolean>
    refresh(opts?: { client?: boolean; server?: boolean }): Promise<void>
    destroy(): Promise<void>
  }

  export default class Hyperswarm extends EventEmitter<{
    connection: [stream: SecretStream]
    update: []
  }> {
    constructor(opts?: SwarmOptions)
    readonly dht: DHT
    readonly server: Server
    readonly connections: Set<SecretStream>
    /** Of connections that we have opened; Infinity unless told otherwise. */
    maxClientConnections: number
    /** Both roles unless told otherwise. */
    join(
      topic: Uint8Array,
      opts?: { client?: boolean; server?: boolean; limit?: number }
    ): Discovery
    joinPeer(publicKey: Uint8Array): void
    listen(): Promise<Server>
    /** Resolves when every topic is announced and every known peer was tried. */
    flush(): Promise<boolean>
    clear(): Promise<unknown>
    destroy(opts?: { force?: boolean }): Promise<void>
  }
}
