import type { Rpc } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { BATCH_CALLS_MAX } from '../protocol/limits.ts'
import {
  CALL,
  type CallReply,
  type CallRequest,
  KNOWN,
  type UserBlocks
} from '../protocol/messages.ts'
import { Backoff } from './backoff.ts'
import type { OwnLog } from './own-log.ts'
import type { PendingCalls } from './pending.ts'
import type { Remote } from './remote.ts'
import type { Replies } from './replies.ts'

/** Requests under way at once: the next batch is on its way while one is executed. */
const REQUESTS_MAX = 4
/** Bytes of blocks in one request. */
const REQUEST_BYTES = 1024 * 1024
/** Replies in a row that bring nothing of what was asked for: those under way may be overtaken, and more are no accident. */
const FRUITLESS_MAX = 2 * REQUESTS_MAX

export interface DispatchOptions {
  readonly address: Uint8Array
  readonly remote: Remote
  readonly log: OwnLog
  readonly waiting: PendingCalls
  readonly replies: Replies
  /** How long a host may take to answer that it was told of a head, ms. */
  readonly timeout: number
  /** It is tried again: what has gone wrong may pass, or its operator has to see to it ({@link isToBeMended}). */
  onTrouble(error: MivmError): void
  /** It is not. */
  onEnd(error: unknown): void
  /** Calls behind an entry were refused, and will be until `time`, as performance.now(). */
  onRefused(time: number, behind: number): void
}

interface Asked {
  readonly from: number
  readonly to: number
}

/**
 * Sends what is in a user's log to the host of an instance, and asks for the results, over one connection after the other.
 * What is lost goes out again, once there is one and the host is not left alone for a while.
 */
export class Dispatch {
  /** Why the last try did not succeed, also one before this; null where it has. */
  trouble: MivmError | null = null
  readonly #options: DispatchOptions
  /** How much of the log has been sent on this connection, blocks. */
  #sent = 0
  /** Entries in one request: as many as the host has room for, where it has said so. */
  #atOnce = BATCH_CALLS_MAX
  #rpc: Rpc | null = null
  #unlisten = () => {}
  /** Requests under way on this connection, with the entries whose results they ask for. */
  readonly #requests = new Set<Asked>()
  #isSending = false
  readonly #backoff = new Backoff(FRUITLESS_MAX, () => this.send())
  #isStopped = false

  constructor(options: DispatchOptions) {
    this.#options = options
  }

  /** Requests under way. */
  get underWay(): number {
    return this.#requests.size
  }

  get isConnected(): boolean {
    return this.#rpc !== null && !this.#rpc.closed
  }

  /** Whether all of the log has been sent that may be. */
  get isUpToDate(): boolean {
    return this.#sent >= this.#options.log.durable
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#isStopped = true
    // the connection may last for as long as the process
    this.#unlisten()
  }

