import type Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import { isErrorCode, MivmError } from '../protocol/errors.ts'
import { type Method, RPC_PROTOCOL } from '../protocol/messages.ts'

/** Requests to, and from, one peer, beside the replication on the same stream. */
export class Rpc {
  readonly #rpc: ProtomuxRPC

  constructor(mux: Protomux) {
    this.#rpc = new ProtomuxRPC(mux, { protocol: RPC_PROTOCOL })
    // every session over this channel listens for its end
    this.#rpc.setMaxListeners(0)
  }

  get closed(): boolean {
    return this.#rpc.closed
  }

  onClose(listener: () => void): void {
    this.#rpc.once('close', listener)
  }

  /** Answers a method; an error that it throws reaches the peer with its code and message. */
  respond<Request, Reply>(
    method: Method<Request, Reply>,
    handler: (request: Request) => Promise<Reply>
  ): void {
    const encodings = { requestEncoding: method.request, responseEncoding: method.reply }
    this.#rpc.respond(method.name, encodings, handler)
  }

  /** Throws the peer's error, CONNECTION_LOST or TIMEOUT. */
  async request<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    timeout?: number
  ): Promise<Reply> {
    try {
      return await this.#rpc.request(method.name, request, {
        requestEncoding: method.request,
        responseEncoding: method.reply,
        ...(timeout === undefined ? {} : { timeout })
      })
    } catch (error) {
      throw remoteError(error)
    }
  }

  destroy(): void {
    this.#rpc.destroy()
  }
}

/** What came over the wire is a message and a code; anything that is not ours means that the peer is not one of us. */
function remoteError(error: unknown): MivmError {
  if (!(error instanceof Error)) return new MivmError('CONNECTION_LOST', String(error))
  const cause = error.cause
  if (cause instanceof Error && 'code' in cause) {
    const code = String(cause.code)
    if (isErrorCode(code)) return new MivmError(code, oneLine(cause.message))
    return new MivmError('REQUEST_INVALID', `the host could not answer: ${oneLine(cause.message)}`)
  }
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'TIMEOUT_EXCEEDED') {
    return new MivmError(
      'TIMEOUT',
      'the host did not answer in time: try again, or ask its operator'
    )
  }
  if (code === 'CHANNEL_CLOSED' || code === 'CHANNEL_DESTROYED') {
    return new MivmError('CONNECTION_LOST', 'the connection to the host was lost: try again')
  }
  return new MivmError('REQUEST_INVALID', `the host could not answer: ${oneLine(error.message)}`)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 2000)
}
