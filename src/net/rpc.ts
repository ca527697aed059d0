import { setTimeout as sleep } from 'node:timers/promises'
import type SecretStream from '@hyperswarm/secret-stream'
import c, { type Encoder } from 'compact-encoding'
import type Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import { deferred } from '../protocol/deferred.ts'
import { MivmError } from '../protocol/errors.ts'
import { CALL, DEPLOY, type Method, RPC_PROTOCOL } from '../protocol/messages.ts'
import { Bucket } from './bucket.ts'
import { Pace } from './pace.ts'
import { receivedError, sentError } from './rpc-errors.ts'
import { Semaphore } from './semaphore.ts'
import { endLargest, slowIn } from './slow.ts'

/** Bytes of requests that one peer may have under way; we ask for half of it at most. */
const REQUESTS_MAX = 32 * 1024 * 1024
/** The same where nobody holds them against quotas, and all that is asked is small. */
const SMALL_REQUESTS_MAX = 1024 * 1024
/** What only hosts are asked for; anything else may be asked of a mirror, thousands of times for as many instances. */
const ASKED_OF_HOSTS: ReadonlySet<string> = new Set([CALL.name, DEPLOY.name])
/** What a request takes beside its bytes, about. */
const REQUEST_COST = 1024
/** Messages that nobody has asked for, at once and in a second: beyond them a peer is cut off. */
const STRAYS_BURST = 4096
const STRAYS_PER_SECOND = 16
/** Channels that a peer may have, or want to have, at the same time: one for each log that it reads, and some more. */
const CHANNELS_MAX = 64 * 1024
/** Bytes that wait for a peer to read them: beyond the first no large reply is made, beyond the second it is cut off. */
const UNREAD_LARGE = 4 * 1024 * 1024
const UNREAD_MAX = 64 * 1024 * 1024
/** Between two looks whether what is held back for a peer has gone, ms. */
const HELD_BACK_MS = 10

/**
 * Called for each request of a peer, before it is read, with about the bytes that it takes; what it throws is the
 * answer. What it returns is called when the request is answered.
 */
export type Admit = (bytes: number) => () => void

/** Called with the bytes of each reply that is sent. */
export type Replied = (bytes: number) => void

/**
 * Requests to, and from, one peer, beside the replication on the same stream. What a peer can make us hold is
 * bounded: one that asks for too much at once, or does not read what it asked for, is cut off.
 */
export class Rpc {
  readonly #mux: Protomux
  readonly #rpc: ProtomuxRPC
  readonly #admit: Admit
  readonly #requestsMax: number
  readonly #replied: Replied
  /** What is answered. */
  readonly #methods = new Set<string>()
  #isCutOff = false
  readonly #strays = new Bucket(STRAYS_BURST, STRAYS_PER_SECOND)
  /** Cost of the peer's requests that are not answered. */
  #answering = 0
  /** Requests of ours, by their bytes. */
  readonly #asking = new Semaphore(REQUESTS_MAX / 2)
  readonly #askingSmall = new Semaphore(SMALL_REQUESTS_MAX / 2)

  constructor(mux: Protomux, admit: Admit | null = null, replied: Replied = () => {}) {
    this.#mux = mux
    this.#admit = admit ?? (() => () => {})
    this.#requestsMax = admit === null ? SMALL_REQUESTS_MAX : REQUESTS_MAX
    this.#replied = replied
    this.#rpc = new ProtomuxRPC(mux, { protocol: RPC_PROTOCOL })
    this.#boundRequests()
    this.#boundReplies()
    boundChannels(mux)
    // every session over this channel listens for its end
    this.#rpc.setMaxListeners(0)
    mux.stream.on('data', () => {
      if (this.unread > UNREAD_MAX) this.cutOff()
    })
    this.#rpc.once('close', () => {
      for (const asking of [this.#asking, this.#askingSmall]) asking.close()
    })
  }

  /** The one on this stream: there can be no second. */
  static of(mux: Protomux): Rpc {
    const known = RPCS.get(mux)
    if (known !== undefined) return known
    const rpc = new Rpc(mux)
    RPCS.set(mux, rpc)
    return rpc
  }

  get closed(): boolean {
    return this.#rpc.closed
  }

