declare module 'protomux' {
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { Encoder } from 'compact-encoding'

  export interface ChannelId {
    protocol: string
    id?: Uint8Array | null
  }

  export interface Message<T> {
    /** False when the stream is full (wait for `ondrain`) or the channel is closed. */
    send(message: T): boolean
  }

  export interface MessageOptions<T> {
    encoding?: Encoder<T>
    onmessage?: (message: T, channel: Channel) => void | Promise<void>
  }

  export interface ChannelOptions<H> extends ChannelId {
    onopen?: (handshake: H, channel: Channel) => void | Promise<void>
    onclose?: (isRemote: boolean, channel: Channel) => void | Promise<void>
  }

  export interface Channel<H = unknown> {
    open(handshake?: H): void
    close(): void
    fullyOpened(): Promise<boolean>
    addMessage<T>(opts: MessageOptions<T>): Message<T>
  }

  /** Several protocols over one stream. */
  export default class Protomux {
    constructor(stream: SecretStream)
    /** The muxer of a stream, made when it has none yet. */
    static from(stream: SecretStream | Protomux): Protomux
    readonly stream: SecretStream
    /** Holds back everything written until `uncork`; nests. */
    cork(): void
    uncork(): void
    pair(id: ChannelId, notify: (id: Uint8Array | null) => void | Promise<void>): void
    unpair(id: ChannelId): void
    /** Null when the stream is destroyed, or a channel of this protocol and id is open already. */
    createChannel<H = null>(opts: ChannelOptions<H>): Channel<H> | null
    /** Sends what was gathered while it was corked; `end` is how many bytes those are. Private. */
    _sendBatch: (batch: unknown, state: { readonly end: number }) => void
    /** What is gathered while it is corked, with how many bytes those are. Private. */
    readonly _batchState: { readonly end: number } | null
    /** A place for each channel that the peer has opened, or wants to. Private. */
    readonly _remote: readonly unknown[]
    /** Takes in that the peer opens one; what it throws ends the stream. Private. */
    _onopensession: (state: unknown) => unknown
    /** Ends the stream over what has gone wrong with a message, and says so of a channel that is closed. Private, as is what follows. */
    _safeDestroy: (error: Error) => void
    _warn: (error: Error) => void
    _destroying: boolean
    destroy(error?: Error): void
  }
}