  /** Sends what there is to send, and asks for what is missed. */
  send(): void {
    if (this.#isSending || this.#isStopped || this.#backoff.isResting) return
    const isMissing = this.isConnected ? this.#missed().length > 0 : this.#options.waiting.size > 0
    if (this.isUpToDate && !isMissing) return
    this.#isSending = true
    this.#send()
      .catch((error) => this.#retryLater(error))
      .finally(() => {
        this.#isSending = false
        // lost meanwhile: nobody else goes on
        if (this.#rpc === null) this.send()
      })
  }

  /** A request with a part of the log, for the results of entries `from` to `to`. */
  request(log: UserBlocks, from: number, to: number): CallRequest {
    const { length: known, anchored } = this.#options.replies
    return { address: this.#options.address, log, from, to, known, anchored }
  }

  /** The first thing that a host hears: one that was set back must not sign what it has signed already. */
  tell(rpc: Rpc): void {
    const { address, replies, timeout } = this.#options
    const { head } = replies
    if (head === null) return
    // an older host does not know what that means
    rpc.request(KNOWN, { address, head }, timeout).catch(() => {})
  }

  async #send(): Promise<void> {
    const { log, remote, waiting } = this.#options
    const rpc = await remote.rpc()
    if (rpc !== this.#rpc) this.#restart(rpc)
    while (this.#requests.size < REQUESTS_MAX && !this.isUpToDate && this.#rpc === rpc) {
      const start = this.#sent
      const blocks = await log.blocks(start, this.#atOnce, REQUEST_BYTES)
      // meanwhile the connection may have been lost, or what goes before this been refused
      if (this.#rpc !== rpc || this.#backoff.isResting) return
      if (this.#sent !== start) continue
      const end = blocks.start + blocks.blocks.length
      const calls = waiting.entries.filter((entry) => entry > blocks.start && entry <= end)
      this.#sent = end
      this.#exchange(rpc, blocks, { from: calls[0] ?? 0, to: calls.at(-1) ?? 0 })
    }
    const missed = this.#missed()
    if (missed.length > 0 && this.#requests.size < REQUESTS_MAX && this.#rpc === rpc) {
      const none = { user: log.user, start: 0, blocks: [], head: null }
      this.#exchange(rpc, none, { from: missed[0] ?? 0, to: missed.at(-1) ?? 0 })
    }
  }

  /** Calls that the host has and nobody asks the results of: what did not fit into a reply, or was overtaken. */
  #missed(): number[] {
    const { waiting, replies } = this.#options
    if (replies.isHolding) return []
    const requests = [...this.#requests]
    return waiting.entries.filter(
      (entry) =>
        entry <= this.#sent && !requests.some(({ from, to }) => entry >= from && entry <= to)
    )
  }

  /** A new connection: what is not answered goes out again, and no proof of the old one is waited for. */
  #restart(rpc: Rpc): void {
    const { log, waiting, replies } = this.#options
    const { first } = waiting
    this.#rpc = rpc
    this.tell(rpc)
    this.#requests.clear()
    replies.forget()
    this.#sent = first === undefined ? log.durable : first - 1
    this.#unlisten = rpc.onClose(() => {
      if (this.#rpc !== rpc) return
      this.#rpc = null
      if (waiting.size > 0) this.send()
    })
  }

  #exchange(rpc: Rpc, blocks: UserBlocks, asked: Asked): void {
    this.#requests.add(asked)
    rpc
      .request(CALL, this.request(blocks, asked.from, asked.to))
      .then((reply) => {
        return this.#rpc === rpc ? this.#harvest(reply, asked) : undefined
      })
      .catch((error) => {
        if (this.#rpc === rpc) this.#refused(rpc, blocks, error)
      })
      .finally(() => {
        this.#requests.delete(asked)
        if (this.#rpc !== rpc) return
        // what the held ones begin at will not come any more: only a new connection begins anew
        if (this.#options.replies.isHolding && this.#requests.size === 0) rpc.destroy()
        else this.send()
      })
  }

  async #harvest(reply: CallReply, { from }: Asked): Promise<void> {
    await this.#receive(reply)
    // as far as results go into one reply, they are the first that were asked for
    this.#backoff.replied(reply.proof !== null && !this.#options.waiting.has(from))
  }

  async #receive(reply: CallReply): Promise<void> {
    if (reply.length > this.#options.log.durable) throw forked()
    if (reply.behind !== null) {
      // it was sent before, and so was what follows: the host has it, and the results are asked for again
      this.#sent = Math.max(this.#sent, reply.length)
      return
    }
    if (reply.proof === null) {
      // the host lacks what comes before: it was set back, or never had it
      this.#sent = Math.min(this.#sent, reply.length)
      return
    }
    this.trouble = null
    this.#backoff.reset()
    this.#atOnce = Math.min(BATCH_CALLS_MAX, this.#atOnce + 1)
    await this.#options.replies.take(reply)
  }

  #refused(rpc: Rpc, blocks: UserBlocks, error: unknown): void {
    if (rpc.closed) this.#rpc = null
    else if (blocks.blocks.length > 0) this.#sent = Math.min(this.#sent, blocks.start)
    this.#retryLater(error)
    if (!(error instanceof MivmError) || error.retryAfter === null) return
    const { room, retryAfter } = error
    if (room !== null) this.#atOnce = Math.min(BATCH_CALLS_MAX, Math.max(1, Math.floor(room)))
    if (blocks.blocks.length === 0) return
    this.#options.onRefused(performance.now() + retryAfter, blocks.start)
  }

  #retryLater(error: unknown): void {
    if (!isPassing(error) && !isToBeMended(error)) {
      // what it ends with takes a while to be found out
      this.#backoff.stop()
      this.#options.onEnd(error)
      return
    }
    this.trouble = error
    this.#options.onTrouble(error)
    this.#backoff.failed(error)
  }
}

/** Whether it may be over when we try again. */
export function isPassing(error: unknown): error is MivmError {
  return error instanceof MivmError && PASSING.has(error.code)
}

/** Whether the operator of the host has to see to it: nobody waits for that, but then this goes on. */
export function isToBeMended(error: unknown): error is MivmError {
  return error instanceof MivmError && MENDED.has(error.code)
}

const MENDED: ReadonlySet<string> = new Set(['INSTANCE_DAMAGED', 'INSTANCE_UNKNOWN', 'INTERNAL'])

const PASSING: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'ENGINE_FAILED',
  'HOST_CLOSED',
  'HOST_UNKNOWN',
  'INSTANCE_SET_BACK',
  'QUOTA_EXCEEDED',
  'STORAGE_FAILED',
  'STORAGE_FULL'
])

function forked(): MivmError {
  return new MivmError(
    'USER_LOG_FORKED',
    'the host holds more of your log than this machine: use an identity on one machine at a time, or make a new one'
  )
}
