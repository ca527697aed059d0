declare module '@hyperswarm/secret-stream' {
  import type { KeyPair } from 'hypercore-crypto'

  export interface SecretStreamEvents {
    open: []
    connect: []
    data: [data: Uint8Array]
    drain: []
    end: []
    error: [error: Error & { code?: string }]
    close: []
  }

  /** What `pipe` joins: both ends of a replication stream. */
  export interface RawStream {
    pipe<T extends RawStream>(to: T, callback?: (error: Error | null) => void): T
    write(data: Uint8Array): boolean
    once(event: 'close', listener: () => void): this
    on(event: 'data', listener: (data: Uint8Array) => void): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'close' | 'end', listener: () => void): this
    destroy(error?: Error | null): void
    readonly destroyed: boolean
    /** The encrypted stream that is inside (itself, where this is one). */
    readonly noiseStream: SecretStream
  }

  /** An encrypted duplex stream between two Ed25519 keys. */
  export default class SecretStream implements RawStream {
    constructor(isInitiator: boolean, rawStream?: unknown, opts?: { keyPair?: KeyPair })
    readonly noiseStream: SecretStream
    readonly rawStream: RawStream | null
    readonly isInitiator: boolean
    readonly remotePublicKey: Uint8Array
    readonly opened: Promise<boolean>
    readonly destroying: boolean
    readonly destroyed: boolean
    /** Bytes written that have not left: streamx has no other word for it. */
    readonly _writableState: { readonly buffered: number; readonly highWaterMark: number }
    /** Room for the message of which a part has come; null between two. */
    readonly _message: Uint8Array | null
    _write(data: Uint8Array, done: (error?: Error | null) => void): void
    /** It is an EventEmitter. */
    setMaxListeners(count: number): this
    setTimeout(ms: number): void
    setKeepAlive(ms: number): void
    /** False when the buffer is full: wait for `drain`. */
    write(data: Uint8Array): boolean
    end(data?: Uint8Array): void
    pipe<T extends RawStream>(to: T, callback?: (error: Error | null) => void): T
    destroy(error?: Error | null): void
    on<E extends keyof SecretStreamEvents>(
      event: E,
      listener: (...args: SecretStreamEvents[E]) => void
    ): this
    once<E extends keyof SecretStreamEvents>(
      event: E,
      listener: (...args: SecretStreamEvents[E]) => void
    ): this
    off<E extends keyof SecretStreamEvents>(
      event: E,
      listener: (...args: SecretStreamEvents[E]) => void
    ): this
  }
}