  /** Returns what has the listener forgotten. */
  onClose(listener: () => void): () => void {
    this.#rpc.once('close', listener)
    return () => {
      this.#rpc.off('close', listener)
    }
  }

  /**
   * Answers a method; an error that it throws reaches the peer with its code and message. Requests are decoded
   * here: the library takes the process down for some of what a peer can send. `arrived` is when it came, as
   * performance.now().
   */
  respond<Request, Reply>(
    method: Method<Request, Reply>,
    handler: (request: Request, arrived: number) => Promise<Reply>
  ): void {
    const responseEncoding = counting(method.reply, (bytes) => {
      this.#assertRead()
      this.#replied(bytes)
    })
    const encodings = { requestEncoding: c.raw, responseEncoding }
    this.#methods.add(method.name)
    this.#rpc.respond(method.name, encodings, async (bytes) => {
      const arrived = performance.now()
      try {
        const reply = () => handler(decode(method, bytes), arrived)
        return await this.#inTurn(bytes.byteLength + REQUEST_COST, reply)
      } catch (error) {
        throw sentError(error)
      }
    })
  }

  /** Resolves when the next thing may be done for this peer: all peers have their turns. */
  turn(): Promise<void> {
    return PACE.turn(this)
  }

  /**
   * Resolves when the peer has read enough, all but `most` bytes, for a large reply to be made; throws CONNECTION_LOST where it is
   * gone: what it has left is never read, and nobody says so again to those who wait behind another one.
   */
  async readable(most: number = UNREAD_LARGE): Promise<void> {
    const { stream } = this.#mux
    // a stream that was never full does not say that it is drained
    const least = stream._writableState.highWaterMark
    const bound = Math.max(least, Math.min(most, UNREAD_LARGE))
    while (this.unread > bound && !stream.destroyed) {
      if (stream._writableState.buffered > least) await drained(stream)
      else await sleep(HELD_BACK_MS, undefined, { ref: false })
    }
    if (stream.destroyed) throw cutOff()
  }

  /** Throws the peer's error, CONNECTION_LOST or TIMEOUT. */
  async request<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    timeout?: number
  ): Promise<Reply> {
    const bytes = c.encode(method.request, request)
    const asking = ASKED_OF_HOSTS.has(method.name) ? this.#asking : this.#askingSmall
    const ask = async () => {
      try {
        return await this.#rpc.request(method.name, bytes, {
          requestEncoding: c.raw,
          responseEncoding: method.reply,
          ...(timeout === undefined ? {} : { timeout })
        })
      } catch (error) {
        throw receivedError(error)
      }
    }
    return asking.run(ask, bytes.byteLength + REQUEST_COST)
  }

  destroy(): void {
    this.#rpc.destroy()
  }

  /** Bytes that the peer has not read, with those that are held back for it. */
  get unread(): number {
    const heldBack = HELD_BACK.get(this.#mux)?.() ?? 0
    return this.#mux.stream._writableState.buffered + heldBack
  }

  /** Bytes of a message of a peer that came to us, which has begun and for a while does not end. */
  slow(now: number): number {
    return slowIn(this.#mux.stream, now)
  }

  /** Ends the connection, with what the peer has not read. */
  cutOff(): void {
    this.#isCutOff = true
    this.#mux.destroy()
  }

  #boundRequests(): void {
    const requests = this.#rpc._request
    // Protomux has all replies to a peer wait for the last one of a frame, which may be asked for so that it takes minutes, and
    // nobody sees them among what is unread.
    requests.autoBatch = false
    const { onmessage } = requests
    requests.onmessage = (request, channel) => {
      // nothing more is read of a frame that has a million of them
      if (this.#isCutOff) throw cutOff()
      // what has no number wants no reply: none is sent, nor counted, however long it takes to make, and none of ours asks so
      if (request.id === 0) return this.#stray()
      if (this.#methods.has(request.method)) return onmessage(request, channel)
      return this.#refuse(request, () => onmessage(request, channel))
    }
  }

  #boundReplies(): void {
    const replies = this.#rpc._response
    const { onmessage } = replies
    replies.onmessage = (reply, channel) => {
      return this.#rpc._requests.has(reply.id) ? onmessage(reply, channel) : this.#stray()
    }
  }

  /** Thousands of requests may come in one frame: nothing more is made for a peer that has left so much unread. */
  #assertRead(): void {
    if (this.#isCutOff || this.unread > UNREAD_MAX) this.cutOff()
    if (this.#isCutOff) throw cutOff()
  }

  /** Counts a message that nobody has asked for, such as a reply that comes too late. Too many end the connection. */
  #stray(): void {
    if (this.#strays.take()) return
    this.cutOff()
    throw cutOff()
  }

  /** What nobody answers is let in as anything else: else it could be asked for without end. */
  async #refuse(
    { method, value }: { readonly method: string; readonly value: Uint8Array },
    refuse: () => void
  ): Promise<void> {
    const cost = method.length + value.byteLength + REQUEST_COST
    await this.#inTurn(cost, async () => refuse()).catch(() => this.cutOff())
  }

  /** Lets a request in, and answers it when it is this peer's turn; to refuse it is an answer as well. */
  async #inTurn<Reply>(cost: number, reply: () => Promise<Reply>): Promise<Reply> {
    let done = () => {}
    this.#answering += cost
    try {
      if (this.#answering > this.#requestsMax) this.cutOff()
      if (this.#isCutOff) throw cutOff()
      const refused = attempt(() => {
        done = this.#admit(cost)
      })
      await this.turn()
      if (refused !== null) throw refused.error
      if (this.closed) throw cutOff()
      return await reply()
    } finally {
      this.#answering -= cost
      done()
    }
  }
}

const RPCS = new WeakMap<Protomux, Rpc>()

const HELD_BACK = new WeakMap<Protomux, () => number>()

/** Says how many bytes are held back for a peer, whoever does that: they are in memory as what it has not read is. */
export function countHeldBack(mux: Protomux, bytes: () => number): void {
  HELD_BACK.set(mux, bytes)
}

/**
 * Ends the connections that have left most unread, or have begun a message and send no more of it, until what all of them have is
 * so many bytes at most: what a few may leave is too much where hundreds do. To be called again and again. Returns how many those
 * were.
 */
export function relieve(
  rpcs: Iterable<Rpc>,
  most: number,
  now: number = performance.now()
): number {
  return endLargest(
    rpcs,
    most,
    (rpc) => rpc.unread + rpc.slow(now),
    (rpc) => rpc.cutOff()
  )
}

/** Resolves when a stream that was full is empty, or is gone. */
async function drained(stream: SecretStream): Promise<void> {
  const { promise, resolve } = deferred<void>()
  const go = () => resolve()
  stream.once('drain', go).once('close', go)
  await promise
  stream.off('drain', go).off('close', go)
}

/** Of all that is asked in this process. */
const PACE = new Pace()

/** Protomux keeps each that a peer wants to open until somebody has said no: a million come in one frame. */
function boundChannels(mux: Protomux): void {
  const open = mux._onopensession
  mux._onopensession = (state) => {
    if (mux._remote.length >= CHANNELS_MAX) throw cutOff()
    return open.call(mux, state)
  }
}

/** What is thrown once a peer is cut off: it reads nothing of it. */
function cutOff(): MivmError {
  return new MivmError(
    'CONNECTION_LOST',
    'the peer asks for too much, or does not read its replies'
  )
}

/** What a function throws; null where it returns. */
function attempt(fn: () => void): { readonly error: unknown } | null {
  try {
    fn()
    return null
  } catch (error) {
    return { error }
  }
}

/** The same encoding; it says how many bytes come of what is encoded. */
function counting<T>(encoding: Encoder<T>, onBytes: (bytes: number) => void): Encoder<T> {
  return {
    preencode: (state, value) => {
      const { end } = state
      encoding.preencode(state, value)
      onBytes(state.end - end)
    },
    encode: (state, value) => encoding.encode(state, value),
    decode: (state) => encoding.decode(state)
  }
}

function decode<Request>(method: Method<Request, unknown>, bytes: Uint8Array): Request {
  try {
    return c.decode(method.request, bytes)
  } catch (error) {
    if (error instanceof MivmError) throw error
    throw new MivmError(
      'REQUEST_INVALID',
      `the request "${method.name}" cannot be read: use the same version as the host`,
      { cause: error }
    )
  }
}
