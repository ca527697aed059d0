declare module 'protomux-rpc' {
  import type { EventEmitter } from 'node:events'
  import type SecretStream from '@hyperswarm/secret-stream'
  import type { Encoder } from 'compact-encoding'
  import type Protomux from 'protomux'

  export interface RPCOptions {
    protocol?: string
  }

  /** Without encodings the values are bytes, and null and empty are one. */
  export interface ValueOptions<Req, Res> {
    requestEncoding?: Encoder<Req>
    responseEncoding?: Encoder<Res>
  }

  type Bytes = Uint8Array | null

  /**
   * Requests over one stream. Errors are `RPCError`s with `code` `UNKNOWN_METHOD`, `REQUEST_ERROR`
   * (its `cause` has what the other side threw: `message` and `code`), `DECODE_ERROR`,
   * `ENCODE_ERROR`, `TIMEOUT_EXCEEDED`, `CHANNEL_CLOSED`, `CHANNEL_DESTROYED`, `DUPLICATE_CHANNEL`.
   */
  export default class ProtomuxRPC extends EventEmitter<{
    open: [handshake: Uint8Array | null]
    close: []
    destroy: []
  }> {
    constructor(stream: SecretStream | Protomux, opts?: RPCOptions)
    readonly closed: boolean
    /** What is done with requests. With `autoBatch` replies to what came in one frame are sent in one; number 0 wants none. */
    readonly _request: {
      autoBatch: boolean
      onmessage(
        request: { readonly id: number; readonly method: string; readonly value: Uint8Array },
        channel: unknown
      ): unknown
    }
    /** What is done with replies. */
    readonly _response: {
      onmessage(reply: { readonly id: number }, channel: unknown): unknown
    }
    /** What was asked and not answered, by number. */
    readonly _requests: ReadonlyMap<number, unknown>
    fullyOpened(): Promise<void>
    respond(method: string, handler: (value: Bytes) => Bytes | Promise<Bytes>): this
    respond<Req = Bytes, Res = Bytes>(
      method: string,
      options: ValueOptions<Req, Res>,
      handler: (value: Req) => Res | Promise<Res>
    ): this
    request<Req = Bytes, Res = Bytes>(
      method: string,
      value: Req,
      options?: ValueOptions<Req, Res> & {
        /** In ms; without one a request waits until the channel closes. */
        timeout?: number
      }
    ): Promise<Res>
    /** A request without a reply. Throws when the channel is closed. */
    event<Req = Bytes>(
      method: string,
      value: Req,
      options?: { requestEncoding?: Encoder<Req> }
    ): void
    cork(): void
    uncork(): void
    destroy(error?: Error): void
  }
}
